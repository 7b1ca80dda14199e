"""GX's map metrics: for each, the SQL that says whether a row meets the expectation.

The meaning is that of GX on pandas (expectations/metrics/column_map_metrics and its neighbours, GX 1.24), of GX on
SQL for the LIKE patterns that pandas lacks. A predicate may be NULL; only TRUE meets the expectation.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from sluice.adapters.gx.admission import check_schema
from sluice.adapters.gx.aggregates import constant, linear_quantiles, mean, standard_deviation
from sluice.adapters.gx.conditions import comparable
from sluice.adapters.gx.fields import (
    FALSE,
    TRUE,
    BadArgumentError,
    Family,
    Field,
    NotCompiledError,
    as_number,
    both,
    double,
    parsed_moment,
    text,
)
from sluice.adapters.gx.pythonic import search_sql
from sluice.adapters.gx.requests import Metric, Table
from sluice.adapters.gx.searching import Search

Kwargs = Mapping[str, Any]
Domain = Mapping[str, Any]

_WRITTEN = {Family.TEXT, Family.INTEGER}
"""Whose text in SQL is their text in Python."""


def _in_set(_: Table, field: Field, kwargs: Kwargs) -> str:
    return TRUE if kwargs["value_set"] is None else membership(field, kwargs["value_set"])


def _not_in_set(_: Table, field: Field, kwargs: Kwargs) -> str:
    return TRUE if kwargs["value_set"] is None else f"NOT {membership(field, kwargs['value_set'])}"


def membership(field: Field, values: Sequence[Any]) -> str:
    """Whether a value of the column is one of `values`; what cannot be in the column is passed over."""
    literals = list(dict.fromkeys(sql for value in values if value is not None and (sql := field.equal(value))))
    return f"({field.sql} IN ({', '.join(literals)}))" if literals else FALSE


def between(field: Field, kwargs: Kwargs) -> str:
    """Whether a value lies between the limits. Raises BadArgumentError for limits without meaning."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None and high is None:
        raise BadArgumentError("min_value and max_value cannot both be None")
    if low is not None and high is not None and _above(low, high):
        raise BadArgumentError("min_value cannot be greater than max_value")
    parts = []
    if low is not None:
        parts.append(field.compare(">" if kwargs.get("strict_min") else ">=", low))
    if high is not None:
        parts.append(field.compare("<" if kwargs.get("strict_max") else "<=", high))
    return both(*parts)


def _above(low: Any, high: Any) -> bool:
    numbers = as_number(low), as_number(high)
    if None not in numbers:
        return bool(numbers[0] > numbers[1])  # type: ignore[operator]
    moments = parsed_moment(low), parsed_moment(high)
    if moments[0] and moments[1]:
        return bool(moments[0].replace(tzinfo=None) > moments[1].replace(tzinfo=None))
    return isinstance(low, str) and isinstance(high, str) and low > high


def _between(_: Table, field: Field, kwargs: Kwargs) -> str:
    return between(field, kwargs)


def _length(field: Field) -> str:
    field.need(_WRITTEN | {Family.BOOLEAN})
    return f"length({_text(field)})"


def _text(field: Field) -> str:
    return field.sql if field.family is Family.TEXT else f"CAST({field.sql} AS VARCHAR)"


def _length_between(_: Table, field: Field, kwargs: Kwargs) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    strict = kwargs.get("strict_min"), kwargs.get("strict_max")
    parts = [f"{_length(field)} >{'' if strict[0] else '='} {_whole(low)}"] if low is not None else []
    parts += [f"{_length(field)} <{'' if strict[1] else '='} {_whole(high)}"] if high is not None else []
    return both(*parts)


def _length_equals(_: Table, field: Field, kwargs: Kwargs) -> str:
    return f"{_length(field)} = {_whole(kwargs['value'])}"


def _whole(value: Any) -> str:
    number = as_number(value)
    if number is None:
        raise BadArgumentError(f"{value!r} is no length")
    return f"{number:f}"


def matches(table: Table, field: Field, pattern: str) -> str:
    """Whether Python's `re.search` finds the pattern in the value's text."""
    field.need(_WRITTEN)
    ascii_only = field.family is Family.INTEGER
    return search_sql(_text(field), pattern, table.python, table.seconds, ascii_only=ascii_only)


def _regex(table: Table, field: Field, kwargs: Kwargs) -> str:
    return matches(table, field, kwargs["regex"])


def _regex_list(table: Table, field: Field, kwargs: Kwargs) -> str:
    word = {"any": " OR ", "all": " AND "}.get(kwargs.get("match_on") or "any")
    if word is None:
        raise BadArgumentError("match_on must be 'any' or 'all'")
    return "(" + word.join(matches(table, field, pattern) for pattern in kwargs["regex_list"]) + ")"


def _like(_: Table, field: Field, kwargs: Kwargs) -> str:
    return like(field, kwargs["like_pattern"], kwargs.get("escape"))


def _like_list(_: Table, field: Field, kwargs: Kwargs) -> str:
    word = {"any": " OR ", "all": " AND "}.get(kwargs.get("match_on") or "any")
    if word is None:
        raise BadArgumentError("match_on must be 'any' or 'all'")
    return "(" + word.join(like(field, p, kwargs.get("escape")) for p in kwargs["like_pattern_list"]) + ")"


