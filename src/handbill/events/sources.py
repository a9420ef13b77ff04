"""Which source the settings name."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from handbill.events.canonical import Loaded, Source
from handbill.events.complete_journey import CompleteJourney
from handbill.events.csv_folder import CsvFolder
from handbill.events.settings import COMPLETE_JOURNEY, IMPORTS, Settings
from handbill.types import ShopProfile


def find_source(settings: Settings) -> Source:
    """The adapter for `settings.source`.

    Raises:
        SourceError: It is not there.
    """
    if settings.source == COMPLETE_JOURNEY:
        return CompleteJourney.find()
    if settings.source == IMPORTS:
        return ImportsOnly()
    return CsvFolder.find(Path(settings.source).expanduser(), settings.time_format)


@dataclass(frozen=True, slots=True)
class ImportsOnly:
    """The adapter of a shop that has no exports but the files it brings in one by one."""

    @property
    def name(self) -> str:
        """Importer and its version; no row carries it."""
        return "imports/1"

    def fingerprint(self) -> str:
        """Nothing that could change: imported files have a fingerprint of their own."""
        return self.name

    def load(self, connection: duckdb.DuckDBPyConnection, shop: ShopProfile) -> Loaded:
        """Create nothing."""
        return Loaded(present=())
