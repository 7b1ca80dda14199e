"""User-written SQL sees the tables it is given, returns one value, and can do nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters.duck.query import Staged
from sluice.checks.failing import Keeper
from sluice.checks.report import RuleResult
from sluice.checks.rules import Rule
from sluice.checks.run import run_checks
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind
from sluice.errors import BadInputError


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Staged]:
    pq.write_table(pa.table({"id": [1, 2, None], "Name": ["a", "b", "c"], "k": [1, 1, 2]}), tmp_path / "p1.parquet")
    pq.write_table(pa.table({"id": [4], "Name": ["d"], "k": [None]}, pq.read_schema(tmp_path / "p1.parquet")),
                   tmp_path / "p2.parquet")  # fmt: skip
    pq.write_table(
        pa.table({"p": [1, 2, 9, None, 2], "q": [1, 2, 1, 1, None],
                  "t": pa.array([0] * 5, pa.timestamp("us", "UTC")), "d": [Decimal("1.50")] * 5}),
        tmp_path / "c.parquet",
    )  # fmt: skip
    (tmp_path / "secret.csv").write_text("a\n1\n")
    tables = {"parents": [tmp_path / "p1.parquet", tmp_path / "p2.parquet"], 'odd "name': [tmp_path / "c.parquet"]}
    with Staged(tables, memory_limit="200MB", threads=1, scratch=tmp_path / "scratch", seconds=5) as opened:
        yield opened


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT count(*) FROM parents", 4),
        ("select count(*) from Parents;", 4),
        ("SELECT sum(id) FROM parents -- a comment", 7),
        ('SELECT max(d) FROM "odd ""name"', Decimal("1.50")),
        ('SELECT max(t) FROM "odd ""name"', dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("WITH big AS (SELECT * FROM parents WHERE id > 1) SELECT count(*) FROM big", 2),
        ("SELECT count(*) FROM parents a JOIN main.parents b USING (id)", 3),
        ("SELECT count(*) FROM range(3)", 3),
        ("SELECT NULL", None),
        ("SELECT 'read_csv(''/etc/passwd''); COPY'", "read_csv('/etc/passwd'); COPY"),
    ],
)
def test_one_value(staged: Staged, sql: str, value: object) -> None:
    assert staged.scalar(sql) == value


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT count(*) FROM '{folder}/secret.csv'",
        'SELECT count(*) FROM "{folder}/secret.csv"',
        "SELECT content FROM read_text('{folder}/secret.csv')",
        "SELECT (SELECT content FROM read_blob('/proc/self/environ'))",
        "SELECT count(*) FROM parents WHERE id IN (SELECT count(*) FROM glob('/etc/*'))",
        "SELECT count(*) FROM glob('/etc/*')",
        "SELECT count(*) FROM read_parquet('{folder}/p1.parquet')",
        "SELECT getenv('HOME')",
        "SELECT current_setting('temp_directory')",
        "SELECT count(*) FROM duckdb_settings()",
        "SELECT count(*) FROM information_schema.tables",
        "SELECT count(*) FROM sqlite_master",
        "SELECT * FROM query('SELECT 1')",
        "SELECT count(*) FROM query_table('parents')",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "COPY parents TO '{folder}/stolen.csv'",
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "ATTACH '{folder}/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 8",
        "SET enable_external_access = true",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW parents",
        "INSERT INTO parents VALUES (1)",
        "EXPORT DATABASE '{folder}/x'",
        "DESCRIBE parents",
        "SHOW TABLES",
        "CALL pragma_version()",
        "EXPLAIN SELECT 1",
        "PIVOT parents ON id USING count(*)",
        'x";DROP VIEW parents; --',
        "SELECT 1 FROM https://example.org/x.csv",
        "SELECT count(*) FROM 'https://example.org/x.csv'",
    ],
)
def test_attacks_are_refused(staged: Staged, tmp_path: Path, sql: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInputError) as caught:
        staged.scalar(sql.format(folder=tmp_path))
    assert caught.value.code in ("SQL_REFUSED", "SQL_INVALID")
    assert caught.value.code == "SQL_REFUSED" or sql.startswith(("x", "SELECT 1 FROM https"))
    assert sorted(tmp_path.rglob("*")) == before
    assert staged.scalar("SELECT count(*) FROM parents") == 4


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT content FROM read_text('/etc/passwd')",
        "COPY parents TO '/tmp/sluice-stolen.csv'", "ATTACH '/tmp/sluice-new.db'", "INSTALL httpfs", "LOAD httpfs",
        "SET threads = 8", "SET lock_configuration = false", "SELECT * FROM glob('/etc/*')",
    ],
)  # fmt: skip
def test_the_connection_itself_holds_when_the_first_wall_does_not(staged: Staged, sql: str) -> None:
    with pytest.raises(Exception, match=r"(?i)disabled|locked|cannot access"):
        staged._open.execute(sql)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 1, 2", "SQL_RESULT"), ("SELECT id FROM parents", "SQL_RESULT"),
        ("SELECT 1 WHERE false", "SQL_RESULT"), ("SELECT nope FROM parents", "SQL_INVALID"),
        ("SELEC 1", "SQL_INVALID"), ("SELECT 'x'::INT", "SQL_FAILED"), ("SELECT count(*) FROM nowhere", "SQL_REFUSED"),
    ],
)  # fmt: skip
def test_queries_that_answer_nothing(staged: Staged, sql: str, code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        staged.scalar(sql)
    assert caught.value.code == code and caught.value.mend


def test_a_query_that_never_ends_is_stopped(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1]}), tmp_path / "p.parquet")
    with (
        Staged({"p": [tmp_path / "p.parquet"]}, scratch=tmp_path / "s", threads=1, seconds=0.3) as staged,
        pytest.raises(BadInputError) as caught,
    ):
        staged.scalar("SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3")
    assert caught.value.code == "SQL_TIMEOUT"


def test_orphans_are_references_to_nothing_and_nulls_reference_nothing(staged: Staged) -> None:
    child = 'odd "name'
    assert staged.count_orphans(child, ["p"], "parents", ["id"]) == (4, 1)
    assert staged.count_orphans(child, ["p", "q"], "parents", ["id", "k"]) == (3, 2)
    with pytest.raises(BadInputError) as caught:
        staged.count_orphans(child, ["p"], "elsewhere", ["id"])
    assert caught.value.code == "NO_TABLE"


def test_rows_as_arrow_keep_the_order_of_the_files(staged: Staged) -> None:
    assert staged.arrow("parents", ["Name"]).to_pydict() == {"Name": ["a", "b", "c", "d"]}
    assert staged.arrow("parents").num_columns == 3


def test_outside_its_block_nothing_is_open(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        Staged({}, scratch=tmp_path).scalar("SELECT 1")
    assert caught.value.code == "NOT_OPEN"


@pytest.mark.parametrize(
    "sql", ["SELECT 'Client 1'::INT", "SELECT error('Client 1')", "SELECT ('Client 1' || id)::DATE FROM parents"]
)
def test_no_value_leaves_through_an_error(staged: Staged, sql: str) -> None:
    with pytest.raises(BadInputError) as caught:
        staged.scalar(sql)
    assert "Client" not in str(caught.value)


def test_somebodys_query_finds_nan_whoever_wrote_the_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"v": [0.2, float("nan"), 1.5]}), tmp_path / "v.parquet")
    with Staged({"v": [tmp_path / "v.parquet"]}, scratch=tmp_path / "s") as staged:
        for sql in ("SELECT count(*) FROM v WHERE isnan(v)", "SELECT count(*) FROM v WHERE v > 100",
                    "SELECT count(*) FILTER (WHERE isnan(v)) FROM v"):  # fmt: skip
            assert staged.scalar(sql) == 1


class TestRulesThatCountRows:
    """Conditions that a contract's constraints count are one scan, and say the same as each alone would."""

    ALL = ("k > 1", "k IS NULL", "\"Name\" < 'c'")

    def rules(self, *conditions: str) -> list[Rule]:
        return [
            Rule(where, "sql", None, {"query": f'SELECT count(*) FROM "parents" WHERE {where}', "operator": "mustBe",
                 "value": 0, "broken": where}) for where in conditions
        ]  # fmt: skip

    def found(self, staged: Staged, rules: list[Rule]) -> list[tuple[object, ...]]:
        table = Table(
            "parents", "parents", "x", tuple(Column(n, n, ColumnType(Kind.STRING)) for n in ("id", "Name", "k"))
        )
        keep = Keeper(Path(staged._scratch) / "failed", staged, table)
        report = run_checks(table, rules, {"parents": []}, staged, no_engine, keep)
        return [
            (r.success, r.observed, r.unexpected_count, r.failed_rows and r.failed_rows["rows"], r.error)
            for r in report.results
        ]

    def test_one_scan(self, staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
        alone = [self.found(staged, [rule])[0] for rule in self.rules(*self.ALL)]
        monkeypatch.setattr(Staged, "scalar", lambda *_: pytest.fail("it was asked alone"))
        assert self.found(staged, self.rules(*self.ALL)) == alone
        assert alone == [(False, 1, 1, 1, None), (False, 1, 1, 1, None), (False, 2, 2, 2, None)]

    def test_one_that_fails_leaves_the_others(self, staged: Staged) -> None:
        good, bad = self.found(staged, self.rules("k > 1", 'CAST("Name" AS INTEGER) = 1'))
        assert good == (False, 1, 1, 1, None)
        assert bad[:2] == (False, None) and "fails on the data" in str(bad[-1])


def no_engine(*_: object) -> list[RuleResult]:
    raise AssertionError("no expectation was asked for")
