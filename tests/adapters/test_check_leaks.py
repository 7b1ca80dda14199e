"""No value of a private column leaves a check: by an error, by an observed number, by a manifest's bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_data_docs import HEAD, checked

from sluice.adapters.duck import Staged, column_statistics
from sluice.adapters.duck.reading import reading
from sluice.checks.report import RuleResult
from sluice.contract.reading import read_contract
from sluice.errors import SluiceError

CONTRACT = (
    HEAD
    + """\
  - name: o
    quality: QUALITY
    properties:
      - {name: id, logicalType: integer, quality: ATID}
      - {name: salary, logicalType: integer, classification: restricted}
      - {name: secret, logicalType: string, classification: confidential}
"""
)
DATA = {"o": {"id": [1, 2], "salary": [777_001, 777_002], "secret": ["canary-1", "canary-2"]}}


def results(folder: Path, *quality: dict[str, Any], at: str = "QUALITY") -> dict[str, RuleResult]:
    rules = [{"severity": "warning", "name": str(i), **rule} for i, rule in enumerate(quality)]
    contract = read_contract(CONTRACT.replace(at, json.dumps(rules)).replace("QUALITY", "[]").replace("ATID", "[]"))
    found = checked(folder, contract, DATA)
    told = json.dumps([found.report.to_dict(), found.results])
    assert "canary" not in told
    assert "77700" not in told
    return {result.name: result for result in found.report.results}


SQL = [
    "SELECT max(now() AT TIME ZONE secret) FROM o", "SELECT max(CAST(secret AS INTEGER)) FROM o",
    "SELECT max(strptime(secret, '%Y')) FROM o", "SELECT max(date_part(secret, now())) FROM o",
    "SELECT max(strftime(now(), secret)) FROM o", "SELECT count(*) FILTER (WHERE regexp_matches('a', '(' || secret)) FROM o",
    "SELECT max(json_extract(secret, '$')) FROM o", "SELECT error(max(secret)) FROM o", "SELECT max(date_trunc(secret, now())) FROM o",
    "SELECT max(b) FROM o AS t(a, b)", "SELECT max(q) FROM (FROM o) AS t(p, q, r)",
    "SELECT count(*) FROM o HAVING false UNION ALL SELECT max(salary) FROM o", "SELECT max(#2) FROM (SELECT * FROM o)",
    "SELECT max(o) FROM o", "WITH t(x, y, z) AS (FROM o) SELECT max(y) FROM t", "SELECT max(COLUMNS('sal.*')) FROM o",
    "SELECT count(*) + max(salary) FROM o", "SELECT count(*) + (SELECT max(salary) FROM o) FROM o",
    "SELECT sum(salary) FROM o", 'SELECT count(*) * any_value("salary") FROM o', "SELECT max(SALARY) FROM o",
    "SELECT stddev(salary) FROM o", "SELECT max(a.salary) FROM o a", "SELECT sum(CASE WHEN id = 1 THEN salary ELSE 0 END) FROM o",
    "SELECT string_agg(secret) FROM o", "SELECT max(x) FROM (SELECT count(*), max(salary) FROM o) t(n, x)",
]  # fmt: skip


class TestSql:
    def test_nothing_of_a_private_column_is_told(self, tmp_path: Path) -> None:
        quality = [{"type": "sql", "query": sql, "mustBe": -1} for sql in SQL]
        found = results(tmp_path, *quality)
        assert all(found[str(i)].observed is None for i in range(len(SQL)))

    def test_counts_and_open_columns_are(self, tmp_path: Path) -> None:
        asked = {
            "SELECT count(*) FROM o": 2, "SELECT count(DISTINCT salary) FROM o WHERE salary > 5": 2, "SELECT max(id) FROM o": 2,
            "SELECT 100.0 * count(*) FILTER (WHERE salary IS NULL) / count(*) FROM o": 0.0,
            "SELECT sum(CASE WHEN salary > 1 THEN 1 ELSE 0 END) FROM o": "2",
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM o GROUP BY salary)": "0",
        }  # fmt: skip
        found = results(tmp_path, *({"type": "sql", "query": sql, "mustBe": -1} for sql in asked))
        assert [found[str(i)].observed for i in range(len(asked))] == list(asked.values())

    def test_what_cannot_be_parsed_may_tell_anything(self) -> None:
        assert reading("SELEC").counts is False
        assert reading("SELEC").columns is None


def gx(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": "custom", "engine": "greatExpectations", "implementation": {"type": kind, "kwargs": kwargs}}


class TestExpectations:
    def test_a_deviation_is_made_of_values(self, tmp_path: Path) -> None:
        found = results(tmp_path, gx("expect_column_stdev_to_be_between", column="salary", min_value=99))
        assert (found["0"].success, found["0"].observed) == (False, None)

    def test_rows_of_a_query_at_an_open_column(self, tmp_path: Path) -> None:
        query = gx(
            "unexpected_rows_expectation",
            unexpected_rows_query="SELECT max(secret) AS id, max(salary) AS x FROM {batch}",
        )
        found = results(tmp_path, query, at="ATID")
        assert (found["0"].success, found["0"].examples) == (False, ())


@pytest.fixture
def staged(tmp_path: Path) -> Any:
    pq.write_table(pa.table({"id": [1, 2], "s": ["x", "y"], "t": [1, 2]}), tmp_path / "o.parquet")
    with Staged({"o": [tmp_path / "o.parquet"]}, scratch=tmp_path / "s", memory_limit="200MB", seconds=5) as open_:
        yield open_


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT len(list(range)) FROM range(3000000000)", {"OUT_OF_MEMORY", "SQL_TIMEOUT"}),
        ("SELECT len(list(repeat(s, 1000) || a.range)) FROM o, range(300000000) a", {"OUT_OF_MEMORY", "SQL_TIMEOUT"}),
        ("SELECT max(now() AT TIME ZONE s) FROM o", {"SQL_FAILED"}),
        ("SELECT max(TIMESTAMP '290000-01-01' + INTERVAL (id) DAY) FROM o", {"SQL_RESULT"}),
        ("SELECT max(regexp_extract(s, '(')) FROM o", {"SQL_FAILED", "SQL_INVALID"}),
        ("SELECT sum(9223372036854775807 * id) FROM o", {"SQL_FAILED"}),
    ],
)
def test_a_failing_query_is_its_own_error_and_the_next_one_runs(staged: Staged, sql: str, code: set[str]) -> None:
    with pytest.raises(SluiceError) as caught:
        staged.scalar(sql)
    assert caught.value.code in code
    assert staged.scalar("SELECT count(*) FROM o") == 2


def test_a_rule_that_needs_too_much_memory_leaves_the_others(tmp_path: Path) -> None:
    big = "SELECT len(list(range)) FROM range(3000000000)"
    found = results(
        tmp_path, {"type": "sql", "query": big, "mustBe": 0}, {"type": "sql", "query": "SELECT count(*) FROM o", "mustBe": 2},
        gx("unexpected_rows_expectation", unexpected_rows_query=big.replace("FROM", "AS id FROM")),
    )  # fmt: skip
    assert found["0"].error
    assert found["1"].success
    assert found["2"].error


def test_bounds_that_may_be_somebodys_are_not_in_the_manifest(tmp_path: Path) -> None:
    contract = read_contract(
        HEAD
        + """\
  - name: o
    properties:
      - {name: name, logicalType: string}
      - {name: born, logicalType: date}
      - {name: card, logicalType: integer}
      - {name: size, logicalType: integer}
      - {name: code, logicalType: string, classification: public}
""",
    )
    rows = {"name": ["Ann"], "born": pa.array([0], pa.date32()), "card": [4111111111111111], "size": [3], "code": ["x"]}
    pq.write_table(pa.table(rows), tmp_path / "o.parquet")
    found = column_statistics(tmp_path / "o.parquet", contract.tables[0])
    assert found == {
        **{name: {"nulls": 0, "withheld": True} for name in ("name", "born", "card")},
        "size": {"nulls": 0, "min": 3, "max": 3}, "code": {"nulls": 0, "min": "x", "max": "x"},
    }  # fmt: skip
