"""`processor run`: confirm paid orders and release abandoned carts, until told to stop."""

import asyncio

from processor.cli import ConfigFile


def run(config_file: ConfigFile = None) -> None:
    """Confirm paid orders and release abandoned carts, until SIGTERM or Ctrl-C."""
    import uvloop  # noqa: PLC0415  so that the help comes at once

    from processor.shell import logs  # noqa: PLC0415
    from processor.shell.application import Application  # noqa: PLC0415
    from processor.shell.settings import load  # noqa: PLC0415

    settings = load(config_file)
    logs.configure(settings.log.format, settings.log.level)

    async def work() -> None:
        application = Application(settings)
        application.stop_on_signals()
        await application.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