def like(field: Field, pattern: str, escape: str | None) -> str:
    """SQL's LIKE, case-sensitive, without an escape unless one is given. Raises BadArgumentError."""
    if field.family is not Family.TEXT:
        raise BadArgumentError(f"LIKE is for texts, and {field.name!r} is of the type {field.family}")
    if escape and re.search(f"{re.escape(escape)}(?![%_{re.escape(escape)}])", pattern.replace(escape * 2, "")):
        raise BadArgumentError(f"the escape {escape!r} in {pattern!r} stands before neither %, _ nor itself")
    return f"({field.sql} LIKE {text(pattern)}{f' ESCAPE {text(escape)}' if escape else ''})"


def _negated(predicate: Callable[[Table, Field, Kwargs], str]) -> Callable[[Table, Field, Kwargs], str]:
    def negation(table: Table, field: Field, kwargs: Kwargs) -> str:
        return f"NOT {predicate(table, field, kwargs)}"

    return negation


def _python(test: Callable[[Kwargs], Callable[[str], bool]]) -> Callable[[Table, Field, Kwargs], str]:
    """A predicate that only Python can decide, on texts."""

    def predicate(table: Table, field: Field, kwargs: Kwargs) -> str:
        field.need({Family.TEXT})
        holds = test(kwargs)
        return f"{table.python(lambda texts: [holds(text) for text in texts])}({field.sql})"

    return predicate


def _json_parseable(_: Kwargs) -> Callable[[str], bool]:
    def test(written: str) -> bool:
        try:
            json.loads(written)
        except (ValueError, RecursionError):
            return False
        return True

    return test


def _json_schema(table: Table, field: Field, kwargs: Kwargs) -> str:
    field.need({Family.TEXT})
    check_schema(kwargs["json_schema"])
    search = Search({"json_schema": kwargs["json_schema"]}, "the JSON schema", table.seconds)
    return f"{table.python(search)}({field.sql})"


def _dateutil(_: Kwargs) -> Callable[[str], bool]:
    from dateutil.parser import parse  # type: ignore[import-untyped]

    def test(written: str) -> bool:
        try:
            parse(written)
        except (ValueError, OverflowError):
            return False
        return True

    return test


def _strftime(kwargs: Kwargs) -> Callable[[str], bool]:
    from datetime import datetime

    def test(written: str) -> bool:
        try:
            datetime.strptime(written, kwargs["strftime_format"])  # noqa: DTZ007  # only whether it can be read
        except ValueError:
            return False
        return True

    return test


def _z_score(table: Table, field: Field, kwargs: Kwargs, domain: Domain) -> Generator[Any, Any, str]:
    centre = yield from mean(table, field, domain)
    spread = yield from standard_deviation(table, field, domain)
    if centre is None or spread is None or spread == 0 or spread != spread:  # noqa: PLR0124
        return TRUE
    if (yield from constant(table, field, domain)):
        return TRUE
    score = f"((CAST({field.number} AS DOUBLE) - {double(centre)}) / {double(spread)})"
    limit = float(kwargs["threshold"])
    under = f"abs({score}) < {double(abs(limit))}" if kwargs["double_sided"] else f"{score} < {double(limit)}"
    return f"({under} OR isnan({score}))"


def _not_outliers(table: Table, field: Field, kwargs: Kwargs, domain: Domain) -> Generator[Any, Any, str]:
    method, multiplier = kwargs.get("method") or "iqr", kwargs.get("multiplier")
    reach = 1.5 if multiplier is None else float(multiplier)
    value = f"CAST({field.number} AS DOUBLE)"
    if method == "iqr":
        low, high = yield from linear_quantiles(table, field, domain, (0.25, 0.75))
        if low is None or high is None:
            return TRUE
        window = reach * (float(high) - float(low))
        if not math.isfinite(window):
            return TRUE
        return f"({value} >= {double(float(low) - window)} AND {value} <= {double(float(high) + window)})"
    if method != "std":
        raise BadArgumentError(f"method {method!r} is neither 'iqr' nor 'std'")
    centre = yield from mean(table, field, domain)
    spread = yield from standard_deviation(table, field, domain)
    same = yield from constant(table, field, domain)
    if same or centre is None or spread is None or spread != spread or abs(centre) == float("inf"):  # noqa: PLR0124
        return TRUE
    if reach * spread <= 0:
        return f"{value} = {double(centre)}"
    return f"abs({value} - {double(centre)}) < {double(reach * spread)}"


