"""Settings: where they come from, and what is said about those that are wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from processor.errors import SettingsError
from processor.shell.secrets import Secret, SecretFile
from processor.shell.settings import (
    Kafka,
    Origin,
    load,
    load_connections,
    load_registry_access,
    load_with_origins,
)
from processor.shell.settings_properties import PROPERTIES

CANARY = "canary-5f1d"
ENOUGH = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
    "PROCESSOR_ROKT__BASE_URL": "https://rokt.example",
    "PROCESSOR_ROKT__API_KEY": CANARY,
    "PROCESSOR_ROKT__TAG_ID": "tag",
}


def problems(environ: Mapping[str, str], config: Path | None = None) -> dict[str, str]:
    """Return what is wrong, by its name; empty when nothing is."""
    found: SettingsError | None = None
    try:
        load(config, ENOUGH | dict(environ))
    except SettingsError as error:
        found = error
    assert CANARY not in str(found)
    return {problem.name: problem.wrong for problem in found.problems} if found else {}


def config_file(folder: Path, text: str) -> Path:
    path = folder / "processor.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_five_variables_are_enough_and_the_rest_has_the_documented_defaults() -> None:
    settings = load(None, ENOUGH)
    assert settings.kafka.group_id == "rokt-cart-processor"
    assert (settings.kafka.group_protocol, settings.kafka.start) == ("classic", None)
    assert (settings.kafka.lease, settings.kafka.drain_deadline) == (10.0, 35.0)
    assert settings.topics.model_dump() == {
        "order_paid": "order-paid",
        "cart_abandoned": "cart-abandoned",
        "results": "rokt-results",
        "dead_letters": "rokt-dead-letters",
        "replay": "rokt-replay",
    }
    assert settings.rokt.confirm_path == "/v1/Cart/confirm"
    assert settings.rokt.release_path == "/v1/cart/release"
    assert settings.rokt.send_catalog_item_id is True
    assert settings.calls.model_dump() == {
        "max_in_flight": 64,
        "rate_limit": None,
        "release_delay": 0.0,
        "max_unfinished": 1_000,
        "max_span": 100_000,
    }
    assert settings.retries.model_dump() == {
        "give_up_after": 900.0,
        "confirm_attempts": 5,
        "confirm_min_time": 60.0,
        "release_attempts": 3,
    }
    assert settings.http_client.model_dump() == {
        "engine": "fast",
        "connect_timeout": 3.0,
        "confirm_read_timeout": 25.0,
        "release_read_timeout": 10.0,
        "confirm_deadline": 30.0,
        "release_deadline": 15.0,
        "reply_limit": 1_048_576,
        "allowed_addresses": None,
        "ca_file": None,
        "client_certificate_file": None,
        "client_key_file": None,
    }
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 9464)
    assert (settings.log.format, settings.log.level) == (None, "info")
    assert (settings.on_outage, settings.state_dir, settings.start_timeout) == ("hold", None, 30.0)
    assert settings.schema_registry.auto_register is False


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            None,
            {
                "PROCESSOR_KAFKA__LEASE": "soon",
                "PROCESSOR_KAFKA__PROPERTIES": '{"sasl.password": "canary',
                "PROCESSOR_ROKT__BASE_URL": "http://rokt.example",
                "PROCESSOR_TOPICS__RESULTS": "order-paid",
                "PROCESSOR_LOG__LEVLE": "info",
            },
        )
    assert [(problem.name, problem.wrong) for problem in caught.value.problems] == [
        ("PROCESSOR_KAFKA__BOOTSTRAP_SERVERS", "is not set"),
        ("PROCESSOR_KAFKA__LEASE", "is not a duration"),
        ("PROCESSOR_KAFKA__PROPERTIES", "is not valid JSON"),
        ("PROCESSOR_LOG__LEVLE", "is no setting"),
        ("PROCESSOR_ROKT__API_KEY", "is not set"),
        ("PROCESSOR_ROKT__BASE_URL", "does not begin with https://"),
        ("PROCESSOR_ROKT__TAG_ID", "is not set"),
        ("PROCESSOR_SCHEMA_REGISTRY__URL", "is not set"),
        ("PROCESSOR_TOPICS__RESULTS", "names the same topic as PROCESSOR_TOPICS__ORDER_PAID"),
    ]
    assert caught.value.exit_code == 2
    assert all(problem.remedy for problem in caught.value.problems)
    assert "canary" not in str(caught.value)
    assert "Did you mean PROCESSOR_LOG__LEVEL?" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "PROCESSOR_KAFKA_GROUP_ID",
        "PROCESSOR_KAFKA",
        "PROCESSOR_ROKT__TAG_ID_FILE",
        "PROCESSOR_SERVICES",
        "processor_on_outage",
    ],
)
def test_an_unknown_variable_is_refused(name: str) -> None:
    assert problems({name: CANARY}) == {name: "is no setting"}


@pytest.mark.parametrize(
    "name",
    [
        "PROCESSOR_SERVICE_HOST",
        "PROCESSOR_SERVICE_PORT",
        "PROCESSOR_SERVICE_PORT_HTTP",
        "PROCESSOR_PORT",
        "PROCESSOR_PORT_9464_TCP_ADDR",
        "PROCESSORS",
        "processor_home",
    ],
)
def test_a_variable_that_kubernetes_or_another_program_sets_is_passed_over(name: str) -> None:
    assert problems({name: "tcp://10.0.0.1:9464"}) == {}


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    path = config_file(
        tmp_path,
        """
        state_dir = "/tmp"
        [calls]
        max_in_flight = 7
        release_delay = "2s"
        [rokt]
        api_key_file = "/nowhere"
        """,
    )
    environ = ENOUGH | {"PROCESSOR_CALLS__MAX_IN_FLIGHT": "9", "PROCESSOR_CONFIG": str(path)}
    settings, origins = load_with_origins(None, environ)
    assert (settings.state_dir, settings.calls.release_delay) == (Path("/tmp"), 2.0)  # noqa: S108
    assert settings.calls.max_in_flight == 9
    assert settings.rokt.api_key == Secret(CANARY)
    assert origins["calls.max_in_flight"] is Origin.ENVIRONMENT
    assert origins["calls.release_delay"] is Origin.FILE
    assert origins["calls.max_span"] is Origin.DEFAULT


def test_the_file_that_is_given_wins_over_the_one_that_is_named(tmp_path: Path) -> None:
    path = config_file(tmp_path, "[calls]\nmax_in_flight = 7\n")
    settings = load(path, ENOUGH | {"PROCESSOR_CONFIG": str(tmp_path / "missing.toml")})
    assert settings.calls.max_in_flight == 7


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load(None, ENOUGH | {"PROCESSOR_CALLS__RATE_LIMIT": ""}).calls.rate_limit is None
    assert problems({"PROCESSOR_ROKT__API_KEY": " "}) == {"PROCESSOR_ROKT__API_KEY": "is not set"}


def test_unknown_names_in_the_file_are_refused_with_the_file(tmp_path: Path) -> None:
    path = config_file(tmp_path, "speed = 1\nkafka = 3\n[calls]\nmax_inflight = 7\n[cals]\na = 1\n")
    with pytest.raises(SettingsError) as caught:
        load(path, ENOUGH)
    assert {problem.name: problem.remedy for problem in caught.value.problems} == {
        f"calls.max_inflight in {path}": "Did you mean calls.max_in_flight?",
        f"cals in {path}": "Remove it, or look up its right name",
        f"kafka in {path}": "Write its settings below a line `[kafka]`",
        f"speed in {path}": "Remove it, or look up its right name",
    }


def test_a_value_that_stands_in_the_file_is_named_by_its_place_there(tmp_path: Path) -> None:
    path = config_file(
        tmp_path,
        """
        [calls]
        max_in_flight = 0
        max_span = 999
        [schema_registry]
        username = "me"
        password_file = "/nowhere"
        """,
    )
    assert problems({}, path) == {
        f"calls.max_in_flight in {path} (PROCESSOR_CALLS__MAX_IN_FLIGHT)": "is less than 1",
        f"calls.max_span in {path} (PROCESSOR_CALLS__MAX_SPAN)": (
            "is less than PROCESSOR_CALLS__MAX_UNFINISHED"
        ),
        f"schema_registry.password_file in {path} (PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE)": (
            "names a file that cannot be read: no such file or directory"
        ),
    }
    assert problems({"PROCESSOR_CALLS__MAX_IN_FLIGHT": "-1"}, path).keys() >= {
        "PROCESSOR_CALLS__MAX_IN_FLIGHT"
    }


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (
            f'[rokt]\napi_key = "{CANARY}\n'.encode(),
            "names a file that is not valid TOML: illegal character '\\n' (at line 2, column 23)",
        ),
        (
            b"[calls]\nmax_span 3",
            (
                "names a file that is not valid TOML: expected '=' after a key in a key/value pair "
                "(at line 2, column 10)"
            ),
        ),
        (b"\xff", "names a file that is not UTF-8 text"),
        (None, "names a file that cannot be read: no such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_the_only_problem_and_named_by_what_named_it(
    tmp_path: Path, content: bytes | None, wrong: str
) -> None:
    path = tmp_path / "processor.toml"
    if content is not None:
        path.write_bytes(content)
    for name, given, environ in (
        ("--config", path, {}),
        ("PROCESSOR_CONFIG", None, {"PROCESSOR_CONFIG": str(path)}),
    ):
        with pytest.raises(SettingsError) as caught:
            load(given, environ)
        assert [(each.name, each.wrong) for each in caught.value.problems] == [(name, wrong)]
        assert str(path) in caught.value.problems[0].remedy
        assert CANARY not in str(caught.value)


def test_properties_may_be_a_table_of_the_file(tmp_path: Path) -> None:
    path = config_file(
        tmp_path, '[kafka.properties]\nsession.timeout.ms = 48000\n"https.ca.pem" = "canary-5f1d"'
    )
    kafka = load(path, ENOUGH).kafka
    assert kafka.session_timeout == 48.0
    assert kafka.client_properties() == {"session.timeout.ms": 48000, "https.ca.pem": CANARY}
    assert CANARY not in repr(kafka)


def test_a_secret_and_its_file_are_not_both_given(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("other", encoding="utf-8")
    assert problems({"PROCESSOR_ROKT__API_KEY_FILE": str(path)}) == {
        "PROCESSOR_ROKT__API_KEY": "and PROCESSOR_ROKT__API_KEY_FILE are both set"
    }


def test_secrets_come_from_files_without_their_last_line_end(tmp_path: Path) -> None:
    key, password, properties = tmp_path / "key", tmp_path / "password", tmp_path / "properties"
    key.write_text("from-file\n", encoding="utf-8")
    password.write_text("pässword\r\n", encoding="utf-8")
    properties.write_text('{"client.id": "x"}', encoding="utf-8")
    environ = {name: value for name, value in ENOUGH.items() if name != "PROCESSOR_ROKT__API_KEY"}
    settings = load(
        None,
        environ
        | {
            "PROCESSOR_ROKT__API_KEY_FILE": str(key),
            "PROCESSOR_SCHEMA_REGISTRY__USERNAME": "user",
            "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE": str(password),
            "PROCESSOR_KAFKA__PROPERTIES_FILE": str(properties),
        },
    )
    assert settings.rokt.api_key.current(0.0).reveal() == "from-file"
    assert isinstance(settings.schema_registry.password, SecretFile)
    assert settings.schema_registry.password.current(0.0).reveal() == "pässword"
    assert settings.kafka.client_properties() == {"client.id": "x"}


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "names a file that cannot be read: no such file or directory"),
        (b"\n", "names an empty file"),
        (b"\xff\xfe", "names a file that is not UTF-8 text"),
        (b"canary-5f1d\x00", "holds characters that cannot be printed"),
        (b"canary-5f1d\nsecond line", "has more than one line"),
        (b"********\n", "is the mask that stands for the secret"),
        ("canary-5f1d-é".encode(), "holds characters other than printable ASCII"),
        (b" canary-5f1d", "begins or ends with a blank"),
        (b"x" * 70_000, "names a file of more than 65536 bytes"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, wrong: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    environ = {"PROCESSOR_ROKT__API_KEY": "", "PROCESSOR_ROKT__API_KEY_FILE": str(path)}
    assert problems(environ) == {"PROCESSOR_ROKT__API_KEY_FILE": wrong}


def test_a_command_that_needs_less_is_content_with_less() -> None:
    registry = {"PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081"}
    kafka = {"PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092"}
    access = load_registry_access(None, registry | {"PROCESSOR_ROKT__BASE_URL": "nonsense"})
    assert access.schema_registry.url == "http://registry:8081"
    assert load_connections(None, registry | kafka).kafka.bootstrap_servers == "broker:9092"
    with pytest.raises(SettingsError, match=r"PROCESSOR_KAFKA__BOOTSTRAP_SERVERS is not set"):
        load_connections(None, registry)
    with pytest.raises(SettingsError, match=r"PROCESSOR_NONSENSE is no setting"):
        load_registry_access(None, registry | {"PROCESSOR_NONSENSE": "1"})


@pytest.mark.parametrize("name", ["ROKT__API_KEY", "SCHEMA_REGISTRY__PASSWORD"])
def test_the_mask_is_no_secret(name: str) -> None:
    environ = {"PROCESSOR_SCHEMA_REGISTRY__USERNAME": "user", f"PROCESSOR_{name}": "********"}
    assert problems(environ)[f"PROCESSOR_{name}"] == "is the mask that stands for the secret"


@pytest.mark.parametrize("name", ["sasl.pasword", "sasl.username", "ssl.key.pem", "x.token", "X"])
@pytest.mark.parametrize("value", [CANARY, 5011, True])
def test_a_property_that_is_not_known_to_be_harmless_is_masked(name: str, value: object) -> None:
    properties = PROPERTIES.parse({name: value, "linger.ms": 5})
    assert str(value) not in f"{properties}".replace("True)", "")
    kafka = Kafka.model_construct(properties=properties)
    assert kafka.client_properties() == {
        name: "true" if value is True else str(value),
        "linger.ms": 5,
    }


def test_no_secret_shows_in_the_settings_themselves() -> None:
    settings = load(
        None,
        ENOUGH
        | {
            "PROCESSOR_KAFKA__PROPERTIES": '{"security.protocol": "SASL_SSL", "sasl.mechanism": '
            '"PLAIN", "sasl.username": "canary-5f1d", "sasl.password": "canary-5f1d", '
            '"ssl.key.password": "canary-5f1d", "sasl.oauthbearer.client.secret": "canary-5f1d"}',
            "PROCESSOR_SCHEMA_REGISTRY__USERNAME": "user",
            "PROCESSOR_SCHEMA_REGISTRY__PASSWORD": CANARY,
        },
    )
    assert CANARY not in f"{settings!r} {settings} {settings.model_dump()}"


def test_a_start_is_a_word_or_a_moment() -> None:
    def start(text: str) -> object:
        return load(None, ENOUGH | {"PROCESSOR_KAFKA__START": text}).kafka.start

    future = {"PROCESSOR_KAFKA__START": "2999-01-31T08:00:00Z"}
    assert problems(future) == {"PROCESSOR_KAFKA__START": "is in the future"}

    assert start("earliest") == "earliest"
    assert start("2025-01-31T08:00:00Z") == datetime(2025, 1, 31, 8, tzinfo=UTC)
