"""What the JSON schema cannot say: ids, types, keys and relationships that fit together, one usable server.

`build` turns a schema-valid document into a Contract or reports everything that stands against it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from sluice.contract.arrangement import read_partition, read_sort
from sluice.contract.cron import check_schedules
from sluice.contract.dialect import read_options, read_terms
from sluice.contract.document import Document, Path
from sluice.contract.drift import read_drift
from sluice.contract.model import (
    ANY_PII,
    CLASSIFICATIONS,
    SOURCE_ID,
    Column,
    Contract,
    Table,
)
from sluice.contract.names import field_name
from sluice.contract.nested import read_fields
from sluice.contract.quarantine import read_policy
from sluice.contract.refresh import read_refresh, read_schema_drift
from sluice.contract.relations import RelationReader
from sluice.contract.roles import read_roles
from sluice.contract.server import read_server
from sluice.contract.types import LOGICAL_TYPES, NESTED, PHYSICAL_TYPES, ColumnType, Kind, UnknownTypeError, resolve
from sluice.errors import Finding, InvalidContractError

STATUSES = ("proposed", "draft", "active", "deprecated", "retired")


class _Reader:
    """One pass over a document, collecting findings on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Finding] = []
        self.relations = RelationReader(document, self.findings)

    def report(self, code: str, path: Path, message: str, mend: str) -> None:
        self.findings.append(self.document.finding(code, path, message, mend))

    def table(self, data: Mapping[str, Any], path: Path) -> Table | None:
        name = data["name"]
        custom = custom_properties(data)
        table_name = field_name(data.get("physicalName") or name)
        if not SOURCE_ID.fullmatch(table_name):
            self.report("BAD_NAME", (*path, "name"), f"the table name {name!r} cannot be used in the catalog",
                        "Start with a letter; letters, digits and _ only; at most 63.")  # fmt: skip
            return None
        properties = data.get("properties") or []
        if not properties:
            self.report(
                "NO_COLUMNS", path, f"the table {name!r} has no columns", "List its columns under `properties:`."
            )
            return None
        columns = [self.column(c, (*path, "properties", i)) for i, c in enumerate(properties)]
        known = [c for c in columns if c is not None]
        self.distinct("DUPLICATE_COLUMN", (*path, "properties"), "column", [(c.name, c.field_name) for c in known])
        self.key_positions(known, (*path, "properties"))
        locations = _texts(custom.get("location"))
        return Table(
            name=name,
            table_name=table_name,
            location=locations[0],
            columns=tuple(known),
            description=data.get("description") or "",
            relationships=self.relations.of_table(data, path),
            quality=tuple(data.get("quality") or ()),
            allow_empty=custom.get("allowEmpty") is True,
            bad_rows=read_policy(self.document, self.findings, data, path),
            drift=read_drift(self.document, self.findings, data, path),
            dialect_terms=read_terms(self.document, data, path, self.findings),
            format=str(custom.get("format") or "").lower(),
            more_locations=locations[1:],
            refresh=read_refresh(self.document, self.findings, data, path),
            schema_drift=read_schema_drift(self.document, self.findings, data, path),
            partition=read_partition(self.document, self.findings, data, path, known),
            sort=read_sort(self.document, self.findings, data, path, known),
        )

    def column(self, data: Mapping[str, Any], path: Path, inherited: str = "internal") -> Column | None:
        name = data.get("name")
        if not name:
            self.report("MISSING_KEY", path, "the column has no name", "Add `name:`.")
            return None
        lake_name = field_name(data.get("physicalName") or name)
        if not re.search("[a-z0-9]", lake_name):
            self.report("BAD_NAME", (*path, "name"), f"the column name {name!r} cannot be used in the catalog",
                        "Give it a `physicalName` with letters, digits and _.")  # fmt: skip
        options = {
            **(data.get("logicalTypeOptions") or {}),
            **read_options(self.document, data, path, self.findings),
        }
        classification = self.classification(name, data, path, inherited)
        fields = read_fields(data, path, partial(self.column, inherited=classification), self.report, self.distinct)
        try:
            column_type = resolve(
                data.get("logicalType"), data.get("physicalType"), zoned=options.get("timezone"),
                form=options.get("format"), fields=fields,
            )  # fmt: skip
        except UnknownTypeError as error:
            known = "physical" if "physicalType" in str(error) else "logical"
            names = PHYSICAL_TYPES if known == "physical" else LOGICAL_TYPES
            key = f"{known}Type" if f"{known}Type" in data else "name"
            self.report(
                "UNKNOWN_TYPE", (*path, key), f"column {name!r}: {error}", f"Known {known} types: {', '.join(names)}."
            )
            column_type = ColumnType(Kind.STRING)
        if "pattern" in options:
            try:
                re.compile(options["pattern"])
            except re.error as error:
                self.report("BAD_PATTERN", (*path, "logicalTypeOptions", "pattern"), f"column {name!r}: {error}",
                            "Write a regular expression.")  # fmt: skip
        position = int(data.get("primaryKeyPosition") or 0)
        if position > 0 and "primaryKey" not in data:
            self.report("BAD_KEY", (*path, "primaryKeyPosition"), f"column {name!r} has a place in the key, but is not said to be in it",
                        "Add `primaryKey: true`, or take the position out.")  # fmt: skip
        if data.get("primaryKey") and column_type.kind in NESTED:
            self.report("BAD_KEY", (*path, "primaryKey"), f"column {name!r} is an object or an array, which is no key",
                        "Take one of its values as a column of its own.")  # fmt: skip
        return Column(
            name=name,
            field_name=lake_name,
            type=column_type,
            description=data.get("description") or "",
            required=data.get("required") is True,
            unique=data.get("unique") is True,
            key_position=max(position, 1) if data.get("primaryKey") else 0,
            classification=max([classification, *(f.classification for f in fields)], key=CLASSIFICATIONS.index),
            options=options,
            quality=tuple(data.get("quality") or ()),
            pii=tuple(dict.fromkeys([
                *self.declared_pii(name, custom_properties(data).get("pii"), path), *(p for f in fields for p in f.pii),
            ])),
        )  # fmt: skip

    def classification(self, name: str, data: Mapping[str, Any], path: Path, inherited: str) -> str:
        said = data.get("classification") or inherited
        if said in CLASSIFICATIONS:
            return str(said)
        self.report("BAD_CLASSIFICATION", (*path, "classification"), f"column {name!r}: classification {said!r}",
                    f"Use one of {', '.join(CLASSIFICATIONS)}.")  # fmt: skip
        return "restricted"

    def declared_pii(self, name: str, said: Any, path: Path) -> tuple[str, ...]:
        """`pii: true`, a kind, or a list of kinds of sluice.pii.kinds."""
        if said is None or said is False:
            return ()
        if said is True:
            return (ANY_PII,)
        from sluice.pii.kinds import KIND_NAMES  # its validators are many, and few contracts need them

        kinds = tuple(map(str, said)) if isinstance(said, list) else (str(said),)
        if unknown := [k for k in kinds if k not in KIND_NAMES]:
            close = difflib.get_close_matches(unknown[0], KIND_NAMES, n=1)
            self.report("UNKNOWN_PII", (*path, "customProperties"), f"column {name!r}: pii {unknown[0]!r} is no kind of personal data",
                        f"Did you mean {close[0]!r}?" if close else f"Write true, or some of {', '.join(KIND_NAMES)}.")  # fmt: skip
        return tuple(k for k in kinds if k in KIND_NAMES)

    def distinct(self, code: str, path: Path, what: str, names: list[tuple[str, str]]) -> None:
        """Names must stay apart in the catalog, which is case-blind."""
        seen: dict[str, tuple[int, str]] = {}
        for i, (name, lake_name) in enumerate(names):
            if lake_name in seen:
                j, other = seen[lake_name]
                both = (
                    f"stands twice (also as number {j + 1})"
                    if other == name
                    else f"and {other!r} are both {lake_name!r} in the catalog"
                )
                self.report(code, (*path, i), f"the {what} {name!r} {both}", "Rename one, or give it a `physicalName`.")
            seen.setdefault(lake_name, (i, name))

    def key_positions(self, columns: list[Column], path: Path) -> None:
        positions = sorted(c.key_position for c in columns if c.key_position)
        if positions != list(range(1, len(positions) + 1)):
            self.report(
                "BAD_KEY", path, f"the primary key has the positions {positions}", "Number primaryKeyPosition 1, 2, 3 …"
            )


