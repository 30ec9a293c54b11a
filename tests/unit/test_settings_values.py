"""Settings: what each kind of value accepts, and what must hold between them."""

import pytest

from processor.errors import SettingsError
from processor.shell.settings import load
from processor.shell.settings_addresses import BASE_URL, PATH, REGISTRY_URL, SERVERS, TOPIC
from processor.shell.settings_properties import PROPERTIES
from processor.shell.settings_values import (
    BOOLEAN,
    HEADER,
    START,
    Kind,
    duration,
    number,
    show_seconds,
    whole_number,
)

ENOUGH = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
    "PROCESSOR_ROKT__BASE_URL": "https://rokt.example",
    "PROCESSOR_ROKT__API_KEY": "key",
    "PROCESSOR_ROKT__TAG_ID": "tag",
}
SECONDS = duration(0.001, 3_600)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (SECONDS, "30", 30.0),
        (SECONDS, "0.5", 0.5),
        (SECONDS, "250ms", 0.25),
        (SECONDS, "30s", 30.0),
        (SECONDS, "15m", 900.0),
        (SECONDS, "1h", 3_600.0),
        (SECONDS, " 2 s ", 2.0),
        (SECONDS, 3, 3.0),
        (SECONDS, 0.25, 0.25),
        (whole_number(1, 100), "64", 64),
        (whole_number(1, 100), 64, 64),
        (number(0.01, 100), "0.5", 0.5),
        (BOOLEAN, "True", True),
        (BOOLEAN, "0", False),
        (BOOLEAN, False, False),
        (SERVERS, "a:1, b:2", "a:1,b:2"),
        (SERVERS, "[::1]:9092", "[::1]:9092"),
        (SERVERS, "broker", "broker"),
        (BASE_URL, "https://rokt.example/", "https://rokt.example"),
        (BASE_URL, "https://rokt.example:8443/eu", "https://rokt.example:8443/eu"),
        (BASE_URL, "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (BASE_URL, "http://127.1.2.3", "http://127.1.2.3"),
        (BASE_URL, "http://[::1]:8080", "http://[::1]:8080"),
        (BASE_URL, "http://localhost:8080", "http://localhost:8080"),
        (REGISTRY_URL, "http://registry/apis/ccompat/v7", "http://registry/apis/ccompat/v7"),
        (PATH, "/v1/Cart/confirm", "/v1/Cart/confirm"),
        (TOPIC, "order.paid_v1-x", "order.paid_v1-x"),
        (START, "latest", "latest"),
    ],
)
def test_a_legal_value_is_parsed(kind: Kind, raw: object, value: object) -> None:
    assert kind.parse(raw) == value


