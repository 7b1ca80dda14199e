"""Published tables as another engine reads them: ClickHouse's own Iceberg reader (chdb), from the metadata files alone.

It is not in the lock: `python3 -m venv V && V/bin/pip install chdb`, then SLUICE_READER_PYTHON=V/bin/python.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from adapters.lakes.rooms import Lake
from adapters.lakes.test_arrangement import landed, sales
from sluice.adapters.stores.local import local_path
from sluice.contract.model import Contract

__all__ = ["sales"]
READER = os.environ.get("SLUICE_READER_PYTHON", "")
pytestmark = pytest.mark.skipif(
    not READER, reason="NO SECOND ICEBERG READER: set SLUICE_READER_PYTHON to a Python with chdb"
)


def read(room: Lake, location: str, what: str) -> str:
    if room.catalog.kind == "sql":
        table = f"icebergLocal('{local_path(location)}')"
    else:
        place = location.removeprefix("s3://")
        table = f"icebergS3('{os.environ['AWS_ENDPOINT_URL']}/{place}/', 'embedded', 'embedded')"
    code = f"import chdb, sys; sys.stdout.write(str(chdb.query({what.format(table=table)!r}, 'CSV')))"
    done = subprocess.run([READER, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_both_readers_see_the_same(room: Lake, sales: Contract, contract: Contract, tmp_path: Path) -> None:
    entry = room.register(sales)
    room.publish(entry.identifier, list(landed(room, sales, tmp_path).staged), "onb-1")
    ours = room.catalog.scan(entry.identifier)
    amounts = [a for a in ours.column("amount").to_pylist() if a is not None]
    said = read(room, entry.location, "SELECT count(), sum(id), toInt64(sum(amount) * 100), uniq(shop) FROM {table}")
    assert said == f"{ours.num_rows},{sum(ours.column('id').to_pylist())},{int(sum(amounts) * 100)},3"
    assert read(room, entry.location, "SELECT count() FROM {table} WHERE toDate(at) = '2026-03-02'") == "24"

    plain = room.register(contract)
    room.publish(plain.identifier, [room.stage(contract, "a.parquet", [1, 2])], "onb-1")
    room.publish(plain.identifier, [room.stage(contract, "b.parquet", [7])], "onb-2", "e" * 64)
    assert read(room, plain.location, "SELECT id, paid FROM {table}") == "7,1", "replaced, and nothing of the old"
