"""A contract's table compiled to rules: every constraint, every ODCS quality type, every mistake."""

import json
from dataclasses import replace

import pytest

from sluice.checks.rules import Rule
from sluice.checks.suite import compile_rules, problems_of
from sluice.contract.model import Column, Relationship, Table
from sluice.contract.types import resolve
from sluice.errors import BadInputError


def column(name="n", type_="integer", physical=None, **more):
    return Column(name, more.pop("field_name", name), resolve(type_, physical), **more)


def table(*columns, name="orders", **more):
    return Table(name, name, f"{name}.csv", columns or (column(),), **more)


def rules(*columns, **more):
    return compile_rules(table(*columns, **more), [])


def only(*columns, **more) -> Rule:
    [rule] = rules(*columns, **more)
    return rule


def asked(rule):
    return rule.expectation_type, dict(rule.kwargs)


class TestConstraints:
    def test_required(self):
        rule = only(column(required=True))
        assert asked(rule) == ("expect_column_values_to_not_be_null", {"column": "n"})
        assert (rule.name, rule.kind, rule.severity, rule.dimension, rule.origin) == (
            "n.required", "expectation", "error", "completeness", "contract",
        )  # fmt: skip

    def test_unique(self):
        assert asked(only(column(unique=True))) == ("expect_column_values_to_be_unique", {"column": "n"})

    def test_rules_use_the_name_in_the_lake(self):
        rule = only(column("Order No", field_name="order_no", required=True))
        assert (rule.column, rule.kwargs["column"]) == ("order_no", "order_no")

    def test_a_key_of_one_column_is_said_once(self):
        found = rules(column(key_position=1, required=True, unique=True))
        assert [r.name for r in found] == ["n.required", "n.unique"]

    def test_a_key_of_several_columns_keeps_its_order(self):
        found = rules(column("a", key_position=2), column("b", key_position=1))
        assert [r.name for r in found] == ["b.required", "a.required", "primary_key"]
        expected = {"column_list": ["b", "a"], "ignore_row_if": "any_value_is_missing"}
        assert asked(found[2]) == ("expect_compound_columns_to_be_unique", expected)

    def test_lengths_and_pattern(self):
        found = rules(column("s", "string", options={"minLength": 1, "maxLength": 3, "pattern": "^a"}))
        assert list(map(asked, found)) == [
            ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 1, "max_value": 3}),
            ("expect_column_values_to_match_regex", {"column": "s", "regex": "^a"}),
        ]

    def test_limits(self):
        options = {"minimum": 0, "maximum": 9, "exclusiveMaximum": 10}
        found = rules(column(options=options))
        kind = "expect_column_values_to_be_between"
        assert list(map(asked, found)) == [
            (kind, {"column": "n", "min_value": 0, "max_value": 9}),
            (kind, {"column": "n", "max_value": 10, "strict_min": True, "strict_max": True}),
        ]

    @pytest.mark.parametrize(
        ("type_", "physical", "limit", "text"),
        [
            ("date", None, "2026-01-31", "2026-01-31"),
            ("timestamp", None, "2026-01-31", "2026-01-31T00:00:00"),
            ("timestamp", "timestamptz", "2026-01-31T10:00", "2026-01-31T10:00:00+00:00"),
        ],
    )
    def test_limits_of_dates(self, type_, physical, limit, text):
        assert only(column("d", type_, physical, options={"minimum": limit})).kwargs["min_value"] == text

    @pytest.mark.parametrize(
        ("type_", "physical", "options", "condition"),
        [
            ("number", "decimal(20,2)", {"minimum": 0.1}, '"n" < 0.1'),
            ("integer", None, {"exclusiveMaximum": 2**60}, f'"n" >= {2**60}'),
            ("time", None, {"maximum": "17:00"}, "\"n\" > CAST('17:00:00' AS TIME)"),
            ("integer", None, {"multipleOf": 5}, '"n" % 5 <> 0'),
            ("string", "binary", {"maxLength": 4}, 'octet_length("n") > 4'),
        ],
    )
    def test_what_gx_would_judge_inexactly_is_sql(self, type_, physical, options, condition):
        rule = only(column("n", type_, physical, options=options))
        query = f'SELECT count(*) FROM "orders" WHERE {condition}'
        assert (rule.kind, rule.kwargs) == (
            "sql",
            {"query": query, "operator": "mustBe", "value": 0, "broken": condition},
        )

    def test_an_option_of_arrays_on_a_number(self):
        with pytest.raises(BadInputError, match="has maxItems, but is of type"):
            rules(column("n", "integer", options={"maxItems": 3}))

    @pytest.mark.parametrize("options", [{"minItems": -1}, {"maxItems": True}, {"required": "a"}])
    def test_options_of_arrays_that_mean_nothing(self, options):
        with pytest.raises(BadInputError, match="Write a"):
            rules(column("a", "array", options=options))

    def test_relationships_lead_to_the_lakes_names(self):
        carriers = table(column("Carrier Code", "string", field_name="carrier_code"), name="carriers")
        here = table(column("c", "string", field_name="carrier"), relationships=(
            Relationship(("c",), "carriers", ("Carrier Code",), severity="warning"),))  # fmt: skip
        [rule] = compile_rules(here, [here, carriers])
        assert (rule.kind, rule.severity, rule.column) == ("relationship", "warning", "carrier")
        assert rule.kwargs == {"columns": ["carrier"], "to_table": "carriers", "to_columns": ["carrier_code"]}

    def test_a_relationship_to_nowhere(self):
        with pytest.raises(BadInputError, match="carriers"):
            rules(column("c"), relationships=(Relationship(("c",), "carriers", ("c",)),))


