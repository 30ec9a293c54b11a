"""Settings that say where something is: brokers, topics, URLs, paths."""

import re
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from processor.shell.settings_values import Kind, header_text, refuse, text_of

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?", re.ASCII)
_HIGHEST_PORT: Final = 65_535
TRACES_PATH: Final = "/v1/traces"


def _parse_servers(raw: object) -> str:
    servers = [server.strip() for server in text_of(raw).split(",")]
    for server in servers:
        match = _SERVER.fullmatch(server)
        if match is None:
            refuse("is not a list of host:port")
        if match[1] and not 1 <= int(match[1]) <= _HIGHEST_PORT:
            refuse("names a port that does not exist")
    return ",".join(servers)


def _parse_topic(raw: object) -> str:
    name = text_of(raw)
    if not _TOPIC.fullmatch(name) or name in {".", ".."}:
        refuse("is not a legal topic name")
    return name


def _split_url(raw: object) -> SplitResult:
    text = header_text(raw)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        refuse("is not a URL")
    if " " in text or not parts.scheme or not host:
        refuse("is not a URL")
    if "@" in parts.netloc:
        refuse("holds a user name or password")
    if "?" in text or "#" in text:
        refuse("holds a query or a fragment")
    return parts


def _parse_base_url(raw: object) -> str:
    parts = _split_url(raw)
    is_allowed = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))
    if not is_allowed:
        refuse("does not begin with https://")
    return parts.geturl().rstrip("/")


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parse_registry_url(raw: object) -> str:
    parts = _split_url(raw)
    if parts.scheme not in {"https", "http", "mock"}:
        refuse("does not begin with https:// or http://")
    return parts.geturl().rstrip("/")


def _parse_collector_url(raw: object) -> str:
    parts = _split_url(raw)
    if parts.scheme not in {"https", "http"}:
        refuse("does not begin with https:// or http://")
    address = parts.geturl().rstrip("/")
    if address.endswith(TRACES_PATH):
        refuse(f"ends with {TRACES_PATH}, which is added by itself")
    return address


def _parse_networks(raw: object) -> str:
    named = text_of(raw).split(",")
    try:
        return ",".join(str(ip_network(each.strip())) for each in named)
    except ValueError as error:
        refuse(
            "names a network with bits set behind its length"
            if "host bits" in str(error)
            else "is not a list of addresses and networks"
        )


def _parse_path(raw: object) -> str:
    path = header_text(raw)
    if not path.startswith("/"):
        refuse("does not begin with a slash")
    if any(character in path for character in " ?#"):
        refuse("holds a blank, a query or a fragment")
    return path


TOPIC: Final = Kind("at most 249 of the characters A-Z, a-z, 0-9, `.`, `_`, `-`", _parse_topic)
SERVERS: Final = Kind("the brokers as `host:port`, with commas between them", _parse_servers)
BASE_URL: Final = Kind(
    "`https://host`, with a port or a path if need be; http only for this machine itself; "
    "no user name, password, query or fragment",
    _parse_base_url,
)
REGISTRY_URL: Final = Kind(
    "`https://host` or `http://host`, with a port or a path if need be; user name and password "
    "have settings of their own",
    _parse_registry_url,
)
COLLECTOR_URL: Final = Kind(
    "`http://host:4318` or `https://host`, with a path if need be; what a header has to say has a "
    "setting of its own",
    _parse_collector_url,
)
NETWORKS: Final = Kind(
    "addresses and networks such as `203.0.113.7,198.51.100.0/24,2001:db8::/32`",
    _parse_networks,
)
PATH: Final = Kind("a path that begins with `/`, without query or fragment", _parse_path)
