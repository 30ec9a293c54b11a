"""`processor topics plan`, `create` and `acls` as people meet them."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from processor.cli import main as cli
from processor.cli import topics_plan as module
from processor.core.blueprints import Names, Purpose
from processor.core.topic_plans import Cluster, Found, PlannedTopic
from processor.errors import RuntimeFailure
from processor.shell.settings import Kafka
from tests.unit.test_topic_plans import BROKERS, NAMES, changed, well

CANARY = "canary-5f1d"
ENOUGH = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_KAFKA__GROUP_ID": "shop",
    "PROCESSOR_KAFKA__PROPERTIES": json.dumps(
        {"security.protocol": "SSL", "ssl.key.password": CANARY}
    ),
}


@dataclass
class Brokers:
    """A cluster in memory."""

    topics: dict[Purpose, Found | None]
    created: list[list[str]] = field(default_factory=list)
    looks: int = 0

    def look(self, _: Kafka, names: Names) -> Cluster:
        assert names == NAMES
        self.looks += 1
        return Cluster(brokers=BROKERS, topics=dict(self.topics))

    def create(self, _: Kafka, topics: tuple[PlannedTopic, ...]) -> None:
        self.created.append([topic.name for topic in topics])
        for topic in topics:
            self.topics[topic.blueprint.purpose] = Found(
                assignment=(BROKERS,) * topic.partitions, config=topic.config
            )


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> Brokers:
    made = Brokers(dict.fromkeys(Purpose))
    monkeypatch.setattr(module, "brokers", made)
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    return made


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command about topics; `answer` is what is typed."""
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest's workers have one

    def run_it(*arguments: str, answer: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["processor", "topics", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        assert CANARY not in shown.out + shown.err
        return Ran(int(ended.value.code or 0), shown.out, shown.err)

    return run_it


def test_a_plan_shows_what_is_missing_and_ends_with_code_3(brokers: Brokers, run: Run) -> None:
    done = run("plan", "--partitions", "6")
    assert (done.code, done.err, brokers.created) == (3, "", [])
    assert done.out.count("missing") == len(Purpose) + 1
    assert "retention.ms=7776000000 (90d)" in done.out
    assert "max.message.bytes=3211288 (3.1 MiB)" in done.out
    assert (
        "All of them: cleanup.policy=delete, retention.bytes=-1, min.insync.replicas=2, "
        "unclean.leader.election.enable=false\n"
    ) in done.out
    assert done.out.endswith(
        "`processor topics create` creates what is missing, and nothing else.\n"
    )


def letters(shown: str) -> list[str]:
    return sorted(shown.translate(str.maketrans("", "", " \n─")))


@pytest.mark.usefixtures("brokers")
@pytest.mark.parametrize("columns", ["40", "60", "80", "100"])
def test_a_narrow_place_cuts_nothing_and_no_line_ends_in_blanks(
    run: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    wide = run("plan", "--offline", "--partitions", "6").out
    monkeypatch.setenv("COLUMNS", columns)
    narrow = run("plan", "--offline", "--partitions", "6").out
    assert letters(narrow) == letters(wide)
    assert [line for line in narrow.splitlines() if line != line.rstrip()] == []
    if int(columns) >= 60:
        assert "retention.ms=7776000000 (90d)\n" in narrow


def test_a_plan_of_what_is_well_ends_with_code_0(brokers: Brokers, run: Run) -> None:
    brokers.topics = well()
    done = run("plan")
    assert (done.code, done.err, done.out.count("well")) == (0, "", 5)


def test_what_differs_is_told_with_its_reason_and_command(brokers: Brokers, run: Run) -> None:
    brokers.topics = changed(Purpose.RESULTS, cleanup_policy="compact")
    done = run("plan")
    assert done.code == 3
    assert done.out.endswith(
        "\nrokt-results differs from what is needed; nothing alters it but you:\n"
        "- cleanup.policy is compact, needed is delete: the key is the cart: the ledger would "
        "forget all its orders but the last.\n"
        "  kafka-configs.sh --bootstrap-server broker:9092 --alter --entity-type topics "
        "--entity-name rokt-results --add-config cleanup.policy=delete\n"
    )


def test_without_brokers_nothing_is_asked_and_nothing_is_to_be_done(
    brokers: Brokers, run: Run
) -> None:
    done = run("plan", "--offline")
    assert (done.code, done.err, brokers.looks) == (0, "", 0)
    assert done.out.count("not asked") == 5
    assert "topics create" not in done.out


@pytest.mark.parametrize("command", [["plan", "--offline"], ["acls"]])
@pytest.mark.parametrize("printed", ["table", "hcl", "strimzi", "json", "commands"])
def test_who_asks_no_broker_need_not_know_one_but_for_commands(
    brokers: Brokers,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    printed: str,
) -> None:
    monkeypatch.delenv("PROCESSOR_KAFKA__BOOTSTRAP_SERVERS")
    done = run(*command, "--format", printed)
    is_refused = "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS is not set" in done.err
    assert (done.code, is_refused) == ((2, True) if printed == "commands" else (0, False))
    assert brokers.looks == 0
    asking = run("plan", "--format", printed)
    assert (asking.code, "BOOTSTRAP_SERVERS is not set" in asking.err) == (2, True)


def test_times_and_sizes_can_be_chosen(brokers: Brokers, run: Run) -> None:
    chosen = ("--retention", "2w", "--dead-letter-retention", "forever")
    done = run("plan", *chosen, "--max-message-bytes", "2000000", "--format", "json")
    topics = json.loads(done.out)["topics"]
    assert {topic["purpose"]: topic["config"]["retention.ms"] for topic in topics} == {
        "order_paid": "1209600000",
        "cart_abandoned": "1209600000",
        "results": "-1",
        "dead_letters": "-1",
        "replay": "1209600000",
    }
    assert topics[0]["config"]["max.message.bytes"] == "2000000"
    assert brokers.looks == 1


def test_a_larger_reply_needs_larger_outputs(
    brokers: Brokers, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROCESSOR_HTTP_CLIENT__REPLY_LIMIT", "2000000")
    topics = json.loads(run("plan", "--format", "json").out)["topics"]
    assert topics[2]["config"]["max.message.bytes"] == str(1_048_588 + 2_000_000 + 65_536)
    assert brokers.looks == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plan", "--retention", "7 days"), "36h, 7d or 4w"),
        (("plan", "--retention", "0d"), "36h, 7d or 4w"),
        (("plan", "--partitions", "0"), "--partitions"),
        (("plan", "--replication-factor", "4"), "takes as many brokers, and there are 3"),
        (("plan", "--min-insync-replicas", "4"), "more than the 3 replicas"),
        (("acls", "--user", "run"), "is not ROLE=NAME"),
        (("acls", "--user", "nobody=x"), "look-back, copy"),
        (("acls", "--role", "nobody"), "--role"),
        (("acls", "--user", "run=CN=Shop", "--format", "strimzi"), "no name 'CN=Shop'"),
    ],
)
def test_what_cannot_be_meant_ends_with_code_2(
    brokers: Brokers, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    done = run(*arguments)
    assert (done.code, brokers.created) == (2, [])
    assert told in " ".join(done.err.replace("│", " ").split())


def test_a_count_that_the_inputs_do_not_have_ends_with_code_2(brokers: Brokers, run: Run) -> None:
    brokers.topics = well(partitions=4)
    done = run("create", "--partitions", "8", "--yes")
    assert (done.code, brokers.created) == (2, [])
    assert done.err == (
        "--partitions 8 does not go with the inputs: order-paid has 4, cart-abandoned has 4. All "
        "topics take the inputs' count: leave the option out.\n"
    )


QUESTION = "Create rokt-results, rokt-replay? [y/N]: "


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_nothing_is_created_without_a_yes(brokers: Brokers, run: Run, answer: str) -> None:
    brokers.topics = well() | {Purpose.RESULTS: None, Purpose.REPLAY: None}
    done = run("create", answer=answer)
    assert (done.code, done.err, brokers.created) == (1, "Aborted.\n", [])
    assert QUESTION in done.out


@pytest.mark.parametrize(("arguments", "answer"), [(("--yes",), ""), ((), "y\n")])
def test_what_is_missing_is_created_and_nothing_else(
    brokers: Brokers, run: Run, arguments: tuple[str, ...], answer: str
) -> None:
    brokers.topics = well() | {Purpose.RESULTS: None, Purpose.REPLAY: None}
    done = run("create", *arguments, answer=answer)
    assert (done.code, done.err, brokers.created) == (0, "", [["rokt-results", "rokt-replay"]])
    assert done.out.endswith("Created: rokt-results, rokt-replay.\n")
    assert (run("plan").code, run("create").code) == (0, 0)


def test_what_differs_is_not_altered_and_ends_with_code_3(brokers: Brokers, run: Run) -> None:
    brokers.topics = changed(Purpose.RESULTS, retention_ms="1000") | {Purpose.REPLAY: None}
    done = run("create", "--yes")
    assert (done.code, brokers.created) == (3, [["rokt-replay"]])
    results = brokers.topics[Purpose.RESULTS]
    assert results is not None
    assert results.config["retention.ms"] == "1000"
    assert done.out.endswith(
        "Not as needed, and not touched: rokt-results. `processor topics plan` tells why.\n"
    )


def test_a_refusal_of_the_brokers_ends_with_code_1(
    brokers: Brokers, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:  # noqa: ANN401  whatever it is given
        raise RuntimeFailure("Kafka refuses to create topics.")

    monkeypatch.setattr(brokers, "create", refuse)
    done = run("create", "--yes")
    assert (done.code, done.err) == (1, "Kafka refuses to create topics.\n")
    assert "Created" not in done.out


def test_rights_are_listed_by_role_with_what_goes_wrong_without(brokers: Brokers, run: Run) -> None:
    done = run("acls", "--role", "copy", "--user", "copy=mover")
    assert (done.code, done.err, brokers.looks) == (0, "", 0)
    assert done.out.startswith("copy: User:mover")
    line = next(line for line in done.out.splitlines() if "shop.replay." in line)
    assert " ".join(line.split()) == (
        "Read group shop.replay.* the progress is not kept, so nothing is copied"
    )


def test_all_roles_are_listed_with_users_of_their_own(brokers: Brokers, run: Run) -> None:
    listed = json.loads(run("acls", "--format", "json").out)
    users = [(each["role"], each["user"]) for each in listed]
    assert users == [
        ("run", "rokt-cart-processor"),
        ("check", "rokt-cart-doctor"),
        ("look-back", "rokt-cart-history"),
        ("copy", "rokt-cart-copier"),
        ("accept-gap", "rokt-cart-operator"),
        ("topics", "rokt-cart-topics"),
        ("scale", "rokt-cart-scaler"),
        ("produce-order-paid", "order-paid-producer"),
        ("produce-cart-abandoned", "cart-abandoned-producer"),
    ]
    made = yaml.safe_load_all(run("acls", "--format", "strimzi").out)
    assert [each["metadata"]["name"] for each in made] == [user for _, user in users]
    assert brokers.looks == 0


def test_a_principal_may_be_any_name(brokers: Brokers, run: Run) -> None:
    done = run("acls", "--role", "run", "--user", "run=CN=Shop, O=x", "--format", "commands")
    assert "--allow-principal 'User:CN=Shop, O=x'" in done.out
    assert brokers.looks == 0


def test_a_topic_that_differs_and_one_that_is_missing_are_both_in_the_plan(
    brokers: Brokers, run: Run
) -> None:
    brokers.topics = changed(Purpose.RESULTS, partitions=1, replicas=1) | {Purpose.REPLAY: None}
    done = run("plan", "--format", "commands")
    assert done.code == 3
    assert [line.split()[0] for line in done.out.splitlines() if line[:5] == "kafka"] == [
        "kafka-topics.sh",
        "kafka-topics.sh",
        "kafka-reassign-partitions.sh",
    ]
