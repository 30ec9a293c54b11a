"""The page: served as one file that needs no other, under a policy that lets nothing else run."""

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from processor.shell import page, settings
from processor.shell.server import Server

FILES: Final = sorted(Path(page.__file__).parent.glob("*.js"))
SINKS: Final = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "srcdoc",
    "eval(",
    "Function(",
    "javascript:",
)


class Reader(HTMLParser):
    """Reads what the page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self.links: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href"):
                self.sources.append(value or "")
            elif name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        if self._within in self.inline:
            self.inline[self._within].append(data)
            self._within = ""


@pytest.fixture(scope="module")
def served() -> tuple[str, str]:
    """Give the page and its policy, as the server sends them."""

    async def ask() -> tuple[str, str]:
        server = Server(
            settings.Server(port=0),
            CollectorRegistry(),
            is_live=lambda: True,
            is_ready=lambda: True,
            status=lambda: pytest.fail("the page itself asks for nothing"),
            view=lambda: pytest.fail("the page itself asks for nothing"),
        )
        async with server, aiohttp.ClientSession(server.url) as session, session.get("/") as found:
            assert (found.status, found.headers["Content-Type"]) == (
                200,
                "text/html; charset=utf-8",
            )
            assert found.headers["Cache-Control"] == "no-store"
            return await found.text(), found.headers["Content-Security-Policy"]

    return asyncio.run(ask())


def test_the_policy_lets_only_the_script_and_the_style_of_the_page_run(
    served: tuple[str, str],
) -> None:
    text, policy = served
    directives = {name: rest for name, _, rest in (d.partition(" ") for d in policy.split("; "))}
    inline = Reader(text).inline
    for kind in ("script", "style"):
        (content,) = inline[kind]
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert directives.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert directives == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_the_page_fetches_nothing_but_what_it_shows(served: tuple[str, str]) -> None:
    text, _ = served
    read = Reader(text)
    assert read.sources == ["data:,"]
    assert read.handlers == []
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"fetch\(([^,]+),", text) == ['"page.json"']
    assert "@import" not in text
    assert "url(" not in text


def test_the_page_names_every_path_by_relative_links(served: tuple[str, str]) -> None:
    text, _ = served
    assert sorted(set(Reader(text).links)) == ["livez", "metrics", "readyz", "status"]
    for path in ("/livez", "/metrics", "/readyz", "/status"):
        assert path in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_text_becomes_markup(path: Path) -> None:
    script = path.read_text("utf-8")
    assert [sink for sink in SINKS if sink in script] == []


def test_every_script_of_the_folder_is_on_the_page(served: tuple[str, str]) -> None:
    text, _ = served
    assert len(FILES) == 4
    assert [path.name for path in FILES if path.read_text("utf-8") not in text] == []