@pytest.mark.parametrize(
    ("kind", "raw", "wrong"),
    [
        (SECONDS, "0", "is less than 1 ms"),
        (SECONDS, "2h", "is more than 1 h"),
        (SECONDS, "-1", "is less than 1 ms"),
        (SECONDS, "nan", "is not a duration"),
        (SECONDS, "inf", "is not a duration"),
        (SECONDS, "1e9", "is not a duration"),
        (SECONDS, "٣", "is not a duration"),
        (SECONDS, True, "is not a duration"),
        (SECONDS, "5 days", "is not a duration"),
        (whole_number(1, 100), "0", "is less than 1"),
        (whole_number(1, 100), "101", "is more than 100"),
        (whole_number(1, 100), "1.5", "is not a whole number"),
        (whole_number(1, 100), True, "is not a whole number"),
        (whole_number(1, 100), "-1", "is less than 1"),
        (number(0.01, 100), "x", "is not a number"),
        (number(0.01, 100), "-1", "is less than 0.01"),
        (number(0.01, 1_000_000), "1000001", "is more than 1000000"),
        (BOOLEAN, "maybe", "is neither true nor false"),
        (SERVERS, "http://broker:9092", "is not a list of host:port"),
        (SERVERS, "user@broker:9092", "is not a list of host:port"),
        (SERVERS, "a:1,,b:2", "is not a list of host:port"),
        (SERVERS, "a:99999", "names a port that does not exist"),
        (BASE_URL, "rokt.example", "is not a URL"),
        (BASE_URL, "https://", "is not a URL"),
        (BASE_URL, "https://rokt.example:port", "is not a URL"),
        (BASE_URL, "https://rokt example", "is not a URL"),
        (BASE_URL, "http://rokt.example", "does not begin with https://"),
        (BASE_URL, "http://127.0.0.1.example", "does not begin with https://"),
        (BASE_URL, "http://localhost.example", "does not begin with https://"),
        (BASE_URL, "ftp://127.0.0.1", "does not begin with https://"),
        (BASE_URL, "https://user:word@rokt.example", "holds a user name or password"),
        (BASE_URL, "https://rokt.example?key=1", "holds a query or a fragment"),
        (BASE_URL, "https://rokt.example#x", "holds a query or a fragment"),
        (REGISTRY_URL, "http://user:word@registry", "holds a user name or password"),
        (REGISTRY_URL, "kafka://registry", "does not begin with https:// or http://"),
        (PATH, "v1/Cart/confirm", "does not begin with a slash"),
        (PATH, "/v1?x=1", "holds a blank, a query or a fragment"),
        (TOPIC, "order paid", "is not a legal topic name"),
        (TOPIC, "..", "is not a legal topic name"),
        (TOPIC, "x" * 250, "is not a legal topic name"),
        (START, "yesterday", "is neither `earliest`, `latest` nor an ISO time"),
        (START, "2025-01-31T08:00:00", "is a time without a zone"),
        (HEADER, "tag\r\nx: y", "has more than one line"),
        (HEADER, "tag\0", "holds characters that cannot be printed"),
        (HEADER, "tég", "holds characters other than printable ASCII"),
        (HEADER, "tag ", "begins or ends with a blank"),
        (PROPERTIES, "[]", "is not a JSON object"),
        (PROPERTIES, "{", "is not valid JSON"),
        (PROPERTIES, '{"a": NaN}', "is not valid JSON"),
        (PROPERTIES, '{"a": null}', "gives `a` a value that is no string, number or boolean"),
        (PROPERTIES, '{"a\\n": 1}', "holds a name that cannot be printed"),
        (PROPERTIES, '{"a": "********"}', "gives `a` the mask that stands for the secret"),
        (PROPERTIES, '{"a": [1]}', "gives `a` a value that is no string, number or boolean"),
    ],
)
def test_an_illegal_value_is_refused_in_words_that_do_not_quote_it(
    kind: Kind, raw: object, wrong: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        kind.parse(raw)
    assert str(caught.value) == wrong


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 s"),
        (0.25, "250 ms"),
        (2.5, "2.5 s"),
        (45.0, "45 s"),
        (900.0, "15 m"),
        (3600, "1 h"),
    ],
)
def test_a_duration_is_shown_as_people_write_it(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown


def clashes(**variables: str) -> dict[str, str]:
    """Return what is wrong with these settings beside the required ones."""
    environ = {f"PROCESSOR_{name.upper()}": value for name, value in variables.items()}
    try:
        load(None, ENOUGH | environ)
    except SettingsError as error:
        return {problem.name: problem.wrong for problem in error.problems}
    return {}


@pytest.mark.parametrize(
    ("variables", "name", "wrong"),
    [
        (
            {"kafka__lease": "16"},
            "PROCESSOR_KAFKA__LEASE",
            "is more than a third of the session timeout of 45 s",
        ),
        (
            {"kafka__lease": "10", "kafka__properties": '{"session.timeout.ms": "29000"}'}
            | {"http_client__confirm_deadline": "28"},
            "PROCESSOR_KAFKA__LEASE",
            "is more than a third of the session timeout of 29 s",
        ),
        (
            {"kafka__lease": "15", "http_client__connect_timeout": "30"}
            | {"http_client__confirm_read_timeout": "31", "http_client__release_read_timeout": "31"}
            | {"http_client__confirm_deadline": "35", "http_client__release_deadline": "35"},
            "PROCESSOR_HTTP_CLIENT__CONNECT_TIMEOUT",
            "and PROCESSOR_KAFKA__LEASE together are not shorter than the session timeout of 45 s",
        ),
        (
            {"http_client__confirm_deadline": "45", "kafka__drain_deadline": "50"},
            "PROCESSOR_HTTP_CLIENT__CONFIRM_DEADLINE",
            "is not shorter than the session timeout of 45 s",
        ),
        (
            {"http_client__release_deadline": "46", "kafka__drain_deadline": "50"},
            "PROCESSOR_HTTP_CLIENT__RELEASE_DEADLINE",
            "is not shorter than the session timeout of 45 s",
        ),
        (
            {"kafka__drain_deadline": "29"},
            "PROCESSOR_KAFKA__DRAIN_DEADLINE",
            "is shorter than PROCESSOR_HTTP_CLIENT__CONFIRM_DEADLINE",
        ),
        (
            {"kafka__drain_deadline": "300"},
            "PROCESSOR_KAFKA__DRAIN_DEADLINE",
            "is not shorter than the max.poll.interval.ms of 5 m",
        ),
        (
            {"http_client__connect_timeout": "10"},
            "PROCESSOR_HTTP_CLIENT__CONNECT_TIMEOUT",
            "is not shorter than PROCESSOR_HTTP_CLIENT__RELEASE_READ_TIMEOUT",
        ),
        (
            {"http_client__release_deadline": "3"},
            "PROCESSOR_HTTP_CLIENT__CONNECT_TIMEOUT",
            "is not shorter than PROCESSOR_HTTP_CLIENT__RELEASE_DEADLINE",
        ),
        (
            {"topics__replay": "order-paid"},
            "PROCESSOR_TOPICS__REPLAY",
            "names the same topic as PROCESSOR_TOPICS__ORDER_PAID",
        ),
        (
            {"schema_registry__password": "word"},
            "PROCESSOR_SCHEMA_REGISTRY__USERNAME",
            "is missing beside PROCESSOR_SCHEMA_REGISTRY__PASSWORD",
        ),
        (
            {"http_client__client_key_file": __file__},
            "PROCESSOR_HTTP_CLIENT__CLIENT_CERTIFICATE_FILE",
            "is missing beside PROCESSOR_HTTP_CLIENT__CLIENT_KEY_FILE",
        ),
        (
            {"calls__max_span": "999"},
            "PROCESSOR_CALLS__MAX_SPAN",
            "is less than PROCESSOR_CALLS__MAX_UNFINISHED",
        ),
        (
            {"retries__give_up_after": "59s"},
            "PROCESSOR_RETRIES__GIVE_UP_AFTER",
            "is less than PROCESSOR_RETRIES__CONFIRM_MIN_TIME",
        ),
        (
            {"kafka__properties": '{"session.timeout.ms": 400000}'},
            "PROCESSOR_KAFKA__PROPERTIES",
            "sets a `session.timeout.ms` above `max.poll.interval.ms`",
        ),
        (
            {
                "kafka__properties": '{"session.timeout.ms": 6000}',
                "kafka__group_protocol": "consumer",
            },
            "PROCESSOR_KAFKA__PROPERTIES",
            (
                "sets `session.timeout.ms`, which only the brokers decide for the group protocol "
                "`consumer`"
            ),
        ),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(
    variables: dict[str, str], name: str, wrong: str
) -> None:
    assert clashes(**variables) == {name: wrong}


@pytest.mark.parametrize(
    "name",
    [
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.protocol",
        "group.remote.assignor",
        "isolation.level",
        "partition.assignment.strategy",
        "stats_cb",
        "transactional.id",
    ],
)
def test_a_property_that_the_processor_rests_on_cannot_be_set(name: str) -> None:
    assert clashes(kafka__properties=f'{{"{name}": "x"}}') == {
        "PROCESSOR_KAFKA__PROPERTIES": f"sets `{name}`, which belongs to the processor"
    }


def test_the_lease_follows_a_short_session_unless_it_is_set() -> None:
    short = {
        "PROCESSOR_KAFKA__PROPERTIES": '{"session.timeout.ms": 6000}',
        "PROCESSOR_HTTP_CLIENT__CONFIRM_DEADLINE": "5",
        "PROCESSOR_HTTP_CLIENT__RELEASE_DEADLINE": "5",
    }
    assert load(None, ENOUGH | short).kafka.lease == 2.0


def test_where_only_the_brokers_know_the_session_nothing_is_said_of_it() -> None:
    assert clashes(kafka__group_protocol="consumer", kafka__lease="100") == {}


def test_a_setting_that_is_refused_draws_no_second_complaint() -> None:
    short = '{"session.timeout.ms": 30000}'
    assert clashes(http_client__confirm_deadline="never", kafka__properties=short) == {
        "PROCESSOR_HTTP_CLIENT__CONFIRM_DEADLINE": "is not a duration"
    }
