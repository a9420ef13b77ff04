"""Which source the settings name."""

from pathlib import Path

from handbill.events.canonical import Source
from handbill.events.complete_journey import CompleteJourney
from handbill.events.csv_folder import CsvFolder
from handbill.events.settings import COMPLETE_JOURNEY, Settings


def find_source(settings: Settings) -> Source:
    """The adapter for `settings.source`.

    Raises:
        SourceError: It is not there.
    """
    if settings.source == COMPLETE_JOURNEY:
        return CompleteJourney.find()
    return CsvFolder.find(Path(settings.source).expanduser(), settings.time_format)