COLUMN: dict[str, Callable[[Table, Field, Kwargs], str]] = {
    "column_values.in_set": _in_set,
    "column_values.not_in_set": _not_in_set,
    "column_values.between": _between,
    "column_values.value_length.between": _length_between,
    "column_values.value_length.equals": _length_equals,
    "column_values.match_regex": _regex,
    "column_values.not_match_regex": _negated(_regex),
    "column_values.match_regex_list": _regex_list,
    "column_values.not_match_regex_list": _negated(lambda t, f, k: _regex_list(t, f, {**k, "match_on": "any"})),
    "column_values.match_like_pattern": _like,
    "column_values.not_match_like_pattern": _negated(_like),
    "column_values.match_like_pattern_list": _like_list,
    "column_values.not_match_like_pattern_list": _negated(lambda t, f, k: _like_list(t, f, {**k, "match_on": "any"})),
    "column_values.json_parseable": _python(_json_parseable),
    "column_values.match_json_schema": _json_schema,
    "column_values.dateutil_parseable": _python(_dateutil),
    "column_values.match_strftime_format": _python(_strftime),
}
"""Metrics over a column's values that are not missing."""

MEASURED: dict[str, Callable[[Table, Field, Kwargs, Domain], Metric]] = {
    "column_values.z_score.under_threshold": _z_score,
    "column_values.not_outliers": _not_outliers,
}
"""The same, after statistics of the column are known."""


def _pair(table: Table, domain: Domain) -> tuple[Field, Field]:
    return table.field(domain["column_A"]), table.field(domain["column_B"])


def _pair_compared(operator: str) -> Callable[[Table, Domain, Kwargs], str]:
    def predicate(table: Table, domain: Domain, kwargs: Kwargs) -> str:
        a, b = _pair(table, domain)
        if not comparable(a, b):
            raise NotCompiledError("columns of different kinds")
        return f"{a.sql} {'>=' if operator == '>' and kwargs.get('or_equal') else operator} {b.sql}"

    return predicate


def _pair_in_set(table: Table, domain: Domain, kwargs: Kwargs) -> str:
    fields, pairs = _pair(table, domain), kwargs.get("value_pairs_set")
    if pairs is None:
        return TRUE
    parts = []
    for pair in pairs:
        sides = [(f, None if v is None else f.equal(v), v) for f, v in zip(fields, pair, strict=True)]
        if all(value is None or literal for _, literal, value in sides):
            parts.append(both(*(f"{f.sql} IS NULL" if v is None else f"{f.sql} = {sql}" for f, sql, v in sides)))
    return " OR ".join(f"({part})" for part in parts) or FALSE


def _list(table: Table, domain: Domain) -> list[Field]:
    return [table.field(name) for name in domain["column_list"]]


def _sum_equals(table: Table, domain: Domain, kwargs: Kwargs) -> str:
    fields, total = _list(table, domain), as_number(kwargs["sum_total"])
    if total is None:
        raise BadArgumentError(f"sum_total {kwargs['sum_total']!r} is no number")
    if any(f.family is Family.FLOAT for f in fields):
        terms = [f"CAST({f.number} AS DOUBLE)" for f in fields]
        return f"{' + '.join(terms)} = {double(float(total))}"
    if any(f.precision > 30 for f in fields):
        raise NotCompiledError("a sum of so many digits")
    scale = max([f.scale for f in fields])
    terms = [f"CAST({f.number} AS DECIMAL(38,{f.scale}))" for f in fields]
    if -total.as_tuple().exponent > max(scale, 0) and total != round(total, scale):  # type: ignore[operator]
        return FALSE
    if abs(total) >= 10 ** (37 - scale):
        return FALSE
    return f"{' + '.join(terms)} = CAST('{total:f}' AS DECIMAL(38,{scale}))"


def _all_equal(table: Table, domain: Domain, _: Kwargs) -> str:
    first, *others = _list(table, domain)
    if not all(comparable(first, other) for other in others):
        raise NotCompiledError("columns of different kinds")
    return both(TRUE, *(f"{first.sql} IS NOT DISTINCT FROM {other.sql}" for other in others))


def _all_different(table: Table, domain: Domain, _: Kwargs) -> str:
    fields = _list(table, domain)
    if not all(comparable(a, b) for a, b in itertools.combinations(fields, 2)):
        raise NotCompiledError("columns of different kinds")
    return both(TRUE, *(f"{a.sql} IS DISTINCT FROM {b.sql}" for a, b in itertools.combinations(fields, 2)))


ROWS: dict[str, Callable[[Table, Domain, Kwargs], str]] = {
    "column_pair_values.equal": _pair_compared("="),
    "column_pair_values.a_greater_than_b": _pair_compared(">"),
    "column_pair_values.in_set": _pair_in_set,
    "multicolumn_sum.equal": _sum_equals,
    "multicolumn_values.equal": _all_equal,
    "select_column_values.unique.within_record": _all_different,
}
"""Metrics over several columns of a row."""


def considered(table: Table, domain: Domain) -> str:
    """The rows that `ignore_row_if` leaves. Raises BadArgumentError."""
    names = domain.get("column_list") or [domain["column_A"], domain["column_B"]]
    given = [f"{table.field(name).sql} IS NOT NULL" for name in names]
    match domain.get("ignore_row_if"):
        case "both_values_are_missing" | "all_values_are_missing":
            return "(" + " OR ".join(given) + ")"
        case "either_value_is_missing" | "any_value_is_missing":
            return both(*given)
        case "neither" | "never" | None:
            return ""
        case other:
            raise BadArgumentError(f"ignore_row_if {other!r} is not known")
