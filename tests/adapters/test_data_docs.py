"""Data Docs with the real Great Expectations: its format, its renderers, and nothing that nobody may read."""

from __future__ import annotations

import json
import random
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_gx_oracle import CASES, random_table

from command_line import strict
from sluice import data_docs
from sluice.adapters.gx.data_docs import index_page, render
from sluice.adapters.ledger import PostgresLedger, forget_connections
from sluice.adapters.stores.s3 import S3Store
from sluice.approval import Choice, Person, decide
from sluice.checks.report import CheckReport
from sluice.contract.model import Contract, digest_of
from sluice.contract.reading import read_contract
from sluice.errors import ChecksFailedError, RefusedError
from sluice.lake import Layout
from sluice.ledger import Artifact, Verdict
from sluice.onboarding import Ask
from sluice.overview import request_overview
from sluice.review.inbox import inbox
from sluice.settings import Settings, load
from sluice.stages import Stage
from sluice.stream.check import Checked, check, check_table
from sluice.stream.gate import ask
from sluice.stream.land import land
from sluice.stream.profile import profile
from sluice.stream.request import open_for_run
from sluice.stream.tools import Tools

HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: csv}]
schema:
"""
SHOP = (
    HEAD
    + """\
  - name: orders
    description: Every order.
    quality:
      - {type: sql, name: few, query: "SELECT count(*) FROM orders WHERE amount < 0 AND '{}' = '{}'", mustBe: 0}
      - {type: sql, name: least, query: "SELECT min(amount) FROM orders;", mustBeBetween: [0, 9], severity: warning}
      - {type: sql, name: none, query: "SELECT count(*) FROM orders WHERE id < 0", mustBe: 0}
      - {type: sql, name: broken, query: "SELECT nothing FROM orders", mustBe: 0, severity: info}
      - {type: text, description: Somebody has looked.}
    properties:
      - {name: id, logicalType: integer, required: true, unique: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0}, description: Euros.}
  - name: lines
    relationships: [{type: foreignKey, from: lines.order_id, to: orders.id}]
    properties:
      - {name: order_id, logicalType: integer}
"""
)
ORDERS = {"id": [1, 2, 3], "amount": [1.5, -2.0, 20.25]}
LINES = {"order_id": [1, 7, 8, None]}


def checked(folder: Path, contract: Contract, data: dict[str, Any], name: str = "", private: Any = None) -> Checked:
    """The checks of the contract's table `name` (the first) on these rows."""
    files = {}
    for table, rows in data.items():
        files[table] = [folder / f"{table}.parquet"]
        pq.write_table(rows if isinstance(rows, pa.Table) else pa.table(rows), files[table][0])
    table = contract.table(name) if name else contract.tables[0]
    settings = load({"SLUICE_HOME": str(folder / "home"), "SLUICE_EXPECTATIONS": str(folder / "expectations")})
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return check_table(contract, table, files, settings, scratch, private or (lambda _: ()))


def loaded(results: dict[str, Any]) -> Any:
    """What Great Expectations makes of the document."""
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

    return expectationSuiteValidationResultSchema.load(strict(json.dumps(results, allow_nan=False)))


