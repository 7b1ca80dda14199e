"""Great Expectations' own engine is the oracle: for every expectation and many random tables, the metrics compiled
to SQL give the same verdict, the same counts and the same observed value as GX on pandas.

Where the two differ on purpose, the difference has a test of its own in test_gx_differences.py.
"""

from __future__ import annotations

import math
import random
import warnings
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters.duck import Staged
from sluice.adapters.gx import stock, validate
from sluice.adapters.gx.expectations import UnusableError
from sluice.adapters.gx.frames import View
from sluice.adapters.gx.results import result_of
from sluice.checks.report import RuleResult
from sluice.checks.rules import Rule
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind

SHAPES = ("empty", "one", "nulls", "ties", "mixed", "mixed", "whole", "large")
TEXTS = ["", "a", "b", "ab", "a b", "ä", "Ä", "日本", "7", "12", "١٢", "a\n", "x\ny", "{}", '{"a": 1}', "[1, 2]", "NaN",
         "2020-01-01", "01.02.2020", "noon", "'q\"", "a%b", "a_b", "\\", " a ", "e\u0301", "\U0001f600", "k", "\u212a"]  # fmt: skip
FLOATS = [0.0, -0.0, 1.0, 1.5, -2.25, 1e300, -1e300, math.inf, -math.inf, 0.1, 3.0, 7.0, 1e-9]


def random_table(seed: int) -> pa.Table:
    """A table with a column of each kind; names that need quoting."""
    chance = random.Random(seed)
    shape = SHAPES[seed % len(SHAPES)]
    rows = {"empty": 0, "one": 1, "large": 500}.get(shape, chance.randint(2, 40))
    share = {"nulls": 1.0, "whole": 0.0}.get(shape, chance.choice([0.0, 0.2, 0.5]))

    def column(kind: pa.DataType, value: Any) -> pa.Array:
        few = [value() for _ in range(3)]
        values = (chance.choice(few) if shape == "ties" else value() for _ in range(rows))
        return pa.array([None if chance.random() < share else v for v in values], kind)

    start = datetime(2020, 1, 1, tzinfo=UTC)
    finite = [f for f in FLOATS if math.isfinite(f) and abs(f) < 1e9] if seed % 3 else FLOATS
    return pa.table(
        {
            "n": column(pa.int64(), lambda: chance.randint(-5, 12)),
            "m": column(pa.int32(), lambda: chance.randint(-5, 12)),
            "f": column(pa.float64(), lambda: chance.choice(finite) if chance.random() < 0.9 else math.nan),
            "g g": column(pa.float64(), lambda: chance.choice([0.5, 1.0, 2.0, 3.25])),
            "d": column(pa.decimal128(9, 2), lambda: Decimal(chance.randint(-300, 1200)).scaleb(-2)),
            "s": column(pa.string(), lambda: chance.choice(TEXTS)),
            'q"t': column(pa.string(), lambda: chance.choice(["a", "b", "ab", "7"])),
            "b": column(pa.bool_(), lambda: chance.random() < 0.5),
            "day": column(pa.date32(), lambda: date(2020, 1, 1) + timedelta(chance.randint(-3, 3))),
            "t": column(pa.timestamp("us"), lambda: (start + timedelta(hours=chance.randint(-3, 3))).replace(tzinfo=None)),
            "z": column(pa.timestamp("us", "UTC"), lambda: start + timedelta(hours=chance.randint(-3, 3))),
        }
    )  # fmt: skip


def _ranges(*columns: str, **limits: Any) -> list[dict[str, Any]]:
    return [{"column": c, **limits} for c in columns]


NUMBERS = ("n", "m", "f", "g g", "d")
MOST = (*NUMBERS, "s", 'q"t', "b", "day", "t", "z")
PANDAS = {"condition_parser": "pandas"}
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"row_condition": "n > 2", **PANDAS},
    {"row_condition": "n != 2 and s == 'a'", **PANDAS},
    {"row_condition": "`g g` >= 1.0 | ~(m < 3)", **PANDAS},
    {"row_condition": "s.notnull() & (n in [1, 2, 3] or f.isnull())", **PANDAS},
    {"row_condition": "t > '2020-01-01T01:00:00'", **PANDAS},
    {"row_condition": {"type": "comparison", "column": {"name": "n"}, "operator": "!=", "parameter": 3}},
    {"row_condition": {"type": "nullity", "column": {"name": 'q"t'}, "is_null": False}},
    {"row_condition": {"type": "or", "conditions": [
        {"type": "comparison", "column": {"name": "s"}, "operator": "IN", "parameter": ["a", "ä"]},
        {"type": "comparison", "column": {"name": "g g"}, "operator": "<", "parameter": 2}]}},
]  # fmt: skip

