"""A contract as the rest of Sluice sees it: resolved, immutable, and nothing but data.

`read_contract` (sluice.contract.reading) makes it from ODCS; the original document stays in `document`,
so nothing that ODCS can say is lost.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from sluice.contract.types import ColumnType

SOURCE_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
"""From the least to the most sensitive; the position is the rank."""

ANY_PII = "any"

OPERATORS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
    "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip
"""ODCS v3.1.0 DataQualityOperators. Both ends of a range belong to it."""

SEVERITIES = ("info", "warning", "error")


@dataclass(frozen=True)
class Relationship:
    """A foreign key: the rows of `columns` must exist in `to_table`'s `to_columns`. Nulls reference nothing."""

    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    severity: str = "error"
    description: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table. `name` is the column's name in the source, `field_name` the one in the lake.

    `options` is ODCS `logicalTypeOptions` (minLength, pattern, maximum, format ...) and what the column's
    customProperties say about its texts (decimalChar, groupChar, trueValues, falseValues, nullSequence);
    `key_position` counts from 1 and is 0 outside the primary key; `quality` holds ODCS quality rules as written.
    """

    name: str
    field_name: str
    type: ColumnType
    description: str = ""
    required: bool = False
    unique: bool = False
    key_position: int = 0
    classification: str = "internal"
    options: Mapping[str, Any] = field(default_factory=dict)
    quality: tuple[Mapping[str, Any], ...] = ()
    pii: tuple[str, ...] = ()
    """The kinds of personal data the contract declares; ANY_PII stands for whatever is there."""


@dataclass(frozen=True)
class BadRows:
    """What happens to rows that do not fit the contract.

    `policy`: `quarantine` keeps them for repair; `drop` declares them dropped, counted with their reasons; with
    `refuse` a single one stops the landing. More than `max_share` (0-1) of the rows read, or more than `max_rows`,
    stop it too; None: no such limit. Without `keep_raw` what is written of a bad row is its place and its reason
    code, not its values.
    """

    policy: str = "quarantine"
    max_share: float | None = None
    max_rows: int | None = None
    keep_raw: bool = True


@dataclass(frozen=True)
class DriftTerms:
    """How far a delivery may lie from the one before; sluice.drift says what each measure is. None: not compared.

    What exceeds its threshold is shown to approvers; with severity `error` it stops the onboarding. The columns
    `ignore` (source names) are not compared.
    """

    volume: float | None = 0.5
    nulls: float | None = 0.05
    distinct: float | None = 0.5
    psi: float | None = 0.25
    ks: float | None = 0.2
    range: float | None = 1.0
    severity: str = "warning"
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefreshTerms:
    """How new deliveries of a published table come in.

    `mode`: `full` replaces the content, `append` adds new files, `merge` puts rows in by the primary key. Of merged
    changes, `operation` is the column that says what to do (its values in `deletes` remove the row; "": nothing is
    ever removed) and `order` the column by which the newest change of a key is told.
    """

    mode: str = "full"
    operation: str = ""
    deletes: tuple[str, ...] = ("D", "d", "delete", "DELETE")
    order: str = ""


@dataclass(frozen=True)
class PartitionTerm:
    """One part of a table's partition spec. `column` is the name in the lake, `transform` one of PARTITIONS.

    `argument` is the number of buckets, or the width of a truncation; 0 where a transform takes none.
    Source: Iceberg spec, partition transforms.
    """

    column: str
    transform: str = "identity"
    argument: int = 0

    def __str__(self) -> str:
        if self.transform == "identity":
            return self.column
        return f"{self.transform}({f'{self.argument}, ' if self.argument else ''}{self.column})"


PARTITIONS = ("identity", "year", "month", "day", "hour", "bucket", "truncate")


@dataclass(frozen=True)
class SortTerm:
    """One part of a table's sort order; `column` is the name in the lake."""

    column: str
    descending: bool = False
    nulls_first: bool = True

    def __str__(self) -> str:
        return f"{self.column} {'desc' if self.descending else 'asc'} nulls {'first' if self.nulls_first else 'last'}"


