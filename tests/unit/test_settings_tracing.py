"""Settings of the export of spans: off by default, wrong ones named, headers kept secret."""

import os
import subprocess
import sys
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from processor.shell import settings_rules
from processor.shell.composition import open_traces
from processor.shell.settings import load
from processor.shell.settings_tracing import header_pairs
from processor.shell.traces import NO_TRACES
from tests.unit.test_settings import CANARY, ENOUGH, problems

ENDPOINT = {"PROCESSOR_TRACING__ENDPOINT": "http://collector:4318/"}
RUN = (
    "import sys\n"
    "sys.modules.update(dict.fromkeys({absent!r}))\n"
    "from processor.cli.main import main\n"
    "sys.argv = ['processor', *{arguments!r}]\n"
    "try:\n"
    "    main()\n"
    "finally:\n"
    "    print([name for name in sys.modules if name.startswith('opentelemetry.')])\n"
)


def run(*arguments: str, absent: tuple[str, ...] = (), **settings: str) -> tuple[int, str, str]:
    """Run a command in a process of its own, and name what it has loaded of OpenTelemetry."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(absent=absent, arguments=arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",
        env=os.environ | ENOUGH | settings,
    )
    return done.returncode, done.stderr, done.stdout.splitlines()[-1]


def test_nothing_is_exported_by_default() -> None:
    settings = load(None, ENOUGH)
    assert settings.tracing.model_dump() == {
        "endpoint": None,
        "headers": None,
        "sample_ratio": 1.0,
        "ca_file": None,
    }
    assert open_traces(settings) is NO_TRACES


def test_what_is_set_is_taken() -> None:
    given = {**ENDPOINT, "PROCESSOR_TRACING__HEADERS": f"a={CANARY},b=c%20d"}
    tracing = load(None, ENOUGH | given | {"PROCESSOR_TRACING__SAMPLE_RATIO": "0.25"}).tracing
    assert (tracing.endpoint, tracing.sample_ratio) == ("http://collector:4318", 0.25)
    assert tracing.headers is not None
    assert header_pairs(tracing.headers.current(0.0).reveal()) == (("a", CANARY), ("b", "c d"))
    assert CANARY not in repr(tracing)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=b", (("a", "b"),)),
        (" a = b , c = d ,", (("a", "b"), ("c", "d"))),
        ("Authorization=Basic%20YTpi==", (("Authorization", "Basic YTpi=="),)),
        ("x-key=a%2Cb", (("x-key", "a,b"),)),
    ],
)
def test_headers_are_read_as_opentelemetry_writes_them(
    text: str, pairs: tuple[tuple[str, str], ...]
) -> None:
    assert header_pairs(text) == pairs


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (CANARY, "is not a list of `name=value` with commas between them"),
        (f"a b={CANARY}", "is not a list of `name=value` with commas between them"),
        ("a=", "is not a list of `name=value` with commas between them"),
        (",", "is empty"),
        (f"a={CANARY}%0D%0Ab:c", "has more than one line"),
        (f"a={CANARY}%C3%A9", "holds characters other than printable ASCII"),
        (f"Host={CANARY}", "holds the header host, which belongs to the export itself"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused_unseen(value: str, wrong: str) -> None:
    found = problems({**ENDPOINT, "PROCESSOR_TRACING__HEADERS": value})
    assert found == {"PROCESSOR_TRACING__HEADERS": wrong}


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text(CANARY)
    given = {
        "PROCESSOR_TRACING__ENDPOINT": "collector:4317",
        "PROCESSOR_TRACING__HEADERS_FILE": str(headers),
        "PROCESSOR_TRACING__SAMPLE_RATIO": "1.5",
        "PROCESSOR_TRACING__CA_FILE": str(headers),
    }
    assert problems(given) == {
        "PROCESSOR_TRACING__CA_FILE": "names a file that holds no PEM certificate",
        "PROCESSOR_TRACING__ENDPOINT": "is not a URL",
        "PROCESSOR_TRACING__HEADERS_FILE": (
            "is not a list of `name=value` with commas between them"
        ),
        "PROCESSOR_TRACING__SAMPLE_RATIO": "is more than 1",
    }


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("grpc://collector:4317", "does not begin with https:// or http://"),
        (f"http://me:{CANARY}@collector", "holds a user name or password"),
        ("http://collector/v1/traces/", "ends with /v1/traces, which is added by itself"),
        ("http://collector?key=x", "holds a query or a fragment"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(address: str, wrong: str) -> None:
    assert problems({"PROCESSOR_TRACING__ENDPOINT": address}) == {
        "PROCESSOR_TRACING__ENDPOINT": wrong
    }


def test_headers_follow_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "headers"
    path.write_text("a=first")
    tracing = load(None, ENOUGH | ENDPOINT | {"PROCESSOR_TRACING__HEADERS_FILE": str(path)}).tracing
    opening = import_module("processor.shell.tracing.opening")
    ticks = count(100)
    monkeypatch.setattr(opening, "steady", lambda: float(next(ticks)))
    assert opening._headers(tracing) == (("a", "first"),)  # noqa: SLF001  asked before each batch
    path.write_text("a=second")
    assert opening._headers(tracing) == (("a", "second"),)  # noqa: SLF001


def test_headers_without_an_endpoint_are_a_mistake() -> None:
    assert problems({"PROCESSOR_TRACING__HEADERS": f"a={CANARY}"}) == {
        "PROCESSOR_TRACING__ENDPOINT": "is missing beside PROCESSOR_TRACING__HEADERS"
    }


def test_a_missing_extra_is_said_among_the_other_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_rules, "has_extra", lambda: False)
    assert problems({**ENDPOINT, "PROCESSOR_SERVER__PORT": "x"}) == {
        "PROCESSOR_SERVER__PORT": "is not a whole number",
        "PROCESSOR_TRACING__ENDPOINT": (
            "is set, but the packages that export spans are not installed"
        ),
    }


@pytest.mark.parametrize("absent", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_without_the_extra_it_ends_with_the_command_that_installs_it(absent: str) -> None:
    code, said, _ = run("config", absent=(absent,), **ENDPOINT)
    assert code == 2
    assert "pip install 'rokt-cart-processor[otel]'" in said
    assert "Traceback" not in said


def test_without_an_endpoint_nobody_misses_the_extra() -> None:
    code, said, loaded = run("config", absent=("opentelemetry",))
    assert (code, said, loaded) == (0, "", "[]")


@pytest.mark.parametrize("arguments", [["--help"], ["config"], ["run", "--help"]])
def test_nothing_of_it_is_loaded_where_no_span_is_made(arguments: list[str]) -> None:
    code, _, loaded = run(*arguments)
    assert (code, loaded) == (0, "[]")


def test_what_opentelemetry_itself_cannot_use_is_a_mistake_of_the_settings() -> None:
    code = (
        "from processor.shell.composition import open_traces\n"
        "from processor.shell.settings import load\n"
        "open_traces(load())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | ENOUGH | ENDPOINT | {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": CANARY},
    )
    assert "ConfigurationError: OpenTelemetry cannot use one of the variables" in done.stderr
    assert CANARY not in done.stderr


def test_a_trace_decides_for_its_records_and_the_ratio_for_the_others() -> None:
    opening = import_module("processor.shell.tracing.opening")
    sampler = opening.sampler(0.0)
    parent = SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    context = set_span_in_context(NonRecordingSpan(parent))
    decided = [sampler.should_sample(each, 1, "name").decision for each in (context, Context())]
    assert decided == [Decision.RECORD_AND_SAMPLE, Decision.DROP]


def test_the_environment_names_who_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    opening = import_module("processor.shell.tracing.opening")
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    ours = opening.resource().attributes
    assert ours["service.name"] == "rokt-cart-processor"
    assert {"service.version", "service.instance.id", "telemetry.sdk.name"} <= set(ours)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-rokt")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-1,team=orders")
    given = opening.resource().attributes
    assert (given["service.name"], given["service.instance.id"]) == ("shop-rokt", "pod-1")
    assert given["team"] == "orders"