def quality(entry, at=None):
    """The rule of one entry: at a column (one of texts unless told), or with at=() at a table of n and s."""
    if at == ():
        return only(column(), column("s", "string"), quality=(entry,))
    return only(_with(at or column("s", "string"), entry))


def _with(at, entry):
    return Column(at.name, at.field_name, at.type, quality=(entry,))


class TestLibraryMetrics:
    @pytest.mark.parametrize("operator", [{"mustBe": 0}, {"mustBeLessOrEqualTo": 0}, {"mustBeLessThan": 1}])
    @pytest.mark.parametrize(
        ("entry", "expectation", "kwargs"),
        [
            ({"metric": "nullValues"}, "expect_column_values_to_not_be_null", {}),
            ({"metric": "duplicateValues"}, "expect_column_values_to_be_unique", {}),
            (
                {"metric": "missingValues", "arguments": {"missingValues": ["", "N/A"]}},
                "expect_column_values_to_not_be_in_set",
                {"value_set": ["", "N/A"]},
            ),
            (
                {"metric": "invalidValues", "arguments": {"validValues": ["kg", 7, True]}},
                "expect_column_values_to_be_in_set",
                {"value_set": ["kg", "7", "true"]},
            ),
            (
                {"metric": "invalidValues", "arguments": {"pattern": "^k"}},
                "expect_column_values_to_match_regex",
                {"regex": "^k"},
            ),
        ],
    )
    def test_none_allowed_is_an_expectation(self, entry, expectation, kwargs, operator):
        assert asked(quality(entry | operator)) == (expectation, {"column": "s"} | kwargs)

    def test_some_allowed_is_a_query(self):
        rule = quality({"metric": "nullValues", "mustBeLessThan": 5, "unit": "percent", "severity": "warning"})
        assert (rule.kind, rule.severity, rule.name, rule.column) == ("sql", "warning", "s.nullValues", "s")
        assert (rule.kwargs["operator"], rule.kwargs["value"]) == ("mustBeLessThan", 5)

    def test_duplicates_across_columns(self):
        entry = {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["n", "s"]}}
        expected = {"column_list": ["n", "s"], "ignore_row_if": "any_value_is_missing"}
        assert asked(quality(entry, ())) == ("expect_compound_columns_to_be_unique", expected)

    @pytest.mark.parametrize(
        ("operator", "kwargs"),
        [
            ({"mustBe": 3}, {"min_value": 3, "max_value": 3}),
            ({"mustBeGreaterThan": 3}, {"min_value": 4}),
            ({"mustBeGreaterOrEqualTo": 3}, {"min_value": 3}),
            ({"mustBeLessThan": 3}, {"max_value": 2}),
            ({"mustBeLessOrEqualTo": 3}, {"max_value": 3}),
            ({"mustBeBetween": [3, 9]}, {"min_value": 3, "max_value": 9}),
        ],
    )
    def test_row_counts(self, operator, kwargs):
        rule = quality({"metric": "rowCount"} | operator, ())
        assert asked(rule) == ("expect_table_row_count_to_be_between", kwargs)

    @pytest.mark.parametrize("operator", [{"mustNotBe": 3}, {"mustNotBeBetween": [3, 9]}, {"mustBeLessThan": 2.5}])
    def test_row_counts_that_gx_cannot_say(self, operator):
        assert quality({"metric": "rowCount"} | operator, ()).kwargs["query"] == 'SELECT count(*) FROM "orders"'

    def test_the_old_key_of_a_metric(self):
        assert quality({"rule": "nullValues", "mustBe": 0}).expectation_type == "expect_column_values_to_not_be_null"


