"""Rules run over real files through DuckDB: every operator and metric, nulls, empty tables, odd names."""

import json
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from sluice.checks.report import CheckReport, RuleResult
from sluice.checks.rules import OPERATORS, Rule, holds
from sluice.checks.run import run_checks
from sluice.checks.suite import compile_rules
from sluice.contract.model import Column, Relationship, Table
from sluice.contract.types import resolve
from sluice.errors import BadInputError, LakeUnavailableError


class DuckQueries:
    """The port on an in-memory database."""

    def __init__(self, setup=""):
        self.connection = duckdb.connect()
        self.connection.execute(setup or "SELECT 1")

    def scalar(self, sql):
        try:
            row = self.connection.execute(sql).fetchone()
        except duckdb.Error as error:
            raise BadInputError("BAD_QUERY", str(error)) from error
        return row[0] if row else None

    def count_orphans(self, from_table, from_columns, to_table, to_columns):
        on = " AND ".join(f'f."{a}" = t."{b}"' for a, b in zip(from_columns, to_columns, strict=True))
        whole = " AND ".join(f'f."{a}" IS NOT NULL' for a in from_columns)
        orphans = f'count(*) FILTER (WHERE NOT EXISTS (FROM "{to_table}" t WHERE {on}))'
        sql = f'SELECT count(*), {orphans} FROM "{from_table}" f WHERE {whole}'
        return self.connection.execute(sql).fetchone()

    def orphans(self, from_table, from_columns, to_table, to_columns):
        return f"the rows of {from_table} without {to_table}"


def no_engine(*_):
    raise AssertionError("no expectation was asked for")


def column(name="v", type_="string", physical=None, **more):
    return Column(name, name, resolve(type_, physical), **more)


def table(*columns, **more):
    return Table("t", "t", "t.csv", columns, **more)


def observed(entry, values, at=None):
    """What a quality entry finds in a column of these values, asked in a way that is always a query."""
    at = at or column()
    here = table(Column(at.name, at.field_name, at.type, quality=({"mustNotBe": -1} | entry,)))
    [rule] = compile_rules(here, [])
    sql_type = {"STRING": "VARCHAR", "DECIMAL": "DECIMAL(9,2)"}.get(at.type.kind.name, at.type.kind.name)
    queries = DuckQueries(f"CREATE TABLE t (v {sql_type})")
    for value in values:
        queries.connection.execute("INSERT INTO t VALUES (?)", [value])
    [result] = run_checks(here, [rule], {"t": []}, queries, no_engine).results
    assert result.error is None
    return result.observed


PERCENT = {"unit": "percent"}


def missing(*values):
    return {"metric": "missingValues", "arguments": {"missingValues": list(values)}}


def valid(*values):
    return {"metric": "invalidValues", "arguments": {"validValues": list(values)}}


def matching(pattern, **more):
    return {"metric": "invalidValues", "arguments": {"pattern": pattern, **more}}


class TestMetrics:
    @pytest.mark.parametrize(
        ("entry", "values", "rows", "percent"),
        [
            ({"metric": "nullValues"}, ["a", None, None, "b"], 2, 50),
            ({"metric": "nullValues"}, [], 0, 0),
            ({"metric": "nullValues"}, [None], 1, 100),
            ({"metric": "duplicateValues"}, ["a", "a", "a", "b", None, None, None, None], 2, 25),
            ({"metric": "duplicateValues"}, [], 0, 0),
            ({"metric": "duplicateValues"}, [None, None], 0, 0),
            (missing(None, "", "it's"), ["", "it's", None, "x"], 3, 75),
            (missing("", 99), ["", "99", None, "x"], 2, 50),
            (valid("a", 1), ["a", "1", "b", None], 1, 25),
            (matching("^[a-z]+$"), ["a", "1", None, "b"], 1, 25),
            (matching("^a", validValues=["a", "b"]), ["a", "b", "ab", None], 2, 50),
        ],
    )
    def test_of_texts(self, entry, values, rows, percent):
        assert observed(entry, values) == rows
        assert observed(entry | PERCENT, values) == percent

    @pytest.mark.parametrize(
        ("type_", "physical", "entry", "values", "rows"),
        [
            ("integer", None, missing(None, "", -1), [-1, None, 1], 2),
            ("integer", None, valid(1, "2"), [1, 2, 3, None], 1),
            ("number", "decimal(9,2)", valid(0.1), ["0.10", "0.11"], 1),
            (
                "date",
                None,
                valid(date(2020, 1, 1), "2020-01-02"),
                ["2020-01-01", "2020-01-02", "2020-01-03"],
                1,
            ),
            ("boolean", None, valid(True), [True, False], 1),
            ("integer", None, matching("^1"), [1, 12, 21, None], 1),
        ],
    )
    def test_of_other_types(self, type_, physical, entry, values, rows):
        assert observed(entry, values, column("v", type_, physical)) == rows

    @pytest.mark.parametrize(("unit", "found"), [("rows", 1), ("percent", 20)])
    def test_duplicates_across_columns_named_as_in_our_own_sql(self, unit, found):
        entry = {
            "metric": "duplicateValues",
            "arguments": {"properties": ["n", "select"]},
            "mustNotBe": 0,
            "unit": unit,
        }
        here = table(column("n"), column("select"), quality=(entry,))
        queries = DuckQueries(
            'CREATE TABLE t ("n" VARCHAR, "select" VARCHAR);'
            "INSERT INTO t VALUES ('a','x'), ('a','x'), ('a','y'), (NULL,'z'), (NULL,'z')"
        )
        [result] = run_checks(here, compile_rules(here, []), {"t": []}, queries, no_engine).results
        assert (result.success, result.observed) == (True, found)

    @pytest.mark.parametrize("name", ["a b", "select", 'q"x', "sluice_n"])
    def test_odd_names(self, name):
        entries = (
            {"metric": "nullValues", "mustBe": 1, "unit": "rows"},
            {"metric": "duplicateValues", "mustBe": 1},
            {"type": "sql", "query": "SELECT max({property}) FROM {object}", "mustBe": "z"},
        )
        at = Column(name, name, resolve("string", None), quality=entries)
        here = Table('my "t"', "my_t", "t.csv", (at,))
        quoted = name.replace('"', '""')
        queries = DuckQueries(
            f"""CREATE TABLE "my ""t\""" AS SELECT * FROM (VALUES ('z'), ('z'), (NULL)) v("{quoted}")"""
        )
        report = run_checks(here, compile_rules(here, []), {here.name: []}, queries, no_engine)
        assert [r.success for r in report.results] == [True, True, True]


