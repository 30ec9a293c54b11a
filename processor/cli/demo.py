"""`processor demo`: everything at work on sample events, with nothing but Python."""

import asyncio
from typing import Annotated

import typer


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
    import uvloop  # noqa: PLC0415  so that the help comes at once

    from processor.demo.catalog import CATALOG  # noqa: PLC0415
    from processor.demo.play import play  # noqa: PLC0415
    from processor.demo.report import open_console  # noqa: PLC0415

    level = "info" if verbose else "error"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        is_well = runner.run(play(open_console(), CATALOG, log_level=level, keeps_on=keep))
    if not is_well:
        raise typer.Exit(1)