class TestSqlCustomText:
    @pytest.mark.parametrize(
        "marks", ["{object} {property}", "${object} ${property}", "{table} {column}", "${table} ${column}"]
    )
    def test_placeholders_become_quoted_names(self, marks):
        of, at = marks.split()
        rule = quality({"type": "sql", "query": f"SELECT max({at}) FROM {of};", "mustBe": 1}, column('q"x'))
        assert rule.kwargs["query"] == 'SELECT max("q""x") FROM "orders"'

    def test_braces_of_sql_stay(self):
        rule = quality({"type": "sql", "query": "WITH a AS (SELECT {'k': 1}) SELECT 1", "mustBe": True}, ())
        assert rule.kwargs["query"] == "WITH a AS (SELECT {'k': 1}) SELECT 1"

    @pytest.mark.parametrize("engine", ["greatExpectations", "great-expectations", "great_expectations"])
    @pytest.mark.parametrize("write", [lambda i: i, json.dumps, lambda i: [i], lambda i: json.dumps([i])])
    def test_an_expectation_of_ones_own(self, engine, write):
        item = {"type": "expect_column_max_to_be_between", "kwargs": {"maxValue": 9}, "severity": "info"}
        rule = quality({"type": "custom", "engine": engine, "implementation": write(item)}, column())
        assert asked(rule) == ("expect_column_max_to_be_between", {"column": "n", "max_value": 9})
        assert (rule.kind, rule.severity, rule.column) == ("expectation", "info", "n")

    def test_yaml_as_the_odcs_examples_write_it(self):
        text = "type: expect_table_row_count_to_be_between # Block\nkwargs:\n  minValue: 10\n"
        rule = quality({"type": "custom", "engine": "greatExpectations", "implementation": text}, ())
        assert asked(rule) == ("expect_table_row_count_to_be_between", {"min_value": 10})

    def test_kwargs_may_name_columns_as_the_source_does(self):
        pair = {
            "type": "expect_column_pair_values_to_be_equal",
            "kwargs": {"column_A": "A a", "column_B": "b"},
        }
        entry = {"type": "custom", "engine": "greatExpectations", "implementation": pair}
        rule = only(column("A a", field_name="a_a"), column("b"), quality=(entry,))
        assert rule.kwargs == {"column_A": "a_a", "column_B": "b"}

    def test_what_is_said_to_people_stays_with_the_rule(self):
        notes = {
            "id": "q1",
            "businessImpact": "late bills",
            "tags": ["a"],
            "scheduler": "cron",
            "schedule": "0 4 * * *",
        }
        entry = {"metric": "nullValues", "mustBe": 0, "dimension": "cp", **notes}
        rule = only(column(quality=(entry,)))
        assert (rule.meta, rule.dimension) == (notes, "completeness")

    def test_text_is_listed(self):
        rule = quality({"type": "text", "name": "checked by hand", "description": "Every Monday."}, ())
        assert (rule.kind, rule.name, rule.description) == ("text", "checked by hand", "Every Monday.")


BAD = [
    ({"metric": "nulValues", "mustBe": 0}, "metric 'nulValues'", "Did you mean 'nullValues'"),
    ({"metric": "nullValues"}, "no operator", "mustBe"),
    ({"metric": "nullValues", "mustBe": 0, "mustNotBe": 1}, "2 operators", "exactly one"),
    ({"metric": "nullValues", "mustBe": "none"}, "'none'", "number"),
    ({"metric": "nullValues", "mustBeLessThan": "5"}, "'5'", "number"),
    ({"metric": "nullValues", "mustBeBetween": [5, 1]}, "[5, 1]", "smaller first"),
    ({"metric": "nullValues", "mustBeBetween": 5}, "mustBeBetween", "two numbers"),
    ({"metric": "nullValues", "mustBe": 0, "unit": "furlongs"}, "furlongs", "percent"),
    ({"metric": "nullValues", "mustBe": 0, "severity": "dire"}, "dire", "warning"),
    ({"metric": "missingValues", "mustBe": 0}, "missing", "missingValues"),
    ({"metric": "invalidValues", "mustBe": 0}, "valid", "validValues"),
    (
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"pattern": "("}},
        "pattern",
        "regular expression",
    ),
    ({"type": "magic"}, "magic", "library"),
    ({"type": "sql", "mustBe": 0}, "no query", "SELECT"),
    ({"type": "sql", "query": "DROP TABLE x", "mustBe": 0}, "no query", "SELECT"),
    ({"type": "sql", "query": "SELECT 1"}, "no operator", "mustBe"),
    ({"type": "custom", "engine": "soda", "implementation": "a"}, "soda", "greatExpectations"),
    ({"type": "custom", "engine": "greatExpectations"}, "no implementation", "type"),
    ({"type": "custom", "engine": "greatExpectations", "implementation": "a: [b"}, "neither YAML", "kwargs"),
    (
        {"type": "custom", "engine": "greatExpectations", "implementation": {"type": "Expect"}},
        "Expect",
        "expect_",
    ),
    (
        {
            "type": "custom",
            "engine": "gx",
            "implementation": {"type": "expect_a_b", "kwargs": {"column": "ss"}},
        },
        "'ss'",
        "Did you mean 's'",
    ),
]


