"""Landing as promised: nothing lost, nothing twice, nothing counted before its manifest; in S3 and in a folder."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sluice.adapters.stores.local import FileStore, local_path
from sluice.adapters.stores.s3 import S3Store
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import ConflictError, SourceError, TerminalError
from sluice.lake import Layout, Manifest, ObjectStore
from sluice.settings import Settings, load
from sluice.stream import attempt, land
from sluice.stream.land import land_table
from sluice.stream.replay import Fate, Replays

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{{server: files, {server}, format: csv}}]
schema:
  - name: Orders
    customProperties: [{{property: location, value: "orders*.csv"}}{terms}]
    properties:
      - {{name: "Order No.", logicalType: integer, classification: public}}
      - {{name: buyer, logicalType: string, classification: confidential}}
      - {{name: paid, logicalType: number, physicalType: "decimal(9,2)", classification: public}}
"""
GOOD = "Order No.,buyer,paid\n1,ann,10.50\n2,bob,\n3,,7.00\n"
BAD = "4,cid,dear\nx,dan,1.00\n"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def contract(*terms: tuple[str, object], server: str = "type: local, path: .") -> Contract:
    more = "".join(f", {{property: {name}, value: {json.dumps(value)}}}" for name, value in terms)
    return read_contract(CONTRACT.format(terms=more, server=server))


