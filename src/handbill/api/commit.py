"""Group commit: requests that wait for the disk share one sync, and are answered after it."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from handbill.errors import WorkspaceError
from handbill.ports import Arrived, EventInbox

log = logging.getLogger(__name__)

MOST_PER_COMMIT = 5_000
"""Events in one transaction; it bounds how long a commit takes."""

_Waiter = tuple[Sequence[Arrived], "asyncio.Future[list[bool]]"]


class Busy(Exception):  # noqa: N818  an expected refusal, answered by the caller
    """No more events can wait for the disk now."""


class GroupCommit:
    """One thread that appends to the inbox what all requests brought meanwhile.

    Args:
        inbox: Written by this thread only.
        loop: Where requests wait.
        max_waiting: Events in memory; more are refused.
        committed: Told how many events each commit took.
    """

    def __init__(
        self,
        inbox: EventInbox,
        loop: asyncio.AbstractEventLoop,
        max_waiting: int,
        committed: Callable[[int], None],
    ) -> None:
        self._inbox = inbox
        self._loop = loop
        self._max_waiting = max_waiting
        self._committed = committed
        self._waiting = 0
        self._queue: SimpleQueue[_Waiter | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="handbill-commit")
        self.trouble = ""
        """Why the last commit failed; empty when it did not."""
        self._thread.start()

    def submit(self, events: Sequence[Arrived]) -> "asyncio.Future[list[bool]]":
        """Hand events over; called in the loop's thread.

        Returns:
            Done when the events are on disk: whether each was new. Fails with `WorkspaceError` when
            nothing of them was kept.

        Raises:
            Busy: Too much waits already, or the thread has ended.
        """
        if self._waiting + len(events) > self._max_waiting or not self._thread.is_alive():
            raise Busy
        self._waiting += len(events)
        future: asyncio.Future[list[bool]] = self._loop.create_future()
        self._queue.put((events, future))
        return future

    def close(self) -> None:
        """Commit what waits, then stop; nothing may be submitted afterwards."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            first = self._queue.get()
            group: list[_Waiter] = []
            events: list[Arrived] = []
            while first is not None:
                group.append(first)
                events.extend(first[0])
                if len(events) >= MOST_PER_COMMIT:
                    break
                try:
                    first = self._queue.get_nowait()
                except Empty:
                    break
            stopping = first is None
            if group:
                self._commit(group, events)

    def _commit(self, group: list[_Waiter], events: list[Arrived]) -> None:
        try:
            outcome: list[bool] | WorkspaceError = self._inbox.append(events)
        except WorkspaceError as error:
            outcome = error
            if not self.trouble:
                log.error("%s; senders are told to try again", error)
        except BaseException as error:  # a defect of ours: nobody may wait for this thread
            self.trouble = f"the committing thread ended: {error!r}"
            self._loop.call_soon_threadsafe(self._answer, group, WorkspaceError(self.trouble))
            raise
        else:
            if self.trouble:
                log.warning("writing works again")
            self._committed(len(events))
        self.trouble = str(outcome) if isinstance(outcome, WorkspaceError) else ""
        self._loop.call_soon_threadsafe(self._answer, group, outcome)

    def _answer(self, group: list[_Waiter], outcome: list[bool] | WorkspaceError) -> None:
        start = 0
        for events, future in group:
            self._waiting -= len(events)
            if future.cancelled():  # the sender hung up; its events are kept all the same
                pass
            elif isinstance(outcome, WorkspaceError):
                future.set_exception(WorkspaceError(str(outcome)))
            else:
                future.set_result(outcome[start : start + len(events)])
            start += len(events)
