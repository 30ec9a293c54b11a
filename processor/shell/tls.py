"""TLS towards servers: whom to trust and what to show, read again when its files change."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

_LOG: Final = structlog.get_logger(__name__)
_CHECK_INTERVAL: Final = 1.0


class TlsFileError(ValueError):
    """A file of certificates or keys cannot be used; the text names it, and nothing in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The files of one client, PEM, each of which may be left out.

    The authorities of `ca_file` are trusted beside the system's, or, with `trusts_no_other`,
    instead of them.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    trusts_no_other: bool = False


class Tls:
    """The TLS of one client, which follows the changes of its files.

    `problem` says why they could not be read again since they changed, if so; what was read last
    stays in use then, because a rotation that is half done must not stop the processor.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; TlsFileError says which one cannot be used."""
        self.problem: str | None = None
        self._files = files
        self._identity = _identity(files)
        self._context = context_of(files)
        self._checked_at = float("-inf")
        self._lock = Lock()

    def current(self, now: float) -> ssl.SSLContext:
        """Return the context for a new connection, made anew if a file has changed.

        `now` is seconds on a clock that never goes back; the files are looked at no more than
        once a second. Any thread may call it.
        """
        with self._lock:
            if now - self._checked_at >= _CHECK_INTERVAL:
                self._checked_at = now
                self._follow()
            return self._context

    def _follow(self) -> None:
        try:
            # The identity is taken first: a change between the two shows at the next look.
            identity = _identity(self._files)
            if identity == self._identity:
                self.problem = None
                return
            self._context = context_of(self._files)
        except TlsFileError as error:
            if self.problem is None:
                _LOG.warning("certificates cannot be read again", why=str(error))
            self.problem = str(error)
        else:
            self._identity, self.problem = identity, None
            _LOG.info(
                "certificates were read again", files=[str(path) for path in _paths(self._files)]
            )


def context_of(files: TlsFiles) -> ssl.SSLContext:
    """Return what the files come to: TLS 1.2 or newer, certificates and names are checked.

    TlsFileError says which file cannot be used.
    """
    context = ssl.create_default_context()
    if files.ca_file is not None:
        if files.trusts_no_other:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cafile=files.ca_file)
        except OSError as error:
            raise _unusable("CA", files.ca_file, error) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.certificate_file is not None:
        try:
            # An empty password, because none at all would ask for one on the terminal.
            context.load_cert_chain(files.certificate_file, files.key_file, password="")
        except OSError as error:
            raise _unusable("client certificate", files.certificate_file, error) from None
    return context


def _paths(files: TlsFiles) -> list[Path]:
    named = (files.ca_file, files.certificate_file, files.key_file)
    return [path for path in named if path is not None]


def _identity(files: TlsFiles) -> tuple[int, ...]:
    """Return what changes when a file is written or another one takes its place."""
    found: list[int] = []
    for path in _paths(files):
        try:
            stat = path.stat()
        except OSError as error:
            raise _unusable("certificate", path, error) from None
        found += (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)
    return tuple(found)


def _unusable(what: str, path: Path, error: OSError) -> TlsFileError:
    # ssl.SSLError is an OSError, too; its text is OpenSSL's name for the problem.
    return TlsFileError(f"the {what} file {path} cannot be used: {error.strerror or error}")
