"""What the chart says of the processor is what the processor says of itself; needs no helm."""

import json
import re

import processor
from tests.support.chart_files import FOLDER, contents
from tests.support.chart_schema import CHART, PATH, settings_schema


def test_the_chart_takes_the_settings_there_are() -> None:
    schema = json.loads(PATH.read_text())
    remedy = "`python -m tests.support.chart_schema` writes it anew"
    assert schema["properties"]["settings"] == settings_schema(), remedy


def test_the_chart_has_the_rules_the_dashboard_and_the_properties_as_they_are() -> None:
    wanted = contents()
    assert sorted(FOLDER.iterdir()) == sorted(wanted)
    differing = [path.name for path, it in wanted.items() if path.read_bytes() != it]
    assert differing == [], "`python -m tests.support.chart_files` writes them anew"


def test_the_chart_is_of_this_version() -> None:
    found = re.findall(
        r"^(?:version|appVersion): (.*)$", (CHART / "Chart.yaml").read_text(), re.MULTILINE
    )
    assert found == [processor.__version__, processor.__version__]


def test_what_it_mounts_of_secrets_only_their_group_may_read() -> None:
    text = "".join(path.read_text() for path in sorted((CHART / "templates").rglob("*.*")))
    modes = re.findall(r"secretName: .*\n +(.*)", text)
    assert modes == ["defaultMode: 0440"] * 2
    assert "fsGroup: " in text
