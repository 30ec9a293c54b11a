"""`processor version`: what is running."""

import platform

import typer

from processor import __version__


def version() -> None:
    """Print the versions of the processor, Python and librdkafka."""
    from confluent_kafka import libversion  # noqa: PLC0415  slow to import

    typer.echo(f"processor {__version__}")
    typer.echo(f"Python {platform.python_version()}, librdkafka {libversion()[0]}")
