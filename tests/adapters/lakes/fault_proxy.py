"""A proxy before moto that does what moto does not: it fails, stalls, breaks off, loses answers, and compares versions.

Glue refuses an UpdateTable whose VersionId is not the table's any more; moto takes it, so that a test of two writers
passes on bare moto whatever the code does.
"""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Call:
    """One request. `operation`: Glue's and Lake Formation's own names, `PUT`, `GET` … for S3."""

    operation: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Fault:
    """What happens to calls of an operation, from the `first` matching one (from 1) on, `times` times.

    `status` and `code`: an error in moto's place. `delay`: seconds to wait first. `reset_after`: break the
    connection after that many bytes of the answer. `drop`: moto does it, and nobody learns of it.
    """

    operation: str
    first: int = 1
    times: int = 1
    status: int = 0
    code: str = ""
    delay: float = 0
    reset_after: int | None = None
    drop: bool = False
    where: str = ""
    seen: int = field(default=0, init=False)
    hit: int = field(default=0, init=False)

    def takes(self, call: Call) -> bool:
        if call.operation != self.operation or self.where not in call.path + call.body[:20_000].decode("latin-1"):
            return False
        self.seen += 1
        if self.first <= self.seen < self.first + self.times:
            self.hit += 1
            return True
        return False


class FaultProxy:
    """The proxy at `url`; `faults` may change while it runs. With `compare_and_swap`, Glue's VersionId counts."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.compare_and_swap = True
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._swap = asyncio.Lock()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        open_ones = asyncio.all_tasks(self._loop)
        for task in open_ones:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_ones, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await _head(reader)) is not None:
                first, headers = head
                if headers.get("expect", "").lower() == "100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    await writer.drain()
                body = await _body(reader, headers)
                if not await self._answer(first, headers, body, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, first: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        method, path, _ = first.split(" ", 2)
        call = Call(_operation(method, path, headers), path, headers, body)
        self.calls.append(call)
        fault = next((f for f in self.faults if f.takes(call)), None)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is not None and fault.status:
            writer.write(_error(fault.status, fault.code, call))
            await writer.drain()
            return True
        answer = await self._forwarded(first, headers, call)
        if fault is not None and (fault.drop or fault.reset_after is not None):
            writer.write(answer[: fault.reset_after] if fault.reset_after else b"")
            await writer.drain()
            writer.transport.abort()
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _forwarded(self, first: str, headers: dict[str, str], call: Call) -> bytes:
        if call.operation == "UpdateTable" and self.compare_and_swap:
            async with self._swap:
                wanted = json.loads(call.body)
                asked = {"DatabaseName": wanted["DatabaseName"], "Name": wanted["TableInput"]["Name"]}
                target = headers["x-amz-target"].replace("UpdateTable", "GetTable")
                there = await self._send(first, headers | {"x-amz-target": target}, json.dumps(asked).encode())
                found = json.loads(there.split(b"\r\n\r\n", 1)[1]).get("Table", {})
                if wanted.get("VersionId") is not None and found.get("VersionId") != wanted["VersionId"]:
                    return _error(400, "ConcurrentModificationException", call)
                return await self._send(first, headers, call.body)
        return await self._send(first, headers, call.body)

    async def _send(self, first: str, headers: dict[str, str], body: bytes) -> bytes:
        """The whole answer, with its length said."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        kept = {
            k: v for k, v in headers.items() if k not in ("connection", "expect", "content-length", "transfer-encoding")
        }
        lines = [
            first,
            *(f"{k}: {v}" for k, v in kept.items()),
            f"content-length: {len(body)}",
            "connection: close",
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode("latin-1") + body)
        await writer.drain()
        raw = await reader.read()
        writer.close()
        head, _, content = raw.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        said = [f for f in fields if f.split(":")[0].lower() not in ("connection", "transfer-encoding")]
        if not any(f.lower().startswith("content-length:") for f in said):
            said.append(f"Content-Length: {len(content)}")
        return "\r\n".join(["HTTP/1.1 " + status.split(" ", 1)[1], *said, "", ""]).encode("latin-1") + content


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    return first, {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        parts = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readline()
        return b"".join(parts)
    return await reader.readexactly(int(headers.get("content-length") or 0))


def _operation(method: str, path: str, headers: dict[str, str]) -> str:
    if target := headers.get("x-amz-target"):
        return target.rsplit(".", 1)[-1]
    name = urlsplit(path).path.strip("/")
    return name if method == "POST" and name.isalpha() and name[:1].isupper() else method


def _error(status: int, code: str, call: Call) -> bytes:
    if "x-amz-target" in call.headers or (call.operation[:1].isupper() and not call.operation.isupper()):
        body = json.dumps({"__type": code, "message": "as injected"}).encode()
        kind = "application/x-amz-json-1.1"
    else:
        body = f"<Error><Code>{code}</Code><Message>as injected</Message></Error>".encode()
        kind = "application/xml"
    head = f"HTTP/1.1 {status} Injected\r\nContent-Type: {kind}\r\nx-amzn-ErrorType: {code}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