def build(document: Document, text: str) -> Contract:
    """The Contract in a schema-valid document. Raises InvalidContractError with every finding."""
    read = _Reader(document)
    data = document.data
    identity = str(data["id"])
    if not SOURCE_ID.fullmatch(identity):
        read.report("BAD_ID", ("id",), f"the id {identity!r} cannot name a source",
                    "Use a-z, 0-9 and _, starting with a letter, at most 63 characters.")  # fmt: skip
    if data["status"] not in STATUSES:
        read.report("BAD_STATUS", ("status",), f"status {data['status']!r}", f"Use one of {', '.join(STATUSES)}.")
    schema = data.get("schema") or []
    if not schema:
        read.report(
            "NO_TABLES",
            ("schema",) if "schema" in data else (),
            "the contract has no tables",
            "List them under `schema:`.",
        )
    paths: list[Path] = [("schema", i) for i in range(len(schema))]
    tables = [(t, p) for s, p in zip(schema, paths, strict=True) if (t := read.table(s, p)) is not None]
    read.distinct("DUPLICATE_TABLE", ("schema",), "table", [(t.name, t.table_name) for t, _ in tables])
    read.relations.check([t for t, _ in tables])
    server = read_server(document, read.findings, [t for t, _ in tables])
    roles = read_roles(document, read.findings, [t.name for t, _ in tables])
    check_schedules(document, read.findings)
    if read.findings or server is None:
        raise InvalidContractError(sorted(read.findings, key=lambda f: f.line))
    description = data.get("description") or {}
    return Contract(
        id=identity,
        version=str(data["version"]),
        status=data["status"],
        name=data.get("name") or identity,
        domain=data.get("domain") or "",
        description=description.get("purpose") or "",
        owner=_owner(data),
        server=server,
        tables=tuple(t for t, _ in tables),
        text=text,
        document=data,
        file=document.file,
        roles=roles,
    )


def custom_properties(data: Mapping[str, Any]) -> dict[str, Any]:
    """ODCS `customProperties` (an array of {property, value}) as a dict."""
    return {p["property"]: p.get("value") for p in data.get("customProperties") or () if "property" in p}


def _texts(value: Any) -> tuple[str, ...]:
    """One or more texts, the first of them empty when there are none."""
    return tuple(str(v) for v in (value if isinstance(value, list) else [value]) if v) or ("",)


def _owner(data: Mapping[str, Any]) -> str:
    team = data.get("team") or {}
    members = team if isinstance(team, list) else team.get("members") or []
    owners = [m for m in members if str(m.get("role") or "").lower() in ("owner", "data owner")] or members
    return str(owners[0].get("username") or owners[0].get("name") or "") if owners else ""
