"""Great Expectations on real Parquet files: verdicts, nulls, types, odd names, what a report leaves out."""

import json
import socket
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters import gx
from sluice.adapters.duck import Staged
from sluice.adapters.gx import load_suites, verify
from sluice.adapters.gx.expectations import fill_registry
from sluice.checks.report import CheckReport
from sluice.checks.rules import Rule
from sluice.checks.suite import named_apart
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind
from sluice.errors import BadInputError

BIG = 2**53 + 1


def validate(rules, paths, table, **options):
    with Staged({table.name: paths}, scratch=paths[0].parent / "scratch") as data:
        return gx.validate(rules, paths, table, data, **options)


def table_of(names, classification="internal"):
    kinds = {"n": ColumnType(Kind.INT64)}
    columns = tuple(Column(n, n, kinds.get(n, ColumnType(Kind.STRING)), classification=classification) for n in names)
    return Table("orders", "orders", "orders.csv", columns)


@pytest.fixture
def check(tmp_path):
    def run(data, kind, classification="internal", files=1, **kwargs):
        arrow = data if isinstance(data, pa.Table) else pa.table(data)
        step = -(-arrow.num_rows // files) or 1
        paths = []
        for i in range(files):
            paths.append(tmp_path / f"part{i}.parquet")
            pq.write_table(arrow.slice(i * step, step), paths[-1])
        column = kwargs.get("column")
        rule = Rule("a rule", "expectation", kind, kwargs, column=column)
        [result] = validate([rule], paths, table_of(arrow.column_names, classification))
        json.dumps(CheckReport("orders", (result,)).to_dict(), allow_nan=False)
        return result

    return run


MATCHES = "expect_column_values_to_match_regex"
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
UNIQUE = "expect_column_values_to_be_unique"
IN_SET = "expect_column_values_to_be_in_set"
NOT_NULL = "expect_column_values_to_not_be_null"
PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
COMPOUND = "expect_compound_columns_to_be_unique"


class TestIntegersBesideNulls:
    def test_limits_ignore_nulls(self, check):
        result = check({"n": [1, None, 9]}, BETWEEN, column="n", min_value=1, max_value=5)
        assert (result.success, result.unexpected_count, result.element_count) == (False, 1, 3)
        assert result.examples == (9,)
        assert isinstance(result.examples[0], int)

    def test_a_pattern_sees_the_integer_not_a_float(self, check):
        assert check({"n": [12, None, 7]}, REGEX, column="n", regex=r"^\d+$").success

    def test_neighbours_above_2_to_the_53_stay_apart(self, check):
        assert check({"n": [BIG, None, BIG - 1]}, UNIQUE, column="n").success
        assert not check({"n": [BIG, None, BIG]}, UNIQUE, column="n").success

    def test_large_members_of_a_set(self, check):
        assert not check({"n": [BIG, None]}, IN_SET, column="n", value_set=[BIG - 1]).success
        assert check({"n": [BIG, None]}, IN_SET, column="n", value_set=[BIG]).success

    @pytest.mark.parametrize("base", [0, BIG])
    def test_a_pair_with_one_null_breaks_the_rule_and_with_two_does_not(self, check, base):
        data = {"a": [base + 2, None, None, base + 2], "b": [base + 1, base + 1, None, None]}
        result = check(data, PAIR, column_A="a", column_B="b")
        assert (result.error, result.unexpected_count) == (None, 2)
        assert {"a": None, "b": base + 1} in result.examples

    def test_an_observed_extreme_is_an_integer(self, check):
        assert check({"n": [3, None]}, "expect_column_max_to_be_between", column="n", max_value=5).observed == 3


class TestKeys:
    def test_compound_uniqueness_counts_every_row_that_repeats(self, check):
        data = {"a": [1, 1, 2], "b": ["x", "x", "x"]}
        result = check(data, COMPOUND, column_list=["a", "b"], ignore_row_if="any_value_is_missing")
        assert (result.success, result.unexpected_count) == (False, 2)
        assert result.examples == ({"a": 1, "b": "x"},)

    def test_a_key_with_a_null_repeats_nothing(self, check):
        data = {"a": [1, 1, None, None], "b": ["x", None, "y", "y"]}
        assert check(data, COMPOUND, column_list=["a", "b"], ignore_row_if="any_value_is_missing").success

    def test_by_default_gx_lets_nulls_repeat_each_other(self, check):
        assert not check({"a": [1, 1], "b": [None, None]}, COMPOUND, column_list=["a", "b"]).success

    def test_nulls_are_not_duplicates(self, check):
        assert check({"s": ["a", None, None]}, UNIQUE, column="s").success


class TestTimes:
    def test_timestamps_against_text(self, check):
        data = {"t": pa.array(["2013-01-01T05:00:00", None, "2013-06-01"]).cast(pa.timestamp("us"))}
        assert check(data, BETWEEN, column="t", min_value="2013-01-01", max_value="2013-12-31T23:59:59").success
        assert check(data, BETWEEN, column="t", max_value="2013-05-01").unexpected_count == 1

    def test_zoned_timestamps_against_text_without_a_zone(self, check):
        data = {"t": pa.array([datetime(2013, 1, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC"))}
        assert check(data, BETWEEN, column="t", min_value="2013-01-01T00:00:00").success
        assert not check(data, BETWEEN, column="t", min_value="2013-01-01T00:00:00-01:00").success

    def test_dates_far_beyond_nanoseconds(self, check):
        data = {"d": [date(1, 1, 1), date(9999, 12, 31), None]}
        result = check(data, BETWEEN, column="d", min_value="1900-01-01", max_value="9999-12-31")
        assert (result.error, result.unexpected_count, result.examples) == (None, 1, ("0001-01-01",))

    def test_dates_in_a_set(self, check):
        data = {"d": [date(2020, 1, 1), None]}
        assert check(data, IN_SET, column="d", value_set=["2020-01-01"]).success
        assert not check(data, IN_SET, column="d", value_set=["2020-01-02"]).success

    def test_the_latest_date(self, check):
        result = check(
            {"d": [date(2020, 1, 1), None]},
            "expect_column_max_to_be_between",
            column="d",
            max_value="2020-01-01",
        )
        assert (result.success, result.observed) == (True, "2020-01-01")

    def test_times_in_a_set(self, check):
        data = {"t": [time(8, 0), None, time(9, 30, 0, 5)]}
        assert check(data, IN_SET, column="t", value_set=["08:00", "09:30:00.000005"]).success
        assert check(data, IN_SET, column="t", value_set=["08:00"]).examples == ("09:30:00.000005",)

    def test_a_limit_that_is_no_date(self, check):
        assert "Invalid isoformat" in check({"d": [date(2020, 1, 1)]}, BETWEEN, column="d", min_value="soon").error


class TestDecimals:
    def test_the_limit_itself_belongs(self, check):
        cents = pa.array([Decimal("0.10"), Decimal("0.29"), None], pa.decimal128(10, 2))
        assert check({"d": cents}, BETWEEN, column="d", min_value=0.1, max_value=0.29).success
        assert check({"d": cents}, BETWEEN, column="d", min_value=0.1, strict_min=True).unexpected_count == 1

    def test_every_value_becomes_the_double_its_text_is(self, check):
        cents = [Decimal(n).scaleb(-2) for n in range(-5000, 5000)]
        result = check(
            {"d": pa.array(cents, pa.decimal128(9, 2))},
            IN_SET,
            column="d",
            value_set=[float(c) for c in cents],
        )
        assert result.success

    def test_long_values_stay_apart(self, check):
        long = pa.array(
            [Decimal("12345678901234567890.01"), Decimal("12345678901234567890.02"), None],
            pa.decimal128(38, 2),
        )
        assert check({"d": long}, UNIQUE, column="d").success
        assert check({"d": long}, BETWEEN, column="d", max_value=1e30).success

    @pytest.mark.parametrize(("strict", "broken"), [(False, 0), (True, 1)])
    def test_the_limit_itself_among_long_values(self, check, strict, broken):
        values = pa.array([Decimal("0.1"), Decimal("1E20")], pa.decimal128(38, 2))
        assert check({"d": values}, BETWEEN, column="d", min_value=0.1, strict_min=strict).unexpected_count == broken

    def test_a_mean_is_quick(self, check):
        values = pa.array([Decimal(n) for n in range(20_000)], pa.decimal128(18, 4))
        assert check({"d": values}, "expect_column_mean_to_be_between", column="d", max_value=1e6).observed == 9999.5

    def test_a_mean_of_long_values_is_quick_too(self, check):
        values = pa.array([Decimal(n) * 10**20 for n in range(20_000)], pa.decimal128(38, 2))
        assert check({"d": values}, "expect_column_mean_to_be_between", column="d", max_value=1e30).success


class TestShapes:
    @pytest.mark.parametrize(
        ("kind", "kwargs"),
        [
            (NOT_NULL, {"column": "n"}),
            (UNIQUE, {"column": "n"}),
            (BETWEEN, {"column": "n", "min_value": 0}),
            (BETWEEN, {"column": "d", "min_value": "2020-01-01"}),
            (REGEX, {"column": "s", "regex": "a"}),
            (IN_SET, {"column": "s", "value_set": ["a"]}),
            ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 1}),
            (COMPOUND, {"column_list": ["n", "s"]}),
            (PAIR, {"column_A": "n", "column_B": "m"}),
        ],
    )
    def test_rows_without_values_break_nothing(self, check, kind, kwargs):
        schema = pa.schema([("n", pa.int64()), ("m", pa.int64()), ("s", pa.string()), ("d", pa.date32())])
        empty = check(schema.empty_table(), kind, **kwargs)
        assert (empty.error, empty.success, empty.element_count) == (None, True, 0)
        nulls = pa.table({f.name: pa.array([None], f.type) for f in schema})
        if kind != NOT_NULL:
            result = check(nulls, kind, **kwargs)
            assert (result.error, result.success) == (None, True)

    def test_a_column_of_nulls_has_none(self, check):
        result = check({"n": pa.array([None, None], pa.int64())}, NOT_NULL, column="n")
        assert (result.success, result.unexpected_count, result.unexpected_percent) == (False, 2, 100.0)
        assert result.examples == (None,)

    def test_an_extreme_of_nothing_is_not_within_limits(self, check):
        result = check({"n": pa.array([], pa.int64())}, "expect_column_max_to_be_between", column="n", max_value=1)
        assert (result.success, result.observed) == (False, None)

    def test_one_row(self, check):
        assert check({"n": [1]}, UNIQUE, column="n").success

    def test_rows_are_counted_over_all_files_without_loading_a_column(self, check):
        result = check(
            {"n": list(range(10))},
            "expect_table_row_count_to_be_between",
            files=3,
            min_value=10,
            max_value=10,
        )
        assert (result.success, result.observed) == (True, 10)

    def test_the_table_columns_are_all_there(self, check):
        wanted = ["n", "s"]
        kind = "expect_table_columns_to_match_ordered_list"
        assert check({"n": [1], "s": ["a"]}, kind, column_list=wanted).success

    def test_a_row_condition_may_name_another_column(self, check):
        data = {"n": [1, -1], "s": ["in", "out"]}
        condition = {"row_condition": 's == "in"', "condition_parser": "pandas"}
        assert check(data, BETWEEN, column="n", min_value=0, **condition).success

    @pytest.mark.parametrize("name", ["a b", "select", 'q"x', "a.b", "ö"])
    def test_odd_column_names(self, check, name):
        assert check({name: [1, None]}, NOT_NULL, column=name).unexpected_count == 1
        assert check({name: [1, 3]}, BETWEEN, column=name, max_value=2).examples == (3,)
        assert check({name: [1, 1], "other": [2, 2]}, COMPOUND, column_list=[name, "other"]).unexpected_count == 2

    def test_floats_that_are_no_numbers_leave_strict_json(self, check):
        result = check({"f": [float("inf"), float("nan"), -1.0]}, BETWEEN, column="f", min_value=0, max_value=1)
        assert result.examples == ("inf", -1.0)


class TestWhatGxCannotTake:
    def test_bad_kwargs(self, check):
        result = check({"n": [1]}, IN_SET, column="n", value_set=5, bogus=1)
        assert not result.success
        assert "value_set: value is not a valid list" in result.error
        assert "bogus: extra fields not permitted" in result.error

    def test_unknown_expectation(self, check):
        assert "not found" in check({"n": [1]}, "expect_magic", column="n").error

    def test_unknown_column(self, check):
        assert "'zz'" in check({"n": [1]}, NOT_NULL, column="zz").error

    def test_a_column_that_ought_to_exist(self, check):
        assert check({"n": [1]}, "expect_column_to_exist", column="n").success
        absent = check({"n": [1]}, "expect_column_to_exist", column="zz")
        assert (absent.success, absent.error) == (False, None)

    def test_what_raises_inside(self, check):
        result = check({"s": ["a", "b"]}, BETWEEN, column="s", min_value=1)
        assert not result.success
        assert result.error
        assert "\n" not in result.error

    def test_the_other_rules_still_have_their_say(self, tmp_path):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"s": ["a", "b"]}), path)
        rules = [
            Rule("breaks", "expectation", BETWEEN, {"column": "s", "min_value": 1}),
            Rule("holds", "expectation", NOT_NULL, {"column": "s"}),
            Rule("odd pattern", "expectation", REGEX, {"column": "s", "regex": "("}),
            Rule(
                "sql",
                "expectation",
                "unexpected_rows_expectation",
                {"unexpected_rows_query": "SELECT 1 FROM {batch}"},
            ),
            Rule("fails", "expectation", IN_SET, {"column": "s", "value_set": ["a"]}),
            Rule("twice", "expectation", NOT_NULL, {"column": "s"}),
        ]
        results = validate(rules, [path], table_of(["s"]))
        assert [r.name for r in results] == [r.name for r in rules]
        assert [r.success for r in results] == [False, True, False, False, False, True]
        assert [bool(r.error) for r in results] == [True, False, True, False, False, False]


