"""The chart's copies of what lies elsewhere, because a chart reads its own folder only.

`python -m tests.support.chart_files` writes them anew.
"""

import json
from pathlib import Path
from typing import Final

from processor.shell.settings_properties import HARMLESS, HARMLESS_FAMILIES
from tests.support.alert_rules import ROOT, RULES
from tests.support.chart_schema import CHART

FOLDER: Final = CHART / "files"
COPIES: Final = {
    FOLDER / path.name: path for path in (*RULES, ROOT / "deploy" / "grafana" / "processor.json")
}
"""Each copy, and what it is of."""


def contents() -> dict[Path, bytes]:
    """Return what each file is to hold: copies, and which of librdkafka's properties may show."""
    harmless = {"names": sorted(HARMLESS), "families": sorted(HARMLESS_FAMILIES)}
    return {copy: original.read_bytes() for copy, original in COPIES.items()} | {
        FOLDER / "properties.json": f"{json.dumps(harmless, indent=2)}\n".encode()
    }


if __name__ == "__main__":
    for path, content in contents().items():
        path.write_bytes(content)
