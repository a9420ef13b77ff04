"""Load for a collector from a process of its own: raw sockets that are kept alive.

Each connection has one request on its way; the next one is sent when the reply is complete. All
requests are made before the clock starts, so that the client costs the server's cores little.
"""

import argparse
import asyncio
import json
import random
import time
import uuid
from datetime import UTC, datetime

from benchmarks.collector_server import KEY

PAGES = 400
SEED = 20261124


class Connection(asyncio.Protocol):
    """Sends its requests one after the other and notes how long each took."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self.latencies: list[float] = []
        self.refused = 0
        self._requests = iter(requests)
        self._done = done
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; `go` starts."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def go(self) -> None:
        """Send the next request, or end."""
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            return
        assert self._transport is not None  # noqa: S101
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the reply when it is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self.refused += not head.startswith(b"HTTP/1.1 200") or b'"refused"' in body
        self._buffer = b""
        self.go()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up before the end."""
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the collector hung up"))


def event(rng: random.Random, people: int) -> dict[str, object]:
    """One event: people and pages follow a power law, one in forty is an order of three lines."""
    person = int(people * rng.random() ** 3)
    common: dict[str, object] = {
        "event_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "anonymous_id": f"device-{person}",
        "occurred_at": datetime.now(UTC).isoformat(),
        "page": {"url": f"https://shop.example/p/{int(PAGES * rng.random() ** 3)}?utm_source=mail"},
    }
    if rng.random() < 1 / 40:
        items = [{"item_id": f"sku-{rng.randrange(5_000)}", "price": 4.99} for _ in range(3)]
        order = f"order-{rng.getrandbits(64):x}"
        return common | {"event": "purchase", "transaction_id": order, "items": items}
    return common | {"event": "view_item", "items": [{"item_id": f"sku-{rng.randrange(5_000)}"}]}


def request(events: list[dict[str, object]]) -> bytes:
    """The events as the bytes of one HTTP request."""
    body = json.dumps({"write_key": KEY, "events": events}).encode()
    head = (
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nuser-agent: Mozilla/5.0 Firefox/140.0\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(
    port: int, connections: int, requests: int, batch: int, seed: int
) -> dict[str, float]:
    """Send `requests` requests of `batch` events over `connections` connections."""
    rng = random.Random(seed)  # noqa: S311  no secret
    each = requests // connections
    loop = asyncio.get_running_loop()
    clients: list[Connection] = []
    endings: list[asyncio.Future[None]] = []
    for _ in range(connections):
        made = [request([event(rng, 50_000) for _ in range(batch)]) for _ in range(each)]
        endings.append(loop.create_future())
        _, client = await loop.create_connection(
            lambda made=made, done=endings[-1]: Connection(made, done), "127.0.0.1", port
        )
        clients.append(client)
    started = time.perf_counter()
    for client in clients:
        client.go()
    await asyncio.gather(*endings)
    seconds = time.perf_counter() - started
    latencies = sorted(one for client in clients for one in client.latencies)
    return {
        "events_s": each * connections * batch / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        "refused": sum(client.refused for client in clients),
        "seconds": seconds,
    }


def main() -> None:
    """Run one load and print what it measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "connections", "requests", "batch"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    run = load(given.port, given.connections, given.requests, given.batch, given.seed)
    print(json.dumps(asyncio.run(run)))


if __name__ == "__main__":
    main()
