"""What customers did, from the shop's own records into a clean, pseudonymous log and a catalogue.

In:     the Complete Journey's package or a folder of CSV files, and imported files (docs/import.md)
Out:    catalog/, log/events, log/exposures, log/people.parquet, log/quarantine (docs/tables.md)
Source: GA4 recommended events (names), Google Merchant product data (fields)
"""

from handbill.events.settings import COMPLETE_JOURNEY, IMPORTS, Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["COMPLETE_JOURNEY", "IMPORTS", "Settings", "collected", "fingerprint", "run"]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Import everything the source holds; DuckDB is loaded only now.

    Args:
        workspace: Where catalogue and log go; both are replaced whole.
        shop: Its currency, its clock and the day of the plan.
        settings: Where the source is and what counts as impossible.
        progress: Told each step.

    Returns:
        Rows received, kept and refused per source, and what the log spans.

    Raises:
        SourceError: The source is missing or not of the documented shape.
        WorkspaceError: The workspace's disk is full.
    """
    from handbill.events.stage import run as run_stage

    return run_stage(workspace, shop, settings, progress)


def fingerprint(settings: Settings) -> str:
    """Content hash of the source's files, so that an unchanged source is not imported again.

    Args:
        settings: Names the source.

    Returns:
        64 hexadecimal characters.

    Raises:
        SourceError: The source is missing.
    """
    from handbill.events.sources import find_source

    return find_source(settings).fingerprint()


def collected(workspace: Workspace) -> str:
    """Content hash of what reaches the log beside the source: imports, collected events, decisions.

    Args:
        workspace: The shop.

    Returns:
        Hexadecimal characters, the same as long as nothing was added.
    """
    from handbill.events.imported import fingerprint as imports
    from handbill.events.sweep import collected as collected_beside

    return imports(workspace) + collected_beside(workspace)