@dataclass(frozen=True)
class Table:
    """A table of a contract (an ODCS schema object).

    `location` is a file, folder or pattern relative to the contract's server (see sluice.stream.listing), and
    `more_locations` are others; empty means `<name>.<format>`. `format`, when it is not empty, is the table's own.
    """

    name: str
    table_name: str
    location: str
    columns: tuple[Column, ...]
    description: str = ""
    relationships: tuple[Relationship, ...] = ()
    quality: tuple[Mapping[str, Any], ...] = ()
    allow_empty: bool = False
    bad_rows: BadRows = BadRows()
    drift: DriftTerms | None = DriftTerms()
    """None: a delivery is not compared with the one before."""
    dialect_terms: Mapping[str, Any] = field(default_factory=dict)
    """Fields of Dialect that this table's files have for themselves; `Contract.dialect_of` joins them in."""
    format: str = ""
    more_locations: tuple[str, ...] = ()
    refresh: RefreshTerms = RefreshTerms()
    schema_drift: str = ""
    """`evolve`, `freeze`, `quarantineRows` or `quarantineDelivery`; "" leaves it to the policy."""
    partition: tuple[PartitionTerm, ...] = ()
    sort: tuple[SortTerm, ...] = ()

    @property
    def key(self) -> tuple[Column, ...]:
        """The primary key's columns in their order; empty when none is declared."""
        return tuple(sorted((c for c in self.columns if c.key_position), key=lambda c: c.key_position))

    @cached_property
    def classification(self) -> str:
        """The most sensitive classification among the columns."""
        return max((c.classification for c in self.columns), key=CLASSIFICATIONS.index)

    @cached_property
    def classifications(self) -> Mapping[str, str]:
        """The classification of each column, by its name in the lake."""
        return {c.field_name: c.classification for c in self.columns}

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """The lake's name of each column, by that name and by its name in the source."""
        return {c.name: c.field_name for c in self.columns} | {c.field_name: c.field_name for c in self.columns}

    def column(self, name: str) -> Column:
        """The column with this source name; KeyError when there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {c.name: c for c in reversed(self.columns)}


@dataclass(frozen=True)
class Dialect:
    """How a file is written, in Frictionless Table Dialect terms. None means: not declared, detect it.

    Sources: Frictionless CSV Dialect 1.2 and Table Dialect v2; sluice.contract.dialect reads them.
    """

    delimiter: str | None = None
    quote_char: str | None = None
    """One character; "" means that nothing is ever quoted."""
    escape_char: str | None = None
    """One character; "" means that there is none."""
    double_quote: bool | None = None
    line_terminator: str | None = None
    skip_initial_space: bool | None = None
    header: bool | None = None
    header_rows: tuple[int, ...] | None = None
    """The rows, from 1, that hold the names, joined by `header_join`. What stands between and before them is no data."""
    header_join: str = " "
    case_sensitive_header: bool | None = None
    comment_rows: tuple[int, ...] = ()
    comment_char: str | None = None
    """One or more characters that begin a line which is no data; "" means that there are none."""
    skip_rows: int = 0
    """Lines before everything else that are no data. Row numbers count on from there."""
    footer_rows: int | None = None
    """Records at the end that are no data."""
    null_sequence: tuple[str, ...] = ("",)
    encoding: str | None = None
    compression: str | None = None
    decimal_char: str | None = None
    group_char: str | None = None
    true_values: tuple[str, ...] | None = None
    false_values: tuple[str, ...] | None = None
    date_format: str | None = None
    time_format: str | None = None
    timestamp_format: str | None = None
    property: str | None = None
    """JSON: the property that holds the rows, dotted when it lies deeper."""
    item_type: str | None = None
    """JSON: each row is an "array" or an "object"."""
    item_keys: tuple[str, ...] | None = None
    """JSON: the properties of an object that are columns."""
    sheet_name: str | None = None
    sheet_number: int | None = None
    """Excel: from 1."""


@dataclass(frozen=True)
class Server:
    """Where the source's files are: `type` is `local` or `s3`, `base` a folder or an s3:// prefix."""

    name: str
    type: str
    base: str
    format: str
    dialect: Dialect = Dialect()


@dataclass(frozen=True)
class Role:
    """Who may do what with the published tables (ODCS `roles`).

    `access` is `read` or `write`; `principal` the role's name or an ARN. The access ends on `expires` (a date, UTC),
    or `expires_days` after publication; without either it does not. `tables` are table names, empty for all of them;
    columns classified above `up_to` are left out ("": none is).
    """

    name: str
    access: str
    principal: str
    expires: date | None = None
    expires_days: int | None = None
    tables: tuple[str, ...] = ()
    up_to: str = ""


@dataclass(frozen=True)
class Contract:
    """A contract that passed every check of `read_contract`."""

    id: str
    version: str
    status: str
    name: str
    domain: str
    description: str
    owner: str
    server: Server
    tables: tuple[Table, ...]
    text: str
    document: Mapping[str, Any]
    file: str
    roles: tuple[Role, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (64 hex digits) of the document's canonical JSON: comments and layout do not count."""
        return digest_of(self.document)

    @property
    def classification(self) -> str:
        """The most sensitive classification among the tables."""
        return max((t.classification for t in self.tables), key=CLASSIFICATIONS.index)

    def format_of(self, table: Table) -> str:
        """The format of this table's files."""
        return table.format or self.server.format

    def location(self, table: Table) -> str:
        """Where the table's file is, or its first: a path or s3:// URI, relative only if the server's base is."""
        return f"{self.server.base}/{self.locations(table)[0]}"

    def locations(self, table: Table) -> tuple[str, ...]:
        """Where the table's files are, below the server's base."""
        return (table.location or f"{table.name}.{self.format_of(table)}", *table.more_locations)

    def dialect_of(self, table: Table) -> Dialect:
        """How this table's files are written: the server's terms, the table's own in their place."""
        return replace(self.server.dialect, **table.dialect_terms)

    def table(self, name: str) -> Table:
        """The table with this name; KeyError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)


def digest_of(document: Any) -> str:
    """SHA-256 of canonical JSON (sorted keys, no spaces, UTF-8); dates are written in ISO 8601."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
