"""From the metrics that an expectation asks for to what the engine has to find out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.adapters.gx import aggregates, grouped
from sluice.adapters.gx.fields import FALSE, MOMENTS, NUMERIC, TRUE, Family, NotCompiledError
from sluice.adapters.gx.predicates import COLUMN, MEASURED, ROWS, considered
from sluice.adapters.gx.requests import Metric, Rows, Scan, Table, filtered
from sluice.checks.rules import identifier

Domain = Mapping[str, Any]
Kwargs = Mapping[str, Any]

AGGREGATES: dict[str, Callable[[Table, Domain, Kwargs], Metric]] = {
    "table.row_count": aggregates.row_count,
    "column.min": aggregates.extreme("min"),
    "column.max": aggregates.extreme("max"),
    "column.sum": aggregates.total,
    "column.mean": aggregates.mean_metric,
    "column.standard_deviation": aggregates.deviation_metric,
    "column.median": aggregates.median,
    "column.quantile_values": aggregates.quantile_values,
    "column.histogram": aggregates.histogram,
    "column.non_null_count": aggregates.non_null_count,
    "column.non_null_proportion": aggregates.non_null_proportion,
    "column_values.nonnull.count": aggregates.histogram_total,
    "column_values.between.count": aggregates.between_count,
    "column.distinct_values.count": grouped.distinct_count,
    "column.unique_proportion": grouped.unique_proportion,
    "column.distinct_values.not_in_set": grouped.not_in_set,
    "column.distinct_values.not_in_set.count": grouped.not_in_set_count,
    "column.distinct_values.missing_from_column": grouped.missing_shown,
    "column.distinct_values.missing_from_column.count": grouped.missing_count,
    "column.most_common_value": grouped.most_common,
    "column.value_counts": grouped.value_counts,
}


@dataclass(frozen=True)
class Breaking:
    """The rows that break an expectation: a query for them, whole and in their order.

    `where` is the condition that they meet, where they are the rows of the table that meet one.
    """

    sql: str
    where: str | None = None


class Compiler:
    """Compiles the metrics of one table's expectations."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def metric(self, name: str, domain: Domain, kwargs: Kwargs) -> Metric:
        """The metric's value. Raises NotCompiledError for one that only a stock engine computes."""
        if name in AGGREGATES:
            return AGGREGATES[name](self.table, domain, kwargs)
        if name == "table.columns":
            return _known(list(self.table.fields))
        if name == "table.column_count":
            return _known(len(self.table.fields))
        base, _, what = name.rpartition(".")
        if what == "unexpected_count":
            return self._count(base, domain, kwargs)
        if what == "filtered_row_count":
            return _counted(self.table.where(domain, considered(self.table, domain)))
        if what == "unexpected_values":
            return _known([])  # fetched once it is known that there are some
        raise NotCompiledError(f"the metric {name}")

    def _count(self, base: str, domain: Domain, kwargs: Kwargs) -> Metric:
        if base == "column_values.unique":
            return grouped.repeated(self.table, domain, kwargs)
        if base == "compound_columns.unique":
            return grouped.repeated_compound(self.table, domain, kwargs)
        if base in _ORDERED:
            return _counted_rows(self._ordered(base, domain, kwargs, "count(*)"))
        return self._counted(base, domain, kwargs)

    def _counted(self, base: str, domain: Domain, kwargs: Kwargs) -> Metric:
        if base == "column_values.nonnull" and not domain.get("row_condition"):
            (missing,) = yield [Scan(f"count(*) - count({self.table.field(domain['column']).sql})")]
            return missing
        where = yield from self._where(base, domain, kwargs)
        (count,) = yield [Scan(filtered("count(*)", where))]
        return count

    def breaking(self, base: str, domain: Domain, kwargs: Kwargs) -> Generator[Any, Any, Breaking]:
        """The rows that `<base>.unexpected_count` counts."""
        if base in ("column_values.unique", "compound_columns.unique"):
            return Breaking(grouped.repeating_rows(self.table, domain))
        if base in _ORDERED:
            return Breaking(self._ordered(base, domain, kwargs, f"* EXCLUDE ({_PREVIOUS})"))
        where = yield from self._where(base, domain, kwargs)
        return Breaking(self.table.select("*", where), where or TRUE)

    def _where(self, base: str, domain: Domain, kwargs: Kwargs) -> Generator[Any, Any, str]:
        """The rows that are looked at and do not meet the expectation."""
        table = self.table
        if base in ROWS:
            if base == "column_pair_values.in_set":
                kwargs = {"value_pairs_set": None, **kwargs}
            meets = ROWS[base](table, domain, kwargs)
            return table.where(domain, considered(table, domain), f"({meets}) IS NOT TRUE")
        field = table.field(domain["column"])
        if base == "column_values.nonnull":
            return table.where(domain, f"{field.sql} IS NULL")
        if base == "column_values.null":
            return table.where(domain, f"{field.sql} IS NOT NULL")
        if base in MEASURED:
            meets = yield from MEASURED[base](table, field, kwargs, domain)
        elif base in COLUMN:
            meets = COLUMN[base](table, field, kwargs)
        else:
            raise NotCompiledError(f"the metric {base}")
        # A predicate on a null is NULL itself, and so is its negation, unless it does not look at the value at all.
        blind = meets.removeprefix("NOT ") in (TRUE, FALSE)
        return table.where(domain, f"{field.sql} IS NOT NULL" if blind else "", f"NOT ({meets})")

    def _ordered(self, base: str, domain: Domain, kwargs: Kwargs, what: str) -> str:
        field = self.table.field(domain["column"])
        field.need((NUMERIC - {Family.BOOLEAN}) | MOMENTS)
        where = self.table.where(domain, f"{field.sql} IS NOT NULL")
        # The window runs over the rows in the order of the files: none is given, so none is sorted for.
        numbered = self.table.select(f"*, lag({field.sql}) OVER () AS {_PREVIOUS}", where)
        operator = _ORDERED[base] + ("" if kwargs.get("strictly") else "=")
        kept = f"{field.sql} {operator} {_PREVIOUS}"
        if field.family is Family.FLOAT:
            # inf - inf is no number, and what is no number breaks no order.
            kept = f"{kept} OR isnan({field.sql} - {_PREVIOUS})"
        return f"SELECT {what} FROM ({numbered}) WHERE {_PREVIOUS} IS NOT NULL AND NOT ({kept})"  # noqa: S608


_ORDERED = {"column_values.increasing": ">", "column_values.decreasing": "<"}
_PREVIOUS = identifier("sluice.previous")


def _known(value: Any) -> Metric:
    yield []
    return value


def _counted(where: str) -> Metric:
    (count,) = yield [Scan(filtered("count(*)", where))]
    return count


def _counted_rows(sql: str) -> Metric:
    (rows,) = yield [Rows(sql)]
    return rows[0][0]
