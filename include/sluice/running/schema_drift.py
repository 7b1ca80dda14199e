"""Drift of schema: what is delivered against what the contract says, difference by difference, and what follows.

Classes: `compatible` (nothing has to change), `additive` (the table can take it without anybody's query breaking: a new
column, a wider type), `breaking` (a column is gone, or its values are of another type). Policies, a table's term
`schemaDrift` or the policy's `running.schema_drift`:

- `evolve`: additive changes come in, the table's schema grows, and the contract's next version is proposed;
- `freeze`: every change waits for people;
- `quarantineRows`: as evolve, and rows of another type are set aside instead of holding everything up;
- `quarantineDelivery`: a delivery with any change is set aside as a whole, and told.

Breaking changes go to the publication gate with the diff and the consumers, but for what the last two say.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from sluice.contract.model import Contract, Table
from sluice.contract.types import FROM_JSON, NESTED, NUMBERS, ColumnType, Kind

COMPATIBLE, ADDITIVE, BREAKING = "compatible", "additive", "breaking"
PASS, EVOLVE, GATE, SET_ASIDE = "pass", "evolve", "gate", "set aside"
FOUND, EVOLVED, PROPOSED, ADOPTED = "drift.found", "drift.evolved", "change.proposed", "change.adopted"
_PROMOTIONS = {(Kind.INT32, Kind.INT64), (Kind.FLOAT32, Kind.FLOAT64)}
"""Iceberg spec, schema evolution: what a column's type may become without rewriting a file."""


@dataclass(frozen=True)
class DeliveredColumn:
    """A column as it is delivered. `property` is how a contract would declare it (an ODCS schema property)."""

    name: str
    type: ColumnType
    property: Mapping[str, Any]
    personal: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One difference. `what`: new, lost, type, order, spelling; `before` is the contract's, `after` what is delivered."""

    table: str
    column: str
    what: str
    before: str | None
    after: str | None
    severity: str
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    def in_words(self) -> str:
        """`orders.paid: type decimal(9,2) → string (breaking)`."""
        words = {
            "new": f"a new column, {self.after}", "lost": f"the column is gone, it was {self.before}",
            "type": f"type {self.before} → {self.after}", "order": f"at place {self.after}, was {self.before}",
            "spelling": f"written {self.after}",
        }[self.what]  # fmt: skip
        return f"{self.table}.{self.column}: {words} ({self.severity}{f'; {self.note}' if self.note else ''})"


def differences(
    table: Table, delivered: Sequence[DeliveredColumn], *, as_text: bool, misfits: bool
) -> list[Difference]:
    """Every difference between a table's contract and a delivery.

    `as_text`: the files hold texts, whose types are guesses; they count only where rows did not fit (`misfits`).
    """
    by_name = {c.name.strip(): c for c in delivered}
    blind = {n.casefold(): n for n in by_name}
    found: list[Difference] = []
    matched: dict[str, str] = {}
    for column in table.columns:
        here = column.name if column.name in by_name else blind.get(column.name.casefold(), "")
        if not here:
            continue
        matched[column.name] = here
        if here != column.name:
            found.append(Difference(table.name, column.name, "spelling", column.name, here, COMPATIBLE))
        after = by_name[here]
        if (severity := _type_change(column.type, after.type, as_text=as_text, misfits=misfits)) is not None:
            found.append(Difference(table.name, column.name, "type", str(column.type), str(after.type), severity))
    new = [n for n in by_name if n not in matched.values()]
    for column in table.columns:
        if column.name not in matched:
            near = difflib.get_close_matches(column.name, new, n=1)
            note = f"renamed to {near[0]!r}?" if near else ""
            found.append(Difference(table.name, column.name, "lost", str(column.type), None, BREAKING, note))
    for name in new:
        personal = by_name[name].personal
        note = f"personal data: {', '.join(personal)}" if personal else ""
        severity = BREAKING if personal else ADDITIVE
        found.append(Difference(table.name, name, "new", None, str(by_name[name].type), severity, note))
    if not new and len(matched) == len(table.columns):
        order = [c.name for c in table.columns]
        places = {matched[n]: i for i, n in enumerate(order, 1)}
        for i, name in enumerate(by_name, 1):
            if places[name] != i:
                found.append(Difference(table.name, name, "order", str(places[name]), str(i), COMPATIBLE))
    return found


