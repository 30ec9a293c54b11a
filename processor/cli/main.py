"""The commands, and how each way to fail ends the process."""

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from processor import __version__
from processor.cli.folding import tell
from processor.errors import BrokenInvariant, ProcessorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: the module below `processor.cli` that holds it, and its line in the help.

    The module is imported when the command runs. It has a function, or a typer app of further
    commands, of the module's own name or called `app`.
    """

    module: str
    help: str


COMMANDS: Final = {
    "run": Command(module="run", help="Confirm paid orders and release abandoned carts."),
    "demo": Command(module="demo", help="Show everything at work, with nothing but Python."),
    "check": Command(module="check", help="Look at all that can break this deployment."),
    "config": Command(module="config", help="Show the settings in force, or what is wrong."),
    "topics": Command(module="topics", help="Plan and create the topics, and the rights on them."),
    "schemas": Command(module="schemas", help="Register the schemas, or check a registry."),
    "replay": Command(module="replay", help="Have records of the past worked again."),
    "redrive": Command(module="redrive", help="Have records of dead letters worked again."),
    "inspect": Command(module="inspect", help="Tell all that is known of an order or cart."),
    "reconcile": Command(module="reconcile", help="Compare what was paid with what came of it."),
    "fake-rokt": Command(module="fake_rokt", help="Serve a scriptable Rokt for your own tests."),
    "healthcheck": Command(
        module="healthcheck", help="Ask the processor that runs here how it is."
    ),
    "version": Command(module="version", help="Show which version this is."),
}


class LazyGroup(TyperGroup):
    """Commands that are imported when they run, so that the help comes at once."""

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401  typer keeps these types to itself
        args: list[str],
    ) -> tuple[str | None, Any, list[str]]:
        """Return the command itself in the place of its line in the help."""
        name, line, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else line, rest


def load_command(name: str) -> Any:  # noqa: ANN401  typer keeps this type to itself
    """Import a command."""
    command = COMMANDS[name]
    module = import_module(f"processor.cli.{command.module}")
    found = getattr(module, "app", None)
    if not isinstance(found, typer.Typer):
        found = _new_app()
        found.command(name)(getattr(module, command.module))
    loaded = get_command(found)
    loaded.name = name
    loaded.help = loaded.help or command.help
    return loaded


def _new_app(cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    # The pretty tracebacks can show local variables: secrets and payloads.
    return typer.Typer(
        cls=cls,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


app: Final = _new_app(LazyGroup)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if is_asked:
        typer.echo(f"processor {__version__}")
        raise typer.Exit


@app.callback()
def processor(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Confirm paid orders and release abandoned carts with Rokt, off Kafka."""


def _line() -> None:
    """Stand for a command in the help."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.help)(_line)


def main() -> None:
    """Run the command line; every error ends in one message and an exit code."""
    try:
        app(prog_name="processor")
    except ProcessorError as error:
        tell(str(error), err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  nobody else is left to catch it
        _log(error)
        tell(f"This is a bug of the processor ({type(error).__name__}): report it.", err=True)
        sys.exit(BrokenInvariant.exit_code)


def _log(bug: Exception) -> None:
    """Write where an error came from, without the values of variables."""
    import structlog  # noqa: PLC0415  so that the help comes at once, and so below

    from processor.shell import logs  # noqa: PLC0415

    if not structlog.is_configured():
        logs.configure(None, "info")
    structlog.get_logger(__name__).critical("bug", exc_info=bug)