REGEXES = ["a", "^a$", r"\d", r"^\d+$", r"\w+$", r"^[^a]*$", r"\bb", "(?i)K", "(?i)ä", r"^\s|\s$", "a.b", r"(?s)x.y", "",
           "(?=a)b", r"(a)\1", "^(a|b){1,2}$", r"\S", r"[\W_]", r"^\D*$", r"a\Z", r"^.$", "[ä-ü]", r"(?<!a)b"]  # fmt: skip
SETS: dict[str, list[Any]] = {
    "n": [1, 2.0, "3", None, 5.5], "m": [0, 1], "f": [1, 1.5, "x", 0], "g g": [0.5, 3.25], "d": [0.1, 1, 2.25, 9.99],
    "s": ["a", "ä", 7, ""], 'q"t': ["a", "b"], "b": [True], "day": ["2020-01-01"], "t": ["2020-01-01T01:00:00"],
    "z": ["2020-01-01T00:00:00+00:00"],
}  # fmt: skip

CASES: dict[str, list[dict[str, Any]]] = {
    "expect_column_values_to_not_be_null": [*_ranges(*MOST), *_ranges("n", mostly=0.6)],
    "expect_column_values_to_be_null": [*_ranges(*MOST), *_ranges("s", mostly=0.4)],
    "expect_column_values_to_be_unique": [*_ranges(*MOST), *_ranges("n", mostly=0.5)],
    "expect_column_values_to_be_in_set": [{"column": c, "value_set": v} for c, v in SETS.items()]
    + _ranges("s", value_set=[], mostly=0.5),
    "expect_column_values_to_not_be_in_set": [{"column": c, "value_set": v} for c, v in SETS.items()],
    "expect_column_values_to_be_between": [
        *_ranges(*NUMBERS, min_value=0, max_value=3),
        *_ranges(*NUMBERS, min_value=0.5, strict_min=True),
        *_ranges(*NUMBERS, max_value=2.25, strict_max=True, mostly=0.7),
        *_ranges("n", "d", min_value=-1e30, max_value=1e30),
        *_ranges("n", min_value=2.5, max_value=1),
        *_ranges("s", 'q"t', min_value="a", max_value="b"),
        *_ranges("s", "n", min_value="x"),
        *_ranges("day", "t", "z", min_value="2020-01-01", max_value="2020-01-02T00:00:00"),
        *_ranges("t", max_value="2020-01-01T01:00:00", strict_max=True),
        *_ranges("b", min_value=1),
    ],
    "expect_column_value_lengths_to_be_between": [
        *_ranges("s", 'q"t', "n", min_value=1, max_value=2), *_ranges("s", max_value=1, strict_max=True),
    ],
    "expect_column_value_lengths_to_equal": [*_ranges("s", "n", "b", value=1)],
    "expect_column_values_to_match_regex": [{"column": c, "regex": r} for r in REGEXES for c in ("s", "n")],
    "expect_column_values_to_not_match_regex": [{"column": "s", "regex": r} for r in REGEXES],
    "expect_column_values_to_match_regex_list": [
        {"column": "s", "regex_list": ["^a", r"\d"], "match_on": on} for on in ("any", "all")
    ],
    "expect_column_values_to_not_match_regex_list": [{"column": "s", "regex_list": ["^a", r"\d$"]}],
    "expect_column_values_to_be_json_parseable": _ranges("s", "n"),
    "expect_column_values_to_match_json_schema": [
        {"column": 'q"t', "json_schema": {"type": "integer"}}, {"column": "s", "json_schema": {"type": "object"}},
    ],
    "expect_column_values_to_be_dateutil_parseable": _ranges("s", 'q"t', "n"),
    "expect_column_values_to_match_strftime_format": [{"column": c, "strftime_format": "%Y-%m-%d"} for c in ("s", "n")],
    "expect_column_values_to_be_increasing": [*_ranges(*NUMBERS, "t", "day"), *_ranges("n", strictly=True)],
    "expect_column_values_to_be_decreasing": [*_ranges(*NUMBERS, "z"), *_ranges("f", strictly=True)],
    "expect_column_values_to_be_of_type": [
        {"column": c, "type_": kind} for c in MOST for kind in ("int64", "str", "float64", "bool", "datetime64", "object")
    ],
    "expect_column_values_to_be_in_type_list": [{"column": c, "type_list": ["int", "str"]} for c in MOST],
    "expect_column_type_to_be": [{"column": c, "type_": kind} for c in MOST for kind in ("int64", "str", "float64")],
    "expect_column_to_exist": [{"column": "n"}, {"column": "zz"}, {"column": "m", "column_index": 1}],
    "expect_column_value_z_scores_to_be_less_than": [
        {"column": c, "threshold": 1, "double_sided": both} for c in NUMBERS for both in (True, False)
    ],
    "expect_column_values_to_not_be_outliers": [
        {"column": c, **method}
        for c in NUMBERS
        for method in ({}, {"method": "std", "multiplier": 1.2}, {"multiplier": 0.3})
    ],
    "expect_column_max_to_be_between": [
        *_ranges(*NUMBERS, min_value=3, max_value=9.99), *_ranges("t", "z", "day", max_value="2020-01-02"),
        *_ranges("d", max_value=9.99, strict_max=True),
    ],
    "expect_column_min_to_be_between": [*_ranges(*NUMBERS, min_value=-2), *_ranges("t", "z", "day", min_value="2019-12-31")],
    "expect_column_mean_to_be_between": _ranges(*NUMBERS, min_value=0, max_value=3),
    "expect_column_sum_to_be_between": _ranges(*NUMBERS, min_value=0, max_value=40),
    "expect_column_median_to_be_between": _ranges(*NUMBERS, min_value=1, max_value=4, strict_min=True),
    "expect_column_stdev_to_be_between": _ranges(*NUMBERS, min_value=1, max_value=4),
    "expect_column_quantile_values_to_be_between": [
        {"column": c, "allow_relative_error": how,
         "quantile_ranges": {"quantiles": [0.0, 0.1, 0.5, 0.875, 1.0], "value_ranges": [[-9, 9], [None, 3], [0, 4], [1, None], [2, 20]]}}
        for c in ("n", "m", "g g", "d") for how in (False, "linear", "lower", "higher", "midpoint")
    ],
    "expect_column_most_common_value_to_be_in_set": [
        {"column": c, "value_set": v, "ties_okay": ties}
        for c, v in SETS.items() if c not in ("day", "t", "z", "d") for ties in (True, False)
    ],
    "expect_column_distinct_values_to_be_in_set": [{"column": c, "value_set": v} for c, v in SETS.items()],
    "expect_column_distinct_values_to_contain_set": [{"column": c, "value_set": v} for c, v in SETS.items()],
    "expect_column_distinct_values_to_equal_set": [{"column": c, "value_set": v} for c, v in SETS.items()],
    "expect_column_unique_value_count_to_be_between": _ranges(*MOST, min_value=2, max_value=5),
    "expect_column_proportion_of_unique_values_to_be_between": _ranges(*MOST, min_value=0.3),
    "expect_column_proportion_of_non_null_values_to_be_between": _ranges(*MOST, min_value=0.5, max_value=0.9),
    "expect_column_kl_divergence_to_be_less_than": [
        *_ranges("n", "f", "d", partition_object={"bins": [-6, 0, 2.5, 13], "weights": [0.3, 0.3, 0.4]}, threshold=0.2),
        *_ranges("n", partition_object={"bins": [0, 5, 9], "weights": [0.5, 0.3], "tail_weights": [0.1, 0.1]}, threshold=1),
        *_ranges('q"t', partition_object={"values": ["a", "b", "ab", "7"], "weights": [0.4, 0.2, 0.2, 0.2]}, threshold=0.3),
        *_ranges('q"t', partition_object={"values": ["a", "b"], "weights": [0.5, 0.5]}, threshold=0.3, tail_weight_holdout=0.1),
    ],
    "expect_column_pair_values_to_be_equal": [
        {"column_A": a, "column_B": b, "ignore_row_if": ignored}
        for a, b in (("n", "m"), ("n", "f"), ("f", "g g"), ("s", 'q"t'), ("day", "t"), ("n", "s"), ("t", "z"))
        for ignored in ("both_values_are_missing", "either_value_is_missing", "neither")
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        {"column_A": a, "column_B": b, "or_equal": equal, "mostly": 0.5}
        for a, b in (("n", "m"), ("f", "g g"), ("s", 'q"t'), ("n", "s")) for equal in (True, False)
    ],
    "expect_column_pair_values_to_be_in_set": [
        {"column_A": "n", "column_B": 'q"t', "value_pairs_set": [[1, "a"], [2.0, "b"], [None, "a"], [3, None], ["4", "a"]],
         "ignore_row_if": ignored}
        for ignored in ("both_values_are_missing", "either_value_is_missing", "neither")
    ],
    "expect_compound_columns_to_be_unique": [
        {"column_list": columns, "ignore_row_if": ignored}
        for columns in (["n", "m"], ["s", "b", "f"], ["g g", 'q"t', "day"])
        for ignored in ("all_values_are_missing", "any_value_is_missing", "never")
    ],
    "expect_select_column_values_to_be_unique_within_record": [
        {"column_list": columns} for columns in (["n", "m"], ["n", "m", "g g"], ["s", 'q"t'])
    ],
    "expect_multicolumn_values_to_be_equal": [{"column_list": ["n", "m"]}, {"column_list": ["s", 'q"t'], "mostly": 0.2}],
    "expect_multicolumn_sum_to_equal": [
        {"column_list": ["n", "m"], "sum_total": 7}, {"column_list": ["n", "m", "g g"], "sum_total": 5.25},
    ],
    "expect_table_row_count_to_be_between": [{"min_value": 1, "max_value": 20}],
    "expect_table_row_count_to_equal": [{"value": 1}, {"value": 0}],
    "expect_table_column_count_to_be_between": [{"min_value": 11, "max_value": 11}, {"min_value": 12}],
    "expect_table_column_count_to_equal": [{"value": 11}, {"value": 3}],
    "expect_table_columns_to_match_ordered_list": [{"column_list": ["n", "m"]}, {"column_list": random_table(0).column_names}],
    "expect_table_columns_to_match_set": [
        {"column_set": ["n", "m"], "exact_match": exact} for exact in (True, False)
    ],
}  # fmt: skip

