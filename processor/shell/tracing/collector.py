"""The collector: takes batches of spans by OTLP over HTTP, or says why not."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2 as httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from processor import __version__
from processor.core.headers import retry_after
from processor.shell.clock import now
from processor.shell.settings_addresses import TRACES_PATH

_TIMEOUT: Final = 5.0
_TRANSIENT: Final = frozenset({429, 502, 503, 504})
_FIXED: Final = {
    "content-type": "application/x-protobuf",
    "user-agent": f"rokt-cart-processor/{__version__}",
}

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a batch was not taken; `again_in` seconds it may be, None: never."""

    why: str
    again_in: float | None = 0.0


class Collector:
    """Sends batches; nothing is kept of one that was refused. Belongs to one thread at a time."""

    def __init__(self, endpoint: str, headers: Callable[[], Headers], ca_file: Path | None) -> None:
        """`headers` is asked before each batch; its values go into the request and nowhere else."""
        self._url = endpoint + TRACES_PATH
        self._headers = headers
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(cafile=ca_file)
        self._client = httpx.Client(
            verify=context, timeout=_TIMEOUT, trust_env=False, follow_redirects=False
        )

    def send(self, spans: Sequence[ReadableSpan]) -> Refusal | None:
        """Send a batch; return None once it is taken."""
        body = encode_spans(spans).SerializeToString()
        try:
            headers = _FIXED | dict(self._headers())
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.ConnectError as error:
            return Refusal(why=f"no connection: {error}")
        except httpx.HTTPError as error:  # its text may quote what was sent
            return Refusal(why=type(error).__name__)
        if answer.is_success:
            return None
        why = f"status {answer.status_code}"
        if answer.status_code not in _TRANSIENT:
            return Refusal(why=why, again_in=None)
        pause = retry_after(answer.headers.get("retry-after"), now().wall)
        return Refusal(why=why, again_in=pause or 0.0)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
