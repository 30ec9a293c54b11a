"""The proxy of the fault tests does to a connection what it says."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.programs import free_port, wait_until
from tests.support.proxy import Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy before a server that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()[1]) as opened:
        echo = threading.Thread(target=_echo, args=(server,), daemon=True)
        echo.start()
        yield opened
        opened.heal()
        with _connect(opened) as last:
            last.sendall(b"end")
            last.recv(3)
    echo.join(5)


def _echo(server: socket.socket) -> None:
    said = b""
    while said != b"end":
        end, _ = server.accept()
        with end:
            while (said := _receive(end)) and said != b"end":
                end.sendall(said)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(100)
    except ConnectionError:
        return b""


def _connect(proxy: Proxy) -> socket.socket:
    host, port = proxy.address.split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def test_it_forwards_both_ways(proxy: Proxy) -> None:
    with _connect(proxy) as end:
        end.sendall(b"hello")
        assert end.recv(100) == b"hello"
        assert proxy.carried == 10


def test_a_blackhole_holds_back_and_forwards_once_healed(proxy: Proxy) -> None:
    with _connect(proxy) as end:
        end.sendall(b"hello")
        end.recv(100)
        proxy.blackhole()
        end.sendall(b"again")
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            end.recv(100)
        proxy.heal()
        end.settimeout(5)
        assert end.recv(100) == b"again"


def test_a_cut_resets_old_connections_and_new_ones(proxy: Proxy) -> None:
    with _connect(proxy) as end:
        end.sendall(b"hello")
        end.recv(100)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            end.recv(100)
    with _connect(proxy) as late:
        assert _receive(late) == b""


def test_a_delay_comes_before_every_piece(proxy: Proxy) -> None:
    with _connect(proxy) as end:
        proxy.delay(0.3)
        end.sendall(b"hello")
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            end.recv(100)
        end.settimeout(5)
        assert end.recv(100) == b"hello"


def test_who_is_not_there_is_met_by_nobody() -> None:
    with Proxy(free_port()) as proxy, _connect(proxy) as end:
        wait_until(lambda: _receive(end) == b"", within=5, what="the connection ends")
