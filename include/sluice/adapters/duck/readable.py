"""What every format with types becomes on its way: a Parquet file that DuckDB reads without misreading anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.adapters.duck.typed.forms import Form
from sluice.errors import SourceError


@dataclass(frozen=True)
class Field:
    """A column of the Parquet file, and the form it has."""

    name: str
    form: Form


@dataclass(frozen=True)
class Readable:
    """A source file, readable by DuckDB at `path`, with `rows` rows by its own account.

    `fields` gives for a column's position in the contract where its values are; where there are two fields, the
    first that is not null counts. `constants` are values that the whole file has, as text (None: null). `line` and
    `fault` name columns of Sluice's own: the row's number in the source (without: its position, from 1), and what
    is wrong with the row as such (null: nothing): `CODE`, or with a colon behind it CELL_ERROR's position of the column,
    TOO_MANY_COLUMNS' values as JSON, UNKNOWN_COLUMN's name.
    """

    display: str
    path: Path
    rows: int
    fields: Mapping[int, tuple[Field, ...]]
    constants: Mapping[int, str | None] = field(default_factory=dict)
    line: str | None = None
    fault: str | None = None


def corrupt(display: str, what: str, why: object) -> SourceError:
    """The error for a file that its own format's library cannot read: CORRUPT_PARQUET, CORRUPT_AVRO ..."""
    text = str(why).strip().split("\n", 1)[0][:300]
    return SourceError(
        f"CORRUPT_{what.upper()}", f"the {what} file is broken, cut off, or of another format: {text}", where=display,
        mend="Deliver the file again, or correct the format in the contract.",
    )  # fmt: skip
