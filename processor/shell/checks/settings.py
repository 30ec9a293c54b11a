"""The settings and the files that they name."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from processor.shell.checks.certificates import (
    authorities,
    own_certificate,
    served_certificate,
    unseen_certificate,
)
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.credential_files import followed_files, open_to_all, secret_files
from processor.shell.settings import Kafka, Loaded, Settings
from processor.shell.settings_source import variable

_VOICE: Final = Voice(area=Area.SETTINGS)
_FILES: Final = Voice(area=Area.FILES)


def look(loaded: Loaded[Settings]) -> Iterator[Finding]:
    """Say everything that is wrong with the settings."""
    for problem in sorted(loaded.problems, key=lambda each: each.name):
        yield _VOICE.error(problem.name, f"It {problem.wrong}", problem.remedy)
    if not loaded.problems:
        yield _VOICE.ok("all", "Complete, and they fit each other")
    settings = loaded.settings
    if settings.on_outage == "dead-letter":
        yield _VOICE.warning(
            variable("on_outage"),
            "It is `dead-letter`: an outage of minutes turns every paid order of them into a dead "
            "letter",
            "Set it to `hold`, unless somebody is there to bring them back",
        )


def files(settings: Settings, doubtful: AbstractSet[str]) -> Iterator[Finding]:
    """Look at the certificates and secrets that lie in files; what cannot be read was said."""
    client, registry = settings.http_client, settings.schema_registry
    for key, path in (
        ("http_client.ca_file", client.ca_file),
        ("schema_registry.ca_file", registry.ca_file),
    ):
        if path is not None and key not in doubtful:
            yield from authorities(variable(key), path)
    for group, peer in (("http_client", client), ("schema_registry", registry)):
        keys = f"{group}.client_certificate_file", f"{group}.client_key_file"
        pair = peer.client_certificate_file, peer.client_key_file
        if pair[0] is not None and pair[1] is not None and doubtful.isdisjoint(keys):
            yield from own_certificate(variable(keys[0]), pair[0], pair[1])
    yield from _of_kafka(settings.kafka, doubtful)
    server = settings.server
    if server.certificate_file and server.key_file and not doubtful & _SERVED:
        name = variable("server.certificate_file")
        yield from served_certificate(name, server.certificate_file, server.key_file)
    followed = followed_files(settings)
    for name, path in secret_files(settings):
        if open_to_all(path):
            yield _FILES.warning(
                name,
                f"Everybody on this machine may read {path}",
                f"chmod o-r {path}; for a volume of Kubernetes, defaultMode 0440 and an fsGroup",
            )
        elif name in followed:
            yield _FILES.ok(name, f"{path} can be read, and is not empty")


def _of_kafka(kafka: Kafka, doubtful: AbstractSet[str]) -> Iterator[Finding]:
    if _PROPERTIES in doubtful:
        return
    given = {name: str(value) for name, value in kafka.client_properties().items()}
    certificate, key = given.get("ssl.certificate.location"), given.get("ssl.key.location")
    password = given.get("ssl.key.password", "")
    if certificate and key:
        name = f"ssl.certificate.location of {variable(_PROPERTIES)}"
        yield from own_certificate(name, Path(certificate), Path(key), password)
        return
    for name in _UNSEEN:
        if given.get(name):
            yield unseen_certificate(f"{name} of {variable(_PROPERTIES)}")


_PROPERTIES: Final = "kafka.properties"
_UNSEEN: Final = ("ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location")
_SERVED: Final = {"server.certificate_file", "server.key_file"}
