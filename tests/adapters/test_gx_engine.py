"""The compiled engine beyond the oracle: deliberate differences from GX on pandas, failing rows, SQL that
expectations bring along, custom classes, extremes of shape."""

from __future__ import annotations

import math
import re
import textwrap
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters import gx
from sluice.adapters.duck import Staged
from sluice.adapters.gx import grouped, requests
from sluice.adapters.gx.patterns import translate
from sluice.checks import failing
from sluice.checks.failing import Keeper
from sluice.checks.report import RuleResult
from sluice.checks.rules import Rule
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind
from sluice.errors import BadInputError


def run(
    folder: Path, data: Any, *asked: tuple[str, dict[str, Any]], limit: int = 100, **options: Any
) -> list[RuleResult]:
    arrow = data if isinstance(data, pa.Table) else pa.table(data)
    path = folder / "part.parquet"
    pq.write_table(arrow, path)
    classification = options.pop("classification", "internal")
    columns = tuple(Column(n, n, ColumnType(Kind.STRING), classification=classification) for n in arrow.column_names)
    rules = [
        Rule(f"rule {i}", "expectation", kind, kwargs, column=kwargs.get("column"))
        for i, (kind, kwargs) in enumerate(asked)
    ]
    with Staged(
        {"t": [path], "other": [path]}, scratch=folder / "scratch", seconds=options.pop("seconds", 60)
    ) as staged:
        table = Table("t", "t", "x", columns)
        keep = Keeper(folder / "scratch" / "failed_rows", staged, table, limit)
        return gx.validate(rules, [path], table, staged, keep=keep, **options)


BETWEEN = "expect_column_values_to_be_between"
LONG = Decimal("12345678901234567890.01")


class TestDecimalsAreExact:
    """GX turns limits into doubles and cannot compute with Decimal; here a limit is what was written."""

    data: ClassVar = {"d": pa.array([LONG, LONG + Decimal("0.01"), None], pa.decimal128(38, 2))}

    @pytest.mark.parametrize(
        ("limits", "unexpected"),
        [({"max_value": str(LONG)}, 1), ({"min_value": str(LONG), "strict_min": True}, 1), ({"max_value": "1e30"}, 0)],
    )
    def test_values(self, tmp_path: Path, limits: dict[str, Any], unexpected: int) -> None:
        [result] = run(tmp_path, self.data, (BETWEEN, {"column": "d", **limits}))
        assert (result.error, result.unexpected_count) == (None, unexpected)

    @pytest.mark.parametrize(("limit", "held"), [(str(LONG), False), (str(LONG + Decimal("0.01")), True)])
    def test_extremes(self, tmp_path: Path, limit: str, held: bool) -> None:
        [result] = run(tmp_path, self.data, ("expect_column_max_to_be_between", {"column": "d", "max_value": limit}))
        assert (result.error, result.success, result.observed) == (None, held, "12345678901234567890.02")

    def test_a_sum_of_columns(self, tmp_path: Path) -> None:
        data = {name: pa.array([Decimal(cents)], pa.decimal128(5, 2)) for name, cents in (("a", "0.10"), ("b", "0.20"))}
        [result] = run(
            tmp_path, data, ("expect_multicolumn_sum_to_equal", {"column_list": ["a", "b"], "sum_total": 0.3})
        )
        assert result.success

    def test_large_integers(self, tmp_path: Path) -> None:
        data = {"n": [2**53, 2**53 + 1]}
        [maximum, between] = run(
            tmp_path, data, ("expect_column_max_to_be_between", {"column": "n", "max_value": 2**53}),
            (BETWEEN, {"column": "n", "max_value": 2**53}),
        )  # fmt: skip
        assert (maximum.success, maximum.observed, between.unexpected_count) == (False, 2**53 + 1, 1)

    def test_a_sum_beyond_64_bits(self, tmp_path: Path) -> None:
        [result] = run(
            tmp_path, {"n": [2**62] * 4}, ("expect_column_sum_to_be_between", {"column": "n", "min_value": 2**63})
        )
        assert (result.success, str(result.observed)) == (True, str(2**64))


