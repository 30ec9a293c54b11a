"""`processor fake-rokt`: a scriptable Rokt for tests, on a port of its own."""

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.fake_rokt import Script, Settings
    from processor.fake_rokt.rules import Latency


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


def fake_rokt(  # noqa: PLR0913  (one parameter an option)
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 0,
    admin_port: Annotated[
        int, typer.Option(help="A second port for /_fake/ that outages leave open.")
    ] = 0,
    latency: Annotated[str, typer.Option(help="Seconds a call takes: 0.05, or 0.01-0.2.")] = "0",
    seed: Annotated[int, typer.Option(help="Makes its randomness repeatable.")] = 0,
    script: Annotated[
        Path | None, typer.Option(help="JSON file with rules and reservations.", dir_okay=False)
    ] = None,
    api_key: Annotated[str, typer.Option(help="The key callers must show.")] = "skeletonkey",
    strict_reservations: Annotated[
        bool, typer.Option(help="Refuse reservations that were not seeded.")
    ] = False,
    keep_bodies: Annotated[bool, typer.Option(help="Keep request bodies in the ledger.")] = True,
    fast: Annotated[
        bool, typer.Option(help="For benchmarks: no checks, no rules, no bodies.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as JSON.")] = False,
) -> None:
    """Run a scriptable Rokt: strict about its contract, and able to fail in every way."""
    import uvloop  # noqa: PLC0415  (--help must not wait for it)

    from processor.fake_rokt import Script, Settings  # noqa: PLC0415  (same)

    rules = _read_script(script) if script is not None else Script()
    strict = rules.strict_reservations
    settings = Settings(
        host=host,
        port=port,
        admin_port=admin_port,
        api_key=api_key,
        latency=_latency(latency),
        seed=seed,
        rules=rules.rules,
        reservations=rules.reservations,
        strict_reservations=strict_reservations if strict is None else strict,
        keep_bodies=keep_bodies and not fast,
        is_fast=fast,
    )
    try:
        uvloop.run(_serve(settings, as_json=as_json))
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


def _read_script(path: Path) -> "Script":
    from pydantic import ValidationError  # noqa: PLC0415  (--help must not wait for it)

    from processor.fake_rokt import Script  # noqa: PLC0415  (same)

    try:
        return Script.model_validate_json(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--script") from None
    except ValidationError as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--script") from None


async def _serve(settings: "Settings", *, as_json: bool) -> None:
    from processor.fake_rokt import FakeRokt  # noqa: PLC0415  (--help must not wait for it)

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with FakeRokt(settings) as rokt:
        addresses = {"base_url": rokt.base_url, "admin_url": rokt.admin_url}
        typer.echo(json.dumps(addresses) if as_json else rokt.base_url)
        await ended.wait()