@pytest.mark.parametrize("classification", ["confidential", "restricted"])
class TestClassifiedColumns:
    def test_examples_are_withheld(self, check, classification):
        result = check({"s": ["secret"]}, IN_SET, classification, column="s", value_set=["a"])
        assert (result.success, result.unexpected_count, result.examples) == (False, 1, ())
        pair = check({"s": ["secret", "secret"], "n": [1, 1]}, COMPOUND, classification, column_list=["s", "n"])
        assert (pair.unexpected_count, pair.examples) == (2, ())

    def test_observed_values_and_errors_are_withheld(self, check, classification):
        kind = "expect_column_max_to_be_between"
        assert check({"n": [4242]}, kind, classification, column="n", max_value=1).observed is None
        broken = check({"s": ["secret"]}, BETWEEN, classification, column="s", min_value=1)
        assert "secret" not in broken.error
        schema = check({"s": ["secret"]}, "expect_column_values_to_match_json_schema", classification, column="s",
                       json_schema={})  # fmt: skip
        assert "withheld" in schema.error


def test_nothing_is_written_sent_or_shown(check, tmp_path, monkeypatch, capfd):
    def refuse(*_):
        raise AssertionError("network")

    home = tmp_path / "home"
    home.mkdir()
    for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.chdir(home)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert check({"n": [1, 2]}, BETWEEN, column="n", min_value=0).success
    assert list(home.iterdir()) == []
    assert capfd.readouterr() == ("", "")