class TestLikePatterns:
    """GX has them on SQL only, case-sensitive as in PostgreSQL."""

    @pytest.mark.parametrize(
        ("kwargs", "unexpected"),
        [({"like_pattern": "a%"}, 3), ({"like_pattern": "a_b"}, 3), ({"like_pattern": "a!%b", "escape": "!"}, 4)],
    )
    def test_like(self, tmp_path: Path, kwargs: dict[str, Any], unexpected: int) -> None:
        data = {"s": ["a%b", "axb", "Ab", "b", "%", None]}
        kind = "expect_column_values_to_match_like_pattern"
        [result, negated] = run(
            tmp_path, data, (kind, {"column": "s", **kwargs}), (kind.replace("to_match", "to_not_match"), {"column": "s", **kwargs})
        )  # fmt: skip
        assert (result.error, result.unexpected_count) == (None, unexpected)
        assert negated.unexpected_count == 5 - unexpected

    def test_lists(self, tmp_path: Path) -> None:
        kind = "expect_column_values_to_match_like_pattern_list"
        asked = {"column": "s", "like_pattern_list": ["a%", "%b"]}
        both, one, none = run(
            tmp_path, {"s": ["ab", "ax", "xb", "x"]}, (kind, {**asked, "match_on": "all"}), (kind, asked),
            ("expect_column_values_to_not_match_like_pattern_list", asked),
        )  # fmt: skip
        assert [r.unexpected_count for r in (both, one, none)] == [3, 1, 3]


class TestFailingRows:
    def test_whole_rows_up_to_a_stated_number(self, tmp_path: Path) -> None:
        data = {"n": list(range(50)), "s": ["x"] * 50}
        some, all_ = run(
            tmp_path, data, (BETWEEN, {"column": "n", "max_value": 9}), (BETWEEN, {"column": "n", "max_value": 44}), limit=10
        )  # fmt: skip
        assert some.failed_rows == {"file": "rule_0.parquet", "rows": 10, "complete": False}
        assert all_.failed_rows == {"file": "rule_1.parquet", "rows": 5, "complete": True}
        kept = pq.read_table(tmp_path / "scratch" / "failed_rows" / "rule_1.parquet")
        assert kept.to_pylist() == [{"n": n, "s": "x"} for n in range(45, 50)]
        assert some.examples == tuple(range(10, 20))

    @pytest.mark.parametrize(
        ("kind", "kwargs", "rows"),
        [
            ("expect_column_values_to_be_unique", {"column": "n"}, [1, 1]),
            ("expect_compound_columns_to_be_unique", {"column_list": ["n", "s"]}, [1, 1]),
            ("expect_column_values_to_be_increasing", {"column": "n"}, [1]),
            ("expect_column_values_to_match_regex", {"column": "s", "regex": "(?!y)b"}, [1, 2, 1]),
            ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch} WHERE n = 2"}, [2]),
        ],
    )
    def test_of_every_sort_of_rule(self, tmp_path: Path, kind: str, kwargs: dict[str, Any], rows: list[int]) -> None:
        [result] = run(tmp_path, {"n": [1, 2, 1], "s": ["a", "a", "a"]}, (kind, kwargs))
        assert result.failed_rows is not None, result.error
        kept = pq.read_table(tmp_path / "scratch" / "failed_rows" / result.failed_rows["file"])
        assert kept.column("n").to_pylist() == rows

    def test_values_of_classified_columns_stay_out_of_the_report(self, tmp_path: Path) -> None:
        [result] = run(tmp_path, {"n": [1, 2]}, (BETWEEN, {"column": "n", "max_value": 1}), classification="restricted")
        assert (result.unexpected_count, result.examples) == (1, ())


