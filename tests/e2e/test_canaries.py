"""Secrets and shoppers' data in every place, looked for in everything that we write or say.

Rokt's own words about an order are data: they stand in outcomes, in dead letters and in what
`inspect` shows of these, and nowhere else. What the shop has sent stands in dead letters only.
"""

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import cart_abandoned, order_paid, paid_item
from tests.support.programs import wait_until
from tests.support.receiver import Receiver, receiving
from tests.support.registries import RealRegistry
from tests.support.secured import SecuredKafka, rights
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_ROOT = Path(__file__).parents[2]
KEY, KAFKA, REGISTRY, SPANS, SERVER = SECRETS = tuple(
    f"canary-{name}-4711" for name in ("rokt-key", "kafka", "registry", "spans", "server")
)
ATTRIBUTE, INVALID, HEADER, BYTES, CURRENCY, SESSION, RELEASED = SENT = tuple(
    f"canary-{name}@example.com"
    for name in ("attribute", "invalid", "header", "bytes", "currency", "session", "released")
)
WORDS: Final = "canary-words@example.com"
LOGIN: Final = base64.b64encode(b"user:canary").decode()
"""How a user and a password of ours begin where they are sent."""
TELLING: Final = 12
"""So many characters of a canary are enough to know it again: texts are cut short."""
QUOTED: Final = f"{WORDS} with {KEY} is not known"
RULES: Final = (
    Rule(
        when=When(order_id="o-422"),
        then=Then(
            status=422,
            headers={"x-request-id": KEY, "www-authenticate": QUOTED},
            body={"description": QUOTED, "errors": [{"code": "MAIL", "message": QUOTED}]},
        ),
    ),
    Rule(when=When(order_id="o-html", last_attempt=1), then=Then(status=400, body=f"<{QUOTED}>")),
    Rule(when=When(order_id="o-again", last_attempt=1), then=Then(status=502, body=QUOTED)),
    Rule(when=When(cart_id="c-gone"), then=Then(status=422, body={"description": QUOTED})),
)
DATA: Final = {
    "originalKey",
    "originalValue",
    "originalHeaders",
    "requestBody",
    "responseBody",
    "errors",
    "errorDescription",
}
"""Fields of outputs that are there to hold what the shop sent and what Rokt said."""
COMMANDS: Final = (
    "config --json",
    "check --json",
    "redrive --from 24h --list 20",
    "reconcile --from 24h",
    "inspect c-422",
)


@pytest.fixture(params=["open", pytest.param("guarded", marks=pytest.mark.faults)])
def world(
    request: pytest.FixtureRequest, registry: RealRegistry, tmp_path: Path
) -> Iterator[World]:
    """A world on the Kafka of all tests, or on one that really asks for the password."""
    if request.param == "open":
        kafka: RealKafka = request.getfixturevalue("kafka")
        with open_world(kafka, registry, tmp_path, partitions=2, rules=RULES) as opened:
            yield opened
        return
    folder = tmp_path / "kafka"
    folder.mkdir()
    with (
        SecuredKafka(folder) as secured,
        open_world(secured, registry, tmp_path, partitions=2, rules=RULES) as opened,
    ):
        secured.give_password(KAFKA)
        secured.allow(rights(opened))
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of spans."""
    with receiving() as opened:
        yield opened


def hidden(world: World, receiver: Receiver, folder: Path) -> dict[str, str]:
    """Return settings with every secret that there is, in a file each but for one."""
    properties: dict[str, object] = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
    settings: dict[str, str] = {}
    if isinstance(world.kafka, SecuredKafka):
        properties |= world.kafka.properties(KAFKA)
        settings["kafka__bootstrap_servers"] = world.kafka.guarded
    else:
        properties |= {"https.ca.pem": KAFKA}
    secrets = {
        "rokt__api_key": KEY,
        "kafka__properties": json.dumps(properties | {"debug": "all"}),
        "schema_registry__password": REGISTRY,
        "tracing__headers": f"Authorization={SPANS}",
    }
    for name, secret in secrets.items():
        path = folder / name
        path.write_text(secret)
        path.chmod(0o600)
        settings |= {name: "", f"{name}_file": str(path)}
    return settings | {
        "schema_registry__username": "user",
        "server__username": "user",
        "server__password": SERVER,
        "tracing__endpoint": receiver.endpoint,
    }


def happen(world: World) -> None:
    """Have the shop send its shoppers' data in every place, right and wrong."""
    shop, paid = world.shop, world.topics.order_paid
    for order in ("o-ok", "o-422", "o-html", "o-again"):
        event = order_paid(order, order.replace("o-", "c-"), attributes={"email": ATTRIBUTE})
        key, value = event["cartId"], shop.value(paid, event)
        shop.raw(paid, key, value, [("mail", HEADER.encode())])
    whole = shop.value(paid, order_paid("o-cut", "c-cut", attributes={"email": BYTES}))
    shop.raw(paid, "c-cut", whole[:-2])
    shop.raw(paid, "c-garbage", BYTES.encode())
    wrong = paid_item("zero", quantity=0)
    shop.paid(order_paid("o-zero", "c-zero", wrong, attributes={"email": INVALID}))
    shop.paid(order_paid("o-money", "c-money", paid_item("money", currency=CURRENCY)))
    shop.paid(order_paid("o-session", "c-session", roktSessionId=f"{SESSION}é"))
    shop.abandoned(cart_abandoned("gone", "c-gone", roktSessionId=RELEASED))
    shop.flush()


