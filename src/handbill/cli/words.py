"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The shop's workspace folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