class Page(HTMLParser):
    """What a browser would see: tags, text, addresses, and attributes that run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href") and not (v or "").startswith("#")]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def plain(self) -> str:
        return re.sub(r"\s+", " ", self.text)


def test_great_expectations_loads_the_results_and_counts_as_the_report_does(tmp_path: Path) -> None:
    done = checked(tmp_path, read_contract(SHOP), {"orders": ORDERS, "lines": LINES})
    suite, report = loaded(done.results), done.report
    assert (suite.success, suite.suite_name, suite.asset_name) == (report.success, "shop.orders", "orders")
    assert suite.statistics["evaluated_expectations"] == report.evaluated == len(suite.results)
    assert suite.statistics["unsuccessful_expectations"] == report.failed
    assert [r.success for r in suite.results] == [r.success for r in report.results if r.kind != "text"]
    for result in suite.results:
        if not result.exception_info["raised_exception"]:
            assert result.expectation.expectation_type == result.expectation_config.type
    assert done.results["meta"]["sluice"]["not_evaluated"] == [
        {"name": "text", "description": "Somebody has looked.", "column": None}
    ]
    (failed,) = (r for r in suite.results if r.expectation_config.type == "expect_column_values_to_be_between")
    assert (failed.result["unexpected_count"], failed.result["partial_unexpected_list"]) == (1, [-2.0])


def test_sql_and_relationships_are_the_query_whose_rows_break_them(tmp_path: Path) -> None:
    contract = read_contract(SHOP)
    orders = checked(tmp_path, contract, {"orders": ORDERS, "lines": LINES}).results
    lines = checked(tmp_path, contract, {"orders": ORDERS, "lines": LINES}, "lines").results
    database = duckdb.connect()
    for name in ("orders", "lines"):
        database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{tmp_path / name}.parquet')")
    seen = {}
    for name, document in (("orders", orders), ("lines", lines)):
        for result in document["results"]:
            about = result["expectation_config"]["meta"]["sluice"]
            if about["kind"] == "expectation" or result["exception_info"]["raised_exception"]:
                continue
            query = result["expectation_config"]["kwargs"]["unexpected_rows_query"].format(batch=name)
            rows = database.execute(query).fetchall()
            assert bool(rows) is not result["success"], query
            seen[about["name"]] = len(rows)
    assert seen == {"few": 1, "least": 1, "none": 0, "order_id.in.orders": 2}
    (relationship,) = (r for r in lines["results"] if r["result"].get("unexpected_count") == 2)
    assert relationship["result"]["element_count"] == 3


def test_the_page_tells_everything_and_loads_nothing(tmp_path: Path) -> None:
    done = checked(tmp_path, read_contract(SHOP), {"orders": ORDERS, "lines": LINES})
    html = render(done.results)
    page = Page(html)
    assert "Content-Security-Policy" in html
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "i"}
    assert not page.addresses + page.handlers
    for said in (
        "2 required checks do not hold", "amount lies from 0 up", "values must be greater than or equal to 0",
        "1 unexpected values found.", "-2.0", "What a query finds must be 0.", "Somebody has looked.",
        "It could not be evaluated", "values must be unique.", "Every order.", "1 more is for people to judge",
    ):  # fmt: skip
        assert said in page.plain, said
    assert "http:" not in html
    assert "https:" not in html
    assert "$said" not in page.text


def test_the_same_results_give_the_same_documents(tmp_path: Path) -> None:
    first = checked(tmp_path, read_contract(SHOP), {"orders": ORDERS, "lines": LINES}).results
    again = checked(tmp_path, read_contract(SHOP), {"orders": ORDERS, "lines": LINES}).results
    assert digest_of(first) == digest_of(again)
    assert render(first) == render(again)


def test_every_expectation_of_great_expectations_has_its_row(tmp_path: Path) -> None:
    """Whatever renderer of GX's an expectation has, and whatever its arguments: no page fails, none goes missing."""
    asked = [
        {"type": "custom", "engine": "greatExpectations", "name": f"{kind}-{i}", "severity": "warning",
         "implementation": {"type": kind, "kwargs": json.loads(json.dumps(kwargs, default=str))}}
        for kind, cases in CASES.items() for i, kwargs in enumerate(cases[:: max(1, len(cases) // 3)])
    ]  # fmt: skip
    data = random_table(4)
    contract = read_contract(
        json.dumps(
            {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "all", "version": "1.0.0", "status": "active",
             "servers": [{"server": "f", "type": "local", "path": ".", "format": "csv"}],
             "schema": [{"name": "t", "quality": asked,
                         "properties": [{"name": n, "logicalType": "string", "customProperties": [{"property": "lakeName", "value": n}]}
                                        for n in data.column_names]}]}
        )
    )  # fmt: skip
    table = contract.tables[0]
    columns = tuple(replace(c, field_name=n) for c, n in zip(table.columns, data.column_names, strict=True))
    contract = replace(contract, tables=(replace(table, columns=columns),))
    from sluice.checks import suite

    rules = suite.compile_rules(contract.tables[0], contract.tables)
    assert len({r.expectation_type for r in rules}) >= 45
    done = checked(tmp_path, contract, {"t": data})
    page = Page(render(done.results))
    assert loaded(done.results).results
    for rule in rules:
        assert rule.name in page.text, rule
    assert not page.tags & {"script", "img", "link"}


NASTY = "<img src=x onerror=alert(1)>\"'&amp; $said ${v__0} {{ 7*7 }} {% raw %} </td></table><script>alert(2)</script>"


def test_text_from_outside_is_never_markup(tmp_path: Path) -> None:
    quoted = json.dumps(NASTY)
    query = json.dumps("SELECT '" + NASTY.replace("'", "") + "'")
    asked = "{type: custom, engine: greatExpectations, "
    contract = read_contract(
        HEAD
        + f"""\
  - name: odd
    description: {quoted}
    quality:
      - {{type: text, description: {quoted}}}
      - {{type: sql, name: {quoted}, description: {quoted}, query: {query}, mustBe: x}}
    properties:
      - name: said
        logicalType: string
        quality:
          - {asked}description: {quoted}, implementation: {{type: expect_column_values_to_be_in_set, kwargs: {{column: said, value_set: [{quoted}]}}}}}}
          - {asked}implementation: {{type: expect_column_values_to_match_regex, kwargs: {{column: said, regex: "^<b>$"}}}}}}
          - {asked}implementation: {{type: expect_column_distinct_values_to_be_in_set, kwargs: {{column: said, value_set: [{quoted}]}}}}}}
          - {asked}name: {quoted}, implementation: {{type: expect_column_values_to_be_in_type_list, kwargs: {{column: said, type_list: [{quoted}]}}}}}}
"""
    )
    (table,) = contract.tables
    contract = replace(contract, tables=(replace(table, columns=(replace(table.columns[0], field_name=NASTY),)),))
    values = pa.table({NASTY: [NASTY, NASTY + " again", "\U0010f000\U0010f004", ""]})
    done = checked(tmp_path, contract, {"odd": values})
    page = Page(render(done.results))
    assert not page.tags & {"script", "img", "link", "iframe"}
    assert not page.addresses + page.handlers
    assert page.text.count(NASTY) >= 6
    assert NASTY + " again" in page.text
    assert "^<b>$" in page.text
    assert "49" not in page.text
    index = Page(index_page(NASTY, {NASTY: done.report.to_dict()}, {NASTY: f"data-docs/{NASTY}"}))
    assert not index.tags & {"script", "img"}
    assert index.addresses[0].startswith("data-docs/%3Cimg")
    assert not index.handlers


class TestWithheld:
    """Canaries in classified columns, and in one that only the profile knows: they are in no file."""

    people = (
        HEAD
        + """\
  - name: people
    quality:
      - {type: sql, name: a, query: "SELECT max(salary) FROM people", mustBe: 0, severity: warning}
      - {type: sql, name: b, query: "SELECT min(mail) FROM people", mustBe: x, severity: warning}
      - {type: sql, name: c, query: "SELECT max(COLUMNS('s.*y')) FROM people", mustBe: 0, severity: warning}
      - {type: sql, name: d, query: "SELECT max(key) FROM people", mustBe: 0, severity: warning}
      - {type: sql, name: e, query: "SELECT max(secret) FROM other", mustBe: 0, severity: warning}
      - {type: sql, name: f, query: "SELECT count(*) FROM people WHERE salary > 5", mustBe: 0, severity: warning}
    properties:
      - {name: key, logicalType: integer, unique: true, logicalTypeOptions: {maximum: 3}}
      - {name: salary, logicalType: integer, classification: confidential, required: true}
      - {name: mail, logicalType: string, logicalTypeOptions: {maxLength: 3}}
      - {name: town, logicalType: string, classification: restricted, logicalTypeOptions: {pattern: "^x$"}}
  - name: other
    properties:
      - {name: secret, logicalType: integer, classification: restricted}
"""
    )
    rows = 30
    canaries = re.compile(r"8[67]\d{4}|canary|6666")

    def data(self) -> dict[str, Any]:
        chance = random.Random(7)
        return {
            "people": {
                "key": [1000 + i for i in range(self.rows)],
                "salary": [870_000 + chance.randint(0, 9_000) for _ in range(self.rows)],
                "mail": [f"canary{i}@example.org" for i in range(self.rows)],
                "town": [f"canary-{i}" for i in range(self.rows)],
            },
            "other": {"secret": [666_666]},
        }

    def contract(self) -> Contract:
        """With every expectation that takes one column, on each of them, failing where it can."""
        contract = read_contract(self.people)
        table = contract.tables[0]
        kwargs: dict[str, dict[str, Any]] = {
            "expect_column_values_to_be_between": {"min_value": 0, "max_value": 1}, "expect_column_max_to_be_between": {"max_value": 1},
            "expect_column_min_to_be_between": {"max_value": 1}, "expect_column_mean_to_be_between": {"max_value": 1},
            "expect_column_median_to_be_between": {"max_value": 1}, "expect_column_sum_to_be_between": {"max_value": 1},
            "expect_column_stdev_to_be_between": {"max_value": 1}, "expect_column_values_to_be_in_set": {"value_set": ["q"]},
            "expect_column_distinct_values_to_be_in_set": {"value_set": ["q"]}, "expect_column_values_to_be_null": {},
            "expect_column_distinct_values_to_contain_set": {"value_set": ["q"]},
            "expect_column_distinct_values_to_equal_set": {"value_set": ["q"]},
            "expect_column_most_common_value_to_be_in_set": {"value_set": ["q"]}, "expect_column_values_to_match_regex": {"regex": "^q$"},
            "expect_column_values_to_be_json_parseable": {}, "expect_column_value_z_scores_to_be_less_than": {"threshold": 0, "double_sided": True},
            "expect_column_quantile_values_to_be_between": {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]}},
            "expect_column_kl_divergence_to_be_less_than": {"threshold": 0.01, "partition_object": {"values": ["q"], "weights": [1.0]}},
            "expect_column_values_to_be_increasing": {}, "expect_column_unique_value_count_to_be_between": {"max_value": 1},
        }  # fmt: skip
        quality = [
            {"type": "custom", "engine": "greatExpectations", "name": f"{column}-{kind}", "severity": "warning",
             "implementation": {"type": kind, "kwargs": {"column": column, **more}}}
            for column in ("salary", "mail", "town") for kind, more in kwargs.items()
        ]  # fmt: skip
        quality += [
            {"type": "custom", "engine": "greatExpectations", "name": name, "severity": "warning",
             "implementation": {"type": kind, "kwargs": more}}
            for name, kind, more in (
                ("pair", "expect_column_pair_values_to_be_equal", {"column_A": "mail", "column_B": "key"}),
                ("many", "expect_select_column_values_to_be_unique_within_record", {"column_list": ["salary", "salary"]}),
                ("compound", "expect_compound_columns_to_be_unique", {"column_list": ["salary", "town"]}),
                ("rows", "unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch}"}),
                ("where", "expect_column_values_to_be_in_set", {"column": "key", "value_set": [1], "row_condition": "mail != 'x'",
                                                               "condition_parser": "pandas"}),
            )
        ]  # fmt: skip
        changed = replace(table, quality=(*table.quality, *quality))
        return replace(contract, tables=(changed, *contract.tables[1:]))

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, tmp_path_factory: pytest.TempPathFactory) -> Checked:
        folder = tmp_path_factory.mktemp("withheld")
        asked: list[set[str]] = []

        def private(columns: Any) -> list[str]:
            asked.append(set(columns))
            return ["mail"]

        done = checked(folder, cls().contract(), cls().data(), private=private)
        assert asked, "there were values to ask about"
        assert "mail" in asked[0]
        assert "mail" not in done.shown
        return done

    def test_nothing_of_a_private_column_is_anywhere(self, found: Checked) -> None:
        for said in (json.dumps(found.results), render(found.results), json.dumps(found.report.to_dict())):
            assert not self.canaries.findall(said)

    def test_counts_and_what_is_open_are_there(self, found: Checked) -> None:
        page = Page(render(found.results)).plain
        assert "1,029" in page, "the greatest key, which an open query observes"
        assert "Values are withheld" in page
        assert f"{self.rows} unexpected values found" in page
        observed = {r.name: r.observed for r in found.report.results if r.kind == "sql"}
        assert observed == {"a": None, "b": None, "c": None, "d": 1029, "e": None, "f": self.rows}

    def test_a_rule_alone_that_observes_nothing_but_has_details(self, tmp_path: Path) -> None:
        """A divergence that is infinite has no value in JSON, and the whole distribution in its details."""
        contract = read_contract(
            HEAD
            + """\
  - name: people
    properties:
      - name: mail
        logicalType: string
        quality:
          - type: custom
            engine: greatExpectations
            implementation:
              type: expect_column_kl_divergence_to_be_less_than
              kwargs: {column: mail, threshold: 0.1, partition_object: {values: [q], weights: [1.0]}}
"""
        )
        data = {"people": {"mail": self.data()["people"]["mail"]}}
        open_to_all = checked(tmp_path, contract, data)
        assert "canary0@" in render(open_to_all.results)
        assert open_to_all.shown == {"mail"}
        done = checked(tmp_path, contract, data, private=lambda columns: columns)
        assert not self.canaries.findall(json.dumps(done.results) + render(done.results))

    def test_without_the_profile_they_would_be_there(self, tmp_path: Path) -> None:
        """The test before this one can fail."""
        done = checked(tmp_path, self.contract(), self.data())
        assert "canary0@" in json.dumps(done.results)
        assert "canary-0" not in json.dumps(done.results)