class TestSqlInExpectations:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("SELECT * FROM read_csv('/etc/passwd')", "refused"),
            ("SELECT 1; DROP TABLE {batch}", "refused"),
            ("COPY t TO '/tmp/x'", "refused"),
            ("SELECT * FROM 'https://example.com/x.parquet'", "refused"),
            ("SELECT nope FROM {batch}", "nope"),
        ],
    )
    def test_refused(self, tmp_path: Path, query: str, code: str) -> None:
        asked = ("unexpected_rows_expectation", {"unexpected_rows_query": query})
        [bad, good] = run(tmp_path, {"n": [1]}, asked, ("expect_table_row_count_to_equal", {"value": 1}))
        assert bad.success is False
        assert code in str(bad.error)
        assert good.success

    def test_endless(self, tmp_path: Path) -> None:
        query = "SELECT count(*) FROM range(1000000) a, range(1000000) b, {batch} HAVING count(*) = 7"
        started = time.monotonic()
        [result] = run(
            tmp_path, {"n": [1]}, ("unexpected_rows_expectation", {"unexpected_rows_query": query}), seconds=0.5
        )
        assert "longer than 0.5 seconds" in str(result.error)
        assert time.monotonic() - started < 30

    def test_two_queries_compared(self, tmp_path: Path) -> None:
        kind = "expect_query_results_to_match_comparison"
        asked = {"base_query": "SELECT n FROM {batch}", "comparison_data_source_name": "contract"}
        same, less, far = run(
            tmp_path, {"n": [1, 2]}, (kind, {**asked, "comparison_query": "SELECT n FROM other"}),
            (kind, {**asked, "comparison_query": "SELECT n FROM other WHERE n = 1"}),
            (kind, {**asked, "comparison_data_source_name": "warehouse", "comparison_query": "SELECT 1"}),
        )  # fmt: skip
        assert (same.success, less.success, less.unexpected_count) == (True, False, 1)
        assert "warehouse" in str(far.error)

    def test_rows_of_another_table(self, tmp_path: Path) -> None:
        kind = "expect_table_row_count_to_equal_other_table"
        same, unknown = run(
            tmp_path, {"n": [1]}, (kind, {"other_table_name": "other"}), (kind, {"other_table_name": "zz"})
        )
        assert (same.success, unknown.success) == (True, False)
        assert "'zz'" in str(unknown.error)


CUSTOM = """
import great_expectations.expectations as gxe
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial


class ExpectSluicePercentage(gxe.ExpectColumnValuesToBeBetween):
    min_value: float = 0
    max_value: float = 100


class SluiceEven(ColumnMapMetricProvider):
    condition_metric_name = "column_values.sluice_even"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        return column % 2 == 0


class ExpectSluiceEven(ColumnMapExpectation):
    map_metric = "column_values.sluice_even"
"""


class TestCustomExpectations:
    def test_fixed_arguments_and_own_metrics(self, tmp_path: Path) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "mine.py").write_text(textwrap.dedent(CUSTOM))
        gx.load_custom(tmp_path / "plugins")
        fixed, own = run(
            tmp_path,
            {"n": [2, 101, 4]},
            ("expect_sluice_percentage", {"column": "n"}),
            ("expect_sluice_even", {"column": "n"}),
        )
        assert (fixed.engine, fixed.unexpected_count, fixed.examples) == ("duckdb", 1, (101,))
        assert (own.engine, own.unexpected_count, own.examples) == ("pandas", 1, (101,))
        assert own.failed_rows == {"file": "rule_1.parquet", "rows": 1, "complete": True}

    def test_a_module_that_cannot_be_imported(self, tmp_path: Path) -> None:
        (tmp_path / "broken.py").write_text("import nothing_of_this_name")
        with pytest.raises(BadInputError, match="nothing_of_this_name") as caught:
            gx.load_custom(tmp_path)
        assert caught.value.code == "CUSTOM_EXPECTATION"

    def test_what_does_not_fit_into_memory_is_said(self, tmp_path: Path) -> None:
        kind = "expect_column_kl_divergence_to_be_less_than"
        [result] = run(tmp_path, {"n": list(range(1000))}, (kind, {"column": "n", "threshold": 1}), memory=1000)
        assert "SLUICE_MEMORY_LIMIT" in str(result.error)


def test_days_are_shown_as_days(tmp_path: Path) -> None:
    """GX reads a date as its midnight; the median of two days may be noon."""
    days = {"day": [date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 4), None]}
    median, least = "expect_column_median_to_be_between", "expect_column_min_to_be_between"
    asked = [
        (median, {"column": "day", "max_value": "2026-01-03"}),
        (least, {"column": "day", "min_value": "2026-01-02"}),
    ]
    results = run(tmp_path, days, *asked)
    assert [(r.error, r.success, r.observed) for r in results] == [
        (None, True, "2026-01-03"),
        (None, False, "2026-01-01"),
    ]
    [result] = run(tmp_path, {"day": days["day"][1:3]}, asked[0])
    assert (result.success, result.observed) == (False, "2026-01-03T12:00:00")


