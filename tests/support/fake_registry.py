"""A registry on loopback that answers every request alike, or by its path; with or without TLS."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from processor.shell.registry import Registry

JSON: Final = "application/json"
NOT_FOUND: Final = '{"error_code": 40403, "message": "Schema not found"}'


class FakeRegistry:
    """Answers requests by `answer`, or what is `at` their path; notes paths and credentials."""

    def __init__(
        self,
        status: int,
        body: str,
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.answer = (status, body, content_type)
        self.headers = headers or {}
        self.later: tuple[int, str, str] | None = None
        """What is answered from the second request on."""
        self.at: dict[str, tuple[int, str, str]] = {}
        """What is answered where the path begins so."""
        self.paths: list[str] = []
        self.credentials: list[str | None] = []
        self.url = ""

    @contextmanager
    def serving(self, tls: ssl.SSLContext | None = None) -> Iterator["FakeRegistry"]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.paths.append(self.path)
                fake.credentials.append(self.headers.get("Authorization"))
                there = [each for begin, each in fake.at.items() if self.path.startswith(begin)]
                status, body, content_type = there[0] if there else fake.answer
                fake.answer = fake.later or fake.answer
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body.encode())))
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request: object, client_address: object) -> None:
                if isinstance(request, ssl.SSLSocket):
                    request.do_handshake()
                super().finish_request(request, client_address)  # type: ignore[arg-type]

            def handle_error(self, *_: object) -> None:
                """Say nothing of clients that do not like the certificate."""

        with Server(("127.0.0.1", 0), Handler) as server:
            if tls is not None:
                server.socket = tls.wrap_socket(
                    server.socket, server_side=True, do_handshake_on_connect=False
                )
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


@contextmanager
def asked(
    fake: FakeRegistry, server: ssl.SSLContext | None = None, **access: object
) -> Iterator[Registry]:
    """Serve a registry, and give whoever asks it."""
    with fake.serving(server):
        registry = Registry(fake.url, timeout=2.0, **access)  # type: ignore[arg-type]
        try:
            yield registry
        finally:
            registry.close()