def _type_change(before: ColumnType, after: ColumnType, *, as_text: bool, misfits: bool) -> str | None:
    """The class of a change of type; None: there is none."""
    if (before.kind, before.precision, before.scale) == (after.kind, after.precision, after.scale):
        return None
    if before.kind in NESTED and after.kind in FROM_JSON:
        return None  # what is inside proves itself row by row
    if as_text and (not misfits or before.kind in (Kind.STRING, Kind.JSON, Kind.BINARY)):
        return None
    if _holds(before, after):
        return None if as_text else COMPATIBLE
    return ADDITIVE if widens(before, after) else BREAKING


def widens(before: ColumnType, after: ColumnType) -> bool:
    """Whether Iceberg can make the column's type this wider one."""
    if before.kind is after.kind is Kind.DECIMAL:
        return before.scale == after.scale and after.precision > before.precision
    return (before.kind, after.kind) in _PROMOTIONS


def _holds(before: ColumnType, after: ColumnType) -> bool:
    """Whether every value of the delivered type is one of the contract's."""
    if before.kind is after.kind is Kind.DECIMAL:
        return before.precision - before.scale >= after.precision - after.scale and before.scale >= after.scale
    if before.kind in (Kind.FLOAT64, Kind.DECIMAL) and after.kind in NUMBERS and after.kind is not Kind.FLOAT64:
        return before.kind is Kind.FLOAT64 or after.kind is Kind.INT32 or before.precision - before.scale >= 19
    wider = {(a, b) for b, a in _PROMOTIONS} | {(Kind.TIMESTAMP, Kind.DATE), (Kind.STRING, Kind.JSON)}
    return (before.kind, after.kind) in wider


def decide(policy: str, found: Sequence[Difference]) -> str:
    """What follows: PASS, EVOLVE, GATE or SET_ASIDE."""
    classes = {d.severity for d in found}
    if not classes - {COMPATIBLE}:
        return PASS
    if policy == "quarantineDelivery":
        return SET_ASIDE
    breaking = [d for d in found if d.severity == BREAKING]
    if policy == "quarantineRows":
        breaking = [d for d in breaking if d.what != "type"]
    if breaking or policy == "freeze":
        return GATE
    return EVOLVE if ADDITIVE in classes else PASS


def next_version(
    contract: Contract, found: Sequence[Difference], delivered: Mapping[str, Sequence[DeliveredColumn]]
) -> str:
    """The contract's next version as YAML: major where something breaks, minor where something is added."""
    document = copy.deepcopy(dict(contract.document))
    document["version"] = bumped(contract.version, major=any(d.severity == BREAKING for d in found))
    for table in document["schema"]:
        columns = {c.name: c for c in delivered.get(table["name"], ())}
        for d in (d for d in found if d.table == table["name"]):
            properties = table["properties"]
            if d.what == "new":
                properties.append(dict(columns[d.column].property))
            elif d.what == "lost":
                table["properties"] = [p for p in properties if p.get("name") != d.column]
            elif d.what == "type" and d.severity != COMPATIBLE:
                declared = columns[d.column].property
                for p in (p for p in properties if p.get("name") == d.column):
                    for key in ("logicalType", "physicalType", "logicalTypeOptions"):
                        p.pop(key, None)
                        if key in declared:
                            p[key] = declared[key]
    return as_yaml(document)


def bumped(version: str, *, major: bool) -> str:
    """The next major or minor version (semver 2.0); what is no version gets a suffix."""
    parts = version.split(".")
    if not all(p.isdigit() for p in parts) or not 1 <= len(parts) <= 3:
        return f"{version}-next"
    numbers = [*map(int, parts), 0, 0][:3]
    return f"{numbers[0] + 1}.0.0" if major else f"{numbers[0]}.{numbers[1] + 1}.0"


def diff(contract: Contract, proposed: str) -> str:
    """A unified diff from the contract to its proposed next version, both written the same way."""
    before = as_yaml(dict(contract.document)).splitlines(keepends=True)
    name = f"{contract.id}.odcs.yaml"
    return "".join(difflib.unified_diff(before, proposed.splitlines(keepends=True), f"a/{name}", f"b/{name}"))


def as_yaml(document: Mapping[str, Any]) -> str:
    """A contract's document as YAML, keys in their own order."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=120)
