"""Settings of the export of spans, and what must be installed for it."""

import re
from importlib.util import find_spec
from typing import Annotated, Final
from urllib.parse import unquote

from pydantic import Field

from processor.shell.secrets import Credential
from processor.shell.settings_addresses import COLLECTOR_URL
from processor.shell.settings_kinds import Certificates, Group
from processor.shell.settings_values import Kind, header_text, number, refuse, secret, text_of

EXTRA: Final = "rokt-cart-processor[otel]"
_NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.common")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "host"}
    | {"transfer-encoding"}
)


def header_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that `name=value,name=value` says; values may be percent-encoded.

    ValueError says what is wrong, and quotes nothing.
    """
    return tuple(_pair(pair) for pair in text_of(text).split(",") if pair.strip())


def _pair(text: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in text.partition("="))
    if not value or not _NAME.fullmatch(name):
        refuse("is not a list of `name=value` with commas between them")
    if name.lower() in _OURS:
        refuse(f"holds the header {name.lower()}, which belongs to the export itself")
    return name, header_text(unquote(value))


def _vet(text: str) -> str:
    if not header_pairs(text):
        refuse("is empty")
    return text


_HEADERS: Final = Kind(
    "`name=value` with commas between them, values percent-encoded where need be; or its `_FILE` "
    "twin to the path of a file that holds nothing else",
    secret(_vet),
    has_file_twin=True,
)


class Tracing(Group):
    """Whether, and where to, spans are exported."""

    endpoint: Annotated[str | None, COLLECTOR_URL] = Field(
        default=None,
        description="where spans go by OTLP over HTTP, `/v1/traces` is added; none: no spans",
    )
    headers: Annotated[Credential | None, _HEADERS] = Field(
        default=None, description="headers of the export, `name=value,name=value`"
    )
    sample_ratio: Annotated[float, number(0, 1)] = Field(
        default=1.0,
        description="share of the records traced among those without a `traceparent`, which "
        "decides for the others",
    )
    ca_file: Certificates = Field(default=None, description="certificates to trust, PEM")


def has_extra() -> bool:
    """Whether the packages of the extra `otel` are installed."""
    return all(_is_installed(name) for name in _NEEDED)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
