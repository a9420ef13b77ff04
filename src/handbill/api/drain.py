"""The thread that moves the inbox into the log, every so often and at the end."""

import logging
import threading

from handbill.errors import WorkspaceError
from handbill.events.compact import compact
from handbill.ports import EventInbox
from handbill.workspace import Workspace

log = logging.getLogger(__name__)


class Drain:
    """Compacts on a schedule until it is closed, then once more.

    Args:
        inbox: Drained by this thread only.
        workspace: Whose log receives the events.
        seconds: Pause between two compactions.
    """

    def __init__(self, inbox: EventInbox, workspace: Workspace, seconds: float) -> None:
        self._inbox = inbox
        self._workspace = workspace
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="handbill-drain")
        self.trouble = ""
        """Why the last compaction failed; empty when it did not."""
        self._thread.start()

    def close(self) -> None:
        """Move what is left, then stop."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(self._seconds):
            self._compact()
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
