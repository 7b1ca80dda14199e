"""Real receivers for what Sluice sends: an SMTP server and an HTTP server on loopback, which keep what they get."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """A running SMTP server. `refuse` makes it answer so; `raw` is what came over the line."""

    port: int = 0
    raw: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    refuse: str = ""

    @property
    def letters(self) -> list[EmailMessage]:
        return [email.message_from_bytes(r, policy=email.policy.default) for r in self.raw]  # type: ignore[misc]

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=sluice@example.org"

    def to(self, address: str) -> list[EmailMessage]:
        return [m for m, (_, to) in zip(self.letters, self.envelopes, strict=True) if address in to]


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server while the block runs."""
    box, loop, ready = Mailbox(), asyncio.new_event_loop(), threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        sender, to = "", []
        say("220 sink ESMTP")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(":")[0].upper().split(" ")[0]
            if verb == "EHLO":
                say("250-sink")
                say("250 8BITMIME")
            elif verb == "MAIL":
                sender, to = line.partition(":")[2].strip(), []
                say("250 ok")
            elif verb == "RCPT":
                if box.refuse:
                    say(box.refuse)
                else:
                    to.append(line.partition(":")[2].strip().strip("<>"))
                    say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += await reader.readline()
                box.raw.append(data[:-5].replace(b"\r\n..", b"\r\n."))
                box.envelopes.append((sender, to))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
            await writer.drain()
        writer.close()

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
        box.port = server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(asyncio.sleep(0.05))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@dataclass
class Webhook:
    """A running HTTP server. `status` is what it answers; `calls` are (path, headers, body)."""

    port: int = 0
    status: int = 200
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.calls]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """An HTTP server while the block runs."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            hook.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(hook.status)
            self.send_header("Location", "http://169.254.169.254/")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
