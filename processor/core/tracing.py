"""Trace context: what a record's headers say of the trace that it belongs to (W3C Trace Context).

It is passed on as it is: the call and the outcome belong to the span that produced the event.
"""

import re
from collections.abc import Iterable
from typing import Final

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_TRACESTATE: Final = re.compile(rb"[\x20-\x7e]{1,512}")

TraceContext = tuple[tuple[str, str], ...]


def trace_context(headers: Iterable[tuple[str, bytes | None]]) -> TraceContext:
    """Return the headers `traceparent` and `tracestate` to send on; none where they are malformed.

    Of several headers of one name the last counts. A `tracestate` means nothing by itself.
    """
    parent = state = None
    for name, value in headers:
        if name == "traceparent":
            parent = value
        elif name == "tracestate":
            state = value
    if parent is None or _TRACEPARENT.fullmatch(parent) is None:
        return ()
    context = (("traceparent", parent.decode("ascii")),)
    if state is None or _TRACESTATE.fullmatch(state) is None:
        return context
    return (*context, ("tracestate", state.decode("ascii").strip()))