def said(world: World, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what each command prints, and its errors."""
    started = {
        line: subprocess.Popen(
            [sys.executable, "-m", "processor", *line.split()],
            env=world.environment(**settings),
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in COMMANDS
    }
    for line, program in started.items():
        yield line, program.communicate(timeout=60)[0]


def served(processor: Processor) -> Iterator[tuple[str, str]]:
    """Yield what the server shows to whoever knows the password."""
    login = base64.b64encode(f"user:{SERVER}".encode()).decode()
    for path in ("/metrics", "/status", "/page.json", "/"):
        request = urllib.request.Request(  # noqa: S310  our own loopback address
            f"{processor.url}{path}", headers={"Authorization": f"Basic {login}"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            yield path, answer.read().decode()


def listed() -> str:
    """Return the command lines of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_text(errors="replace"))
    assert any("processor" in line for line in lines)
    return "\n".join(lines)


def written(world: World) -> Iterator[tuple[str, str]]:
    """Yield the outputs: their bytes, their headers, and their fields that hold no data."""
    for topic in (world.topics.results, world.topics.dead_letters):
        raw = b"".join(each.value() or b"" for each in oracle.read_topic(world, topic))
        yield f"bytes of {topic}", raw.decode(errors="replace")
    for each in (*oracle.outcomes(world), *oracle.dead_letters(world)):
        fields = {name: value for name, value in each.value.items() if name not in DATA}
        yield f"headers in {each.topic}", f"{each.headers}"
        yield f"fields in {each.topic}", f"{fields}"


def test_no_secret_and_no_shopper_shows_where_they_must_not(
    world: World, receiver: Receiver, tmp_path: Path
) -> None:
    world.rokt.api_key = KEY
    settings = hidden(world, receiver, tmp_path)
    happen(world)
    with world.processor(**settings) as processor:
        world.wait_until_drained()
        shown = dict(served(processor)) | {"processes": listed()}
        shown |= dict(said(world, settings))
        assert processor.program.stop() == 0
    shown |= {"spans": "".join(f"{body!r}" for _, _, body in receiver.requests)}
    world.shop.paid(order_paid("o-bug", "c-bug", attributes={"email": ATTRIBUTE}))
    world.shop.flush()
    with world.processor(module="tests.support.stumbling", **settings) as stumbling:
        wait_until(lambda: not stumbling.is_running, within=30, what="it ends with its bug")
        assert stumbling.program.wait() == 70
    shown["logs"] = world.logs()
    assert [each in shown["logs"] for each in ("dead letter", "TypeError", "in _stumble")] == [
        True
    ] * 3
    data = dict(written(world))

    found = {
        (canary, where)
        for where, text in (shown | data).items()
        for canary in (*SECRETS, LOGIN, *SENT, WORDS)
        if canary[:TELLING] in text
    }
    letters, results = (
        f"bytes of {each}" for each in (world.topics.dead_letters, world.topics.results)
    )
    data_has = {(canary, letters) for canary in (*SENT, WORDS)} | {(WORDS, results)}
    assert found - {(WORDS, "inspect c-422")} == data_has