class TestLimitsInSql:
    @pytest.mark.parametrize(
        ("type_", "physical", "options", "values", "broken"),
        [
            ("number", "decimal(20,2)", {"minimum": 0.1, "maximum": 0.3}, ["0.10", "0.30", "0.31", None], 1),
            ("number", "decimal(20,2)", {"exclusiveMinimum": 0.1}, ["0.10", "0.11"], 1),
            ("number", "decimal(20,2)", {"multipleOf": 0.05}, ["0.10", "0.15", "0.16", None], 1),
            ("number", None, {"multipleOf": 0.1}, [0.3, 0.7, 0.75, None], 1),
            ("integer", None, {"multipleOf": 5}, [0, -5, 7, None], 1),
            ("integer", None, {"maximum": 2**62}, [2**62, 2**62 + 1, None], 1),
            ("time", None, {"maximum": "17:00"}, ["17:00:00", "17:00:01", None], 1),
            ("string", "binary", {"maxLength": 2}, [b"ab", b"abc", None], 1),
            ("array", None, {"minItems": 2}, ["[1, 2]", "[1]", "[]", "{}", None], 3),
            ("array", None, {"maxItems": 1}, ["[1, 2]", "[[1, 2]]", "[]", None], 1),
            ("array", None, {"uniqueItems": True}, ["[1, 2, 1]", '["1", 1]', "[null, null]", "[[1], [1, 2]]"], 2),
            ("object", None, {"required": ["a", "it's"]}, ['{"a": 1, "it\'s": null}', '{"a": 1}', "[]", None], 2),
            ("object", None, {"minProperties": 1}, ['{"a": {}}', "{}", None], 1),
            ("object", None, {"maxProperties": 1}, ['{"a": {"b": 1, "c": 2}}', '{"a": 1, "b": 2}', None], 1),
        ],
    )
    def test_the_limit_itself_is_judged_exactly(self, type_, physical, options, values, broken):
        at = column("v", type_, physical, options=options)
        here = table(at)
        [rule] = compile_rules(here, [])
        sql_type = {"INT64": "BIGINT", "FLOAT64": "DOUBLE", "BINARY": "BLOB", "DECIMAL": "DECIMAL(20,2)"}
        kind = at.type.kind.name
        queries = DuckQueries(f"CREATE TABLE t (v {sql_type.get(kind, kind)})")
        for value in values:
            queries.connection.execute("INSERT INTO t VALUES (?)", [value])
        [result] = run_checks(here, [rule], {"t": []}, queries, no_engine).results
        assert (result.error, result.success, result.observed) == (None, False, broken)


class TestOperators:
    @pytest.mark.parametrize(
        ("operator", "limit", "holding", "failing"),
        [
            ("mustBe", 5, [5, 5.0, Decimal("5.00")], [4, None, float("nan")]),
            ("mustBe", 0.1, [0.1, Decimal("0.10")], [Decimal("0.1001")]),
            ("mustBe", True, [True, 1], [False, None]),
            ("mustBe", "2020-01-01", [date(2020, 1, 1), "2020-01-01"], [date(2020, 1, 2)]),
            ("mustNotBe", 5, [4], [5, None]),
            ("mustBeGreaterThan", 5, [5.1, float("inf")], [5, 4, None]),
            ("mustBeGreaterOrEqualTo", 5, [5, 6], [4.9]),
            ("mustBeLessThan", 5, [4.9, float("-inf")], [5]),
            ("mustBeLessOrEqualTo", 5, [5], [5.1]),
            ("mustBeBetween", (1, 5), [1, 3, 5], [0, 6, None]),
            ("mustNotBeBetween", (1, 5), [0, 6], [1, 3, 5, None]),
        ],
    )
    def test_every_one(self, operator, limit, holding, failing):
        assert operator in OPERATORS
        assert all(holds(operator, limit, value) for value in holding)
        assert not any(holds(operator, limit, value) for value in failing)


