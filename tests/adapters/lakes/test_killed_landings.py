"""Landings killed with SIGKILL at any moment, on both kinds of lake: the retry has every row once, the janitor the rest."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adapters.lakes.dying import SERVER
from adapters.lakes.rooms import Lake
from shop import Shop
from sluice.lake import Manifest
from sluice.ledger import Request
from sluice.onboarding import found
from sluice.stages import Stage
from sluice.stream.janitor import clean, find_litter
from sluice.stream.land import land

ROWS, BAD = 6_000, 50
KILLS = 6


def _land(request: str, environment: Mapping[str, str], out: Any) -> None:
    from sluice.adapters.stores import s3
    from sluice.settings import load
    from sluice.stream.tools import connect

    os.environ.clear()
    os.environ.update(environment)
    s3.PART = 5 << 20  # so that a source of some megabytes goes up in parts
    tools = connect(load())
    out.send("begun")
    out.send(land(tools, request, "orders"))


def landed(shop: Shop, request: Request, *, killed_after: float | None = None) -> tuple[int | None, float]:
    """Rows staged by a landing in a process of its own (None: it died), and the seconds it took."""
    receive, send = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_land, args=(request.id, shop.whole(), send))
    process.start()
    send.close()
    assert receive.recv() == "begun"
    started = time.monotonic()
    if killed_after is not None:
        process.join(killed_after)
        process.kill()
    try:
        rows = receive.recv()
    except EOFError:
        rows = None
    process.join(60)
    return rows, time.monotonic() - started


@pytest.fixture
def shop(room: Lake, ledger_url: str, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, ledger_url, room.uri, f"shop_{secrets.token_hex(4)}")
    if room.catalog.kind == "sql":
        shop.environment["SLUICE_CATALOG_URL"] = room.settings.catalog
    chance = random.Random(7)
    buyers = (chance.randbytes(1000).hex() for _ in range(ROWS))
    paid = ("dear" if n % (ROWS // BAD) == 0 else "1.00" for n in range(ROWS))
    shop.deliver(list(zip(range(ROWS), buyers, paid, strict=True)))
    return shop


def test_a_landing_killed_at_any_moment_is_retried_and_what_it_left_is_removed(
    shop: Shop, room: Lake, tmp_path: Path
) -> None:
    first = shop.open()
    assert landed(shop, first)[0] == ROWS - BAD
    _, seconds = landed(shop, first)
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    request = shop.open()
    chance, died = random.Random(), 0
    for n in range(KILLS):
        rows, _ = landed(shop, request, killed_after=seconds * (n + chance.random()) / KILLS)
        died += rows is None
    assert died >= 2, "killed on their way"
    assert landed(shop, request)[0] == ROWS - BAD

    manifests = [manifest_of(shop, r) for r in (first, request)]
    newest = manifests[1]
    assert (newest.rows_read, newest.rows_quarantined) == (ROWS, BAD)
    ids = read(room, [f.uri for f in newest.staged], tmp_path, "id")
    bad = read(room, [f.uri for f in newest.quarantine], tmp_path, "line")
    step = ROWS // BAD
    assert sorted(ids) == [n for n in range(ROWS) if n % step], "nothing lost, nothing twice"
    assert sorted(bad) == [n + 2 for n in range(0, ROWS, step)]

    for each in (first, request):
        land(shop.tools, each.id, "items")  # as long as a request is landing, nothing of its own is abandoned
    shop.later(days=30)
    clean(shop.tools, find_litter(shop.tools, timedelta(days=7)))
    assert list(room.store.uploads(f"{room.uri}/")) == []
    kept = {s.landing_uri for s in newest.sources}
    for m in manifests:
        kept |= {f.uri for f in (*m.staged, *m.quarantine)} | {room.layout.manifest(m.source, "orders", m.attempt)}
    there = {o.uri for o in room.store.list(f"{room.uri}/") if f"/{shop.source}/orders/" in o.uri}
    assert there == kept


def manifest_of(shop: Shop, request: Request) -> Manifest:
    with shop.tools.ledger.reading() as tx:
        return Manifest.from_dict(found(tx, request, Stage.LAND)["orders"])


def read(room: Lake, uris: list[str], folder: Path, column: str) -> list[int]:
    values: list[int] = []
    for n, uri in enumerate(uris):
        room.store.get(uri, folder / f"{column}-{n}")
        values += pq.read_table(folder / f"{column}-{n}")[column].to_pylist()
    return values
