"""What the chart says of the processor is what the processor says of itself; needs no helm."""

import json
import re

import processor
from tests.support.chart_files import COPIES, FOLDER
from tests.support.chart_schema import CHART, PATH, settings_schema


def test_the_chart_takes_the_settings_there_are() -> None:
    schema = json.loads(PATH.read_text())
    remedy = "`python -m tests.support.chart_schema` writes it anew"
    assert schema["properties"]["settings"] == settings_schema(), remedy


def test_the_chart_has_the_rules_and_the_dashboard_as_they_are() -> None:
    assert sorted(FOLDER.iterdir()) == sorted(COPIES)
    differing = [copy.name for copy, it in COPIES.items() if copy.read_bytes() != it.read_bytes()]
    assert differing == [], "`python -m tests.support.chart_files` writes them anew"


def test_the_chart_is_of_this_version() -> None:
    found = re.findall(
        r"^(?:version|appVersion): (.*)$", (CHART / "Chart.yaml").read_text(), re.MULTILINE
    )
    assert found == [processor.__version__, processor.__version__]
