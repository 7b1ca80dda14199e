"""Relationships of a contract: foreign keys between its tables, read and held against the columns they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import SEVERITIES, Relationship, Table
from sluice.contract.types import NUMBERS, ColumnType, Kind
from sluice.errors import Finding

CODE = "BAD_RELATIONSHIP"
_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}


@dataclass
class RelationReader:
    """Reads every table's relationships, and remembers where each stands until all tables are known."""

    document: Document
    findings: list[Finding]
    read: list[tuple[str, Relationship, Path]] = field(default_factory=list)

    def of_table(self, data: Mapping[str, Any], path: Path) -> tuple[Relationship, ...]:
        """The relationships that a table and its columns declare."""
        found = list(self._declared(data, path))
        self.read += [(str(data["name"]), relationship, here) for relationship, here in found]
        return tuple(relationship for relationship, _ in found)

    def check(self, tables: Sequence[Table]) -> None:
        """Relationships name tables and columns of this contract, whose values can be equal."""
        known = {table.name: {c.name: c.type for c in table.columns} for table in tables}
        for name, relationship, path in self.read:
            if name in known and self._named(known, name, relationship, path):
                self._comparable(known, name, relationship, path)

    def _named(
        self, known: Mapping[str, Mapping[str, ColumnType]], name: str, relationship: Relationship, path: Path
    ) -> bool:
        for end, wanted in ((name, relationship.columns), (relationship.to_table, relationship.to_columns)):
            if end not in known:
                self._report(
                    path, f"a relationship of {name!r} goes to the table {end!r}, which the contract does not have",
                    f"Tables: {', '.join(known)}.",
                )  # fmt: skip
                return False
            if missing := [c for c in wanted if c not in known[end]]:
                self._report(
                    path, f"a relationship of {name!r} names {', '.join(missing)}, which {end!r} does not have",
                    f"Columns: {', '.join(sorted(known[end]))}.",
                )  # fmt: skip
                return False
        return True

    def _comparable(
        self, known: Mapping[str, Mapping[str, ColumnType]], name: str, relationship: Relationship, path: Path
    ) -> None:
        for column, to in zip(relationship.columns, relationship.to_columns, strict=True):
            one, other = known[name][column], known[relationship.to_table][to]
            if _family(one) != _family(other):
                self._report(
                    path, f"{name}.{column} is {one}, {relationship.to_table}.{to} is {other}: they are never the same",
                    'Declare both of one type: "01" and 1 are two values.',
                )  # fmt: skip

    def _declared(self, data: Mapping[str, Any], path: Path) -> Iterator[tuple[Relationship, Path]]:
        for i, item in enumerate(data.get("relationships") or ()):
            here = (*path, "relationships", i)
            start = _names(item.get("from"))
            if strangers := [s for s in start if "." in s and s.rsplit(".", 1)[0] != data["name"]]:
                self._report(
                    here, f"goes from {strangers[0]!r}, but stands at the table {data['name']!r}",
                    "Move it to that table, or name a column of this one.",
                )  # fmt: skip
                continue
            yield from self._one(item, here, tuple(s.rsplit(".", 1)[-1] for s in start), _names(item.get("to")))
        for i, column in enumerate(data.get("properties") or ()):
            for j, item in enumerate(column.get("relationships") or ()):
                here = (*path, "properties", i, "relationships", j)
                yield from self._one(item, here, (column.get("name") or "",), _names(item.get("to")))

    def _one(
        self, item: Mapping[str, Any], path: Path, start: tuple[str, ...], to: tuple[str, ...]
    ) -> Iterator[tuple[Relationship, Path]]:
        custom = {p["property"]: p.get("value") for p in item.get("customProperties") or () if "property" in p}
        severity = custom.get("severity") or "error"
        if severity not in SEVERITIES:
            finding = self.document.finding(
                "BAD_SEVERITY", path, f"severity {severity!r}", f"Use one of {', '.join(SEVERITIES)}."
            )
            self.findings.append(finding)
            severity = "error"
        targets = {t.rsplit(".", 1)[0] for t in to}
        if len(targets) != 1 or len(start) != len(to) or not all("." in t for t in to):
            self._report(
                path, f"goes from {', '.join(start)} to {', '.join(to)}",
                "Write `to: table.column`, as many columns on both sides, all in one table.",
            )  # fmt: skip
            return
        columns = tuple(t.rsplit(".", 1)[1] for t in to)
        yield Relationship(start, targets.pop(), columns, severity, str(custom.get("reason") or "")), path

    def _report(self, path: Path, message: str, mend: str) -> None:
        self.findings.append(self.document.finding(CODE, path, message, mend))


def _family(type_: ColumnType) -> str:
    """Types of one family can hold the same value."""
    if type_.kind in NUMBERS:
        return "number"
    return "moment" if type_.kind in _MOMENTS else str(type_.kind)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,) if value else ()
