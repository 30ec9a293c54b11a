"""A real schema registry for the tests: Apicurio Registry, by its Confluent-compatible API."""

import http.client
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.java_parts import java, registry_folder
from tests.support.programs import Program, free_port, start_on_free_ports

_API = "/apis/ccompat/v7"
_START_SECONDS = 60.0


class RealRegistry:
    """Apicurio Registry as a plain process: it can be killed, paused and started again.

    `url` is the base of its Confluent-compatible API. Subjects are BACKWARD compatible unless
    they say otherwise, as on a Confluent registry. What it was told survives a kill; it lies in
    `folder`. As a context manager it starts on entry; on exit it is killed and its data deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._take_port()

    def __enter__(self) -> Self:
        try:
            start_on_free_ports(self.start, self._take_port, self._log_text)
            self._set_compatibility("BACKWARD")
        except BaseException:
            self.program.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def start(self) -> None:
        """Start it on its old data and address, and wait until it answers."""
        self.program.start_until(self._answers, within=_START_SECONDS)

    def kill(self) -> None:
        """Let it die at once (SIGKILL)."""
        self.program.kill()

    def stop(self) -> None:
        """Shut it down in order (SIGTERM)."""
        self.program.stop()

    def pause(self) -> None:
        """Suspend it: connections stay open and nothing answers (SIGSTOP)."""
        self.program.pause()

    def resume(self) -> None:
        """Let it go on after a pause (SIGCONT)."""
        self.program.resume()

    def _take_port(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}{_API}"
        # Written through at once: a kill loses nothing that was answered.
        database = f"jdbc:h2:file:{self._folder / 'data' / 'registry'};WRITE_DELAY=0"
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(self._port),
            "apicurio.storage.kind": "sql",
            "apicurio.storage.sql.kind": "h2",
            "apicurio.datasource.url": database,
        }
        jars = registry_folder()
        (jar,) = jars.glob("*-runner.jar")
        flags = [f"-D{name}={value}" for name, value in settings.items()]
        self.program = Program(
            java(*flags, "-jar", jar), log=self._folder / "registry.log", folder=jars
        )

    def _log_text(self) -> str:
        return self.program.log_text()

    def _answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self._ask("GET", "/subjects") == http.client.OK
        return False

    def _set_compatibility(self, level: str) -> None:
        status = self._ask("PUT", "/config", {"compatibility": level})
        if status != http.client.OK:
            message = f"the registry refused its compatibility level with status {status}"
            raise RuntimeError(message)

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, _API + path, json.dumps(body) if body else None, headers)
            return connection.getresponse().status
        finally:
            connection.close()
