"""The names that outsiders use. A change here breaks somebody's alert, chart or script."""

from processor.cli.main import COMMANDS
from processor.errors import BrokenInvariant, ConfigurationError, RuntimeFailure
from processor.shell.metrics_table import TABLE
from processor.shell.settings import Settings
from processor.shell.settings_source import leaves, variable
from processor.shell.status import Status


def test_the_commands_are_these() -> None:
    assert list(COMMANDS) == [
        "run",
        "demo",
        "check",
        "config",
        "topics",
        "schemas",
        "replay",
        "redrive",
        "inspect",
        "reconcile",
        "fake-rokt",
        "healthcheck",
        "version",
    ]


def test_the_exit_codes_are_these() -> None:
    codes = [error.exit_code for error in (RuntimeFailure, ConfigurationError, BrokenInvariant)]
    assert codes == [1, 2, 70]


def test_the_settings_are_these() -> None:
    names = {variable(name) for leaf in leaves(Settings).values() for name in leaf.names}
    assert sorted(names) == [
        "PROCESSOR_CALLS__MAX_IN_FLIGHT",
        "PROCESSOR_CALLS__MAX_SPAN",
        "PROCESSOR_CALLS__MAX_UNFINISHED",
        "PROCESSOR_CALLS__RATE_LIMIT",
        "PROCESSOR_CALLS__RELEASE_DELAY",
        "PROCESSOR_HTTP_CLIENT__ALLOWED_ADDRESSES",
        "PROCESSOR_HTTP_CLIENT__CA_FILE",
        "PROCESSOR_HTTP_CLIENT__CLIENT_CERTIFICATE_FILE",
        "PROCESSOR_HTTP_CLIENT__CLIENT_KEY_FILE",
        "PROCESSOR_HTTP_CLIENT__CONFIRM_DEADLINE",
        "PROCESSOR_HTTP_CLIENT__CONFIRM_READ_TIMEOUT",
        "PROCESSOR_HTTP_CLIENT__CONNECT_TIMEOUT",
        "PROCESSOR_HTTP_CLIENT__ENGINE",
        "PROCESSOR_HTTP_CLIENT__RELEASE_DEADLINE",
        "PROCESSOR_HTTP_CLIENT__RELEASE_READ_TIMEOUT",
        "PROCESSOR_HTTP_CLIENT__REPLY_LIMIT",
        "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS",
        "PROCESSOR_KAFKA__DRAIN_DEADLINE",
        "PROCESSOR_KAFKA__GROUP_ID",
        "PROCESSOR_KAFKA__GROUP_PROTOCOL",
        "PROCESSOR_KAFKA__LEASE",
        "PROCESSOR_KAFKA__PROPERTIES",
        "PROCESSOR_KAFKA__PROPERTIES_FILE",
        "PROCESSOR_KAFKA__START",
        "PROCESSOR_LOG__FORMAT",
        "PROCESSOR_LOG__LEVEL",
        "PROCESSOR_ON_OUTAGE",
        "PROCESSOR_REPLAY__CONFIRM_ABOVE",
        "PROCESSOR_REPLAY__MAX_AGE",
        "PROCESSOR_REPLAY__MOST_REDRIVES",
        "PROCESSOR_RETRIES__CONFIRM_ATTEMPTS",
        "PROCESSOR_RETRIES__CONFIRM_MIN_TIME",
        "PROCESSOR_RETRIES__GIVE_UP_AFTER",
        "PROCESSOR_RETRIES__RELEASE_ATTEMPTS",
        "PROCESSOR_ROKT__API_KEY",
        "PROCESSOR_ROKT__API_KEY_FILE",
        "PROCESSOR_ROKT__BASE_URL",
        "PROCESSOR_ROKT__CONFIRM_PATH",
        "PROCESSOR_ROKT__RELEASE_PATH",
        "PROCESSOR_ROKT__SEND_CATALOG_ITEM_ID",
        "PROCESSOR_ROKT__TAG_ID",
        "PROCESSOR_SCHEMA_REGISTRY__AUTO_REGISTER",
        "PROCESSOR_SCHEMA_REGISTRY__CA_FILE",
        "PROCESSOR_SCHEMA_REGISTRY__CLIENT_CERTIFICATE_FILE",
        "PROCESSOR_SCHEMA_REGISTRY__CLIENT_KEY_FILE",
        "PROCESSOR_SCHEMA_REGISTRY__PASSWORD",
        "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE",
        "PROCESSOR_SCHEMA_REGISTRY__URL",
        "PROCESSOR_SCHEMA_REGISTRY__USERNAME",
        "PROCESSOR_SERVER__CERTIFICATE_FILE",
        "PROCESSOR_SERVER__HOST",
        "PROCESSOR_SERVER__KEY_FILE",
        "PROCESSOR_SERVER__PASSWORD",
        "PROCESSOR_SERVER__PASSWORD_FILE",
        "PROCESSOR_SERVER__PORT",
        "PROCESSOR_SERVER__USERNAME",
        "PROCESSOR_START_TIMEOUT",
        "PROCESSOR_STATE_DIR",
        "PROCESSOR_TOPICS__CART_ABANDONED",
        "PROCESSOR_TOPICS__DEAD_LETTERS",
        "PROCESSOR_TOPICS__ORDER_PAID",
        "PROCESSOR_TOPICS__REPLAY",
        "PROCESSOR_TOPICS__RESULTS",
        "PROCESSOR_TRACING__CA_FILE",
        "PROCESSOR_TRACING__ENDPOINT",
        "PROCESSOR_TRACING__HEADERS",
        "PROCESSOR_TRACING__HEADERS_FILE",
        "PROCESSOR_TRACING__SAMPLE_RATIO",
    ]


