"""A processor with a bug: `python -m tests.support.stumbling run` ends before its first call.

The error quotes the key and the body, and both lie in the variables of its frames. Production code
knows nothing of it: one method is exchanged here.
"""

from typing import NoReturn

from processor.cli.main import main
from processor.core.calls import Call
from processor.shell.http.rokt_client import RoktClient


def _stumble(_: RoktClient, call: Call, key: str, *__: object) -> NoReturn:
    body = call.body.decode()
    try:
        int(body)
    except ValueError as error:
        raise TypeError(f"{key} does not go with {body}") from error
    raise AssertionError


if __name__ == "__main__":
    RoktClient._request = _stumble  # type: ignore[assignment, method-assign]  # noqa: SLF001
    main()
