"""What the tests of `processor check` share: settings, servers that answer HEAD, findings."""

import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from processor.cli.topics_plan import names_of
from processor.core.blueprints import Purpose
from processor.core.rights import Groups, Kind, Role, rights
from processor.shell.checks.findings import Finding, Level
from processor.shell.checks.scene import Scene
from processor.shell.kafka.marks import acceptances
from processor.shell.settings import load_in_part
from tests.support.brokers import RealKafka
from tests.support.secured import USER
from tests.support.world import World

WITHIN = 5.0
_ANSWER_WITHIN = 20.0
_NEEDED = {
    "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "SCHEMA_REGISTRY__URL": "mock://check",
    "ROKT__BASE_URL": "https://127.0.0.1:9",
    "ROKT__API_KEY": "canary-key-9c1f",
    "ROKT__TAG_ID": "tag",
}


def environment(**settings: object) -> dict[str, str]:
    """Return complete settings as variables; `kafka__group_id="g"` sets one."""
    given = {name.upper(): str(value) for name, value in settings.items()}
    return {f"PROCESSOR_{name}": value for name, value in (_NEEDED | given).items()}


def scene(within: float = WITHIN, **settings: object) -> Scene:
    """Return a scene in which nothing was looked at yet; the settings have to be right."""
    loaded = load_in_part(None, environment(**settings))
    assert loaded.problems == ()
    return Scene(
        settings=loaded.settings,
        names=names_of(loaded.settings.topics),
        groups=Groups(own="g", accepted_gaps="g.accepted-gaps", replays="g.replay."),
        within=within,
    )


def told(findings: Iterable[Finding]) -> list[str]:
    """Return findings as `level subject: found`."""
    return [f"{each.level} {each.subject}: {each.found}" for each in findings]


@dataclass
class WebServer:
    """Answers every request by `status` and `headers`; `requests` are their first lines."""

    status: int = 404
    headers: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    requests: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self, tls: ssl.SSLContext | None = None) -> Iterator["WebServer"]:
        server_of_all = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                server_of_all.requests.append(self.requestline)
                server_of_all.sent.append(str(self.headers))
                self.send_response_only(server_of_all.status)
                if "Date" not in server_of_all.headers:
                    self.send_header("Date", self.date_time_string())
                for name, value in server_of_all.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST = do_HEAD  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Say nothing of clients that do not like the certificate."""

            def finish_request(self, request: object, client_address: object) -> None:
                if tls is not None:
                    assert isinstance(request, ssl.SSLSocket)
                    request.do_handshake()
                super().finish_request(request, client_address)  # type: ignore[arg-type]

        with Server(("127.0.0.1", 0), Handler) as server:
            if tls is not None:
                server.socket = tls.wrap_socket(
                    server.socket, server_side=True, do_handshake_on_connect=False
                )
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def troubles(findings: Iterable[Finding]) -> list[str]:
    """Return what is not well, as `level area subject`; that there is one broker only is known."""
    return [
        f"{each.level} {each.area} {each.subject}"
        for each in findings
        if each.level in (Level.WARNING, Level.ERROR) and each.subject != "brokers"
    ]


_KINDS = {
    Kind.TOPIC: ResourceType.TOPIC,
    Kind.GROUP: ResourceType.GROUP,
    Kind.CLUSTER: ResourceType.BROKER,
}


def all_rights(world: World, role: Role = Role.RUN, user: str = USER) -> list[AclBinding]:
    """Return the rights of a role, for the user of the tests or another one."""
    topics = world.topics
    names = {
        Purpose.ORDER_PAID: topics.order_paid,
        Purpose.CART_ABANDONED: topics.cart_abandoned,
        Purpose.RESULTS: topics.results,
        Purpose.DEAD_LETTERS: topics.dead_letters,
        Purpose.REPLAY: topics.replay,
    }
    groups = Groups(own=world.group, accepted_gaps=acceptances(world.group), replays="")
    return [
        AclBinding(
            _KINDS[each.kind],
            each.name,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            AclOperation[each.operation.name],
            AclPermissionType.ALLOW,
        )
        for each in rights(role, names, groups)
    ]


@contextmanager
def configured(kafka: RealKafka, topic: str, **settings: str) -> Iterator[None]:
    """Have settings of a topic changed meanwhile; `retention_ms="1"` is one."""
    admin = kafka.admin()
    resource = ConfigResource(ResourceType.TOPIC, topic)
    names = [name.replace("_", ".") for name in settings]
    before = admin.describe_configs([resource])[resource].result(_ANSWER_WITHIN)

    def set_to(values: Mapping[str, str | None]) -> None:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in values.items()
        ]
        changed = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        admin.incremental_alter_configs([changed])[changed].result(_ANSWER_WITHIN)

    set_to(dict(zip(names, settings.values(), strict=True)))
    try:
        yield
    finally:
        set_to({name: before[name].value for name in names})