def sql(query, severity="error", **judged):
    return Rule("r", "sql", None, {"query": query, "operator": "mustBe", "value": 0} | judged, severity)


class TestRunning:
    HERE = table(column())

    def run(self, *rules, queries=None, files=("t",), engine=no_engine):
        return run_checks(self.HERE, rules, {name: [] for name in files}, queries or DuckQueries(), engine)

    def test_a_query_that_does_not_run_is_its_own_failure(self):
        report = self.run(sql("SELECT oops"), sql("SELECT 0"))
        first, second = report.results
        assert (first.success, second.success) == (False, True)
        assert "oops" in first.error
        assert "\n" not in first.error

    @pytest.mark.parametrize("query", ["SELECT NULL", "SELECT 1 WHERE false"])
    def test_no_value_is_no_success(self, query):
        [result] = self.run(sql(query, operator="mustNotBe", value=7)).results
        assert (result.success, result.error) == (False, "the query returned no value")

    def test_a_value_of_another_kind(self):
        [result] = self.run(sql("SELECT 'many'", operator="mustBeLessThan", value=7)).results
        assert not result.success
        assert "cannot be compared" in result.error

    def test_trouble_of_the_world_is_not_a_verdict(self):
        class Away(DuckQueries):
            def scalar(self, sql):
                raise LakeUnavailableError("THROTTLED", "slow down")

        with pytest.raises(LakeUnavailableError):
            self.run(sql("SELECT 0"), queries=Away())

    def test_text_is_not_evaluated(self):
        report = self.run(Rule("by hand", "text"))
        assert (report.results[0].success, report.success, report.evaluated) == (None, True, 0)

    def test_results_come_in_the_order_of_the_rules(self):
        def engine(rules, files, table):
            return [RuleResult.of(rule, True) for rule in rules]

        rules = [Rule("a", "expectation"), sql("SELECT 0"), Rule("b", "expectation"), Rule("c", "text")]
        assert [r.name for r in self.run(*rules, engine=engine).results] == ["a", "r", "b", "c"]

    @pytest.mark.parametrize(
        ("rows", "checked", "orphans"),
        [("('x'), ('y'), (NULL)", 2, 1), ("('x')", 1, 0), ("(NULL)", 0, 0)],
    )
    def test_relationships(self, rows, checked, orphans):
        other = Table("o", "o", "o.csv", (column("k"),))
        here = table(column(), relationships=(Relationship(("v",), "o", ("k",)),))
        queries = DuckQueries(f"CREATE TABLE t AS FROM (VALUES {rows}) x(v); CREATE TABLE o AS SELECT 'x' AS k")
        report = run_checks(here, compile_rules(here, [other]), {"t": [], "o": []}, queries, no_engine)
        [result] = report.results
        assert (result.success, result.element_count, result.unexpected_count) == (
            orphans == 0,
            checked,
            orphans,
        )

    def test_a_relationship_to_a_table_that_is_not_staged(self):
        rule = Rule("r", "relationship", None, {"columns": ["v"], "to_table": "o", "to_columns": ["k"]})
        [result] = self.run(rule).results
        assert (result.success, result.error) == (False, "the table 'o' has no staged files")


class TestVerdict:
    def report(self, *pairs):
        return CheckReport("t", tuple(RuleResult("r", "sql", success, severity) for success, severity in pairs))

    @pytest.mark.parametrize(
        ("pairs", "success", "evaluated", "failed", "warnings"),
        [
            ([], True, 0, 0, 0),
            ([(True, "error"), (None, "error")], True, 1, 0, 0),
            ([(False, "warning"), (False, "info")], True, 2, 2, 2),
            ([(False, "error"), (False, "warning"), (True, "error")], False, 3, 2, 1),
        ],
    )
    def test_is_computed_from_the_results(self, pairs, success, evaluated, failed, warnings):
        report = self.report(*pairs)
        assert (report.success, report.evaluated, report.failed, report.warnings) == (
            success,
            evaluated,
            failed,
            warnings,
        )

    def test_an_error_result_counts_as_failed(self):
        rule = Rule("r", "sql")
        assert not CheckReport("t", (RuleResult.errored(rule, "broke"),)).success

    def test_strict_json_and_back(self):
        values = [float("nan"), float("inf"), Decimal("1.10"), date(2020, 1, 1), b"\x00\xff", {3, 1}, None]
        results = tuple(RuleResult("r", "sql", True, observed=v, examples=tuple(values)) for v in values)
        report = CheckReport("t", results)
        text = json.dumps(report.to_dict(), allow_nan=False)
        assert CheckReport.from_dict(json.loads(text)) == report
        assert [r.observed for r in results] == [None, "inf", "1.10", "2020-01-01", "00ff", [1, 3], None]
        assert len(results[0].examples) == 7
