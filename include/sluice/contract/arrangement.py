"""How a table's files are arranged: its partition spec and its sort order, from the contract.

ODCS has `partitioned` and `partitionKeyPosition` for columns. What it has no word for stands in customProperties:
a column's `partitionTransform` (`day`, `bucket[16]`, `truncate[4]` …), a table's `sortOrder`
(`[flown_at, "delay desc nulls last"]`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import PARTITIONS, Column, PartitionTerm, SortTerm
from sluice.contract.terms import custom, near_miss
from sluice.contract.types import Kind
from sluice.errors import Finding

_TIMES = {Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
_WHOLE = {Kind.INT32, Kind.INT64, Kind.DECIMAL}
_FITS: dict[str, set[Kind]] = {
    "identity": {*_WHOLE, *_TIMES, Kind.STRING, Kind.BOOLEAN, Kind.DATE, Kind.TIME},
    "year": {Kind.DATE, *_TIMES},
    "month": {Kind.DATE, *_TIMES},
    "day": {Kind.DATE, *_TIMES},
    "hour": _TIMES,
    "bucket": {*_WHOLE, *_TIMES, Kind.STRING, Kind.DATE, Kind.TIME},
    "truncate": {*_WHOLE, Kind.STRING},
}
"""Transform → kinds it takes. Source: Iceberg spec; identity of floats is left out, as NaN and -0 make no partition."""

_TRANSFORM = re.compile(r"(?P<name>[a-z]+)(?:\s*[\[(]\s*(?P<argument>\d+)\s*[\])])?")
_SORT = re.compile(r"(?P<column>\S+)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?", re.IGNORECASE)
MOST_BUCKETS = 1_000


def read_partition(
    document: Document, findings: list[Finding], data: Mapping[str, Any], path: Path, columns: Sequence[Column]
) -> tuple[PartitionTerm, ...]:
    """The table's partition spec, in the order of partitionKeyPosition; what does not fit is reported (PARTITION)."""
    known = {c.name: c for c in columns}
    terms: list[tuple[int, int, PartitionTerm]] = []
    for i, item in enumerate(data.get("properties") or ()):
        here = (*path, "properties", i)
        said = [(value, place) for known_as, value, place in custom(item, here) if known_as == "partitionTransform"]
        if not (item.get("partitioned") is True or (said and item.get("partitioned") is not False)):
            continue
        column = known.get(str(item.get("name")))
        if column is None:
            continue
        at = said[0][1] if said else (*here, "partitioned")
        term = _term(column, str(said[0][0]) if said else "identity")
        if isinstance(term, str):
            findings.append(document.finding("PARTITION", at, f"column {column.name!r}: {term}", _advice(column)))
            continue
        position = item.get("partitionKeyPosition")
        terms.append((position if isinstance(position, int) and position > 0 else 1_000_000, i, term))
    positions = [p for p, _, _ in terms if p < 1_000_000]
    if len(positions) != len(set(positions)):
        findings.append(
            document.finding("PARTITION", (*path, "properties"), f"partitionKeyPosition {sorted(positions)} names a place twice",
                             "Number the partition columns 1, 2, 3 …")
        )  # fmt: skip
    return tuple(term for _, _, term in sorted(terms, key=lambda t: t[:2]))


def _term(column: Column, text: str) -> PartitionTerm | str:
    shape = _TRANSFORM.fullmatch(text.strip().lower())
    name = shape["name"].removesuffix("s") if shape else ""
    if shape is None or name not in PARTITIONS:
        return f"{text!r} is no partition transform. {near_miss(name or text, PARTITIONS, 0.6)}".strip()
    argument = int(shape["argument"] or 0)
    if (name in ("bucket", "truncate")) != bool(argument):
        return f"{text!r} {'lacks its number, as in ' + name + '[16]' if not argument else 'takes no number'}"
    if name == "bucket" and argument > MOST_BUCKETS:
        return f"{argument:,} buckets are more than {MOST_BUCKETS:,}"
    if column.type.kind not in _FITS[name]:
        return f"{column.type} values cannot be partitioned by {name}"
    return PartitionTerm(column.field_name, name, argument)


def _advice(column: Column) -> str:
    fitting = [name for name, kinds in _FITS.items() if column.type.kind in kinds]
    if not fitting:
        return "Partition by another column."
    return f"For this column: {', '.join(f'{n}[N]' if n in ('bucket', 'truncate') else n for n in fitting)}."


def read_sort(
    document: Document, findings: list[Finding], data: Mapping[str, Any], path: Path, columns: Sequence[Column]
) -> tuple[SortTerm, ...]:
    """The table's sort order; what cannot be understood is reported (SORT_ORDER)."""
    names = {c.name: c.field_name for c in columns} | {c.field_name: c.field_name for c in columns}
    found: list[SortTerm] = []
    for where, text in _sort_texts(data, path):
        shape = _SORT.fullmatch(text.strip())
        if shape is None or shape["column"] not in names:
            meant = near_miss(text.split(" ")[0], names, 0.6)
            findings.append(
                document.finding("SORT_ORDER", where, f"{text!r} is no column to sort by",
                                 meant or "Write `column`, `column desc` or `column desc nulls last`.")
            )  # fmt: skip
            continue
        descending = (shape["way"] or "asc").lower() == "desc"
        # As Iceberg does where nothing is said: nulls first going up, last going down.
        nulls_first = (shape["nulls"] or ("last" if descending else "first")).lower() == "first"
        found.append(SortTerm(names[shape["column"]], descending, nulls_first))
    if len({s.column for s in found}) != len(found):
        findings.append(
            document.finding("SORT_ORDER", path, "the sort order names a column twice", "Keep the first of them.")
        )
    return tuple(found)


def _sort_texts(data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for name, value, place in custom(data, path):
        if name == "sortOrder":
            for text in value if isinstance(value, list) else str(value).split(","):
                yield place, str(text)
