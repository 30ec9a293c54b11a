"""What carries requests: the contract of the engines. They know httpx's errors, and its words."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple, Protocol


def always() -> bool:
    """Let a request go, whatever happens."""
    return True


class Withheld(Exception):  # noqa: N818  it is no error
    """A request may go no more, and has not gone."""


class Request(NamedTuple):
    """One request to the origin of the base URL; `headers` name its host and its length.

    In seconds, `read_timeout` bounds each silence of the peer and `deadline` the whole exchange,
    from connecting to the last byte of the body. `may_go` is asked once more when a connection
    had to be made: that takes its time, in which a partition may become another member's.
    """

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    read_timeout: float
    deadline: float
    may_go: Callable[[], bool] = always


class Answer(Protocol):
    """A response whose head is there; it gives its body piece by piece, still encoded.

    Iterating raises httpx.TransportError or TimeoutError when the body breaks off or takes too
    long. Whoever takes an answer closes it, read or not.
    """

    status: int
    headers: list[tuple[bytes, bytes]]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return what gives the pieces."""

    async def close(self) -> None:
        """Give the connection back; closing before the body's end drops it."""


class Transport(Protocol):
    """Sends requests: each once, over HTTP/1.1, without redirects."""

    async def exchange(self, request: Request) -> Answer:
        """Send `request`, and return as soon as the head of the response is there.

        Raises httpx.TransportError: `ConnectError` and `ConnectTimeout` when no connection was
        made (an `ssl.SSLError` is the cause when the handshake failed), `LocalProtocolError` when
        it cannot be written, everything else, or TimeoutError, when it may have arrived. Withheld:
        it may go no more. Whoever is cancelled hangs up.
        """

    async def aclose(self) -> None:
        """Close all connections; whoever waits for a reply is told that it is lost."""


def as_mapping(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their names in lower case; those of one name are joined by commas."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