class TestManyFailingRules:
    """Rules of a wide table share files, each written in one pass."""

    def test_of_every_rule_the_rows_and_examples(self, tmp_path: Path) -> None:
        data = pa.table({f"column {i}": [i, None, 7000, 8000] for i in range(600)})
        rules = [(BETWEEN, {"column": f"column {i}", "max_value": 6000 + 1500 * (i % 2)}) for i in range(600)]
        results = run(tmp_path, data, *rules)
        assert all(r.examples == ((8000,) if i % 2 else (7000, 8000)) for i, r in enumerate(results))
        assert all(r.failed_rows["complete"] and r.failed_rows["rows"] == r.unexpected_count for r in results)
        files = {r.failed_rows["file"]: r.failed_rows.get("rules_in") for r in results}
        assert len(files) < 10, "one file a rule would be 600 of 600 columns"
        last = results[-1].failed_rows
        kept = pq.read_table(tmp_path / "scratch" / "failed_rows" / last["file"])
        assert kept.column_names == [*data.column_names, "sluice_rules"]
        assert [row["column 599"] for row in kept.to_pylist() if "rule 599" in row["sluice_rules"]] == [8000]

    def test_the_first_rows_of_each(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A rule that many rows break does not take the place of one that few do."""
        monkeypatch.setattr(failing, "OWN_COLUMNS", 1)
        data = pa.table({f"c{i}": list(range(3000)) for i in range(2)})
        often, seldom = {"column": "c0", "max_value": 9}, {"column": "c1", "max_value": 2997}
        _, many, few = run(tmp_path, data, (BETWEEN, often), (BETWEEN, often), (BETWEEN, seldom), limit=15)
        assert many.failed_rows == {
            "file": "several_rules.parquet",
            "rows": 15,
            "complete": False,
            "rules_in": "sluice_rules",
        }
        assert few.failed_rows == {
            "file": "several_rules.parquet",
            "rows": 2,
            "complete": True,
            "rules_in": "sluice_rules",
        }
        assert (many.examples, few.examples) == (tuple(range(10, 25)), (2998, 2999))
        kept = pq.read_table(
            tmp_path / "scratch" / "failed_rows" / "several_rules.parquet", columns=["c0", "sluice_rules"]
        )
        assert kept.column("c0").to_pylist() == [*range(10, 25), 2998, 2999]

    def test_names_that_ours_could_meet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(failing, "OWN_COLUMNS", 1)
        names = ["name", "place", "sluice_rules", "file_row_number", "rules"]
        rules = [(BETWEEN, {"column": name, "max_value": 1}) for name in names]
        results = run(tmp_path, pa.table({name: [1, 2, 3] for name in names}), *rules)
        assert [(r.failed_rows["rows"], r.examples) for r in results] == [(2, (2, 3))] * 5

    def test_values_of_classified_columns_stay_out_of_the_report(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(failing, "OWN_COLUMNS", 1)
        data = pa.table({f"c{i}": [1, 2] for i in range(3)})
        rules = [(BETWEEN, {"column": f"c{i}", "max_value": 1}) for i in range(3)]
        results = run(tmp_path, data, *rules, classification="restricted")
        assert [(r.failed_rows["rows"], r.examples) for r in results] == [(1, ())] * 3


def test_a_quantile_of_more_values_than_fit_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"n": [(i * 7919) % 1009 for i in range(1009)] + [None]}
    ranges = {"quantiles": [0.1, 0.5, 0.999], "value_ranges": [[0, 1], [0, 1], [0, 1]]}
    asked = ("expect_column_quantile_values_to_be_between", {"column": "n", "quantile_ranges": ranges})
    [held] = run(tmp_path, data, asked)
    monkeypatch.setattr(requests.Table, "in_memory", property(lambda _: 10, lambda *_: None), raising=False)
    [sorted_] = run(tmp_path, data, asked)
    assert held.observed == sorted_.observed == {"quantiles": [0.1, 0.5, 0.999], "values": [101, 504, 1007]}


def test_a_failing_scan_leaves_its_neighbours(tmp_path: Path) -> None:
    data = {"s": ["{", "{}"]}
    bad, good = run(
        tmp_path, data, ("expect_column_values_to_match_json_schema", {"column": "s", "json_schema": {}}),
        ("expect_column_values_to_not_be_null", {"column": "s"}),
    )  # fmt: skip
    assert (bad.success, bool(bad.error), good.success) == (False, True, True)


@pytest.mark.parametrize(
    "pattern", [r"(?=a)", r"(a)\1", r"a$\n", r"(?m)^a", "a{2000}", r"(?<=x)y", "(?i)é", r"(?i:a)b"]
)
def test_what_re2_cannot_search_is_left_to_python(pattern: str) -> None:
    assert translate(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "everywhere"),
    [("^[A-Z]{2}$", True), (r"\d+", True), (r"^\w", True), ("é.", True), (r"\bx", False), (r"(?i)\d", False),
     (r"\w{20}", False), (r"^(\d{2}|\s){20}$", True)],
)  # fmt: skip
def test_what_re2_can_search(pattern: str, everywhere: bool) -> None:
    found = translate(pattern)
    assert found is not None
    assert found.everywhere is everywhere


@pytest.mark.parametrize(
    "pattern", [r"^\d$", r"^\w$", r"^\s$", r"^\D$", r"^[^\s@]$", r"^[\W\d]$", r"^[^\S\x85]$", r"^[^\W\d_]{1}$"]
)
def test_a_category_has_pythons_characters(tmp_path: Path, pattern: str) -> None:
    characters = [
        chr(i) for i in (*range(1, 0x3400), *range(0xA600, 0xAC00), *range(0xF900, 0x11200), *range(0x1D000, 0x1FFFF))
    ]
    found = translate(pattern)
    assert found is not None
    assert found.everywhere
    [result] = run(
        tmp_path, {"s": characters}, ("expect_column_values_to_match_regex", {"column": "s", "regex": pattern})
    )
    assert result.unexpected_count == sum(re.search(pattern, c) is None for c in characters)


class TestUniqueness:
    """Values that only rise are not grouped; whatever comes after the first rows that are probed, the counts hold."""

    kinds = ("expect_column_values_to_be_unique", "expect_column_proportion_of_unique_values_to_be_between",
             "expect_column_unique_value_count_to_be_between")  # fmt: skip

    @pytest.mark.parametrize("probe", [1, 2, 3, 100])
    @pytest.mark.parametrize(
        ("values", "repeated", "distinct"),
        [([], 0, 0), ([None, None], 0, 0), ([5], 0, 1), ([1, 2, 3], 0, 3), ([3, 2, 1], 0, 3), ([1, 2, 2, 3], 2, 3),
         ([1, None, 2, None, 3], 0, 3), ([1, 2, 3, 1], 2, 3), ([1, 2, 3, 0], 0, 4), ([2, 2], 2, 1),
         ([0.0, math.nan, 1.0, math.inf], 0, 3), ([-0.0, 0.0], 2, 1), (["a", "b", "ä"], 0, 3), (["b", "a", "b"], 2, 2)],
    )  # fmt: skip
    def test_counts(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        values: list[Any],
        repeated: int,
        distinct: int,
        probe: int,
    ) -> None:
        monkeypatch.setattr(grouped, "RISING_PROBE", probe)
        column = pa.array(values, pa.int64()) if not any(values) else pa.array(values)
        unique, share, count = run(
            tmp_path, {"v": column}, *((kind, {"column": "v", **extra}) for kind, extra in zip(
                self.kinds, ({}, {"min_value": 0}, {"min_value": 0}), strict=True))
        )  # fmt: skip
        present = sum(v is not None and v == v for v in values)
        assert unique.unexpected_count == repeated
        assert unique.success is (repeated == 0)
        assert count.observed == distinct
        assert share.observed == (distinct / present if present else 0)

    def test_rising_values_are_not_grouped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        rows = Staged.rows
        monkeypatch.setattr(Staged, "rows", lambda self, sql, **k: (asked.append(sql), rows(self, sql, **k))[1])
        [rising] = run(tmp_path, {"n": range(50_000)}, (self.kinds[0], {"column": "n"}))
        assert rising.success
        assert not any("GROUP BY" in sql for sql in asked)
        asked.clear()
        [repeating] = run(tmp_path, {"n": [*range(50_000), 7]}, (self.kinds[0], {"column": "n"}))
        assert repeating.unexpected_count == 2
        assert any("GROUP BY" in sql for sql in asked)


class TestEndlessPatterns:
    """Python's `re` cannot be interrupted: such a pattern costs its rule's result, not the stage."""

    def test_a_catastrophic_pattern_is_stopped(self, tmp_path: Path) -> None:
        began = time.monotonic()
        endless, other = run(
            tmp_path, {"s": ["a" * 60 + "!", "b"]},
            ("expect_column_values_to_match_regex", {"column": "s", "regex": r"^(?!x)(a+)+$"}),
            ("expect_column_values_to_not_be_null", {"column": "s"}), seconds=1,
        )  # fmt: skip
        assert (endless.success, other.success) == (False, True)
        assert "takes too long" in (endless.error or "")
        assert time.monotonic() - began < 20

    def test_a_catastrophic_pattern_in_a_json_schema(self, tmp_path: Path) -> None:
        schema = {"type": "string", "pattern": "^(?!x)(a+)+$"}
        asked = ("expect_column_values_to_match_json_schema", {"column": "s", "json_schema": schema})
        [result] = run(tmp_path, {"s": ['"' + "a" * 60 + '!"']}, asked, seconds=2)
        assert "takes too long" in (result.error or "")

    def test_an_ordinary_one_answers_for_every_text(self, tmp_path: Path) -> None:
        texts = [f"{'x' if i % 3 else 'y'}é\n\U0001f600{i}" for i in range(5000)] + [None]
        asked = ("expect_column_values_to_match_regex", {"column": "s", "regex": r"^(?=x)"})
        [result] = run(tmp_path, {"s": texts}, asked)
        assert result.unexpected_count == sum(t is not None and t[0] == "y" for t in texts)


class TestRounding:
    """Means, sums and deviations are told with 15 digits, and limits compared as if they had as many."""

    data: ClassVar = {"third": [1 / 3] * 5, "c": [0.1 + 0.2] * 4 + [None]}

    @pytest.mark.parametrize("column", ["third", "c"])
    def test_what_is_all_the_same_has_no_outliers(self, tmp_path: Path, column: str) -> None:
        asked = ("expect_column_values_to_not_be_outliers", {"column": column, "method": "std", "multiplier": 1})
        [result] = run(tmp_path, self.data, asked)
        assert (result.success, result.unexpected_count) == (True, 0)

    def test_a_limit_is_met_by_what_equals_it(self, tmp_path: Path) -> None:
        mean, total = "expect_column_mean_to_be_between", "expect_column_sum_to_be_between"
        limit = 4 * (0.1 + 0.2)
        results = run(
            tmp_path, self.data, (mean, {"column": "third", "min_value": 1 / 3, "max_value": 1 / 3}),
            (total, {"column": "c", "min_value": limit}), (total, {"column": "c", "min_value": limit, "strict_min": True}),
            (total, {"column": "c", "min_value": 1.21}),
        )  # fmt: skip
        assert [r.success for r in results] == [True, True, False, False]


@pytest.mark.parametrize(
    ("values", "named", "holds"),
    [
        ([Decimal("0.01"), Decimal("0.01"), Decimal("0.30")], 0.01, True),
        ([Decimal("0.01"), Decimal("0.01"), Decimal("0.30")], 0.3, False),
        ([date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 2)], "2020-01-01", True),
        ([date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 2)], "2020-01-02", False),
        ([datetime(2020, 1, 1), datetime(2020, 1, 1), None], "2020-01-01T00:00:00", True),  # noqa: DTZ001
    ],
)
def test_the_most_common_value_is_found_in_the_set(tmp_path: Path, values: list[Any], named: Any, holds: bool) -> None:
    asked = ("expect_column_most_common_value_to_be_in_set", {"column": "v", "value_set": [named]})
    [result] = run(tmp_path, {"v": values}, asked)
    assert (result.error, result.success) == (None, holds)
