"""Commands that ask the processor's server: with its certificate and its password, if any."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processor.cli.main import app
from processor.shell import settings
from processor.shell.checks import server
from processor.shell.checks.findings import Finding
from processor.shell.checks.settings import files
from processor.shell.settings import load_in_part
from tests.support.checked import environment, scene, told
from tests.support.http_edge import LONG_AGO
from tests.support.watched_server import Pair, new_pair, on, watched

STATUS: dict[str, object] = {"group_id": "g", "away": [], "parked": {}, "retrying": None}
LOGIN = {"server__username": "ops", "server__password": "canary-7d31"}


def variables(pair: Pair) -> dict[str, object]:
    return {"server__certificate_file": pair.certificate, "server__key_file": pair.key}


def where(**given: object) -> settings.Server:
    loaded = load_in_part(None, environment(server__port=0, **given))
    assert loaded.problems == ()
    return loaded.settings.server


@pytest.mark.parametrize("not_after", [None, LONG_AGO])
def test_healthcheck_asks_over_tls_and_judges_no_certificate(
    tmp_path: Path, not_after: datetime | None
) -> None:
    pair = new_pair(tmp_path, not_after)

    async def scenario() -> None:
        async with watched(where(**variables(pair), **LOGIN)) as seen:
            given = environment(server__port=seen.port, **variables(pair), **LOGIN)
            done = await asyncio.to_thread(CliRunner().invoke, app, ["healthcheck"], env=given)
            assert (done.exit_code, done.output) == (0, "/livez yes\n")

    on("uvloop", scenario)


def test_check_asks_with_the_certificate_and_the_password_of_the_settings(tmp_path: Path) -> None:
    pair = new_pair(tmp_path)
    own = variables(pair)
    (tmp_path / "other").mkdir()
    other = new_pair(tmp_path / "other")

    async def scenario() -> None:
        async with watched(where(**own, **LOGIN), look=lambda: STATUS) as seen:

            async def look(**given: object) -> list[str]:
                at = scene(2.0, server__port=seen.port, **given)
                return [each.level for each in await asyncio.to_thread(list, server.look(at))]

            assert await look(**own, **LOGIN) == ["ok"]
            assert await look(**own, **LOGIN | {"server__password": "wrong"}) == ["error"]
            assert await look(**variables(other), **LOGIN) == ["error"]

    on("uvloop", scenario)


def test_check_warns_of_a_password_that_goes_over_the_network_as_it_is(tmp_path: Path) -> None:
    def warned(**given: object) -> list[str]:
        found = server.look(scene(2.0, server__port=0, **LOGIN, **given))
        return [each.subject for each in found if each.subject.startswith("PROCESSOR")]

    assert warned(server__host="0.0.0.0") == ["PROCESSOR_SERVER__PASSWORD"]  # noqa: S104  the case
    assert warned(server__host="::1") == warned(server__host="localhost") == []
    assert warned(server__host="0.0.0.0", **variables(new_pair(tmp_path))) == []  # noqa: S104  same


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (timedelta(days=-9), "error {}: Our certificate would be refused: certificate has expired"),
        (timedelta(days=3, hours=1), "warning {}: Its certificate ends in 3"),
        (timedelta(days=300), "ok {}: In force until"),
    ],
)
def test_check_looks_whether_the_servers_certificate_is_in_force(
    left: timedelta, found: str, tmp_path: Path
) -> None:
    pair = new_pair(tmp_path, datetime.now(UTC) + left)
    loaded = load_in_part(None, environment(**variables(pair)))
    said: list[Finding] = list(files(loaded.settings, loaded.doubtful))
    assert told(said)[-1].startswith(found.format("PROCESSOR_SERVER__CERTIFICATE_FILE"))


@pytest.mark.parametrize(
    ("given", "name", "wrong"),
    [
        ({"server__username": "ops"}, "PASSWORD", "is missing beside PROCESSOR_SERVER__USERNAME"),
        ({"server__password": "x"}, "USERNAME", "is missing beside PROCESSOR_SERVER__PASSWORD"),
        ("certificate", "KEY_FILE", "is missing beside PROCESSOR_SERVER__CERTIFICATE_FILE"),
        ("key", "CERTIFICATE_FILE", "is missing beside PROCESSOR_SERVER__KEY_FILE"),
        ("both", "KEY_FILE", "does not belong to PROCESSOR_SERVER__CERTIFICATE_FILE"),
    ],
)
def test_half_of_what_belongs_together_is_a_mistake(
    given: dict[str, str] | str, name: str, wrong: str, tmp_path: Path
) -> None:
    pair = new_pair(tmp_path)
    if isinstance(given, str):
        (tmp_path / "other").mkdir()
        other = new_pair(tmp_path / "other")
        chosen = {
            "certificate": {"server__certificate_file": str(pair.certificate)},
            "key": {"server__key_file": str(pair.key)},
            "both": {
                "server__certificate_file": str(pair.certificate),
                "server__key_file": str(other.key),
            },
        }
        given = chosen[given]
    loaded = load_in_part(None, environment(**given))
    assert {each.name: each.wrong for each in loaded.problems} == {
        f"PROCESSOR_SERVER__{name}": wrong
    }
