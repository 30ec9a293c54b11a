"""The command line: one module a command, imported only when that command runs."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="TOML file of settings; PROCESSOR_CONFIG names it otherwise. The environment wins.",
        show_default=False,
    ),
]
