"""Sluice as it runs in a stage: two threads, 2 GB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.data import COLUMNS, DIRTY_EVERY

Run = Callable[[], int]
THREADS, MEMORY = 2, "2GB"
_ODCS = {
    "BIGINT": ("integer", "bigint"), "INTEGER": ("integer", "int"), "VARCHAR": ("string", "varchar"),
    "DECIMAL(12,2)": ("number", "decimal(12,2)"), "DOUBLE": ("number", "double"), "BOOLEAN": ("boolean", "boolean"),
    "DATE": ("date", "date"), "TIMESTAMP": ("timestamp", "timestamp"),
}  # fmt: skip
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


def contract_text(source: Path) -> str:
    """The measured data's contract; the delimiter is declared, as a contract that was drafted would have it."""
    columns = "".join(
        f"      - {{name: {name}, logicalType: {_ODCS[kind][0]}, physicalType: '{_ODCS[kind][1]}'}}\n"
        for name, kind in COLUMNS.items()
    )
    return (
        "apiVersion: v3.1.0\nkind: DataContract\nid: measured\nversion: 1.0.0\nstatus: active\n"
        f"servers: [{{server: files, type: local, path: {source.parent}, format: {_FORMATS[source.suffix]},"
        " customProperties: [{property: delimiter, value: ','}, {property: encoding, value: utf-8}]}]\n"
        "schema:\n  - name: measured\n"
        f"    customProperties: [{{property: location, value: {source.name}}}]\n    properties:\n{columns}"
    )


def convert(source: Path, work: Path) -> Run:
    """Source file to typed Parquet and quarantine: the part that raw DuckDB can be measured against."""
    from sluice.adapters import duck
    from sluice.contract.reading import read_contract

    contract = read_contract(contract_text(source))
    table = contract.tables[0]

    def converted(file: Path, out: Path) -> int:
        done = duck.convert(
            [(file.name, file)], table, contract.server.format, contract.server.dialect, out=out / "staged",
            quarantine=out / "quarantine.parquet", memory_limit=MEMORY, threads=THREADS, scratch=out / "scratch",
        )  # fmt: skip
        return done.rows_staged + done.rows_quarantined

    if source.suffix != ".parquet":
        converted(_begin(source, work / "before"), work / "before")  # imports what a conversion imports on its way
    return lambda: converted(source, work)


def _begin(source: Path, work: Path) -> Path:
    """A file with the first lines of another, bad ones among them if there are any."""
    work.mkdir()
    target = work / source.name
    with source.open("rb") as whole, target.open("wb") as part:
        part.writelines(islice(whole, 2 * DIRTY_EVERY))
    return target


def land(source: Path, work: Path) -> Run:
    """The whole stage on a local lake: an immutable copy, checksums, conversion, manifest."""
    from sluice.adapters.stores.local import FileStore
    from sluice.contract.reading import read_contract
    from sluice.lake import Layout
    from sluice.settings import load
    from sluice.stream.land import land_table
    from sluice.stream.replay import Fate, Replays

    contract = read_contract(contract_text(source))
    settings = load({"SLUICE_MEMORY_LIMIT": MEMORY, "SLUICE_THREADS": str(THREADS)})
    layout, store = Layout((work / "lake").as_uri()), FileStore()
    replays = Replays(store, layout, "measured", lambda load, offer: Fate.OVER, lambda: datetime.now(UTC))
    (work / "scratch").mkdir()

    def run() -> int:
        return land_table(
            contract, contract.tables[0], str(source.parent), settings, origin=store, store=store, layout=layout,
            scratch=work / "scratch", replays=replays,
        ).rows_read  # fmt: skip

    return run


def draft(source: Path, work: Path) -> Run:
    """`sluice draft` of the file, as the command; one small draft before, so that imports are not counted."""
    from sluice.cli import cli

    small = work / "small.csv"
    small.write_text("id,day\n1,2024-01-01\n2,2024-01-02\n")
    cli.main(["draft", str(small), "-o", str(work / "small.odcs.yaml")], standalone_mode=False)

    def run() -> int:
        out = work / "measured.odcs.yaml"
        cli.main(["draft", str(source), "-o", str(out)], standalone_mode=False)
        return int(out.exists())

    return run


def profile(source: Path, work: Path) -> Run:
    """The profile stage: statistics of every column, personal data."""
    from sluice.adapters import duck
    from sluice.contract.reading import read_contract

    table = read_contract(contract_text(source)).tables[0]
    return lambda: duck.profile([source], table, memory_limit=MEMORY, threads=THREADS, scratch=work).rows
