"""Requests as strangers malform them: nearly well, and made of what parsers stumble over."""

import random
from typing import Final

FATAL: Final = b"GET http://[]:80@/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""The library that reads addresses raises an IndexError at it."""
UNREADABLE_NAME: Final = b"GET http://xn--/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""The same library raises a UnicodeError only when it is asked for that name."""
WELL: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE: Final = (
    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
)
MANY: Final = WELL * 40
"""More than the server's library keeps at once: it reads the rest when it has answered some."""
_METHODS: Final = (
    b"GET",
    b"GET",
    b"GET",
    b"HEAD",
    b"POST",
    b"OPTIONS",
    b"CONNECT",
    b"PRI",
    b"G\xff",
)
_SCHEMES: Final = (b"http:", b"https:", b"ws:", b"a:", b"")
_NAMES: Final = (
    *(b"[]", b"[]", b"[", b"]", b"@", b"@", b":", b":80", b":99999", b"%", b"%5b", b"%ff", b"."),
    *(b"a", b"localhost", b"::1", b"[::1]", b"[v1.x]", b"xn--"),
)
_PATHS: Final = (
    *(b"/", b"//", b"..", b"?", b"#", b";", b"=", b"&", b":", b"@", b"[", b"*", b"\\", b"\0"),
    *(b"%", b"%zz", b"%00", b"%ff", b"\xff", b"\xe2\x84\x80", b"status", b"livez", b"metrics"),
)
_HEADERS: Final = (
    *(b"Host", b"Expect", b"Content-Length", b"Transfer-Encoding", b"Upgrade", b"Connection"),
    *(b"Content-Encoding", b"Content-Type", b"Cookie", b"Accept", b"Authorization", b"Range"),
)
_VALUES: Final = (
    *(b"", b"x", b"*", b"[", b"[]:80@", b"\xe2", b"\xff\xfe", b"1", b"-1", b"9" * 20, b"0x1"),
    *(b"100-continue", b"chunked", b"gzip", b"upgrade", b"websocket", b"h2c", b"close"),
    *(b"keep-alive", b"Basic \xff", b"Basic eDp5", b"bytes=0-", b"multipart/form-data; boundary="),
)
_BODIES: Final = (b"", b"", b"", b"5\r\nabcde\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"[")
_BEFORE: Final = (b"", b"", b"", b"", b"", b"", WELL, UPGRADE, MANY)


def malformed(drawn: random.Random) -> bytes:
    """Return a request, or what looks like one, perhaps behind others that are well."""
    method = drawn.choice(_METHODS)
    version = drawn.choice((b"1.1", b"1.1", b"1.1", b"1.0", b"9.9"))
    count = drawn.choice((0, 0, 1, 1, 2))
    lines = (
        b" ".join((method, _target(method, drawn), b"HTTP/" + version)),
        *((b"Host: localhost",) if drawn.random() < 0.9 else ()),
        *(b": ".join((drawn.choice(_HEADERS), drawn.choice(_VALUES))) for _ in range(count)),
    )
    head = b"\r\n".join((*lines, b"", b""))
    return drawn.choice(_BEFORE) + head + drawn.choice(_BODIES)


def _target(method: bytes, drawn: random.Random) -> bytes:
    name = b"".join(drawn.choices(_NAMES, k=drawn.randint(0, 4)))
    path = b"/" + b"".join(drawn.choices(_PATHS, k=drawn.randint(0, 3)))
    match method:
        case b"CONNECT":
            return name + drawn.choice((b"", b":80"))
        case b"OPTIONS" if drawn.random() < 0.5:
            return b"*" + drawn.choice((b"", name, path))
        case _ if drawn.random() < 0.3:
            return path
        case _:
            return drawn.choice(_SCHEMES) + b"//" + name + drawn.choice((b"", b"/", path))
