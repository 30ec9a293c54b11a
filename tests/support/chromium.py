"""A headless Chromium, driven over its DevTools protocol: what a person would see of a page."""

import asyncio
import shutil
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # containers give no namespaces to it
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
)
_STARTS_WITHIN: Final = 30.0
_ANSWERS_WITHIN: Final = 20.0
_LOOK_EVERY: Final = 0.05


class ChromiumMissingError(RuntimeError):
    """There is no Chromium; the message says how to get one."""


class Tab:
    """One tab. `complaints` has what it wrote to its console, `requests` what it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self._next = 1
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def listen(self) -> None:
        """Take in what the browser says, until it ends."""
        async for message in self._socket:
            said = message.json()
            if (number := said.get("id")) in self._answers:
                answer = self._answers.pop(number)
                if "error" in said:
                    answer.set_exception(RuntimeError(said["error"]["message"]))
                else:
                    answer.set_result(said["result"])
            self._note(said.get("method"), said.get("params", {}))

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        match method:
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(params["args"]))
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case _:
                pass

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Give a command of the protocol and return its result."""
        number, self._next = self._next, self._next + 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        command: dict[str, object] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            command["sessionId"] = self._session
        await self._socket.send_json(command)
        result: dict[str, Any] = await asyncio.wait_for(answer, _ANSWERS_WITHIN)
        return result

    async def attach(self) -> None:
        """Open the tab."""
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.ask(f"{domain}.enable")

    async def look(self, *, is_dark: bool = False, width: int = 1120, height: int = 900) -> None:
        """Look at it from now on in the dark or not, and through a window of this size."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def go(self, url: str) -> None:
        """Go to an address."""
        await self.ask("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:  # noqa: ANN401  whatever JavaScript gives
        """Return what a JavaScript expression comes to."""
        found = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    async def text(self, selector: str) -> str:
        """Return the text of an element; empty if there is none."""
        found = await self.value(f"document.querySelector('{selector}')?.innerText ?? ''")
        return str(found)

    async def wait_for(self, expression: str, within: float = 15.0) -> None:
        """Wait until a JavaScript expression is true."""
        async with asyncio.timeout(within):
            while not await self.value(expression):  # noqa: ASYNC110  the page tells no event
                await asyncio.sleep(_LOOK_EVERY)

    async def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        shot = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(b64decode(shot["data"]))  # noqa: ASYNC240  a picture for people


def find() -> str:
    """Return the path of a Chromium; ChromiumMissingError if there is none."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise ChromiumMissingError(
            f"None of {', '.join(_NAMES)} is here: install one, such as with "
            "`apt-get install --no-install-recommends chromium`"
        )
    return path


@asynccontextmanager
async def tab() -> AsyncIterator[Tab]:
    """Start a Chromium with one tab; it ends with the context."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = (find(), *_FLAGS, f"--user-data-dir={folder}", "about:blank")
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            url = await _address(Path(folder) / "DevToolsActivePort", process)
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(url, max_msg_size=0) as socket,
            ):
                opened = Tab(socket)
                listening = asyncio.create_task(opened.listen())
                await opened.attach()
                yield opened
                listening.cancel()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    """Return where the browser listens, once it says so."""
    async with asyncio.timeout(_STARTS_WITHIN):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"Chromium has ended with code {process.returncode}")
            lines = file.read_text().split() if file.exists() else []  # noqa: ASYNC240  it is tiny
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(_LOOK_EVERY)
