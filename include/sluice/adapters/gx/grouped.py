"""GX's metrics that need equal values brought together: uniqueness, distinct values, modes, value counts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from sluice.adapters.gx.aggregates import count_values
from sluice.adapters.gx.fields import MOMENTS, NUMERIC, BadArgumentError, Family, Field, both, parsed_moment
from sluice.adapters.gx.predicates import considered, membership
from sluice.adapters.gx.requests import Metric, Rows, Table

Domain = Mapping[str, Any]
Kwargs = Mapping[str, Any]

MAX_VALUES = 20
"""How many distinct values a report may show (GX's MAX_DISTINCT_VALUES)."""
MAX_CATEGORIES = 100_000
RISING_PROBE = 10_000
_KEY = "sluice.key.0"
_K, _N, _PREVIOUS = (
    f'"{_KEY}"',
    '"sluice.rows"',
    '"sluice.previous"',
)  # names that no column of the table is likely to have
_COMPARED = NUMERIC | MOMENTS | {Family.TEXT}


def _name(i: int) -> str:
    return f'"sluice.key.{i}"'


def _groups(table: Table, keys: Sequence[str], where: str) -> str:
    """Each combination of values once, with its number of rows."""
    return table.select(f"{', '.join(f'{key} AS {_name(i)}' for i, key in enumerate(keys))}, count(*) AS {_N}", where,
                        f"GROUP BY {', '.join(keys)}")  # fmt: skip


def _summary(table: Table, keys: Sequence[str], where: str) -> Metric:
    """(rows whose combination repeats, combinations)"""
    groups = _groups(table, keys, where)
    (rows,) = yield [Rows(f"SELECT coalesce(sum({_N}) FILTER (WHERE {_N} > 1), 0)::BIGINT, count(*) FROM ({groups})")]  # noqa: S608
    return rows[0]


def _column_summary(table: Table, domain: Domain) -> Metric:
    """(rows whose value repeats, distinct values), nulls apart. Values that only rise need no grouping (15 times
    the work), and the first rows tell whether it is worth looking."""
    field = table.field(domain["column"])
    if field.family in _COMPARED:
        for limit in (f"LIMIT {RISING_PROBE}", ""):
            ((found,),) = yield [Rows(_rising(table, domain, field, limit))]
            chains, rises, values = found
            if values != rises + chains or chains > 1:
                break
            if not limit or values < RISING_PROBE:
                return 0, values
    # Nulls are left out by the counting: a filter below the grouping costs a third more.
    groups = table.select(f"count({field.sql}) AS {_N}", table.where(domain), f"GROUP BY {field.sql}")
    repeats = f"coalesce(sum({_N}) FILTER (WHERE {_N} > 1), 0)::BIGINT"
    (rows,) = yield [Rows(f"SELECT {repeats}, count(*) FILTER (WHERE {_N} > 0) FROM ({groups})")]  # noqa: S608
    return rows[0]


def _rising(table: Table, domain: Domain, field: Field, limit: str) -> str:
    """(values without one before them, values above the one before them, values)

    With at most one of the first kind and all others of the second, no two are equal, whatever the order was.
    """
    values = table.select(f"{field.sql} AS {_K}", table.where(domain, f"{field.sql} IS NOT NULL"), limit)
    pairs = f"SELECT {_K}, lag({_K}) OVER () AS {_PREVIOUS} FROM ({values})"  # noqa: S608
    return (
        f"SELECT count(*) FILTER (WHERE {_PREVIOUS} IS NULL), count(*) FILTER (WHERE {_K} > {_PREVIOUS}), count(*) "  # noqa: S608
        f"FROM ({pairs})"
    )


def _of_column(table: Table, domain: Domain) -> tuple[Field, str]:
    field = table.field(domain["column"])
    return field, table.where(domain, f"{field.sql} IS NOT NULL")


def repeated(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """Rows whose value stands in another row too."""
    return (yield from _column_summary(table, domain))[0]


def repeated_compound(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """Rows whose combination of values stands in another row too; nulls equal each other."""
    keys = [table.field(name).sql for name in domain["column_list"]]
    where = table.where(domain, considered(table, domain))
    return (yield from _summary(table, keys, where))[0]


def repeating_rows(table: Table, domain: Domain) -> str:
    """A query for the rows that `repeated` or `repeated_compound` counts."""
    if "column_list" in domain:
        names = list(domain["column_list"])
        where = table.where(domain, considered(table, domain))
    else:
        field, where = _of_column(table, domain)
        names = [field.name]
    keys = [table.field(name).sql for name in names]
    twice = f"{_groups(table, keys, where)} HAVING count(*) > 1"
    same = " AND ".join(f"{key} IS NOT DISTINCT FROM d.{_name(i)}" for i, key in enumerate(keys))
    return f"SELECT * FROM {table.sql} SEMI JOIN ({twice}) d ON {same}" + (f" WHERE {where}" if where else "")  # noqa: S608


def distinct_count(table: Table, domain: Domain, _: Kwargs) -> Metric:
    return (yield from _column_summary(table, domain))[1]


def unique_proportion(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """Distinct values by values; 0 without values."""
    _, distinct = yield from _column_summary(table, domain)
    values = yield from count_values(table, domain, table.field(domain["column"]))
    return distinct / values if values else 0


def not_in_set(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """The distinct values outside the set, the least first, as many as a report shows."""
    field, where = _of_column(table, domain)
    field.need(_COMPARED)
    outside = both(where, f"NOT {membership(field, kwargs['value_set'] or [])}")
    (rows,) = yield [Rows(table.select(f"DISTINCT {field.sql} AS v", outside, f"ORDER BY v LIMIT {MAX_VALUES}"))]
    return [row[0] for row in rows]


def not_in_set_count(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    field, where = _of_column(table, domain)
    field.need(_COMPARED)
    outside = f"NOT {membership(_key(field), kwargs['value_set'] or [])}"
    groups = _groups(table, [field.sql], where)
    (rows,) = yield [Rows(f"SELECT count(*) FILTER (WHERE {outside}) FROM ({groups})")]  # noqa: S608
    return rows[0][0]


def _key(field: Field) -> Field:
    return Field(_KEY, field.family, field.precision, field.scale)


def missing(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """The members of the set that the column does not have."""
    field, where = _of_column(table, domain)
    field.need(_COMPARED)
    members = list(kwargs["value_set"] or [])
    inside = both(where, membership(field, members))
    (rows,) = yield [Rows(table.select(f"DISTINCT {field.sql}", inside))]
    present = {_comparable(row[0], field) for row in rows}
    try:
        wanted = {_comparable(member, field): member for member in members}
    except TypeError as error:
        raise BadArgumentError(f"value_set holds {error}") from error
    return [member for value, member in wanted.items() if value not in present]


def _comparable(value: Any, field: Field) -> Any:
    """A value of the set or of the column so that equal ones are equal in Python, and a text equals no number."""
    literal: str | None = None
    if field.family in MOMENTS:
        moment = parsed_moment(value)
        literal = None if moment is None else field.equal(moment)
    elif field.family in NUMERIC:
        literal = field.equal(value)
    return (False, value) if literal is None else (True, literal)


def missing_count(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    return len((yield from missing(table, domain, kwargs)))


def missing_shown(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    return (yield from missing(table, domain, kwargs))[:MAX_VALUES]


def most_common(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """The most common values, least first. Of more than a report shows, those that `value_set` names come along:
    the verdict asks only how many there are and which of them are expected."""
    field, where = _of_column(table, domain)
    field.need(_COMPARED)
    groups = _groups(table, [field.sql], where)
    modes = f"WITH g AS MATERIALIZED ({groups}) SELECT {_K} FROM g WHERE {_N} = (SELECT max({_N}) FROM g)"  # noqa: S608
    expected = membership(_key(field), kwargs.get("value_set") or [])
    first, named = yield [
        Rows(f"{modes} ORDER BY {_K} LIMIT {MAX_VALUES}"),
        Rows(f"{modes} AND {expected} ORDER BY {_K}"),
    ]
    # The verdict looks for each in the set, where a date is a datetime and a decimal a double: as the set has it.
    members = {_comparable(member, field): member for member in kwargs.get("value_set") or [] if _hashable(member)}
    modes_found = dict.fromkeys(row[0] for row in [*first, *named])
    return [members.get(_comparable(value, field), value) for value in modes_found]


def _hashable(value: Any) -> bool:
    return isinstance(value, Hashable)


def value_counts(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """A pandas Series of rows by value, sorted by value: GX's verdict on distributions computes with it."""
    import pandas as pd

    field, where = _of_column(table, domain)
    field.need(_COMPARED)
    groups = _groups(table, [field.sql], where)
    (rows,) = yield [Rows(f"SELECT {_K}, {_N} FROM ({groups}) ORDER BY {_K} LIMIT {MAX_CATEGORIES + 1}")]  # noqa: S608
    if len(rows) > MAX_CATEGORIES:
        raise BadArgumentError(f"has more than {MAX_CATEGORIES:,} distinct values: too many for categories")
    series = pd.Series([row[1] for row in rows], index=[row[0] for row in rows], name="count", dtype="int64")
    series.index.name = "value"
    return series
