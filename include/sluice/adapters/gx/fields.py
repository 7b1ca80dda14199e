"""Columns and values as DuckDB sees them: what is a null, what a written value means for a column's type.

NaN counts as missing, as it does for Great Expectations on pandas. Integers and decimals are compared exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sluice.checks.rules import identifier
from sluice.contract.terms import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = Context(prec=120)
TRUE, FALSE = "TRUE", "FALSE"


class NotCompiledError(Exception):
    """This cannot be said in SQL with Great Expectations' meaning; its own engine evaluates it."""


class BadArgumentError(ValueError):
    """An argument that no value of the column can be compared with; the message is for the rule's author."""


class Family(StrEnum):
    """Values that compare with each other."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    OTHER = "other"


NUMERIC = {Family.INTEGER, Family.FLOAT, Family.DECIMAL, Family.BOOLEAN}
MOMENTS = {Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ}
_SQL_TYPE = {Family.DATE: "DATE", Family.TIMESTAMP: "TIMESTAMP", Family.TIMESTAMPTZ: "TIMESTAMPTZ"}


@dataclass(frozen=True)
class Field:
    """A staged column. `sql` is its value, where NaN is NULL already."""

    name: str
    family: Family
    precision: int = 0
    scale: int = 0

    @property
    def sql(self) -> str:
        name = identifier(self.name)
        # Not `nullif`: DuckDB takes a file's maximum for proof that no value equals NaN.
        return f"(CASE WHEN isnan({name}) THEN NULL ELSE {name} END)" if self.family is Family.FLOAT else name

    @property
    def number(self) -> str:
        """The value as a number, booleans as 0 and 1. Raises NotCompiledError when it is none."""
        if self.family not in NUMERIC:
            raise NotCompiledError(f"{self.name} is not numeric")
        return f"CAST({self.sql} AS TINYINT)" if self.family is Family.BOOLEAN else self.sql

    def need(self, families: Iterable[Family]) -> None:
        """Raises NotCompiledError unless the column is of one of the families."""
        if self.family not in set(families):
            raise NotCompiledError(f"{self.name} is of the type {self.family}")

    def equal(self, value: Any) -> str | None:
        """The value as a literal that equality in this column can meet; None when nothing in it can equal it.

        As in Python, 1, 1.0 and True are equal and "1" is not.
        """
        if self.family in NUMERIC:
            return self._number(value)
        if self.family is Family.TEXT:
            return text(value) if isinstance(value, str) else None
        if self.family in MOMENTS:
            return None if isinstance(value, bool) or value is None else self._moment(value)
        raise NotCompiledError(f"{self.name} is of the type {self.family}")

    def _number(self, value: Any) -> str | None:
        number = as_number(value)
        if number is None:
            return None
        if self.family is Family.FLOAT:
            return double(float(number) + 0.0)  # no negative zero
        if not number.is_finite():
            return None
        scaled = number.scaleb(self.scale, _EXACT)
        if scaled != scaled.to_integral_value() or not self._holds(scaled):
            return None
        return self._exactly(scaled)

    def _holds(self, scaled: Decimal) -> bool:
        if self.family is Family.BOOLEAN:
            return scaled in {Decimal(0), Decimal(1)}
        if self.family is Family.INTEGER:
            return -(2**63) <= scaled < 2**64
        return abs(scaled) < Decimal(10) ** self.precision

    def _exactly(self, scaled: Decimal) -> str:
        whole = int(scaled)
        if self.family is Family.BOOLEAN:
            return TRUE if whole else FALSE
        if self.family is Family.INTEGER:
            return str(whole)
        return f"CAST('{Decimal(whole).scaleb(-self.scale, _EXACT):f}' AS DECIMAL({self.precision},{self.scale}))"

    def compare(self, operator: str, value: Any) -> str:
        """`column operator value` for <, <=, > and >=, as exact as the column's type; NULL for a null.

        Raises BadArgumentError for a value of another kind than the column's.
        """
        if self.family in NUMERIC:
            return self._compare_number(operator, value)
        if self.family is Family.TEXT:
            if not isinstance(value, str):
                raise BadArgumentError(f"{value!r} cannot be compared with the texts of {self.name!r}")
            return f"{self.sql} {operator} {text(value)}"
        if self.family in MOMENTS:
            return f"{self.sql} {operator} {self._moment(value)}"
        raise NotCompiledError(f"{self.name} is of the type {self.family}")

    def _compare_number(self, operator: str, value: Any) -> str:
        number = as_number(value) if not isinstance(value, str) else as_number(written(value))
        if number is None:
            raise BadArgumentError(f"{value!r} cannot be compared with the numbers of {self.name!r}")
        if self.family is Family.FLOAT:
            return f"{self.sql} {operator} {double(float(number))}"
        if not number.is_finite():
            return self._always(operator.startswith("<") is (number > 0))
        # The nearest value that the column can hold, on the side that keeps the comparison's meaning.
        scaled = number.scaleb(self.scale, _EXACT)
        below = scaled.to_integral_value(ROUND_FLOOR)
        if scaled != below:
            operator, scaled = (
                ("<=", below) if operator.startswith("<") else (">=", scaled.to_integral_value(ROUND_CEILING))
            )
        if self.family is Family.BOOLEAN:
            return f"{self.number} {operator} {int(scaled)}" if abs(scaled) < 128 else self._out(operator, scaled)
        return f"{self.sql} {operator} {self._exactly(scaled)}" if self._holds(scaled) else self._out(operator, scaled)

    def _out(self, operator: str, scaled: Decimal) -> str:
        return self._always(operator.startswith("<") is (scaled > 0))

    def _always(self, held: bool) -> str:
        return f"(CASE WHEN {self.sql} IS NOT NULL THEN {TRUE if held else FALSE} END)"

    def _moment(self, value: Any) -> str:
        moment = parsed_moment(value)
        if moment is None:
            raise BadArgumentError(f"{value!r} is no date or time to compare {self.name!r} with")
        if self.family is Family.TIMESTAMPTZ:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        elif moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        # A date is compared with a moment as its midnight.
        if self.family is Family.DATE and moment.time() != time():
            return f"CAST('{moment.isoformat(sep=' ')}' AS TIMESTAMP)"
        written_out = moment.date().isoformat() if self.family is Family.DATE else moment.isoformat(sep=" ")
        return f"CAST('{written_out}' AS {_SQL_TYPE[self.family]})"


def field_of(name: str, kind: pa.DataType) -> Field:
    """The column with its family, from its type in the staged files."""
    import pyarrow as pa

    t = pa.types
    if t.is_decimal(kind):
        return Field(name, Family.DECIMAL, kind.precision, kind.scale)
    families = (
        (t.is_integer, Family.INTEGER), (t.is_floating, Family.FLOAT), (t.is_boolean, Family.BOOLEAN),
        (t.is_string, Family.TEXT), (t.is_large_string, Family.TEXT), (t.is_date, Family.DATE),
    )  # fmt: skip
    for is_of, family in families:
        if is_of(kind):
            return Field(name, family)
    if t.is_timestamp(kind):
        return Field(name, Family.TIMESTAMPTZ if kind.tz else Family.TIMESTAMP)
    return Field(name, Family.OTHER)


def field_named(fields: Mapping[str, Field], name: Any) -> Field:
    """The column with this name. Raises BadArgumentError."""
    if name not in fields:
        raise BadArgumentError(f"names the column {name!r}, which is not there. {did_you_mean(str(name), fields)}")
    return fields[name]


def as_number(value: Any) -> Decimal | None:
    """The number as written, without a double's rounding; None for what is no number."""
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, float):
        return None if math.isnan(value) else Decimal(repr(value))
    return None


def written(value: str) -> Decimal | None:
    """A number written as a text, such as a limit with more digits than a double holds."""
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def parsed_moment(value: Any) -> datetime | None:
    """A date or time, or its ISO 8601 text, as a datetime; None for anything else."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    return None


def text(value: str) -> str:
    """A SQL string literal. Raises NotCompiledError for a NUL, which SQL cannot hold."""
    if "\0" in value:
        raise NotCompiledError("a NUL character")
    return "'" + value.replace("'", "''") + "'"


def double(value: float) -> str:
    """A SQL literal of type DOUBLE."""
    return f"CAST('{value!r}' AS DOUBLE)"


def both(*conditions: str) -> str:
    """The conditions joined by AND; empty ones do not count."""
    given = [f"({c})" for c in conditions if c]
    return " AND ".join(given)
