"""The measured data: twelve columns with quoted commas, embedded newlines, nulls, decimals, dates; by seed, cached."""

from __future__ import annotations

from pathlib import Path

COLUMNS = {
    "id": "BIGINT", "customer": "INTEGER", "name": "VARCHAR", "note": "VARCHAR", "city": "VARCHAR",
    "amount": "DECIMAL(12,2)", "price": "DOUBLE", "quantity": "INTEGER", "active": "BOOLEAN", "day": "DATE",
    "at": "TIMESTAMP", "code": "VARCHAR",
}  # fmt: skip
CITIES = (
    "Paris",
    "Lyon",
    "Marseille",
    "Lille",
    "Nantes",
    "Nice",
    "Toulouse",
    "Rennes",
    "Bordeaux",
    "Metz",
    "Brest",
    "Dijon",
)
DIRTY_EVERY = 1_000
"""One row in so many is bad in the dirty files: 0.1%."""
_SEED = 20261122
_VERSION = 1


def path_of(folder: Path, kind: str, rows: int) -> Path:
    """Where a data set lies; `kind` is clean.csv, dirty.csv, clean.jsonl, dirty.jsonl or clean.parquet."""
    stem, suffix = kind.split(".")
    return folder / f"{stem}-{rows}-v{_VERSION}.{suffix}"


def make(folder: Path, kind: str, rows: int) -> Path:
    """The data set, made if it is not there yet."""
    path = path_of(folder, kind, rows)
    if path.exists():
        return path
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    columns = _dirty(as_json=kind.endswith("jsonl")) if kind.startswith("dirty") else _clean()
    options = {
        "csv": "FORMAT csv, HEADER", "jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1",
    }[path.suffix[1:]]  # fmt: skip
    with duckdb.connect() as connection:
        # Deterministic: every value is a function of the row's number and the seed.
        connection.execute("SET preserve_insertion_order = true; SET enable_progress_bar = false")
        connection.execute(f"COPY (SELECT {columns} FROM range({rows}) r(i)) TO '{part}' ({options})")
    if kind == "dirty.csv":
        _widen_some_records(part)
    part.rename(path)
    return path


def _random(what: int, size: int) -> str:
    """A number from 0 to size - 1, by row and use."""
    return f"(hash(i, {_SEED + what}) % {size})::BIGINT"


def _values() -> dict[str, str]:
    cities = "[" + ", ".join(f"'{c}'" for c in CITIES) + "]"
    return {
        "id": "i",
        "customer": f"CASE WHEN {_random(1, 50)} = 0 THEN NULL ELSE {_random(2, 200_000)} END",
        "name": f"'Person ' || {_random(3, 50_000)} || ', ' || chr((65 + {_random(4, 26)})::INTEGER) || '.'",
        "note": f"""CASE WHEN {_random(5, 10)} < 3 THEN NULL
            WHEN {_random(5, 10)} = 3 THEN 'first line ' || {_random(6, 1000)} || chr(10) || 'second, "quoted" line'
            ELSE 'plain remark number ' || {_random(6, 100_000)} END""",
        "city": f"{cities}[1 + {_random(7, len(CITIES))}]",
        "amount": f"({_random(8, 10_000_000)} / 100)::DECIMAL(12,2)",
        "price": f"{_random(9, 1_000_000)} / 997.0",
        "quantity": f"CASE WHEN {_random(10, 20)} = 0 THEN NULL ELSE 1 + {_random(11, 100)} END",
        "active": f"{_random(12, 2)} = 0",
        "day": f"DATE '2015-01-01' + {_random(13, 4000)}::INTEGER",
        "at": f"TIMESTAMP '2020-01-01 00:00:00' + to_seconds({_random(14, 150_000_000)})",
        "code": f"chr((65 + {_random(15, 26)})::INTEGER) || chr((65 + {_random(16, 26)})::INTEGER) || '-' || lpad({_random(17, 1_000_000)}::VARCHAR, 6, '0')",
    }


def _clean() -> str:
    return ", ".join(f'({value})::{COLUMNS[name]} AS "{name}"' for name, value in _values().items())


def _dirty(*, as_json: bool) -> str:
    """The same, but for one row in a thousand: a date that is none, a word for a number, a cent too many."""
    bad = f"i % {DIRTY_EVERY} = {DIRTY_EVERY // 2}"
    kind = f"(i // {DIRTY_EVERY}) % 3"
    worse = {"day": (0, "'2024-02-30'"), "quantity": (1, "'many'"), "amount": (2, "'12.345'")}
    made = []
    for name, value in _values().items():
        expression = f"({value})::{COLUMNS[name]}"
        if name in worse:
            number, text = worse[name]
            wrong, right = (
                (f"to_json({text})", f"to_json({expression})") if as_json else (text, f"({expression})::VARCHAR")
            )
            expression = f"CASE WHEN {bad} AND {kind} = {number} THEN {wrong} ELSE {right} END"
        made.append(f'{expression} AS "{name}"')
    return ", ".join(made)


def _widen_some_records(path: Path) -> None:
    """Give every second record whose number is a word one value too many as well."""
    target = path.with_suffix(".wide")
    found = 0
    with path.open("rb") as lines, target.open("wb") as out:
        for line in lines:
            # The word stands in the last physical line of its record, whatever came before.
            if b",many," in line:
                found += 1
                if found % 2:
                    line = line[:-1] + b",surplus\n"  # noqa: PLW2901
            out.write(line)
    target.rename(path)
