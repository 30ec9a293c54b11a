"""`processor fake-rokt`: a scriptable Rokt for tests, on a port of its own."""

import asyncio
import errno
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from processor.errors import ConfigurationError

if TYPE_CHECKING:
    from processor.fake_rokt import FakeRokt, Script, Settings
    from processor.fake_rokt.rules import Latency
    from processor.fake_rokt.server import ListenError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_FOLDER: Final = Path(__file__).parents[1] / "fake_rokt"
# typer breaks lines by itself, and paragraphs where two line feeds stand.
_EPILOG: Final = (
    "Without more it answers as Rokt's pages say. A script says what is to go otherwise: its "
    "rules, each with 'when' (which calls), 'then' (what happens) and 'times' (how often), "
    "and its reservations.\n\n"
    "To begin: processor fake-rokt --example-script > script.json\n\n"
    "and then: processor fake-rokt --port 8080 --script script.json\n\n"
    "While it runs, GET /_fake/ lists what can be asked and changed; GET /_fake/ledger tells "
    "what arrived and what came of it. Both ports have them."
)
_MOST_PORT: Final = 65_535


def _port(number: int) -> int:
    if not 0 <= number <= _MOST_PORT:
        raise typer.BadParameter(f"{number} is no port: choose one up to {_MOST_PORT}, or 0")
    return number


def _latency(text: str) -> "Latency":
    """Read `0.05` or `0.01-0.2`, in seconds."""
    low, dash, high = text.partition("-")
    try:
        fixed, most = float(low), float(high) if dash else float(low)
    except ValueError:
        raise typer.BadParameter("write seconds: 0.05, or a range: 0.01-0.2") from None
    if not 0 <= fixed <= most < float("inf"):
        raise typer.BadParameter("write seconds from 0, the smaller first: 0.01-0.2")
    return (fixed, most) if dash else fixed


def _print_file(name: str, *, is_wanted: bool) -> None:
    if is_wanted:
        typer.echo((_FOLDER / name).read_text("utf-8"), nl=False)
        raise typer.Exit


def _print_guide(is_wanted: bool) -> None:  # noqa: FBT001  (as typer calls it)
    _print_file("README.md", is_wanted=is_wanted)


def _print_example(is_wanted: bool) -> None:  # noqa: FBT001  (same)
    _print_file("example.json", is_wanted=is_wanted)


@app.command(epilog=_EPILOG)
def fake_rokt(  # noqa: PLR0913  (one parameter an option)
    *,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(metavar="PORT", callback=_port, help="Port; 0 takes any free one."),
    ] = 0,
    admin_port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            callback=_port,
            help="Second port, for /_fake/ only: outages leave it open.",
        ),
    ] = 0,
    latency: Annotated[
        str, typer.Option(metavar="SECONDS", help="What a call takes: 0.05, or 0.01-0.2.")
    ] = "0",
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="Makes its randomness repeatable.")
    ] = 0,
    script: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file with rules and reservations."),
    ] = None,
    api_key: Annotated[
        str, typer.Option(metavar="KEY", help="The key that callers must show.")
    ] = "skeletonkey",
    strict_reservations: Annotated[
        bool, typer.Option("--strict-reservations", help="Refuse reservations not seeded.")
    ] = False,
    no_bodies: Annotated[
        bool, typer.Option("--no-bodies", help="Keep no request bodies in the ledger.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="For benchmarks: no checks, no rules, no bodies.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as JSON.")] = False,
    _example: Annotated[
        bool,
        typer.Option(
            "--example-script",
            callback=_print_example,
            is_eager=True,
            help="Print a script with comments, to copy from.",
        ),
    ] = False,
    _guide: Annotated[
        bool,
        typer.Option(
            "--guide",
            callback=_print_guide,
            is_eager=True,
            help="Print all about scripts, /_fake/ and the ledger.",
        ),
    ] = False,
) -> None:
    """Serve a scriptable Rokt for your own tests: strict, and able to fail in every way."""
    import uvloop  # noqa: PLC0415  (--help must not wait for it)

    from processor.fake_rokt import Script, Settings  # noqa: PLC0415  (same)
    from processor.fake_rokt.server import ListenError  # noqa: PLC0415  (same)

    if port and port == admin_port:
        raise typer.BadParameter("choose another one than --port", param_hint="--admin-port")
    given = _read_script(script) if script is not None else Script()
    settings = Settings(
        host=host,
        port=port,
        admin_port=admin_port,
        api_key=api_key,
        latency=_latency(latency),
        seed=seed,
        rules=given.rules,
        reservations=given.reservations,
        strict_reservations=strict_reservations or bool(given.strict_reservations),
        keep_bodies=not (no_bodies or fast),
        is_fast=fast,
    )
    try:
        uvloop.run(_serve(settings, as_json=as_json))
    except ListenError as error:
        raise ConfigurationError(_cannot_listen(settings, error)) from None


def _read_script(path: Path) -> "Script":
    from processor.fake_rokt import Script  # noqa: PLC0415  (--help must not wait for it)
    from processor.fake_rokt.reading import UnusableError, read  # noqa: PLC0415  (same)

    try:
        return read(Script, path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"--script {path} cannot be read: {error.strerror}.") from None
    except UnusableError as error:
        problems = "\n".join(f"  - {problem}" for problem in error.problems)
        remedy = "`processor fake-rokt --example-script` prints one that is right."
        raise ConfigurationError(f"--script {path} cannot be used:\n{problems}\n{remedy}") from None


def _cannot_listen(settings: "Settings", error: "ListenError") -> str:
    option = "--port" if error.port == settings.port else "--admin-port"
    place = f"{settings.host} port {error.port}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{place} is taken by another program. "
                f"Choose another with {option}, or 0 for any free one."
            )
        case errno.EACCES:
            return f"{place} needs more rights than you have. Choose a {option} above 1023."
        case _:
            return f"Cannot listen on {place}: {error.strerror}. Is --host one of this machine's?"


async def _serve(settings: "Settings", *, as_json: bool) -> None:
    from processor.fake_rokt import FakeRokt  # noqa: PLC0415  (--help must not wait for it)

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with FakeRokt(settings) as rokt:
        typer.echo(json.dumps(_addresses(rokt)) if as_json else _told(rokt))
        await ended.wait()


def _addresses(rokt: "FakeRokt") -> dict[str, str]:
    return {
        "base_url": rokt.base_url,
        "admin_url": rokt.admin_url,
        "ledger_url": f"{rokt.admin_url}ledger",
    }


def _told(rokt: "FakeRokt") -> str:
    """Return the addresses for people; the first line is Rokt's alone, for simple scripts."""
    ledger, admin = f"{rokt.admin_url}ledger", rokt.admin_url
    return f"{rokt.base_url}\n  ledger  {ledger}\n  admin   {admin}\n  Ctrl-C ends it"
