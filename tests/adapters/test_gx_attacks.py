"""Rules that try to reach beyond their table or to bring down the check: each is its own refusal, the others hold."""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters import gx
from sluice.adapters.duck import Staged
from sluice.adapters.gx import stock
from sluice.adapters.gx.admission import check_schema, safe_query
from sluice.adapters.gx.expectations import UnusableError, fill_registry
from sluice.adapters.gx.fields import BadArgumentError
from sluice.adapters.gx.trying import try_out
from sluice.checks.report import RuleResult
from sluice.checks.rules import BadRuleError, Rule
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind
from sluice.errors import BadInputError

NOT_NULL = "expect_column_values_to_not_be_null"
GOOD = ("expect_table_row_count_to_equal", {"value": 3})
DATA = {"id": [1, 2, 3], "s": ["aa", "b", None], "a b": [1, 2, 3]}
TABLE = Table(
    "t", "t", "x", tuple(Column(n, n, ColumnType(Kind.STRING if n == "s" else Kind.INT64)) for n in DATA)
)  # fmt: skip


def run(folder: Path, *asked: tuple[str, dict[str, Any]], data: Any = None, seconds: float = 60) -> list[RuleResult]:
    path = folder / "part.parquet"
    pq.write_table(pa.table(data or DATA), path)
    rules = [Rule(f"r{i}", "expectation", kind, kwargs, column=kwargs.get("column")) for i, (kind, kwargs) in enumerate(asked)]  # fmt: skip
    with Staged({"t": [path]}, scratch=folder / "scratch", seconds=seconds) as staged:
        return gx.validate(rules, [path], TABLE, staged)


def conditions(marker: Path) -> list[Any]:
    touch = f"touch {marker}"
    texts = [
        f"@pd.io.common.os.system('{touch}') == 0", f"id.to_csv('{marker}') == 0", f"s.str.len().to_csv('{marker}') == 0",
        f"@__import__('os').system('{touch}') == 0", f"id.map(@open('{marker}', 'w')) == 0", "id.__class__ == 0",
        f"pd.io.common.os.system('{touch}') == 0", f"`id`.to_pickle('{marker}') == 0", "[x for x in id] == 0",
        f"id == id.values.tofile('{marker}')", "id == (lambda: 1)()", f"not id.to_json('{marker}')", "id > 9**9**9",
        f"id.isin(id.to_csv('{marker}'))", f"s.str.cat(id.to_csv('{marker}')) == 'a'", "f'{id}' == 'a'", "id[0] == 1",
    ]  # fmt: skip
    passed = [{"type": "pass_through", "pass_through_filter": text} for text in texts[:2]]
    column = {"type": "comparison", "column": {"name": f"@pd.io.common.os.system('{touch}')"}, "operator": "==", "parameter": 0}  # fmt: skip
    return [*texts, *passed, column, {"type": "and", "conditions": [*passed, column]}]


