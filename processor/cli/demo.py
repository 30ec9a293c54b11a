"""`processor demo`: everything at work on sample events, with nothing but Python."""

import asyncio
from typing import Annotated, Final

import typer

_INTERRUPTED: Final = 130  # what shells expect after SIGINT


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with more events until Ctrl-C.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show what the processor logs, on standard error.")
    ] = False,
) -> None:
    """Show what comes of sample events; ends with code 1 when that is not what should."""
    try:
        is_well = _play(log_level="info" if verbose else "error", keeps_on=keep)
    except KeyboardInterrupt:
        typer.echo("Interrupted: the demo ends here, and nothing of it is left.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if not is_well:
        raise typer.Exit(1)


def _play(*, log_level: str, keeps_on: bool) -> bool:
    import uvloop  # noqa: PLC0415  so that the help comes at once

    from processor.demo.catalog import CATALOG  # noqa: PLC0415
    from processor.demo.play import play  # noqa: PLC0415
    from processor.demo.report import open_console  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(play(open_console(), CATALOG, log_level=log_level, keeps_on=keeps_on))