class TestSuiteFiles:
    @pytest.fixture
    def load(self, tmp_path):
        def read(text, names=("n", "s")):
            (tmp_path / "shop.orders.json").write_text(text if isinstance(text, str) else json.dumps(text))
            return load_suites(tmp_path, "shop", table_of(names))

        return read

    def test_no_file_no_rules(self, tmp_path):
        assert load_suites(tmp_path, "shop", table_of(["n"])) == []

    def test_what_gx_serialised_is_read(self, load):
        fill_registry()  # Great Expectations' own imports warn
        import great_expectations as gx
        import great_expectations.expectations as gxe

        suite = gx.ExpectationSuite(
            name="orders",
            expectations=[
                gxe.ExpectColumnValuesToBeBetween(column="n", min_value=0, severity="warning"),
                gxe.ExpectColumnValuesToNotBeNull(column="s", meta={"dimension": "completeness"}, description="needed"),
                gxe.ExpectTableRowCountToBeBetween(min_value=1, severity="info"),
            ],
        )
        first, second, third = load(suite.to_json_dict())
        assert (first.severity, second.severity, third.severity) == ("warning", "error", "info")
        assert (second.column, second.dimension, second.description, second.origin) == (
            "s",
            "completeness",
            "needed",
            "shop.orders.json",
        )
        assert third.column is None

    def test_names_are_told_apart(self, load):
        item = {"type": BETWEEN, "kwargs": {"column": "n", "min_value": 0}}
        assert [r.name for r in named_apart(load({"name": "o", "expectations": [item, item]}))] == [
            "n.column_values_to_be_between",
            "n.column_values_to_be_between#2",
        ]

    @pytest.mark.parametrize(
        ("expectation", "said"),
        [
            (
                {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "n"}},
                f"Did you mean '{BETWEEN}'",
            ),
            ({"type": NOT_NULL, "kwargs": {"column": "nn"}}, "Did you mean 'n'"),
            (
                {"type": NOT_NULL, "kwargs": {"column": "n", "mostly": 3}},
                "mostly: ensure this value is less than or equal to 1.0",
            ),
            ({"type": BETWEEN, "kwargs": {"column": "n"}}, "min_value and max_value cannot both be None"),
            ({"type": NOT_NULL, "kwargs": {"column": "n"}, "severity": "dire"}, "severity 'dire'"),
            ({"type": BETWEEN, "kwargs": {"column": "s", "min_value": 3}}, "cannot be compared with the texts of 's'"),
            (
                {"type": BETWEEN, "kwargs": {"column": "n", "min_value": 3, "max_value": 1}},
                "cannot be greater than max",
            ),
            (
                {"type": BETWEEN, "kwargs": {"column": "n", "min_value": {"$PARAMETER": "low"}}},
                "from the parameter 'low'",
            ),
            ({"type": MATCHES, "kwargs": {"column": "s", "regex": "(["}}, "the pattern '([': unterminated"),
            ("expect_nothing", "is not an object"),
            ({"kwargs": {}}, "has no type"),
        ],
    )
    def test_problems_say_where_and_what(self, load, tmp_path, expectation, said):
        with pytest.raises(BadInputError) as caught:
            load({"name": "o", "expectations": [expectation]})
        assert caught.value.code == "EXPECTATIONS_FILE"
        assert caught.value.where == str(tmp_path / "shop.orders.json")
        assert "expectations[0]" in caught.value.message
        assert said in caught.value.message

    def test_all_problems_at_once(self, load):
        bad = {"type": "expect_x", "kwargs": {}}
        with pytest.raises(BadInputError, match=r"(?s)2 problems.*expectations\[0\].*expectations\[1\]"):
            load({"name": "o", "expectations": [bad, bad]})

    def test_broken_json_names_the_line(self, load):
        with pytest.raises(BadInputError) as caught:
            load('{\n "name": "o",\n "expectations": [,]\n}')
        assert caught.value.where.endswith("shop.orders.json:3")

    @pytest.mark.parametrize("text", ["[]", "{}", '{"expectations": {}}', '{"expectation": [], "expectations": []}'])
    def test_a_file_of_another_shape(self, load, text):
        with pytest.raises(BadInputError):
            load(text)

    def test_a_contract_rule_with_an_unknown_expectation(self):
        verify([Rule("fine", "expectation", NOT_NULL, {"column": "n"}), Rule("listed", "text")], table_of(["n"]))
        with pytest.raises(BadInputError, match="the rule 'odd' is 'expect_magic'"):
            verify([Rule("odd", "expectation", "expect_magic", {})], table_of(["n"]))