@dataclass
class Shop:
    """A source folder, a lake, and landings from the one into the other."""

    folder: Path
    store: ObjectStore
    layout: Layout
    settings: Settings

    def deliver(self, text: str, name: str = "orders.csv") -> Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    def land(
        self,
        c: Contract | None = None,
        load: str = "load-1",
        fate: Callable[..., Fate] = lambda *_: Fate.OPEN,
    ) -> Manifest:
        c = c or contract()
        scratch = self.folder / "scratch" / load
        scratch.mkdir(parents=True, exist_ok=True)
        replays = Replays(self.store, self.layout, load, fate, lambda: NOON)
        try:
            return land_table(
                c, c.tables[0], str(self.folder), self.settings, origin=S3Store(), store=self.store, layout=self.layout,
                scratch=scratch, replays=replays,
            )  # fmt: skip
        finally:
            assert list(scratch.iterdir()) == [], "nothing is left behind"

    def uris(self, part: str) -> list[str]:
        return [i.uri for i in self.store.list(f"{self.layout.root}/{part}/")]

    def rows(self, uris: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for i, uri in enumerate(uris):
            target = self.folder / f"fetched-{i}"
            self.store.get(uri, target)
            found += pq.read_table(target).to_pylist()
        return found


@pytest.fixture(params=["s3", "file"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    settings = load({"SLUICE_HOME": str(tmp_path / "home")})
    folder = tmp_path / "shop [1]"
    folder.mkdir()
    if request.param == "s3":
        return Shop(folder, S3Store(), Layout(request.getfixturevalue("lake")), settings)
    return Shop(folder, FileStore(), Layout((tmp_path / "lake").as_uri()), settings)


def test_the_manifest_tells_everything_and_is_what_the_lake_holds(shop: Shop) -> None:
    path = shop.deliver(GOOD + BAD)
    manifest = shop.land()
    assert (manifest.rows_read, manifest.rows_staged, manifest.rows_quarantined, manifest.rows_dropped) == (5, 3, 2, 0)
    assert manifest.reasons == {"CAST": 2}
    (source,) = manifest.sources
    assert (source.name, source.size, source.role) == ("orders.csv", path.stat().st_size, "delivery")
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.before == source.after
    assert source.before.modified.startswith("20")
    assert source.landing_uri is not None
    assert shop.store.read(source.landing_uri) == path.read_bytes()
    assert [c["field_name"] for c in manifest.columns] == ["order_no_", "buyer", "paid"]
    assert manifest.columns[0] == {"name": "Order No.", "field_name": "order_no_", "type": "int64"}
    (staged,) = manifest.staged
    assert staged.columns == {
        "order_no_": {"nulls": 0, "min": 1, "max": 3},
        "buyer": {"nulls": 1, "withheld": True},
        "paid": {"nulls": 1, "min": "7.00", "max": "10.50"},
    }
    assert len(shop.rows([staged.uri])) == staged.rows == 3
    assert shop.store.head(staged.uri).size == staged.size  # type: ignore[union-attr]
    (quarantine,) = manifest.quarantine
    assert [r["raw"] for r in shop.rows([quarantine.uri])] == [b"4,cid,dear", b"x,dan,1.00"]
    assert (manifest.load, manifest.started_at) == ("load-1", NOON.isoformat())
    (uri,) = shop.uris("manifests")
    assert manifest.attempt in uri
    assert Manifest.from_dict(json.loads(shop.store.read(uri))) == manifest


def test_the_same_bytes_land_once_and_other_content_lies_beside(shop: Shop) -> None:
    shop.deliver(GOOD)
    first, again = shop.land(), shop.land()
    assert first.attempt != again.attempt
    assert first.content_digest == again.content_digest
    assert len(shop.uris("landing")) == 1
    shop.deliver(GOOD, "orders-2.csv")
    both = shop.land()
    assert [s.name for s in both.sources] == ["orders-2.csv", "orders.csv"]
    assert len({s.landing_uri for s in both.sources}) == len(shop.uris("landing")) == 1, "one content, two names"
    shop.deliver(GOOD + "9,zoe,1.00\n")
    shop.land()
    assert len(shop.uris("landing")) == 2


def test_what_lies_in_landing_under_a_checksum_must_have_it(shop: Shop) -> None:
    path = shop.deliver(GOOD)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    uri = shop.layout.landing("shop", "orders", digest, "orders.csv")
    assert uri is not None
    shop.store.write(uri, b"somebody else's", content_type="text/plain")
    with pytest.raises(ConflictError, match="OBJECT_DIFFERS"):
        shop.land()
    assert shop.uris("manifests") == []


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ([("quarantineMaxRows", 2)], None), ([("quarantineMaxRows", 1)], "QUARANTINE_LIMIT"),
        ([("quarantineMaxShare", 0.4)], None), ([("quarantineMaxShare", 0.39)], "QUARANTINE_LIMIT"),
        ([("quarantineLimit", 0)], "QUARANTINE_LIMIT"), ([("quarantineMaxShare", 0.5), ("quarantineMaxRows", 0)], "QUARANTINE_LIMIT"),
        ([("quarantinePolicy", "refuse")], "BAD_ROWS"), ([("quarantinePolicy", "drop"), ("quarantineMaxRows", 1)], "QUARANTINE_LIMIT"),
    ],
)  # fmt: skip
def test_the_contract_says_how_many_bad_rows_are_too_many(
    shop: Shop, terms: list[tuple[str, object]], code: str | None
) -> None:
    shop.deliver(GOOD + BAD)
    if code is None:
        assert shop.land(contract(*terms)).rows_quarantined == 2
        return
    with pytest.raises(SourceError, match=code) as caught:
        shop.land(contract(*terms))
    assert "2 of 5" in caught.value.message
    assert len(shop.rows([caught.value.where])) == 2, "what was bad can be looked at"
    assert shop.uris("manifests") == []


def test_no_bad_row_is_too_many_for_nobody(shop: Shop) -> None:
    shop.deliver(GOOD)
    assert shop.land(contract(("quarantinePolicy", "refuse"))).rows_staged == 3


@pytest.mark.parametrize("raw", [True, False])
def test_rows_declared_dropped_are_counted_with_their_reasons(shop: Shop, raw: bool) -> None:
    shop.deliver(GOOD + BAD)
    manifest = shop.land(contract(("quarantinePolicy", "drop"), ("quarantineKeepRaw", raw)))
    assert (manifest.rows_read, manifest.rows_staged, manifest.rows_quarantined, manifest.rows_dropped) == (5, 3, 0, 2)
    assert manifest.reasons == {"CAST": 2}
    rows = shop.rows([q.uri for q in manifest.quarantine])
    assert [(r["line"], r["column"], r["reason_code"]) for r in rows] == [(5, "paid", "CAST"), (6, "Order No.", "CAST")]
    assert ("dear" in str(rows)) == raw, "neither the row nor the reason gives a value away"


def test_a_source_that_moves_once_is_read_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver(GOOD)
    moved = []

    def convert_and_move(self: Any, *arguments: Any) -> None:
        whole(self, *arguments)
        if not moved:
            moved.append(shop.deliver(GOOD + "4,eve,1.00\n"))

    whole = attempt.Attempt._convert
    monkeypatch.setattr(attempt.Attempt, "_convert", convert_and_move)
    manifest = shop.land()
    assert manifest.rows_read == 4
    assert len(shop.uris("manifests")) == 1


@pytest.mark.parametrize("then", ["longer", "shorter", "other", "gone", "same size and time"])
def test_a_source_that_keeps_moving_is_a_clear_error(shop: Shop, then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    path = shop.deliver(GOOD)
    count = iter(range(9))

    def convert_and_move(self: Any, *arguments: Any) -> None:
        n = next(count)
        if then == "same size and time":
            stat = path.stat()
            path.write_text(GOOD.replace("ann", f"an{n}"))
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        elif then == "gone":
            path.unlink()
        else:
            path.write_text(
                {"longer": GOOD + f"{4 + n},x,1\n" * (n + 1), "shorter": GOOD[: -2 - n], "other": "x" * (n + 9)}[then]
            )
        whole(self, *arguments)

    whole = attempt.Attempt._convert
    monkeypatch.setattr(attempt.Attempt, "_convert", convert_and_move)
    with pytest.raises(SourceError) as caught:
        shop.land()
    assert caught.value.code == ("FILE_NOT_FOUND" if then == "gone" else "SOURCE_CHANGED")
    assert shop.uris("manifests") == []
    assert next(count) <= land.READ_ATTEMPTS


def test_the_disk_limit_is_kept_and_told_in_numbers(shop: Shop, lake: str) -> None:
    import gzip

    shop.settings = replace(shop.settings, disk_limit=35_000)
    (shop.folder / "orders.csv").write_bytes(gzip.compress((GOOD + "7,x,1.00\n" * 5_000).encode()))
    with pytest.raises(TerminalError, match="DISK_LIMIT") as caught:
        shop.land()
    assert "35,000" in caught.value.message
    assert shop.uris("manifests") == []
    S3Store().write(f"{lake}/in/orders.csv", (GOOD + "7,x,1.00\n" * 5_000).encode(), content_type="text/csv")
    with pytest.raises(TerminalError, match="DISK_LIMIT"):
        shop.land(contract(server=f'type: s3, location: "{lake}/in"'))
    (shop.folder / "orders.csv").write_text(GOOD + "7,x,1.00\n" * 5_000)
    assert shop.land().rows_staged == 5_003, "a local file is read where it lies"


def test_a_conversion_that_outgrows_its_disk_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    settings = replace(load({"SLUICE_HOME": str(tmp_path)}), disk_limit=1_000_000)
    shop = Shop(tmp_path / "shop", FileStore(), Layout((tmp_path / "lake").as_uri()), settings)
    rows = (f"{i},{hashlib.sha256(str(i).encode()).hexdigest()},1.00\n" for i in range(300_000))
    shop.deliver("Order No.,buyer,paid\n" + "".join(rows))
    with pytest.raises(TerminalError, match="DISK_LIMIT") as caught:
        shop.land()
    assert "1,000,000" in caught.value.message
    assert shop.uris("manifests") == shop.uris("warehouse") == []


def test_a_full_disk_is_a_clear_error_and_nothing_is_left(shop: Shop) -> None:
    shop.deliver(
        "Order No.,buyer,paid\n"
        + "".join(f"{i},{hashlib.md5(str(i).encode()).hexdigest()},1.00\n" for i in range(20_000))
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(TerminalError) as caught:
            shop.land()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code in ("DISK_FULL", "DISK")
    assert caught.value.mend
    assert shop.uris("manifests") == []
    assert shop.land().rows_staged == 20_000


def test_from_s3_into_s3_the_landing_copy_is_made_inside(lake: str, tmp_path: Path) -> None:
    folder = tmp_path / "nothing here"
    folder.mkdir()
    settings = load({"SLUICE_HOME": str(tmp_path / "home")})
    shop = Shop(folder, S3Store(), Layout(f"{lake}/lake"), settings)
    S3Store().write(f"{lake}/in/orders.csv", (GOOD + BAD).encode(), content_type="text/csv")
    manifest = shop.land(contract(server=f'type: s3, location: "{lake}/in"'))
    assert manifest.rows_staged == 3
    (source,) = manifest.sources
    info = S3Store().head(str(source.landing_uri))
    assert info is not None
    assert info.sha256 == source.sha256
    assert S3Store().read(info.uri) == (GOOD + BAD).encode()
    assert source.before.version == S3Store().head(f"{lake}/in/orders.csv").etag  # type: ignore[union-attr]


def test_a_trial_needs_no_copy_of_the_source(tmp_path: Path) -> None:
    from sluice.stream.trial import TrialLayout

    shop = Shop(
        tmp_path,
        FileStore(),
        TrialLayout((tmp_path / "out").as_uri(), (tmp_path / "kept").as_uri()),
        load({"SLUICE_HOME": str(tmp_path)}),
    )
    shop.deliver(GOOD + BAD)
    manifest = shop.land()
    assert manifest.sources[0].landing_uri is None
    written = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert written == [
        "manifests/orders.json",
        "quarantine/orders/part-0.parquet",
        "staged/orders/part-0.parquet",
    ]
    assert local_path(manifest.staged[0].uri).is_file()