def test_a_page_of_many_rules_says_what_it_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sluice.adapters.gx.data_docs import page

    done = checked(tmp_path, read_contract(SHOP), {"orders": ORDERS, "lines": LINES})
    monkeypatch.setattr(page, "MAX_RULES", 3)
    said = Page(render(done.results)).plain
    assert f"{len(done.results['results']) - 3} more checks are left out here" in said
    assert "amount lies from 0 up" in said, "what does not hold comes first"


def test_a_page_takes_less_than_a_third_of_a_second(tmp_path: Path) -> None:
    columns = "".join(
        f"      - {{name: c{i}, logicalType: number, required: true, unique: true, logicalTypeOptions: {{maximum: 3}}}}\n"
        for i in range(20)
    )
    contract = read_contract(HEAD + "  - name: wide\n    properties:\n" + columns)
    done = checked(tmp_path, contract, {"wide": {f"c{i}": [1.0, 2.0, 9.0] for i in range(20)}})
    assert len(done.results["results"]) == 60

    def cost() -> float:
        started = time.process_time()
        render(done.results)
        return time.process_time() - started

    assert min(cost() for _ in range(3)) < 0.3


class TestKept:
    """In the lake and the ledger, as the machine's stages leave them."""

    @pytest.fixture
    def tools(self, services: Settings, ledger_url: str, lake: str) -> Any:
        yield Tools(services, PostgresLedger(ledger_url), S3Store(), Layout(lake), lambda: datetime.now(UTC))
        forget_connections(ledger_url)

    def landed(self, tools: Tools, folder: Path, amounts: str = "1,10.50\n2,3\n") -> str:
        (folder / "orders.csv").write_text("id,amount\n" + amounts)
        (folder / "lines.csv").write_text("order_id\n1\n")
        text = SHOP.replace("'{}' = '{}'", "1 = 1").replace("minimum: 0", "minimum: 1")
        contract = read_contract(text.replace("SELECT nothing", "SELECT 0"))
        now = datetime.now(UTC)
        request = open_for_run(tools, contract, Ask("remy", base=str(folder)), run_id="run-1", requested_at=now)
        standing = ask(tools, request.id, Stage.ADMISSION)
        policy = tools.policy()
        for role in standing.required:
            with tools.ledger.transaction() as tx:
                person = policy.roles[role].members[0]
                choice = Choice(
                    request.id, Stage.ADMISSION, role, Verdict.APPROVE, person, "", standing.evidence_digest or ""
                )
                decide(tx, policy, choice, tools.now())
        for table in request.tables:
            land(tools, request.id, table)
        return request.id

    def test_linked_from_the_evidence_the_request_and_the_inbox(self, tools: Tools, tmp_path: Path) -> None:
        request_id = self.landed(tools, tmp_path)
        for table in ("orders", "lines"):
            profile(tools, request_id, table)
            check(tools, request_id, table)
        ask(tools, request_id, Stage.PUBLICATION)
        with tools.ledger.reading() as tx:
            request = tx.request(request_id)
            assert request is not None
            pack = next(a.content for a in tx.artifacts(request_id) if a.stage is Stage.PUBLICATION)
            overview = request_overview(tx, request, tools.now())
            member = tools.policy().roles["business"].members[0]
            (waiting,) = (w.to_dict() for w in inbox(tx, tools.policy(), Person(member), tools.now()).waiting)
            uri = data_docs.page_uri(tx, request, "orders")
        kept = pack["quality"]["data_docs"]["orders"]
        results = strict(tools.store.read(kept["results"]).decode())
        assert digest_of(results) == kept["digest"]
        assert loaded(results).suite_name == "shop.orders"
        assert tools.store.read(kept["page"]).decode() == render(results)
        assert uri == kept["page"]
        path = f"/sluice/requests/{request_id}/data-docs/orders"
        assert overview["checks"]["data_docs"]["orders"] == waiting["data_docs"]["orders"] == path
        folder = pack["uri"].rsplit("/", 1)[0]
        index = Page(tools.store.read(f"{folder}/data_docs.html").decode())
        assert index.addresses == [f"../{d['digest']}/gx/{n}.html" for n, d in pack["quality"]["data_docs"].items()]
        assert pack["evidence_digest"] == digest_of(
            {k: v for k, v in pack.items() if k not in ("evidence_digest", "uri")}
        )

    def test_of_checks_that_fail_too_and_without_a_profile(self, tools: Tools, tmp_path: Path) -> None:
        request_id = self.landed(tools, tmp_path, "1,-5\n2,3\n")
        with pytest.raises(ChecksFailedError):
            check(tools, request_id, "orders")
        with tools.ledger.reading() as tx:
            request = tx.request(request_id)
            assert request is not None
            page = tools.store.read(data_docs.page_uri(tx, request, "orders")).decode()
            with pytest.raises(RefusedError, match="NO_DATA_DOCS"):
                data_docs.page_uri(tx, request, "lines")
        assert "-5.0" in Page(page).text

    def test_personal_data_is_looked_for_when_the_profile_is_not_there(self, tools: Tools, tmp_path: Path) -> None:
        mails = "".join(f"{i},-{i + 1}\n" for i in range(40))
        request_id = self.landed(tools, tmp_path, mails)
        with tools.ledger.reading() as tx:
            request = tx.request(request_id)
            assert request is not None
        with pytest.raises(ChecksFailedError):
            check(tools, request_id, "orders")
        # A profile that comes later and knows of personal data closes the page.
        columns = [{"field_name": "amount", "withheld": True}]
        with tools.ledger.transaction() as tx:
            tx.add_artifact(request_id, Artifact(Stage.PROFILE, "orders", "d", {"columns": columns}), tools.now())
        with tools.ledger.reading() as tx, pytest.raises(RefusedError, match="DATA_DOCS_WITHHELD"):
            data_docs.page_uri(tx, request, "orders")


def test_reports_without_data_docs_are_read_as_before() -> None:
    assert data_docs.kept({"t": CheckReport("t", ()).to_dict()}) == {}
