"""The thread that moves the inbox into the log, every so often and at the end."""

import logging
import threading

from handbill.errors import WorkspaceError
from handbill.events.collector import Settings
from handbill.events.compact import compact
from handbill.ports import EventInbox
from handbill.workspace import Workspace

log = logging.getLogger(__name__)


class Drain:
    """Compacts at once, then on a schedule or when much waits, and once more when it is closed.

    Args:
        inbox: Drained by this thread only.
        workspace: Whose log receives the events.
        settings: How often, and what is much.
    """

    def __init__(self, inbox: EventInbox, workspace: Workspace, settings: Settings) -> None:
        self._inbox = inbox
        self._workspace = workspace
        self._settings = settings
        self._noted = 0
        self._stopping = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="handbill-drain")
        self.trouble = ""
        """Why the last compaction failed; empty when it did not."""
        self._thread.start()

    def note(self, events: int) -> None:
        """Hear that so many more events wait."""
        self._noted += events
        if self._noted >= self._settings.compact_events:
            self._wake.set()

    def close(self) -> None:
        """Move what is left, then stop."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        self._compact()  # what an earlier process acknowledged and could not move
        while not self._stopping:
            self._wake.wait(self._settings.compact_seconds)
            self._wake.clear()
            self._noted = 0
            self._compact()

    def _compact(self) -> None:
        try:
            compact(self._inbox, self._workspace)
        except (WorkspaceError, OSError) as error:  # events stay in the inbox; the next try may do
            if not self.trouble:
                log.error("%s", error)
            self.trouble = str(error)
        else:
            self.trouble = ""