class TestRowConditions:
    @pytest.mark.parametrize("i", range(len(conditions(Path("x")))))
    def test_nothing_but_what_is_listed_is_evaluated(self, tmp_path: Path, i: int) -> None:
        marker = tmp_path / "marker"
        condition = conditions(marker)[i]
        kwargs = {"column": "s", "row_condition": condition, "condition_parser": "pandas"}
        with pytest.raises(BadRuleError, match="row_condition"):
            try_out(Rule("r", "expectation", NOT_NULL, kwargs, column="s"), TABLE)
        path = tmp_path / "part.parquet"
        pq.write_table(pa.table(DATA), path)
        with pytest.raises(UnusableError, match="row_condition"):
            stock.evaluate(Rule("r", "expectation", NOT_NULL, kwargs), [path], result_format={"result_format": "BASIC"})
        assert not marker.exists()

    def test_the_other_rules_have_their_say(self, tmp_path: Path) -> None:
        marker = tmp_path / "marker"
        attack = {"column": "s", "row_condition": conditions(marker)[0], "condition_parser": "pandas"}
        kl = "expect_column_kl_divergence_to_be_less_than"
        bad, also, good = run(tmp_path, (NOT_NULL, attack), (kl, {**attack, "threshold": 1}), GOOD)
        assert "refused" in str(bad.error)
        assert "refused" in str(also.error)
        assert good.success
        assert not marker.exists()

    @pytest.mark.parametrize(
        ("condition", "unexpected"),
        [("s.str.len() > 0", 0), ("id.isin([1, 3])", 1), ("id % 2 == 1 and id + 1 > 2", 1), ("`a b` ** 2 == 9", 1),
         ("s.isnull() or id.between(1, 2)", 1), ("~(id == 3)", 0), ("-id < -2", 1), ("s.str.contains('a', na=False)", 0),
         ("id in [3]", 1), ("s.str.lower().str.startswith('a')", 0)],
    )  # fmt: skip
    def test_what_is_listed_runs_on_pandas(self, tmp_path: Path, condition: str, unexpected: int) -> None:
        data = {**DATA, "s": ["aa", "b", None]}
        kwargs = {"column": "s", "row_condition": condition, "condition_parser": "pandas"}
        try_out(Rule("r", "expectation", NOT_NULL, kwargs, column="s"), TABLE)
        if "len" in condition or "starts" in condition:
            data["s"] = ["aa", "b", "c"]
        [result] = run(tmp_path, (NOT_NULL, kwargs), data=data)
        assert (result.error, result.unexpected_count) == (None, unexpected)

    def test_a_text_is_written_anew(self) -> None:
        assert safe_query("id>1 & `a b`=2", ["id", "a b"]).replace(" ", "") == "id>1and`ab`==2"
        with pytest.raises(BadArgumentError):
            safe_query("(" * 5000 + "id" + ")" * 5000 + " > 1", ["id"])


class TestTime:
    def test_a_pattern_on_pandas_is_ended(self, tmp_path: Path) -> None:
        slow = {
            "column": "s",
            "regex": r"^((a+)+)\1$",
            "row_condition": "s.str.len() > 0",
            "condition_parser": "pandas",
        }
        data = {"id": [1, 2, 3], "s": ["a" * 31 + "b"] * 3, "a b": [1, 2, 3]}
        run(tmp_path, GOOD)
        started = time.monotonic()
        bad, good = run(tmp_path, ("expect_column_values_to_match_regex", slow), GOOD, data=data, seconds=1)
        assert "takes too long" in str(bad.error)
        assert good.success
        assert time.monotonic() - started < 20


