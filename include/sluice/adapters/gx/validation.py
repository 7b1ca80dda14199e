"""Expectations judged by Great Expectations on metrics that DuckDB computes, all of a table's together.

Each expectation names the metrics that it needs; they are compiled into one scan of the staged files and one
grouping for each set of columns that must be unique; the verdict on their values is the expectation's own
(`Expectation.metrics_validate`). What cannot be compiled runs on GX's pandas engine, on the columns it needs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sluice.adapters.gx import apart, comparisons, samples, stock, typing_expectations
from sluice.adapters.gx.admission import admit
from sluice.adapters.gx.arguments import typed_kwargs
from sluice.adapters.gx.compiled import Breaking, Compiler
from sluice.adapters.gx.exact import exact
from sluice.adapters.gx.expectations import UnusableError, contained, expectation_of
from sluice.adapters.gx.fields import BadArgumentError, NotCompiledError, field_of
from sluice.adapters.gx.requests import Metric
from sluice.adapters.gx.requests import Table as StagedTable
from sluice.adapters.gx.results import errored, result_of
from sluice.adapters.gx.rounds import compute
from sluice.checks.failing import Broken, FailingRows, Keep
from sluice.checks.report import MAX_EXAMPLES, RuleResult
from sluice.checks.rules import Rule, columns_of, identifier, withheld
from sluice.contract.model import Table
from sluice.errors import SluiceError

if TYPE_CHECKING:
    import pyarrow as pa

RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": MAX_EXAMPLES}
STOCK_FORMAT = {"result_format": "COMPLETE", "partial_unexpected_count": MAX_EXAMPLES}
DUCKDB, PANDAS, VERDICT = "duckdb", "pandas", "gx"
MAX_PLACES = 1_000_000
MAX_LOOKED_FOR = 200
"""For how many rules of a table, whose breaking rows are not kept, values that break them are looked for."""
_MEASURED = {"column.min", "column.max", "column.sum", "column.median", "column.quantile_values"}
"""Metrics whose value is compared with limits that may need more digits than a double has."""
_VALUES = ".unexpected_values"

Seen = Callable[[Rule, Any], None]


class Staged(Protocol):
    """The staged tables in SQL (sluice.adapters.duck.Staged)."""

    @property
    def tables(self) -> tuple[str, ...]: ...
    def schema(self, table: str) -> Any: ...
    def rows(self, sql: str, *, limited: bool = False) -> list[tuple[Any, ...]]: ...
    def arrow_rows(self, sql: str) -> pa.Table: ...
    def source(self, table: str) -> str: ...
    def admitted(self, sql: str) -> str: ...
    def columns(self, sql: str) -> list[str]: ...
    def python(self, test: Callable[[Sequence[str]], list[bool]]) -> str: ...
    @property
    def seconds(self) -> float: ...


@dataclass
class _Asked:
    """An expectation with the metrics that it asks for, by their names in it."""

    rule: Rule
    expectation: Any
    engine: Any
    configurations: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def base(self) -> str | None:
        """The map metric whose unexpected rows the expectation counts."""
        return next((n.removesuffix(_VALUES) for n in self.configurations if n.endswith(_VALUES)), None)


def validate(
    rules: Sequence[Rule],
    files: Sequence[Path],
    table: Table,
    data: Staged,
    *,
    memory: int = 2 << 30,
    keep: Keep | None = None,
    seen: Seen | None = None,
) -> list[RuleResult]:
    """One result per rule, in their order; one that GX cannot take or evaluate gets a result that says why.

    `memory` (bytes) bounds what an exact quantile and a rule on pandas may hold. `keep` writes the rows that break
    a rule. `seen` is given GX's own ExpectationValidationResult of every rule that got one.
    """
    if not rules:
        return []
    # GX and pandas warn of groups in patterns, old kwargs, empty slices: nobody can act on that here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _Validation(files, table, data, memory, keep, seen or (lambda *_: None)).run(rules)


class _Validation:
    def __init__(
        self, files: Sequence[Path], table: Table, data: Staged, memory: int, keep: Keep | None, seen: Seen
    ) -> None:
        self.files, self.table, self.data, self.memory, self.keep, self.seen = files, table, data, memory, keep, seen
        self.types: dict[str, pa.DataType] = {f.name: f.type for f in data.schema(table.name)}
        fields = {name: field_of(name, kind) for name, kind in self.types.items()}
        in_memory = max(1_000_000, memory // 100)
        self.staged = StagedTable(table.name, fields, frozenset(data.tables), data.python, in_memory, data.seconds)
        self.compiler = Compiler(self.staged)
        self.results: dict[int, RuleResult] = {}
        self.kept: dict[int, FailingRows] = {}
        self.looked_for = 0

    def run(self, rules: Sequence[Rule]) -> list[RuleResult]:
        asked: dict[int, _Asked] = {}
        metrics: dict[tuple[int, str], Metric] = {}
        for i, rule in enumerate(rules):
            try:
                asked[i] = self.ask(rule)
                metrics |= {(i, name): self.metric(asked[i], name) for name in asked[i].configurations}
            except (NotCompiledError, BadArgumentError, UnusableError, SluiceError) as error:
                self.settle(i, rule, error)
                metrics = {key: metric for key, metric in metrics.items() if key[0] != i}
        for (i, name), value in compute(metrics, self.table.name, self.data).items():
            asked[i].values[name] = value
        computed = {i: found for i, found in asked.items() if i not in self.results and self.computed(i, found)}
        self.collect(computed)
        for i, found in computed.items():
            if i not in self.results:
                self.judge(i, found)
        return [self.results[i] for i in range(len(rules))]

    def ask(self, rule: Rule) -> _Asked:
        admit(rule.kwargs, self.types)
        try:
            kwargs = typed_kwargs(rule, self.types, lambda _: False)
        except ValueError as error:
            raise UnusableError(f"bad kwargs: {error}") from error
        expectation = expectation_of(rule, kwargs)
        engine = typing_expectations.engine_for(rule, self.staged, self.data)
        try:
            with contained():
                dependencies = expectation.get_validation_dependencies(engine, {"result_format": dict(RESULT_FORMAT)})
        except Exception as error:  # GX computes some metrics here already, and asserts that it has an engine
            raise NotCompiledError(str(error)) from error
        configurations = dict(dependencies.metric_configurations)
        if not configurations:
            raise NotCompiledError("it names no metrics")
        return _Asked(rule, expectation, engine, configurations)

    def metric(self, asked: _Asked, name: str) -> Metric:
        """The metric by its configuration, with the rule's own arguments: GX's models turn limits into doubles."""
        configuration = asked.configurations[name]
        values = dict(configuration.metric_value_kwargs or {})
        written = {key: asked.rule.kwargs[key] for key in values if asked.rule.kwargs.get(key) is not None}
        if "bins" not in values and configuration.metric_name != "column_values.between.count":
            values |= written
        if configuration.metric_name == "column.most_common_value":
            values["value_set"] = asked.expectation.configuration.kwargs.get("value_set")
        domain = dict(configuration.metric_domain_kwargs)
        special = comparisons.metric(configuration.metric_name, values, domain, self.staged, self.data)
        if special is None:
            special = typing_expectations.metric(asked.engine, configuration, self.staged)
        return special or self.compiler.metric(configuration.metric_name, domain, values)

    def computed(self, i: int, asked: _Asked) -> bool:
        """Whether all of its metrics are there; if not, the rule is settled."""
        failed = next((v for v in asked.values.values() if isinstance(v, Exception)), None)
        if failed:
            self.settle(i, asked.rule, failed)
        return failed is None

    def judge(self, i: int, asked: _Asked) -> None:
        metrics = {
            c.id: exact(asked.values[n], asked.rule.kwargs) if n in _MEASURED else asked.values[n]
            for n, c in asked.configurations.items()
        }
        try:
            with contained():
                runtime = {"result_format": dict(RESULT_FORMAT)}
                found = asked.expectation.metrics_validate(metrics, runtime, asked.engine)
        except Exception as error:  # a verdict that raises is this rule's result
            self.results[i] = errored(asked.rule, _first_line(error), self.table, VERDICT, quotes_data=True)
            return
        self.done(i, asked.rule, found, DUCKDB)

    def breaking(self, asked: _Asked) -> Breaking | None:
        """The query for the rows that break the rule, when there are any to show."""
        base = asked.base
        if base is None or not asked.values.get(f"{base}.unexpected_count"):
            return comparisons.breaking(asked.values, asked.rule, self.staged, self.data)
        configuration = asked.configurations[base + _VALUES]
        values = {**(configuration.metric_value_kwargs or {})}
        values |= {key: asked.rule.kwargs[key] for key in values if asked.rule.kwargs.get(key) is not None}
        query = self.compiler.breaking(base, dict(configuration.metric_domain_kwargs), values)
        found = compute({"rows": _alone(query)}, self.table.name, self.data)["rows"]
        return found if isinstance(found, Breaking) else None

    def collect(self, computed: Mapping[int, _Asked]) -> None:
        """Keep the rows that break rules, and put a sample of their values where the verdict expects it."""
        broken: dict[int, Broken] = {}
        for i, asked in computed.items():
            try:
                if breaking := self.breaking(asked):
                    count = asked.values.get(f"{asked.base}.unexpected_count")
                    broken[i] = Broken(asked.rule, breaking.sql, breaking.where, count)
            except SluiceError as error:
                self.settle(i, asked.rule, error)
        kept = self.keep(list(broken.values())) if self.keep else [None] * len(broken)
        self.kept = {i: found for i, found in zip(broken, kept, strict=True) if isinstance(found, FailingRows)}
        shared = self.shared(computed)
        for (i, one), found in zip(broken.items(), kept, strict=True):
            try:
                if isinstance(found, SluiceError):
                    raise found
                if i in shared:
                    computed[i].values[str(computed[i].base) + _VALUES] = shared[i]
                else:
                    self.sample(computed[i], one.sql if found is None else found.query, alone=found is None)
            except SluiceError as error:
                self.settle(i, one.rule, error)

    def shared(self, computed: Mapping[int, _Asked]) -> dict[int, list[Any]]:
        """Values of the rules whose rows are in a file with those of others."""
        asked: dict[int, tuple[FailingRows, str]] = {}
        for i, kept in self.kept.items():
            columns = self.shown(computed[i].rule)
            if kept.column and columns and len(columns) == 1:
                asked[i] = kept, columns[0]
        try:
            return samples.of_shared(self.data, asked)
        except SluiceError:
            return {}  # each is asked for alone, and says what is wrong

    def sample(self, asked: _Asked, source: str, *, alone: bool) -> None:
        """Put a few values where the verdict expects them; `alone`: they have to be looked for once more."""
        columns = self.shown(asked.rule)
        if asked.base is None or columns is None or (alone and self.looked_for >= MAX_LOOKED_FOR):
            return
        self.looked_for += alone
        asked.values[asked.base + _VALUES] = samples.sample(self.data, source, columns)

    def shown(self, rule: Rule) -> list[str] | None:
        """The columns of which the rule's values may be told: none for all, None where none may."""
        return None if withheld(self.table, rule) else [name for name in columns_of(rule) if name in self.types]

    def settle(self, i: int, rule: Rule, error: Exception) -> None:
        """A rule that was not compiled, or whose metrics failed: GX's own engine, or a result that says why."""
        if isinstance(error, (BadArgumentError, UnusableError)):
            why = str(error) if str(error).startswith("bad kwargs") else f"bad kwargs: {error}"
            self.results[i] = errored(rule, why, self.table, None, quotes_data=False)
        elif isinstance(error, SluiceError) and (not error.code.startswith("SQL_") or comparisons.has_sql(rule)):
            self.results[i] = errored(rule, error.message, self.table, DUCKDB, quotes_data=False)
        else:
            self.stock(i, rule)

    def stock(self, i: int, rule: Rule) -> None:
        try:
            found = apart.evaluate(
                rule, self.files, memory=self.memory, result_format=STOCK_FORMAT, seconds=self.data.seconds
            )
        except UnusableError as error:
            self.results[i] = errored(rule, str(error), self.table, None, quotes_data=False)
        except stock.StockError as error:
            self.results[i] = errored(rule, str(error), self.table, PANDAS, quotes_data=True)
        except SluiceError as error:
            self.results[i] = errored(rule, error.message, self.table, None, quotes_data=False)
        else:
            places = (found.result or {}).get("unexpected_index_list") or []
            if self.keep and places and all(isinstance(place, int) for place in places[:MAX_PLACES]):
                [kept] = self.keep([Broken(rule, _at(self.staged, places[:MAX_PLACES]))])
                if isinstance(kept, SluiceError):
                    self.results[i] = errored(rule, kept.message, self.table, None, quotes_data=False)
                    return
                if kept is not None:
                    self.kept[i] = kept
            self.done(i, rule, found, PANDAS)

    def done(self, i: int, rule: Rule, found: Any, engine: str) -> None:
        self.seen(rule, found)
        result, kept = result_of(rule, found, self.table, self.types, engine), self.kept.get(i)
        self.results[i] = result if kept is None else kept.noted(result)


def _at(table: StagedTable, places: Sequence[int]) -> str:
    """A query for the rows at these places of the files, counted from 0."""
    number = identifier("sluice.place")
    numbered = table.select(f"*, row_number() OVER () - 1 AS {number}")
    return f"SELECT * EXCLUDE ({number}) FROM ({numbered}) WHERE {number} IN ({', '.join(map(str, places))})"  # noqa: S608


def _alone(query: Generator[Any, Any, Breaking]) -> Metric:
    yield []
    return (yield from query)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
