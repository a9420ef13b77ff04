"""kill -9 under load, again and again: is every acknowledged event in the log exactly once?

The collector drains into the log all the time. Every second kill comes at a random moment, the
others as soon as a file of the log is being written. Requests that were cut off are sent again to
the next process, as a tag would, and a reader looks at the log all along.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.collector_load import request
from benchmarks.collector_server import serving

SENDERS = 6
SEED = 20261124
LINES = 2
LONGEST_WAIT = 2.0


@dataclass(slots=True)
class Sender:
    """One connection's memory over all lives of the collector.

    Attributes:
        acknowledged: Ids of events that were answered with a 2xx.
        open: The request that was cut off, if any, and its ids.
    """

    rng: random.Random
    acknowledged: list[str] = field(default_factory=list)
    open: tuple[bytes, list[str]] | None = None

    async def send(self, port: int) -> None:
        """Send until the collector is gone."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                self.open = self.open or self.make()
                writer.write(self.open[0])
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
                body = await reader.readexactly(length)
                if head.startswith(b"HTTP/1.1 200") and b'"refused"' not in body:
                    self.acknowledged += self.open[1]
                    self.open = None
                else:
                    await asyncio.sleep(0.05)
        except (ConnectionError, asyncio.IncompleteReadError):
            return

    def make(self) -> tuple[bytes, list[str]]:
        """A request of a few orders of two lines each, over three days."""
        ids = [
            str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
            for _ in range(self.rng.randint(1, 20))
        ]
        now = datetime.now(UTC)
        orders: list[dict[str, object]] = [
            {
                "event": "purchase",
                "event_id": one,
                "user_id": "someone",
                "transaction_id": one,
                "occurred_at": (now - timedelta(days=self.rng.randrange(3))).isoformat(),
                "items": [{"item_id": f"sku-{n}", "price": 1.5} for n in range(LINES)],
            }
            for one in ids
        ]
        return request(orders), ids


def read_log(folder: Path) -> Counter[str]:
    """Order -> lines in the log; fails on a file that is not whole."""
    lines: Counter[str] = Counter()
    for path in (folder / "log" / "events").glob("date=*/*.parquet"):
        lines.update(pq.ParquetFile(path).read(["transaction_id"]).column(0).to_pylist())
    return lines


async def one_life(folder: Path, senders: list[Sender], seconds: float, *, at_a_file: bool) -> bool:
    """Start the collector, load it, kill it in the middle, and read what it left.

    Args:
        folder: The workspace.
        senders: The load.
        seconds: How long it lives.
        at_a_file: Whether it then lives on until it writes a file of the log, to die at that.

    Returns:
        Whether it was killed while it wrote a file of the log.
    """
    with serving(folder, compact_seconds=0.02) as server:
        sending = [asyncio.create_task(one.send(server.port)) for one in senders]
        await asyncio.sleep(seconds)
        whole(read_log(folder))  # a reader in the middle of it all
        deadline = time.monotonic() + LONGEST_WAIT
        while at_a_file and not half_files(folder) and time.monotonic() < deadline:
            await asyncio.sleep(0)
        server.kill()
        await asyncio.gather(*sending)
    whole(read_log(folder))
    return half_files(folder)


def half_files(folder: Path) -> bool:
    """Whether a file of the log is being written, or was when its writer died."""
    return any(folder.glob("log/events/date=*/.*.part"))


def whole(lines: Counter[str]) -> None:
    """No order may be there in part, or twice."""
    wrong = {order: n for order, n in lines.items() if n != LINES}
    if wrong:
        raise AssertionError(f"orders with other than {LINES} lines: {list(wrong.items())[:5]}")


async def kill_many(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill the collector `kills` times; then let one end well and account for everything.

    Args:
        folder: A workspace that does not exist yet.
        kills: How often.
        seed: Of the moments and of the load.

    Returns:
        `kills`, those `while_compacting`, `acknowledged` events, `lost` of them, `twice`.
    """
    rng = random.Random(seed)  # noqa: S311  no secret
    senders = [Sender(random.Random(rng.random())) for _ in range(SENDERS)]  # noqa: S311
    compacting = 0
    for number in range(kills):
        at_a_file = number % 2 == 1
        compacting += await one_life(folder, senders, rng.uniform(0.05, 0.6), at_a_file=at_a_file)
    with serving(folder) as server:
        server.stop()
    lines = read_log(folder)
    acknowledged = [one for sender in senders for one in sender.acknowledged]
    return {
        "kills": kills,
        "while_compacting": compacting,
        "acknowledged": len(acknowledged),
        "lost": sum(one not in lines for one in acknowledged),
        "twice": sum(n > LINES for n in lines.values()),
    }


def main() -> None:
    """Print the account as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        account = asyncio.run(kill_many(Path(folder) / "shop", given.kills, given.seed))
    print(json.dumps(account | {"seconds": round(time.monotonic() - started)}))


if __name__ == "__main__":
    main()
