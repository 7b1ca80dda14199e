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

from sluice.adapters import s3
from sluice.adapters.s3 import S3Store
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
    source = random.Random(7)  # noqa: S311 (not for secrets)
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
        head, *rows = content.decode().splitlines()
        names = head.split(",")
        content = b"".join(json.dumps(dict(zip(names, row.split(","), strict=True))).encode() + b"\n" for row in rows)
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