class TestJsonSchemas:
    @pytest.mark.parametrize("inner", [False, True])
    def test_nothing_is_fetched(self, tmp_path: Path, inner: bool) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "x.json").write_text("{}")
        schemas: list[Any] = [
            {"$ref": f"{address}/x.json"}, {"$ref": (tmp_path / "x.json").as_uri()}, {"$id": f"{address}/", "$ref": "y.json"},
            {"items": {"$dynamicRef": f"{address}/z"}},
            {"$ref": "#/other", "other": {"$id": f"{address}/b", "$ref": "#/x"}},
        ]  # fmt: skip
        kind = "expect_column_values_to_match_json_schema"
        rules = [(kind, {"column": "id" if inner else "s", "json_schema": schema}) for schema in schemas]
        for _, kwargs in rules:
            with pytest.raises(BadRuleError, match="json_schema"):
                try_out(Rule("r", "expectation", kind, kwargs), TABLE)
        data = {"id": [1, 2, 3], "s": ["{}", "1", "[]"], "a b": [1, 2, 3]}
        *bad, good = run(tmp_path, *rules, GOOD, data=data)
        server.shutdown()
        server.server_close()
        assert not asked
        assert all("json_schema" in str(result.error) for result in bad)
        assert good.success

    def test_its_own_definitions_are_found(self, tmp_path: Path) -> None:
        schema = {"$id": "https://example.com/s", "$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}
        check_schema(schema)
        kind = "expect_column_values_to_match_json_schema"
        data = {"id": [1, 2, 3], "s": ["[1]", "[true]", "{}"], "a b": [1, 2, 3]}
        [result] = run(tmp_path, (kind, {"column": "s", "json_schema": schema}), data=data)
        assert (result.error, result.unexpected_count) == (None, 1)


LEAVING = """
import os, sys
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial
import great_expectations.expectations as gxe

print("imported")

class Leaving(ColumnMapMetricProvider):
    condition_metric_name = "column_values.leaving"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        print(list(column))
        os.write(1, str(list(column)).encode())
        sys.exit(0)

class Vanishing(ColumnMapMetricProvider):
    condition_metric_name = "column_values.vanishing"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        os._exit(0)

class ExpectLeaving(ColumnMapExpectation):
    map_metric = "column_values.leaving"

class ExpectVanishing(ColumnMapExpectation):
    map_metric = "column_values.vanishing"

class ExpectLeavingVerdict(gxe.ExpectColumnValuesToNotBeNull):
    def _validate(self, *args, **kwargs):
        print("secret verdict")
        sys.exit(0)
"""


class TestCustomExpectations:
    def test_one_that_leaves_is_only_its_own_error(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "leaving.py").write_text(LEAVING)
        gx.load_custom(tmp_path / "plugins")
        names = ("expect_leaving", "expect_vanishing", "expect_leaving_verdict")
        *bad, good = run(tmp_path, *((name, {"column": "s"}) for name in names), GOOD)
        assert all(result.success is False and "end" in str(result.error) for result in bad), [r.error for r in bad]
        assert good.success
        assert capfd.readouterr().out == ""

    def test_one_whose_renderer_leaves(self, capfd: pytest.CaptureFixture[str]) -> None:
        fill_registry()
        from sluice.adapters.gx.data_docs import rows

        def leaves(**_: Any) -> Any:
            print("secret")
            sys.exit(0)

        configuration = SimpleNamespace(type="expect_x", kwargs={"column": "s"})
        [asked], observed = rows._theirs(leaves, configuration, None, {})
        assert asked.string_template["params"]["said"] == "expect_x(column='s')"
        assert (observed, capfd.readouterr().out) == (["--"], "")

    def test_one_that_leaves_when_it_is_imported(self, tmp_path: Path) -> None:
        (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
        with pytest.raises(BadInputError, match="cannot be imported") as caught:
            gx.load_custom(tmp_path)
        assert caught.value.code == "CUSTOM_EXPECTATION"


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000, '{"expectations": ' + "[" * 900 + "]" * 900 + "}",
        '{"expectations": [{"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": [["s"], {"a": 1}]}}]}',
        '{"expectations": [{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": ["s"], "value_set": {"a": [1]}}}]}',
        '{"expectations": [{"type": "expect_column_values_to_match_regex_list", "kwargs": {"column": "s", "regex_list": [{"a": 1}]}}]}',
        '{"expectations": [{"type": "expect_column_distinct_values_to_equal_set", "kwargs": {"column": "s", "value_set": [{"a": 1}, ["b"]]}}]}',
        '{"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "s", "row_condition": {"type": "and", "conditions": [5]}}}]}',
        '{"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "s", "row_condition": [1]}}]}',
    ],
)  # fmt: skip
def test_a_file_of_any_shape_is_a_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.t.json").write_text(content)
    try:
        rules = gx.load_suites(tmp_path, "x", TABLE)
    except BadInputError as error:
        assert error.code == "EXPECTATIONS_FILE"
        assert error.mend
    else:
        (tmp_path / "part.parquet").unlink(missing_ok=True)
        (result,) = run(tmp_path, *((str(r.expectation_type), dict(r.kwargs)) for r in rules))
        assert result.success is False
