"""The way to Kafka: names, connections, TLS, signing in, and the addresses that brokers tell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata

from processor.shell.checks import wire
from processor.shell.checks.certificates import ending
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.network import (
    Address,
    TroubleError,
    Trust,
    blind,
    connected,
    end_of,
    no_certificate,
    secured,
    speaks_tls,
    wants_certificate,
)
from processor.shell.checks.reach import (
    PROPERTIES,
    address_of,
    is_shown_elsewhere,
    open_admin,
    protocol_of,
    trust_of,
)
from processor.shell.checks.scene import Scene
from processor.shell.settings import Kafka

_VOICE: Final = Voice(area=Area.KAFKA)
_MOST: Final = 12  # servers that are tried one by one
_SOON: Final = 1.5
_CERTIFICATE: Final = f"`ssl.certificate.location` and `ssl.key.location` of {PROPERTIES}"
_FINAL: Final = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001

NETWORK: Final = "network"
SIGNING_IN: Final = "signing in"


def look(scene: Scene) -> Iterator[Finding]:
    """Try every server, sign in, try the addresses that the brokers tell."""
    kafka = scene.settings.kafka
    try:
        trust = trust_of(kafka)
    except (OSError, ValueError):
        trust = blind()
        yield _VOICE.warning(
            NETWORK,
            "The files of the ssl.… properties cannot be tried one by one",
            f"Check their paths and forms in {PROPERTIES}, if signing in fails",
        )
    if protocol_of(kafka) == "SASL_PLAINTEXT":
        yield _VOICE.warning(
            NETWORK,
            "Passwords and records cross the network unencrypted (SASL_PLAINTEXT)",
            f'Set "security.protocol" to SASL_SSL in {PROPERTIES}, and name the port for it',
        )
    servers = [address_of(each) for each in kafka.bootstrap_servers.split(",")]
    found, failed = _servers(scene, servers[:_MOST], trust)
    yield from found
    told, complaints = _sign_in(kafka, scene.within)
    # One that answers leads to all others.
    is_fatal = isinstance(told, KafkaError) and len(failed) == len(servers[:_MOST])
    for address, trouble in failed.items():
        voice = _VOICE.error if is_fatal else _VOICE.warning
        yield voice(str(address), trouble.found, trouble.remedy)
    if isinstance(told, KafkaError):
        yield _not_in(kafka, told, complaints)
        return
    scene.is_signed_in = True
    scene.brokers = tuple(sorted(told.brokers))
    yield _VOICE.ok(SIGNING_IN, _signed_in(kafka, told))
    yield from _brokers(told, servers, scene.within)


def _brokers(told: ClusterMetadata, tried: Sequence[Address], within: float) -> Iterator[Finding]:
    if len(told.brokers) < 3:  # noqa: PLR2004  the promise of the outputs needs so many
        yield _VOICE.warning(
            "brokers",
            f"Only {len(told.brokers)} of them: what was acknowledged may go with one",
            "Use a cluster of three or more, where money hangs on it",
        )
    advertised = {
        number: Address(host=str(each.host), port=int(each.port))
        for number, each in told.brokers.items()
    }
    yield from _advertised(advertised, tried, within)


def _sign_in(
    kafka: Kafka, within: float
) -> tuple[ClusterMetadata | KafkaError, Sequence[KafkaError]]:
    """Return what the cluster tells of itself, or why not, and what was complained of.

    Who is refused need not wait until the time is over.
    """
    admin, complaints = open_admin(kafka)
    first = min(_SOON, within)
    for timeout in (first, within - first):
        try:
            return admin.list_topics(timeout=timeout), complaints
        except KafkaException as away:
            error: KafkaError = away.args[0]
        admin.poll(0)  # what it complained of meanwhile
        if any(each.code() in _FINAL for each in complaints):
            break
    return error, complaints


def _servers(
    scene: Scene, servers: Sequence[Address], trust: Trust | None
) -> tuple[list[Finding], dict[Address, TroubleError]]:
    """Try every server; return what was found of those that answer, and why others do not."""
    found: list[Finding] = []
    failed: dict[Address, TroubleError] = {}
    for address in servers:
        try:
            found += _server(scene, address, trust)
        except TroubleError as why:
            failed[address] = why
        except (wire.NotKafkaError, OSError):
            if is_shown_elsewhere(scene.settings.kafka):
                found.append(_VOICE.ok(str(address), "It takes connections over TLS"))
                continue
            if trust is not None and wants_certificate(address, trust, scene.within):
                failed[address] = no_certificate(address, _CERTIFICATE)
                continue
            failed[address] = _no_broker(scene.settings.kafka, address, scene.within)
    return found, failed


def _server(scene: Scene, address: Address, trust: Trust | None) -> Iterator[Finding]:
    with ExitStack() as stack:
        channel = stack.enter_context(connected(address, scene.within))
        until = None
        if trust is not None:
            channel = stack.enter_context(secured(channel, address, trust))
            until = end_of(channel)
        scene.abilities = wire.ask(channel)
    yield _VOICE.ok(str(address), "A Kafka broker answers" + (", over TLS" if trust else ""))
    if until is not None:
        yield from ending(_VOICE, str(address), until)


def _no_broker(kafka: Kafka, address: Address, within: float) -> TroubleError:
    if not protocol_of(kafka).endswith("SSL") and speaks_tls(address, within):
        return TroubleError(
            f"{address} speaks TLS, and the settings do not",
            f'Set "security.protocol" to SSL or SASL_SSL in {PROPERTIES}, or name another port',
        )
    return TroubleError(
        f"{address} takes connections and does not answer as a Kafka broker does",
        "Check the port: is it another program's, or the controller's?",
    )


def _not_in(kafka: Kafka, away: KafkaError, complaints: Sequence[KafkaError]) -> Finding:
    telling = [each for each in complaints if each.code() != KafkaError._ALL_BROKERS_DOWN]  # noqa: SLF001
    error = telling[-1] if telling else away
    refused = [each for each in telling if each.code() == KafkaError._AUTHENTICATION]  # noqa: SLF001
    protocol = protocol_of(kafka)
    if refused:
        return _VOICE.error(
            SIGNING_IN,
            f"The brokers refuse {_who(kafka)} ({_last_words(refused[-1])})",
            f"Check `sasl.username`, `sasl.password` and `sasl.mechanism` in {PROPERTIES}: is it "
            "the right password, and does the user exist on this cluster?",
        )
    return _VOICE.error(
        SIGNING_IN,
        f"No broker lets us in over {protocol} ({_last_words(error)})",
        "Mend what is said of the servers above; otherwise check `security.protocol` in "
        f"{PROPERTIES} against what that port asks for",
    )


def _last_words(error: KafkaError) -> str:
    """Return what librdkafka says, without the address in front and the timing behind it."""
    return str(error.str()).rsplit("://", 1)[-1].partition(": ")[2].partition(" (after")[0] or str(
        error.str()
    )


def _who(kafka: Kafka) -> str:
    """Say who we come as, without the name: it is masked elsewhere, too."""
    properties = kafka.client_properties()
    mechanism = properties.get("sasl.mechanism", properties.get("sasl.mechanisms"))
    return f"the user of `sasl.username`, by {mechanism}" if mechanism else "us"


def _signed_in(kafka: Kafka, told: ClusterMetadata) -> str:
    cluster = getattr(told, "cluster_id", None) or "without an id"
    listed = ", ".join(map(str, sorted(told.brokers)))
    return f"Let in over {protocol_of(kafka)}; cluster {cluster}, brokers {listed}"


def _advertised(
    advertised: Mapping[int, Address], tried: Iterable[Address], within: float
) -> Iterator[Finding]:
    known, failed = set(tried), 0
    for number, address in list(advertised.items())[:_MOST]:
        if address in known:
            continue
        try:
            with connected(address, within):
                pass
        except TroubleError as trouble:
            failed += 1
            yield _VOICE.error(
                f"broker {number}",
                f"It tells clients to come to {address}: {_lower(trouble.found)}",
                "Set `advertised.listeners` on the broker to what can be reached from here, or "
                f"let it be reached. {trouble.remedy}",
            )
    if not failed:
        listed = ", ".join(map(str, advertised.values()))
        yield _VOICE.ok("advertised", f"Brokers can be reached where they say: {listed}")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
