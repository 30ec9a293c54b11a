"""`make audit`, with a database of vulnerabilities on the loopback address."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from requirements import audit
from requirements.locks import FOLDER, pins_of

_LOCK: Final = "one==1.2 \\\n    --hash=sha256:{0}\ntwo-more==3.0 \\\n    --hash=sha256:{0}\n"
_KNOWN: Final = {
    "id": "GHSA-1",
    "aliases": ["CVE-1"],
    "affected": [
        {
            "package": {"name": "one", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "1.3"}]}],
        }
    ],
}


class Database:
    """What it knows of which package, and of which versions it was asked."""

    def __init__(self, known: dict[str, list[Any]], status: int) -> None:
        """Know these vulnerabilities by package; answer with a status."""
        self.known = known
        self.status = status
        self.asked: dict[str, str] = {}
        self.url = ""

    def answer(self, question: dict[str, Any]) -> bytes:
        """Answer as OSV does."""
        name = question["package"]["name"]
        self.asked[name] = question["version"]
        known = self.known.get(name)
        return json.dumps({"vulns": known} if known else {}).encode()


@contextmanager
def osv(known: dict[str, list[Any]] | None = None, status: int = 200) -> Iterator[Database]:
    """Serve a database for as long as the block lasts."""
    database = Database(known or {}, status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = database.answer(json.loads(body))
            self.send_response(database.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        database.url = f"http://127.0.0.1:{server.server_port}/v1/query"
        yield database
        server.shutdown()


def asking(database: Database) -> list[str]:
    """Return the arguments that have this database asked."""
    return ["--vulnerability-service", "osv", "--osv-url", database.url]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "some.txt").write_text(_LOCK.format("a" * 64))
    return tmp_path


def test_every_pin_of_every_lock_is_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    with osv() as database:
        assert audit.main(asking(database)) == 0
    pins = [pin for lock in FOLDER.glob("*.txt") for pin in pins_of(lock.read_text())]
    assert database.asked == {pin.name: pin.version for pin in pins if pin.is_for({})}
    assert len(database.asked) > 100
    told = f"looked up: {len(database.asked)}; known vulnerabilities: 0\n"
    assert capsys.readouterr().out == told


def test_what_is_known_is_told_with_its_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with osv({"one": [_KNOWN]}) as database:
        assert audit.main(asking(database), folder) == 1
    assert capsys.readouterr().out == (
        "one 1.2: CVE-1, GHSA-1; mended in 1.3\nlooked up: 2; known vulnerabilities: 1\n"
    )


def test_a_database_that_fails_is_no_success(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with osv(status=503) as database:
        assert audit.main(asking(database), folder) == 2
    assert "not looked up, 2 of 2: all of them" in capsys.readouterr().err


def test_a_database_that_is_away_is_no_success_and_told_without_addresses(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with osv() as database:
        pass
    assert audit.main(asking(database), folder) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "ask another database" in told.err
    assert "127.0.0.1" not in told.err


def test_what_a_database_does_not_know_is_not_taken_for_good() -> None:
    """An index that has files only makes pip-audit skip everything, and end with 0."""
    skipped = {"name": "one", "skip_reason": "not found"}
    good = {"name": "two", "version": "3", "vulns": []}
    report = json.dumps({"dependencies": [skipped, good]})
    assert audit.findings(report, {"one": "1.2", "two": "3"}) == ([], ["one"])
    assert audit.findings(report, {"two": "4"}) == ([], ["two"])
    with pytest.raises(ValueError, match="Expecting value"):
        audit.findings("", {})
