"""Files that are larger than scratch: they land in segments, within the limit, and come out as they would whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from test_landing import BAD, GOOD, Shop, contract

from sluice.adapters.stores import s3
from sluice.adapters.stores.s3 import S3Store
from sluice.errors import LakeUnavailableError, SourceError, TerminalError
from sluice.lake import Layout
from sluice.settings import load
from sluice.stream import attempt
from sluice.stream.disk import Disk

LIMIT = 14_000_000


@pytest.fixture
def shop(lake: str, tmp_path: Path) -> Shop:
    folder = tmp_path / "shop"
    folder.mkdir()
    settings = load({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_DISK_LIMIT": str(LIMIT), "SLUICE_THREADS": "2"})
    return Shop(folder, S3Store(), Layout(f"{lake}/lake"), settings)


@pytest.fixture
def remote(lake: str):  # type: ignore[no-untyped-def]
    return contract(server=f'type: s3, location: "{lake}/in"')


def large(rows: int) -> bytes:
    """A delivery that hardly compresses, with two bad rows; 440 bytes a row."""
    source = random.Random(7)
    lines = [f"{i},{base64.b64encode(source.randbytes(320)).decode()},1.25\n" for i in range(rows)]
    lines[10], lines[-10] = "x,early,1.00\n", "y,late,1.00\n"
    return b"Order No.,buyer,paid\n" + "".join(lines).encode()


@contextmanager
def most_used(folder: Path) -> Iterator[list[int]]:
    """The most bytes that lay in the folder."""
    done, most = threading.Event(), [0]

    def look() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], Disk(folder, None).used())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def test_an_object_larger_than_scratch_lands_within_the_limit(shop: Shop, remote, lake: str) -> None:  # type: ignore[no-untyped-def]
    content = large(120_000)
    packed = gzip.compress(content, 1)
    assert len(packed) > 2.5 * LIMIT
    path = shop.folder / "packed"
    path.write_bytes(packed)
    S3Store().put(path, f"{lake}/in/orders.csv.gz")
    path.unlink()
    remote = replace(remote, tables=(replace(remote.tables[0], location="orders*.csv.gz"),))
    with most_used(shop.folder / "scratch") as most:
        manifest = shop.land(remote)
    assert 1_000_000 < most[0] < LIMIT
    assert (manifest.rows_read, manifest.rows_staged, manifest.rows_quarantined) == (120_000, 119_998, 2)
    assert len(manifest.staged) > 10
    assert {s.uri.rpartition("/")[2] for s in manifest.staged} >= {"part-00000.parquet", "part-00001.parquet"}
    (source,) = manifest.sources
    assert source.sha256 == hashlib.sha256(packed).hexdigest()
    assert source.landing_uri is not None
    assert shop.store.read(source.landing_uri) == packed
    assert list(shop.store.uploads(shop.layout.root)) == []  # type: ignore[attr-defined]
    bad = shop.rows([q.uri for q in manifest.quarantine])
    at = content.index(b"y,late")
    assert [(q["line"], q["byte_offset"], q["raw"]) for q in bad] == [
        (12, content.index(b"x,early"), b"x,early,1.00"),
        (content[:at].count(b"\n") + 1, at, b"y,late,1.00"),
    ]


@pytest.mark.parametrize("how", ["plain", "gz", "zip", "tar.gz", "json"])
def test_a_local_file_that_outgrows_scratch_is_read_again_in_segments(shop: Shop, how: str) -> None:
    content = large(60_000)
    c = contract()
    if how == "json":
        rows = [line.split(",") for line in content.decode().splitlines()[1:]]
        content = b"".join(
            json.dumps({"Order No.": int(n) if n.isdigit() else n, "buyer": buyer, "paid": 1.25}).encode() + b"\n"
            for n, buyer, _ in rows
        )
        c = replace(c, server=replace(c.server, format="jsonl"))
    path = shop.folder / "orders.csv"
    if how == "gz":
        path.write_bytes(gzip.compress(content, 1))
    elif how == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("orders.csv", content)
    elif how == "tar.gz":
        (shop.folder / "rows").write_bytes(content[: content.index(b"\n", 4_000_000) + 1])
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            tar.add(shop.folder / "rows", "orders.csv")
    else:
        path.write_bytes(content)
    shop.settings = replace(shop.settings, disk_limit=LIMIT, segment_bytes=2_000_000)
    manifest = shop.land(c)
    if how != "tar.gz":
        assert (manifest.rows_read, manifest.rows_staged, manifest.rows_quarantined) == (60_000, 59_998, 2)
    assert len(manifest.staged) > 1
    assert sum(s.rows for s in manifest.staged) == manifest.rows_staged


def test_an_object_that_changes_while_it_is_read_is_noticed(
    shop: Shop, remote, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    store, content = S3Store(), large(60_000)
    (shop.folder / "x").write_bytes(content)
    store.put(shop.folder / "x", f"{lake}/in/orders.csv")
    take, changes = attempt.Attempt._take, []

    def take_and_change(self: attempt.Attempt, *arguments: object) -> None:
        changes.append(1)
        store.write(f"{lake}/in/orders.csv", content + b"%d,z,1.00\n" % len(changes), content_type="text/csv")
        take(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(attempt.Attempt, "_take", take_and_change)
    with pytest.raises(SourceError, match="SOURCE_CHANGED"):
        shop.land(remote)
    assert shop.uris("manifests") == shop.uris("landing") == []
    assert len(changes) >= 2, "it was begun again"


def test_an_object_is_read_by_ranges_and_an_answer_that_breaks_off_is_asked_for_again(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, content = S3Store(), bytes(range(256)) * 100_000
    store.write(f"{lake}/a", content, content_type="text/csv")
    info = store.head(f"{lake}/a")
    assert info is not None
    broken = []
    client = s3._client()
    whole = client.get_object

    def breaks_off(**arguments: object):  # type: ignore[no-untyped-def]
        answer = whole(**arguments)  # type: ignore[arg-type]
        if len(broken) < failures:
            broken.append(arguments["Range"])
            answer["Body"].read(1000)
        return answer

    monkeypatch.setattr(client, "get_object", breaks_off)
    monkeypatch.setattr(s3.time, "sleep", lambda _: None)
    failures = 2
    with store.open(info) as file:
        assert b"".join(iter(lambda: file.read(1 << 20), b"")) == content
        assert file.seek(-10, 2) == len(content) - 10
        assert file.read(20) == content[-10:]
    assert broken[0] == f"bytes=0-{s3.RANGE - 1}"
    failures = 100
    with store.open(info) as file, pytest.raises(LakeUnavailableError):
        file.read(1)
    assert len(broken) == 2 + s3.RANGE_ATTEMPTS
    store.write(f"{lake}/a", content[1:], content_type="text/csv")
    with store.open(info) as file, pytest.raises(SourceError, match="SOURCE_CHANGED"):
        file.read(1)


def test_a_table_that_cannot_be_cut_keeps_the_limit_and_says_so(shop: Shop) -> None:
    rows = ",".join(
        f'{{"Order No.": {i}, "buyer": "{hashlib.sha256(b"%d" % i).hexdigest() * 4}", "paid": 1}}'
        for i in range(60_000)
    )
    (shop.folder / "orders.csv").write_bytes(gzip.compress(f"[{rows}]".encode(), 1))
    c = contract()
    with pytest.raises(TerminalError, match="DISK_LIMIT") as caught:
        shop.land(replace(c, server=replace(c.server, format="json")))
    assert f"{LIMIT:,}" in caught.value.message
    assert shop.uris("manifests") == []


def test_many_small_objects_that_do_not_fit_together_land_in_few_parts(shop: Shop, remote, lake: str) -> None:  # type: ignore[no-untyped-def]
    content = large(2_000)
    for i in range(12):
        S3Store().write(f"{lake}/in/orders-{i:02}.csv", content, content_type="text/csv")
    shop.settings = replace(shop.settings, segment_bytes=1_800_000)
    manifest = shop.land(remote)
    assert (manifest.rows_read, manifest.rows_quarantined, len(manifest.sources)) == (24_000, 24, 12)
    assert len(manifest.staged) < 12
    bad = shop.rows([q.uri for q in manifest.quarantine])
    assert [(q["file"], q["line"]) for q in bad] == [(f"orders-{i:02}.csv", n) for i in range(12) for n in (12, 1_992)]


def test_nothing_but_the_contract_decides_how_it_ends(shop: Shop) -> None:
    shop.settings = replace(shop.settings, segment_bytes=10)
    shop.deliver(GOOD + BAD)
    manifest = shop.land()
    assert (manifest.rows_read, manifest.rows_staged, manifest.reasons) == (5, 3, {"CAST": 2})
    with pytest.raises(SourceError, match="BAD_ROWS"):
        shop.land(contract(("quarantinePolicy", "refuse")), load="load-2")
