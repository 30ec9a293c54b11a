"""The document: the page's files as one, and the policy under which a browser may run it."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = "page.css"
_SCRIPTS: Final = ("texts.js", "charts.js", "sections.js", "page.js")


@dataclass(frozen=True, slots=True)
class Document:
    """The page as bytes of HTML, and its Content-Security-Policy."""

    body: bytes
    policy: str


@cache
def document() -> Document:
    """Return the page: nothing else is fetched for it, and nothing else may run in it."""
    style, script = _read(_STYLE), "".join(map(_read, _SCRIPTS))
    text = _read("page.html").replace("/* style */", style).replace("/* script */", script)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return Document(text.encode(), policy)


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
