"""`processor run`: confirm paid orders and release abandoned carts, until told to stop."""

import asyncio

from processor.cli import ConfigFile


def run(config_file: ConfigFile = None) -> None:
    """Confirm paid orders and release abandoned carts, until SIGTERM or Ctrl-C."""
    import gc  # noqa: PLC0415  so that the help comes at once, and so below

    import uvloop  # noqa: PLC0415

    from processor.shell import logs  # noqa: PLC0415
    from processor.shell.application import Application  # noqa: PLC0415
    from processor.shell.settings import load  # noqa: PLC0415

    settings = load(config_file)
    logs.configure(settings.log.format, settings.log.level)

    # Hundreds of records are in the air at once, none of them garbage: look for it less often
    # (decision 0020).
    gc.set_threshold(200_000, 20, 50)

    async def work() -> None:
        application = Application(settings)
        application.stop_on_signals()
        await application.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
