"""The chart's copies of what lies elsewhere, because a chart reads its own folder only.

`python -m tests.support.chart_files` writes them anew.
"""

from typing import Final

from tests.support.alert_rules import ROOT, RULES
from tests.support.chart_schema import CHART

FOLDER: Final = CHART / "files"
COPIES: Final = {
    FOLDER / path.name: path for path in (*RULES, ROOT / "deploy" / "grafana" / "processor.json")
}
"""Each copy, and what it is of."""

if __name__ == "__main__":
    for copy, original in COPIES.items():
        copy.write_bytes(original.read_bytes())
