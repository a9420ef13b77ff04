"""A server that speaks chat completions over a real model, and misbehaves on demand."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from handbill.ports import TextModel


@dataclass
class Chat:
    """What the server does; tests change it while it runs.

    Attributes:
        model: Who writes.
        faults: One is taken for each request, until there are none.
        seen: Requests, with their headers.
        one_at_a_time: Ignores `n`, as llama.cpp does.
        schema: Whether it knows `response_format`.
        usage: Whether it says what it counted.
    """

    model: TextModel
    faults: list[str] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    one_at_a_time: bool = False
    schema: bool = True
    usage: bool = True
    content: str | None = None
    url: str = ""
    turn: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(model: TextModel) -> Iterator[Chat]:
    """A server on a free port of this machine, for the length of the block."""
    chat = Chat(model)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with chat.turn:
                chat.seen.append({**asked, "path": self.path, "headers": dict(self.headers)})
                fault = chat.faults.pop(0) if chat.faults else ""
            if fault:
                self.misbehave(fault)
            elif "response_format" in asked and not chat.schema:
                self.reply(400, {"error": "unknown field response_format"})
            else:
                self.reply(200, self.answer(asked))

        def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
            count = 1 if chat.one_at_a_time else asked["n"]
            with chat.turn:
                (texts,) = chat.model.generate(
                    [asked["messages"][-1]["content"]],
                    samples=count,
                    max_new_tokens=asked["max_tokens"],
                    seed=asked["seed"],
                )
            if chat.content is not None:
                texts = [chat.content] * count
            choices = [{"index": n, "message": {"content": text}} for n, text in enumerate(texts)]
            usage = {"prompt_tokens": 100, "completion_tokens": 10 * count}
            return {"choices": choices, **({"usage": usage} if chat.usage else {})}

        def reply(self, status: int, body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def misbehave(self, fault: str) -> None:
            if fault == "hang":
                time.sleep(3)
            elif fault == "trickle":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                for _ in range(30):
                    try:
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    except OSError:
                        return
                    time.sleep(0.1)
            elif fault == "die":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif fault == "garbage":
                self.reply(200, b"\x00\xff not json")
            elif fault == "endless":
                self.reply(200, b" " * (5 << 20))
            elif fault == "foreign":
                self.reply(200, {"choices": [{"message": {"content": 7}}]})
            else:
                self.reply(int(fault), {"error": f"status {fault}"})

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