RULES_PER_TABLE = 4
"""Of the rules of an expectation, a random few meet each table: together they meet all shapes."""
CONDITIONAL = [
    name for name in CASES if not name.startswith(("expect_table_column", "expect_column_to", "expect_column_type"))
]


def checked(
    arrow: pa.Table, folder: Path, rules: list[Rule], parts: int = 1
) -> tuple[list[RuleResult], list[RuleResult]]:
    """Our results and the oracle's."""
    paths, step = [], -(-arrow.num_rows // parts) or 1
    for i in range(parts):
        paths.append(folder / f"part{i}.parquet")
        pq.write_table(arrow.slice(i * step, step), paths[-1], row_group_size=100)
    table = Table("odd table", "odd", "x", tuple(Column(n, n, ColumnType(Kind.STRING)) for n in arrow.column_names))
    with Staged({table.name: paths}, memory_limit="500MB", threads=2, scratch=folder / "scratch") as data:
        ours = validate(rules, paths, table, data)
    types = {field.name: field.type for field in arrow.schema}
    theirs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for rule in rules:
            try:
                found = stock.evaluate(rule, paths, result_format=stock_format())
                theirs.append(result_of(rule, found, table, types, "pandas"))
            except (stock.StockError, UnusableError) as error:
                theirs.append(RuleResult.errored(rule, str(error)))
    return ours, theirs


def stock_format() -> dict[str, Any]:
    return {"result_format": "BASIC", "partial_unexpected_count": 20}


def rules_for(kind: str, conditions: list[dict[str, Any]]) -> list[Rule]:
    rules = [
        Rule(f"rule {i}.{j}", "expectation", kind, {**kwargs, **condition}, column=kwargs.get("column"))
        for i, kwargs in enumerate(CASES[kind])
        for j, condition in enumerate(conditions)
    ]
    # As text, integers beside nulls are nullable in the oracle's frame, whose conditions then follow SQL, not pandas.
    return [
        rule
        for rule in rules
        if not (stock.view_of(rule) is View.WRITTEN and rule.column == "n" and "row_condition" in rule.kwargs)
    ]


def same(ours: RuleResult, theirs: RuleResult) -> bool:
    if (ours.success, bool(ours.error)) != (theirs.success, bool(theirs.error)):
        return False
    if ours.error:
        return True
    counts = ("unexpected_count", "element_count")
    if any(getattr(ours, name) != getattr(theirs, name) for name in counts):
        return False
    return _close(ours.observed, theirs.observed)


def _close(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_close(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_close, ours, theirs))
    try:
        return ours == theirs or math.isclose(float(ours), float(theirs), rel_tol=1e-9, abs_tol=1e-12)
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("kind", CASES)
def test_the_same_verdict_and_counts_as_gx_on_pandas(kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)
    different, compiled = [], 0
    for seed in range(len(SHAPES)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        conditions = [{}, chance.choice(CONDITIONS)] if kind in CONDITIONAL else [{}]
        rules = rules_for(kind, conditions)
        rules = chance.sample(rules, min(len(rules), RULES_PER_TABLE))
        ours, theirs = checked(random_table(seed), folder, rules, parts=1 + seed % 3)
        compiled += sum(result.engine == "duckdb" for result in ours)
        different += [
            f"{rule.kwargs} on {SHAPES[seed]} ({seed}): {_told(a)} is not {_told(b)}"
            for rule, a, b in zip(rules, ours, theirs, strict=True) if not same(a, b)
        ]  # fmt: skip
    assert not different, "\n".join(different[:20])
    assert compiled


def _told(result: RuleResult) -> str:
    return f"{result.engine} {result.success} {result.observed} {result.unexpected_count}/{result.element_count} {result.error}"


def test_every_expectation_of_gx_is_a_case() -> None:
    import great_expectations  # noqa: F401
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    elsewhere = {
        "unexpected_rows_expectation", "expect_query_results_to_match_comparison",
        "expect_table_row_count_to_equal_other_table", "expect_column_values_to_match_like_pattern",
        "expect_column_values_to_not_match_like_pattern", "expect_column_values_to_match_like_pattern_list",
        "expect_column_values_to_not_match_like_pattern_list",
    }  # fmt: skip
    core = {
        name for name in list_registered_expectation_implementations()
        if get_expectation_impl(name).__module__.startswith("great_expectations.")
    }  # fmt: skip
    assert core - elsewhere == set(CASES)


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
@pytest.mark.parametrize("column", [[0.25, math.nan, 1.5, math.nan, None], [0.25, math.nan], [1.5, 1.5, None]])
def test_arrow_leaves_nan_out_of_its_bounds(tmp_path: Path, kind: pa.DataType, column: list[float | None]) -> None:
    """DuckDB takes a footer's bounds without infinity for proof that there is no NaN, unless it is kept from it."""
    kinds = (
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_unique",
    )
    rules = [Rule(name, "expectation", name, {"column": "v"}, column="v") for name in kinds]
    rules += [
        Rule(name, "expectation", name, {"column": "v", **more}, column="v")
        for name, more in (
            ("expect_column_values_to_be_between", {"max_value": 1}), ("expect_column_max_to_be_between", {"max_value": 3}),
            ("expect_column_mean_to_be_between", {"max_value": 3}), ("expect_column_values_to_be_in_set", {"value_set": [0.25]}),
            ("expect_column_unique_value_count_to_be_between", {"max_value": 3}),
        )
    ]  # fmt: skip
    ours, theirs = checked(pa.table({"v": pa.array(column, kind)}), tmp_path, rules)
    assert [(r.name, r.success, r.unexpected_count, r.observed) for r in ours] == [
        (r.name, r.success, r.unexpected_count, r.observed) for r in theirs
    ]
