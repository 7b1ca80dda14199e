"""ODCS v3.1.0 `quality` entries compiled to rules: library, sql, custom (Great Expectations) and text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from sluice.checks.metrics import LibraryMetric
from sluice.checks.rules import BadRuleError, Rule, bind_columns, identifier, make_rule, operator_of
from sluice.contract.model import Column, Table
from sluice.contract.terms import did_you_mean

ENGINES = {"greatexpectations", "gx"}
EXPECTATION_TYPE = re.compile(r"expect_[a-z_]+|unexpected_rows_expectation", re.IGNORECASE)
GX_SEVERITY = {"critical": "error", "warning": "warning", "info": "info"}

ITEM_KEYS = frozenset({"type", "expectation_type", "kwargs", "meta", "severity", "description", "id", "notes"})
"""What Great Expectations writes for an expectation, of now and before."""
KEPT = ("id", "notes")

_PLACEHOLDER = re.compile(r"\$?\{(object|table|property|column)\}")
_QUERY = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:select|with|from)\b", re.IGNORECASE | re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


def quality_rules(table: Table, column: Column | None, quality: Mapping[str, Any]) -> list[Rule]:
    """The rules in one ODCS quality entry of a table or of one of its columns. Raises BadRuleError."""
    match quality.get("type") or "library":
        case "text":
            return [make_rule(column, quality, kind="text", what="text")]
        case "sql":
            return [_sql_rule(table, column, quality)]
        case "custom":
            return _custom_rules(table, column, quality)
        case "library":
            return [LibraryMetric(table, column, quality).rule()]
        case other:
            raise BadRuleError(f"has the type {other!r}", "Use one of library, sql, custom, text.")


def _sql_rule(table: Table, column: Column | None, quality: Mapping[str, Any]) -> Rule:
    query = quality.get("query")
    if not isinstance(query, str) or not _QUERY.match(query):
        raise BadRuleError("has no query", "Write `query: SELECT …`, one statement that returns one value.")

    def name(placeholder: re.Match[str]) -> str:
        if placeholder[1] in ("object", "table"):
            return identifier(table.name)
        if column is None:
            raise BadRuleError(
                f"uses {placeholder[0]}, but stands at the table",
                "Move the rule to a column, or name the column.",
            )
        return identifier(column.field_name)

    operator, limit = operator_of(quality)
    query = _PLACEHOLDER.sub(name, query).strip().rstrip(";")
    kwargs = {"query": query, "operator": operator, "value": limit}
    return make_rule(column, quality, kind="sql", what="sql", kwargs=kwargs)


def _custom_rules(table: Table, column: Column | None, quality: Mapping[str, Any]) -> list[Rule]:
    engine = re.sub(r"[^a-z]", "", str(quality.get("engine") or "").lower())
    if engine not in ENGINES:
        raise BadRuleError(
            f"is for the engine {quality.get('engine')!r}", "Use greatExpectations, or the type sql or text."
        )
    items = _implementation(quality.get("implementation"))
    return [_expectation_rule(table, column, quality, item) for item in items]


def _implementation(written: Any) -> list[Mapping[str, Any]]:
    mend = "Write {type: expect_…, kwargs: {…}}; several as one text that is a YAML list of those."
    if isinstance(written, str):
        try:
            written = yaml.safe_load(written)
        except yaml.YAMLError as error:
            raise BadRuleError(
                f"has an implementation that is neither YAML nor JSON: {' '.join(str(error).split())}", mend
            ) from error
    items = written if isinstance(written, list) else [written]
    if not items or not all(isinstance(item, dict) for item in items):
        raise BadRuleError("has no implementation", mend)
    return items


def _expectation_rule(table: Table, column: Column | None, quality: Mapping[str, Any], item: Mapping[str, Any]) -> Rule:
    if strangers := sorted(item.keys() - ITEM_KEYS):
        raise BadRuleError(f"has {strangers[0]!r} beside its kwargs", did_you_mean(strangers[0], ITEM_KEYS))
    kind = item.get("type") or item.get("expectation_type")
    if item.get("expectation_type") not in (None, kind):
        raise BadRuleError(f"has the types {kind!r} and {item['expectation_type']!r}", "Keep one of them.")
    written = item.get("kwargs") or {}
    if not isinstance(kind, str) or not EXPECTATION_TYPE.fullmatch(kind) or not isinstance(written, dict):
        raise BadRuleError(
            f"has the expectation {kind!r}",
            "Write `type: expect_…` and `kwargs:` as Great Expectations names them.",
        )
    # The ODCS examples write minValue where Great Expectations wants min_value.
    kwargs = {_CAMEL.sub("_", key).lower() if _CAMEL.search(key) else key: value for key, value in written.items()}
    domain = {"column", "column_A", "column_B", "column_list"}
    if column and kind.startswith("expect_column_") and domain.isdisjoint(kwargs):
        kwargs["column"] = column.field_name
    if item.get("severity") is not None and item["severity"] not in GX_SEVERITY:
        raise BadRuleError(f"has the severity {item['severity']!r}", did_you_mean(str(item["severity"]), GX_SEVERITY))
    severity = quality.get("severity") or GX_SEVERITY.get(str(item.get("severity")))
    described = quality.get("description") or item.get("description")
    rule = make_rule(
        column,
        {**quality, "severity": severity, "description": described},
        kind="expectation",
        what=kind.removeprefix("expect_"),
        expectation_type=kind,
        kwargs=bind_columns(table, kind, kwargs),
    )
    return replace(rule, origin="custom", meta={**about_of(item), **rule.meta}, kept=kept_of(item))


def about_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The `meta` of a serialised expectation. Raises BadRuleError."""
    meta = item.get("meta")
    if meta is not None and not isinstance(meta, dict):
        raise BadRuleError(f"has the meta {meta!r}", 'Write an object: {"meta": {"owner": …}}.')
    return dict(meta or {})


def kept_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The `id` and `notes` of a serialised expectation."""
    return {key: item[key] for key in KEPT if item.get(key) is not None}
