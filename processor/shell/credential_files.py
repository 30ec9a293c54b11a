"""The files of secrets, keys and certificates: what is to be said of them while we run."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import structlog

from processor.shell.clock import steady
from processor.shell.secrets import SecretFile, identity
from processor.shell.settings import Kafka, Settings
from processor.shell.settings_properties import PropertiesFile
from processor.shell.settings_source import Leaf, leaves, variable

_LOG: Final = structlog.get_logger(__name__)
_PROPERTIES: Final = "kafka.properties"
_KEYS: Final = ("ssl.key.location", "ssl.keystore.location")
_OF_TLS: Final = (
    *_KEYS,
    "ssl.certificate.location",
    "ssl.ca.location",
    "ssl.crl.location",
)
RESTART: Final = (
    "Kafka's client reads it at its start only: restart the members one after the other"
)


def open_to_all(path: Path) -> bool:
    """Whether everybody on the machine may read a file; False as well where it is not there."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def secret_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the settings that name a file which nobody else should read, each with that file."""
    for name, file in followed_files(settings).items():
        yield name, file.path
    for leaf, value in _values(settings):
        if isinstance(value, Path) and leaf.key.endswith("key_file"):
            yield leaf.variable, value
    for name, path in _of_kafka(settings.kafka):
        if name in _KEYS:
            yield f"{name} of {variable(_PROPERTIES)}", path


def followed_files(settings: Settings) -> Mapping[str, SecretFile]:
    """Return the secrets that are read again when their files change, by their settings."""
    found: dict[str, SecretFile] = {}
    for leaf, value in _values(settings):
        file = value.file if isinstance(value, PropertiesFile) else value
        if isinstance(file, SecretFile):
            found[variable(leaf.names[-1])] = file
    return found


class CredentialFiles:
    """Looks at the files of the settings, and says once what a person should know of each."""

    def __init__(self, settings: Settings) -> None:
        """Note how they are."""
        self._settings = settings
        properties = settings.kafka.properties
        self._properties = properties if isinstance(properties, PropertiesFile) else None
        self._followed = {
            name: file
            for name, file in followed_files(settings).items()
            if file is not settings.rokt.api_key
        }
        self._read = {name: file.current(steady()) for name, file in self._followed.items()}
        self._certificates = {path: _identity(path) for _, path in _of_kafka(settings.kafka)}
        self._said: list[tuple[str, dict[str, str]]] = []

    def look(self) -> None:
        """Look at all of them; what was said is said again only once it has been over."""
        found = [*self._findings()]
        for event, told in found:
            if (event, told) not in self._said:
                _LOG.warning(event, **told)
        self._said = found
        for name, file in self._followed.items():
            if (secret := file.current(steady())) is not self._read[name]:
                self._read[name] = secret
                _LOG.info("a secret was read again", setting=name)

    def _findings(self) -> Iterator[tuple[str, dict[str, str]]]:
        for name, path in secret_files(self._settings):
            if open_to_all(path):
                remedy = f"chmod o-r {path}"
                told = {"setting": name, "file": str(path), "remedy": remedy}
                yield "everybody may read a file of secrets", told
        for name, file in self._followed.items():
            if file.problem is not None:
                told = {"setting": name, "why": file.problem}
                yield "the file of a secret cannot be read again", told
        if self._properties is not None and (unused := self._properties.unused()):
            told = {"properties": ", ".join(unused), "remedy": RESTART}
            yield "what was changed is not used before a restart", told
        for path, was in self._certificates.items():
            if _identity(path) not in (was, None):
                told = {"file": str(path), "remedy": RESTART}
                yield "what was changed is not used before a restart", told


def _values(settings: Settings) -> Iterator[tuple[Leaf, object]]:
    for leaf in leaves(type(settings)).values():
        value: object = settings
        for name in leaf.path:
            value = getattr(value, name)
        yield leaf, value


def _of_kafka(kafka: Kafka) -> Iterator[tuple[str, Path]]:
    """Yield the files that librdkafka's properties name for TLS."""
    for name in _OF_TLS:
        if isinstance(path := kafka.properties.get(name), str):
            yield name, Path(path)


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        return identity(path)
    except ValueError:
        return None
