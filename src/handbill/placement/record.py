"""What the steps of the stage wrote and have to say, gathered on the way."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from handbill.types import Text
from handbill.workspace import write_parquet


@dataclass(slots=True)
class Record:
    """Grows from step to step.

    Attributes:
        figures: Named numbers.
        outputs: Files and folders.
        notes: Plain sentences.
    """

    figures: dict[str, float | int | str] = field(default_factory=dict)
    outputs: list[Path] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)

    def write(self, path: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
        """Write a frame's columns of a schema as Parquet."""
        table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
        self.outputs.append(write_parquet(path, table))