class TestMistakes:
    @pytest.mark.parametrize(("entry", "message", "mend"), BAD)
    def test_at_a_column(self, entry, message, mend):
        [problem] = problems_of(table(_with(column("s", "string"), entry)))
        assert (problem.where, problem.place) == ("orders.s.quality[0]", ("properties", 0, "quality", 0))
        assert message in problem.message
        assert mend in problem.mend

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"metric": "nullValues", "mustBe": 0}, "of a table"),
            ({"metric": "rowCount", "mustBe": 5, "unit": "percent"}, "percent"),
            ({"metric": "duplicateValues", "mustBe": 0}, "which columns"),
            ({"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["x"]}}, "'x'"),
            ({"type": "sql", "query": "SELECT {property}", "mustBe": 0}, "{property}"),
        ],
    )
    def test_at_a_table(self, entry, message):
        [problem] = problems_of(table(quality=({**entry, "name": "mine"},)))
        assert problem.where == "orders.mine"
        assert message in problem.message

    @pytest.mark.parametrize(
        ("at", "message"),
        [
            (column("s", "string", options={"minimum": 1}), "type string"),
            (column(options={"minimum": "low"}), "'low'"),
            (column("d", "date", options={"maximum": "soon"}), "soon"),
            (column("s", "string", options={"minLength": -1}), "-1"),
            (column(options={"multipleOf": 0}), "multipleOf 0"),
            (
                column(quality=({"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["x"]}},)),
                "'x'",
            ),
        ],
    )
    def test_of_options(self, at, message):
        [problem] = problems_of(table(at))
        assert message in problem.message

    def test_all_are_told_at_once(self):
        entries = ({"metric": "a"}, {"metric": "nullValues", "mustBe": 0}, {"metric": "b"})
        bad = Column("s", "s", resolve("string", None), quality=entries)
        assert len(problems_of(table(bad))) == 2
        with pytest.raises(BadInputError, match=r"(?s)2 rules.*quality\[0\].*quality\[2\]") as caught:
            compile_rules(table(bad), [])
        assert (caught.value.code, caught.value.where) == ("BAD_QUALITY_RULE", "orders.s.quality[0]")
        assert caught.value.mend

    def test_a_sound_table_has_none(self):
        assert problems_of(table(column(required=True, options={"minimum": 0}))) == []

    def test_rules_of_one_name_are_told_apart(self):
        entries = (
            {"metric": "nullValues", "mustBeLessThan": 5},
            {"metric": "nullValues", "mustBeGreaterThan": 1},
        )
        found = rules(Column("s", "s", resolve("string", None), quality=entries))
        assert [r.name for r in found] == ["s.nullValues", "s.nullValues#2"]


def test_a_rule_nobody_described_says_what_it_asks() -> None:
    kwargs = {"column": "a", "min_value": 0, "max_value": 5}
    rule = Rule("a.between", "expectation", "expect_column_values_to_be_between", kwargs)
    assert rule.words == "column values to be between (min_value 0, max_value 5)"
    assert replace(rule, description="Between nothing and five.").words == "Between nothing and five."


def test_what_people_wrote_of_a_rule_that_is_asked_twice_stays() -> None:
    quality = (
        {
            "metric": "nullValues",
            "mustBe": 0,
            "name": "billed",
            "description": "Bills need it.",
            "businessImpact": "No bill.",
        },
    )
    column = Column("id", "id", resolve("integer", None), required=True, quality=quality)
    (rule,) = compile_rules(Table("t", "t", "t.csv", (column,)), [])
    assert rule.description == "Bills need it."
    assert rule.meta == {"businessImpact": "No bill.", "also": ["billed"]}


def test_a_library_rule_says_what_it_asks() -> None:
    quality = {"metric": "invalidValues", "arguments": {"pattern": "^a"}, "mustBeBetween": [1, 10], "unit": "percent"}
    [rule] = compile_rules(table(column("mail", quality=(quality,))), [])
    assert rule.words == "mail: invalid values (pattern ^a) must be between 1 and 10 percent"
    [rule] = compile_rules(table(column("mail", quality=({"type": "sql", "query": "SELECT 1", "mustBe": 1},))), [])
    assert rule.words == "must be 1: SELECT 1"
