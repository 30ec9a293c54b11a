"""The command line as people meet it: a process, its output and its exit code."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import processor
from processor import errors
from processor.cli import main as cli
from processor.core.rights import Role
from processor.core.vocabulary import Effect, Reason
from processor.shell.settings import load

CANARY = "canary-5f1d"
ENOUGH = {
    "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "PROCESSOR_KAFKA__PROPERTIES": '{"security.protocol": "ssl", "https.ca.pem": "canary-5f1d"}',
    "PROCESSOR_SCHEMA_REGISTRY__URL": "http://registry:8081",
    "PROCESSOR_ROKT__BASE_URL": "https://rokt.example",
    "PROCESSOR_ROKT__API_KEY": CANARY,
    "PROCESSOR_ROKT__TAG_ID": "tag",
}
SLOW = {"aiohttp", "confluent_kafka", "fastavro", "prometheus_client", "pydantic", "structlog"}


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "PROCESSOR_" not in name.upper()}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "processor", *arguments],
        env=clean_environment() | variables,
        cwd=Path(processor.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_help_lists_every_command_without_importing_any() -> None:
    program = (
        "import sys\n"
        "from processor.cli.main import main\n"
        "sys.argv = ['processor', '--help']\n"
        "try:\n    main()\n"
        "finally:\n    print('modules', *sorted(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(),
        cwd=Path(processor.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown, _, modules = done.stdout.rpartition("modules ")
    assert [name for name in cli.COMMANDS if name not in shown] == []
    assert SLOW & set(modules.split()) == set()


def test_without_a_command_it_shows_the_help() -> None:
    done = run()
    assert done.returncode == 2
    assert "Usage: processor" in done.stdout + done.stderr


def test_version_is_the_packages() -> None:
    done = run("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"processor {processor.__version__}\n")


def test_an_unknown_command_ends_with_code_2() -> None:
    done = run("confg")
    assert done.returncode == 2
    assert "Did you mean 'config'?" in done.stderr


def test_wrong_settings_end_with_code_2_and_all_that_is_wrong() -> None:
    done = run("config", PROCESSOR_ROKT__API_KEY="é", PROCESSOR_LOG__LEVEL="loud")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split()[1] for line in done.stderr.splitlines()[1:]] == [
        "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS",
        "PROCESSOR_LOG__LEVEL",
        "PROCESSOR_ROKT__API_KEY",
        "PROCESSOR_ROKT__BASE_URL",
        "PROCESSOR_ROKT__TAG_ID",
        "PROCESSOR_SCHEMA_REGISTRY__URL",
    ]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_config_shows_no_secret(form: list[str]) -> None:
    done = run("config", *form, **ENOUGH)
    assert (done.returncode, done.stderr) == (0, "")
    assert CANARY not in done.stdout
    assert done.stdout.count("********") == 2


def test_config_leaves_secrets_out_of_the_file_and_names_them() -> None:
    done = run("config", "--toml", **ENOUGH)
    assert (done.returncode, done.stderr) == (0, "")
    assert CANARY not in done.stdout
    assert "********" not in done.stdout
    assert done.stdout.splitlines()[:3] == [
        "# Secrets are left out; set them in the environment:",
        "#   PROCESSOR_KAFKA__PROPERTIES (with https.ca.pem beside what is below)",
        "#   PROCESSOR_ROKT__API_KEY, or the path of its file in PROCESSOR_ROKT__API_KEY_FILE",
    ]
    document = tomllib.loads(done.stdout)
    assert document["kafka"]["properties"] == {"security.protocol": "ssl"}
    assert "api_key" not in document["rokt"]


def test_config_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "processor.toml"
    path.write_text('on_outage = "hold"\n', encoding="utf-8")
    done = run("config", "--json", "--config", str(path), **ENOUGH)
    shown = json.loads(done.stdout)
    assert shown["PROCESSOR_ON_OUTAGE"] == {"value": "hold", "source": "file"}
    assert shown["PROCESSOR_ROKT__TAG_ID"] == {"value": "tag", "source": "environment"}
    assert shown["PROCESSOR_SERVER__PORT"] == {"value": 9464, "source": "default"}


def test_config_names_the_file_that_holds_a_secret(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CANARY, encoding="utf-8")
    environ = ENOUGH | {"PROCESSOR_ROKT__API_KEY": "", "PROCESSOR_ROKT__API_KEY_FILE": str(key)}
    done = run("config", **environ)
    assert f"PROCESSOR_ROKT__API_KEY=********  # environment: {key}\n" in done.stdout
    assert CANARY not in done.stdout


@pytest.mark.parametrize(
    ("command", "choices"),
    [
        (["redrive"], [*Reason, *Effect]),
        (["topics", "acls"], Role),
        (["topics", "plan"], ["table", "commands", "hcl", "strimzi", "json"]),
    ],
)
def test_the_help_breaks_no_choice(command: list[str], choices: Iterable[str]) -> None:
    told = run(*command, "--help", COLUMNS="100", TERM="dumb").stdout
    words = re.findall(r"[\w-]+", told)
    assert [each for each in choices if each not in words] == []
    assert re.findall(r"\w\|\w", told) == []


def test_what_config_writes_as_toml_can_be_loaded_again(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CANARY, encoding="utf-8")
    environ = ENOUGH | {
        "PROCESSOR_ROKT__API_KEY": "",
        "PROCESSOR_ROKT__API_KEY_FILE": str(key),
        "PROCESSOR_KAFKA__PROPERTIES": '{"session.timeout.ms": 48000}',
        "PROCESSOR_KAFKA__START": "2025-01-31T08:00:00Z",
        "PROCESSOR_STATE_DIR": str(tmp_path),
    }
    done = run("config", "--toml", **environ)
    path = tmp_path / "processor.toml"
    path.write_text(done.stdout, encoding="utf-8")
    assert tomllib.loads(done.stdout)["rokt"]["api_key_file"] == str(key)
    first, second = load(None, environ), load(path, {})
    assert second.rokt.api_key.current(0.0) == first.rokt.api_key.current(0.0)
    assert second.model_dump(exclude={"rokt": {"api_key"}}) == first.model_dump(
        exclude={"rokt": {"api_key"}}
    )


def test_only_one_form_at_a_time() -> None:
    done = run("config", "--json", "--toml", **ENOUGH)
    assert done.returncode == 2
    assert "choose one of" in done.stderr


def test_the_table_of_all_settings_needs_no_settings() -> None:
    done = run("config", "--markdown")
    assert done.returncode == 0
    for row in (
        "| `PROCESSOR_KAFKA__BOOTSTRAP_SERVERS` | required |",
        "| `PROCESSOR_KAFKA__LEASE` | 10 s, at most a third of the session timeout |",
        "| `PROCESSOR_ROKT__API_KEY`, `…_FILE` | required |",
        "| `PROCESSOR_CALLS__RATE_LIMIT` | none |",
        "| `PROCESSOR_STATE_DIR` | a temporary folder |",
        "| `PROCESSOR_RETRIES__GIVE_UP_AFTER` | `15 m` |",
        "| `PROCESSOR_SCHEMA_REGISTRY__AUTO_REGISTER` | `false` |",
    ):
        assert row in done.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError("The topic is missing."), 2),
        (errors.RuntimeFailure("The topic is missing."), 1),
        (errors.BrokenInvariant("The topic is missing."), 70),
    ],
)
def test_an_error_that_was_foreseen_ends_in_its_message_and_its_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: errors.ProcessorError,
    code: int,
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert capsys.readouterr().err == "The topic is missing.\n"


def run_broken(error: str) -> subprocess.CompletedProcess[str]:
    """Run a command that raises an error."""
    program = (
        "import sys\n"
        "from processor.cli import main, version\n"
        "def broken():\n"
        f"    payload = '{CANARY}'.upper()\n"
        f"    raise {error}\n"
        "version.version = broken\n"
        "sys.argv = ['processor', 'version']\n"
        "main.main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(),
        cwd=Path(processor.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_bug_ends_in_one_line_and_code_70_with_its_traceback_in_the_log() -> None:
    done = run_broken("KeyError('cart')")
    record, line = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (70, "")
    assert line == "This is a bug of the processor (KeyError): report it."
    logged = json.loads(record)
    assert (logged["event"], logged["level"]) == ("bug", "critical")
    assert "Traceback" in logged["exception"]
    assert CANARY.upper() not in record


def test_ctrl_c_ends_with_code_130() -> None:
    done = run_broken("KeyboardInterrupt")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("arguments", [["--version"], ["--version", "run"]])
def test_the_version_is_an_option_too(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli.app, arguments)
    assert (done.exit_code, done.output) == (0, f"processor {processor.__version__}\n")


@pytest.mark.parametrize("name", [[], *([name] for name in cli.COMMANDS), ["schemas", "check"]])
def test_the_help_has_a_short_name_and_says_what_for(name: list[str]) -> None:
    short, long = (CliRunner().invoke(cli.app, [*name, option]) for option in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.output == long.output
    usage, _, rest = short.output.strip().partition("\n")
    assert usage.strip().startswith("Usage:")
    assert rest.strip()[0].isupper()


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_can_be_loaded(name: str) -> None:
    done = CliRunner().invoke(cli.app, [name, "--help"])
    assert done.exit_code == 0
    assert f" {name} " in done.output