def test_the_metrics_and_their_labels_are_these() -> None:
    assert {row.name: tuple(row.labels) for row in TABLE} == {
        "processor_records_total": ("topic",),
        "processor_calls_total": ("operation", "verdict", "status_class", "lane"),
        "processor_retries_total": ("operation", "lane"),
        "processor_call_seconds": ("operation", "verdict"),
        "processor_outcomes_total": ("operation", "status", "lane"),
        "processor_event_to_outcome_seconds": ("operation", "lane"),
        "processor_dead_letters_total": ("operation", "reason", "lane"),
        "processor_paid_to_confirmed_seconds": ("lane",),
        "processor_released_before_paid_total": ("lane",),
        "processor_replay_settled_total": ("operation",),
        "processor_rehearsals_total": ("verdict",),
        "processor_in_flight": (),
        "processor_unfinished": ("topic",),
        "processor_oldest_unfinished_timestamp_seconds": ("operation",),
        "processor_unfinished_older_than": ("operation", "seconds"),
        "processor_first_reservation_expiry_timestamp_seconds": ("operation",),
        "processor_next_offset": ("topic", "partition"),
        "processor_consumer_lag": ("topic", "partition"),
        "processor_parked": ("topic", "partition"),
        "processor_hold": ("scope",),
        "processor_hold_next_probe_timestamp_seconds": ("scope",),
        "processor_hold_reason": ("scope", "reason"),
        "processor_hold_started_timestamp_seconds": ("scope",),
        "processor_hold_waiting": ("scope",),
        "processor_paused_until_timestamp_seconds": ("scope",),
        "processor_away": ("dependency",),
        "processor_partitioners_disagree": (),
        "processor_restore_remaining": (),
        "processor_rebalances_total": ("event",),
        "processor_last_commit_timestamp_seconds": (),
        "processor_build_info": ("version", "python"),
        "processor_process_resident_memory_bytes": (),
        "processor_process_cpu_seconds_total": (),
        "processor_process_open_fds": (),
        "processor_process_max_fds": (),
        "processor_process_start_time_seconds": (),
    }


def test_the_keys_of_the_status_are_these() -> None:
    assert sorted(Status.__annotations__) == [
        "assignment",
        "away",
        "group_id",
        "holds",
        "in_flight",
        "is_live",
        "is_ready",
        "lag",
        "last_commit_at",
        "last_outcome_at",
        "parked",
        "paused_until",
        "releases_stopped_because",
        "restore_remaining",
        "retrying",
        "unfinished",
        "version",
    ]
