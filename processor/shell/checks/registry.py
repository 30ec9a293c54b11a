"""The schema registry: whether it answers, as one, and has the schemas."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from processor.errors import ProcessorError
from processor.shell import schemas
from processor.shell.checks.certificates import ending
from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.network import TroubleError, Trust
from processor.shell.checks.scene import Clock, Scene
from processor.shell.checks.web import Seen, head
from processor.shell.registry import COMPATIBILITY, Registry, tls_files
from processor.shell.settings import SchemaRegistry
from processor.shell.tls import context_of

_VOICE: Final = Voice(area=Area.REGISTRY)
_SCHEMA: Final = "PROCESSOR_SCHEMA_REGISTRY__"
_REFUSED: Final = ("status 401", "status 403")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a registry has under a subject: the id of our very schema, whether it could be added.

    `level` is the compatibility of the subject itself, None where it has none.
    """

    schema_id: int | None
    has_others: bool
    is_compatible: bool
    level: str | None


def entry(registry: Registry, subject: str, text: str) -> Entry:
    """Ask a registry about one of our schemas; ProcessorError when it does not answer as one."""
    schema_id = registry.lookup(subject, text)
    has_others = schema_id is None and registry.has_subject(subject)
    return Entry(
        schema_id=schema_id,
        has_others=has_others,
        is_compatible=schema_id is not None or registry.check_compatibility(subject, text),
        level=None if schema_id is None else registry.compatibility(subject),
    )


def look(scene: Scene) -> Iterator[Finding]:
    """Reach the registry, and look at the four subjects."""
    given = scene.settings.schema_registry
    registry = Registry(
        given.url,
        username=given.username,
        password=given.password,
        tls=tls_files(given),
        timeout=scene.within,
    )
    try:
        if not registry.is_mock:
            yield from _reached(scene, head(given.url, _trust(scene), scene.within))
        yield from _subjects(scene, registry)
    except TroubleError as trouble:
        yield _VOICE.error(given.url, trouble.found, trouble.remedy)
    except ProcessorError as error:
        yield _failed(given.url, str(error))
    finally:
        registry.close()


def _trust(scene: Scene) -> Trust:
    return Trust(
        context=context_of(tls_files(scene.settings.schema_registry)), setting=f"{_SCHEMA}CA_FILE"
    )


def _reached(scene: Scene, seen: Seen) -> Iterator[Finding]:
    url = scene.settings.schema_registry.url
    if seen.ahead is not None:
        scene.clocks.append(Clock(of=f"the registry's ({urlsplit(url).netloc})", ahead=seen.ahead))
    yield _VOICE.ok(url, "A server answers")
    if urlsplit(url).scheme == "http":
        yield from _in_the_open(scene.settings.schema_registry)
    if seen.not_after is not None:
        yield from ending(_VOICE, url, seen.not_after)


def _in_the_open(given: SchemaRegistry) -> Iterator[Finding]:
    """Say what somebody may count on that nothing is kept from over plain http."""
    remedy = f"Use an address with https:// in {_SCHEMA}URL"
    if given.password is not None:
        yield _VOICE.warning(
            given.url, "The password for it crosses the network unencrypted", remedy
        )
    for name in ("ca_file", "client_certificate_file"):
        if getattr(given, name) is not None:
            yield _VOICE.warning(
                f"{_SCHEMA}{name.upper()}", "It has no effect: http is spoken, not TLS", remedy
            )


def _failed(url: str, said: str) -> Finding:
    if any(each in said for each in _REFUSED):
        return _VOICE.error(
            url,
            "The registry refuses us: user, password or rights are wrong",
            f"Check {_SCHEMA}USERNAME and {_SCHEMA}PASSWORD, and what that user may read",
        )
    found, _, remedy = said.partition(". ")
    return _VOICE.error(
        url, found, remedy.rstrip(".") or f"Check {_SCHEMA}URL, with the path that it may have"
    )


def _subjects(scene: Scene, registry: Registry) -> Iterator[Finding]:
    topics = scene.settings.topics
    adds = scene.settings.schema_registry.auto_register
    names = (topics.order_paid, topics.cart_abandoned, topics.results, topics.dead_letters)
    for topic, name in zip(names, schemas.ALL, strict=True):
        subject = schemas.subject(topic)
        is_ours = name not in schemas.EVENTS
        yield judge(subject, name, entry(registry, subject, schemas.text(name)), (is_ours, adds))


def judge(subject: str, name: str, has: Entry, ours: tuple[bool, bool]) -> Finding:
    """Say what an entry means; `ours` is whether `run` writes by it, and may register it."""
    is_ours, adds = ours
    if not has.is_compatible:
        return _VOICE.error(
            subject,
            f"{name} is not registered, and not compatible with what is",
            "See whose schema it is; mend that, or use another topic. `processor schemas show "
            f"{name}` prints ours",
        )
    if has.schema_id is None and is_ours and not adds:
        return _VOICE.error(
            subject,
            f"{name} is not registered, and `run` may not register it",
            f"`processor schemas register`, or {_SCHEMA}AUTO_REGISTER=true",
        )
    if has.schema_id is None and is_ours:
        return _VOICE.ok(subject, f"{name} is not registered yet; `run` will do so")
    if has.schema_id is None and has.has_others:
        return _VOICE.ok(subject, f"A producer's own schema, to which {name} is compatible")
    if has.schema_id is None:
        return _VOICE.warning(
            subject,
            f"{name} is not registered: no producer has written by it yet",
            "`processor schemas register` protects it from schemas that we could not read",
        )
    if has.level != COMPATIBILITY:
        return _VOICE.warning(
            subject,
            f"{name} is registered, but the compatibility of its subject is "
            f"{has.level or 'the default'}, not {COMPATIBILITY}",
            "`processor schemas register` sets it",
        )
    return _VOICE.ok(subject, f"{name} is registered as id {has.schema_id}")
