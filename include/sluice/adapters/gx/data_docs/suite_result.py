"""A table's check report in Great Expectations' result format: an ExpectationSuiteValidationResult as strict JSON data.

Expectations keep GX's own verdict and counts. A rule that is SQL or a relationship is written as the
`unexpected_rows_expectation` that asks the same, its own words in `meta.sluice`; rules for people are in the suite's
`meta.sluice.not_evaluated`. Nothing depends on when or for whom the checks ran, so that the same data gives the same
document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from sluice.checks.discreet import Discretion
from sluice.checks.quality import GX_SEVERITY
from sluice.checks.report import CheckReport, RuleResult, jsonable
from sluice.checks.rules import Rule, identifier, literal
from sluice.contract.model import Contract

SEVERITIES = {ours: theirs for theirs, ours in GX_SEVERITY.items()}
UNEXPECTED_ROWS = "unexpected_rows_expectation"
_COUNTS = (
    "element_count", "missing_count", "missing_percent", "unexpected_count", "unexpected_percent",
    "unexpected_percent_total", "unexpected_percent_nonmissing",
)  # fmt: skip
_DETAILS = 100_000
"""Characters of JSON up to which GX's details are kept."""
_COMPARISONS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}


def suite_result(
    contract: Contract,
    rules: Iterable[Rule],
    report: CheckReport,
    seen: Mapping[int, Any],
    discretion: Discretion,
) -> dict[str, Any]:
    """The report, whose results are in the order of `rules`, in GX's form, without what `discretion` hides.

    `seen` are GX's own ExpectationValidationResults by the place of their rule.
    """
    table = discretion.table
    pairs = list(zip(rules, report.results, strict=True))
    held = sum(r.success is True for _, r in pairs)
    return {
        "success": report.success,
        "suite_name": f"{contract.id}.{table.name}",
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": report.evaluated,
            "successful_expectations": held,
            "unsuccessful_expectations": report.failed,
            "success_percent": 100.0 * held / report.evaluated if report.evaluated else None,
        },
        "results": [
            _result(rule, discretion.of(rule, result), seen.get(i), discretion)
            for i, (rule, result) in enumerate(pairs)
            if rule.kind != "text"
        ],
        "meta": {
            "great_expectations_version": version("great_expectations"),
            "active_batch_definition": {"datasource_name": contract.id, "data_asset_name": table.name},
            "sluice": {
                "source": contract.id,
                "version": contract.version,
                "contract_digest": contract.digest,
                "table": table.name,
                "description": table.description,
                "not_evaluated": [
                    {"name": rule.name, "description": rule.description, "column": rule.column}
                    for rule, _ in pairs
                    if rule.kind == "text"
                ],
            },
        },
    }


def _result(rule: Rule, result: RuleResult, seen: Any, discretion: Discretion) -> dict[str, Any]:
    hidden = discretion.hides(rule)
    missing = discretion.reveals(rule) or (hidden and rule.kind == "expectation" and bool(result.unexpected_count))
    about: dict[str, Any] = {"name": rule.name, "kind": rule.kind, "origin": rule.origin, "dimension": rule.dimension,
             "engine": result.engine, "withheld": missing}  # fmt: skip
    if rule.kind != "expectation":
        about["rule"] = jsonable({key: value for key, value in rule.kwargs.items() if key != "broken"})
    if result.failed_rows:
        about["failed_rows"] = dict(result.failed_rows)
    return {
        "success": bool(result.success),
        "expectation_config": {
            "type": rule.expectation_type if rule.kind == "expectation" else UNEXPECTED_ROWS,
            "kwargs": jsonable(rule.kwargs) if rule.kind == "expectation" else {"unexpected_rows_query": _query(rule)},
            "severity": SEVERITIES[rule.severity],
            "description": rule.description or None,
            "meta": {**jsonable(rule.meta), "sluice": about},
        },
        "result": {} if result.error else _found(rule, result, seen, discretion),
        "meta": {},
        "exception_info": {
            "raised_exception": result.error is not None,
            "exception_message": result.error,
            "exception_traceback": None,
        },
    }


def _found(rule: Rule, result: RuleResult, seen: Any, discretion: Discretion) -> dict[str, Any]:
    """GX's result of one rule, with nothing beyond counts where values are withheld."""
    detail: Mapping[str, Any] = (seen.result if seen is not None else None) or {}
    found = {key: jsonable(detail[key]) for key in _COUNTS if detail.get(key) is not None}
    for key in ("element_count", "unexpected_count", "unexpected_percent"):
        if getattr(result, key) is not None:
            found[key] = getattr(result, key)
    if result.observed is not None:
        found["observed_value"] = result.observed
    if any(example is not None for example in result.examples):
        found["partial_unexpected_list"] = list(result.examples)
    about_columns = (rule.expectation_type or "").startswith("expect_table_")
    if detail.get("details") and (about_columns or (discretion.made_of_values(rule) and not discretion.hides(rule))):
        details = jsonable(detail["details"])
        if len(json.dumps(details, default=str)) <= _DETAILS:
            found["details"] = details
    return found


def _query(rule: Rule) -> str:
    """The rule as a query that returns rows exactly when it does not hold; {batch} is the table, as in GX."""
    kwargs = rule.kwargs
    if rule.kind == "relationship":
        pairs = list(zip(kwargs["columns"], kwargs["to_columns"], strict=True))
        present = " AND ".join(f"child.{identifier(mine)} IS NOT NULL" for mine, _ in pairs)
        match = " AND ".join(f"parent.{identifier(theirs)} = child.{identifier(mine)}" for mine, theirs in pairs)
        lookup = f"SELECT 1 FROM {identifier(kwargs['to_table'])} AS parent WHERE {match}"  # noqa: S608
        orphans = f"{present} AND NOT EXISTS ({lookup})"
        return f"SELECT child.* FROM {{batch}} AS child WHERE {_braced(orphans)}"  # noqa: S608
    query = str(kwargs["query"]).rstrip("; \t\r\n")
    operator, limit = kwargs["operator"], kwargs["value"]
    if operator in _COMPARISONS:
        holds = f"value {_COMPARISONS[operator]} {literal(limit)}"
    else:
        low, high = map(literal, limit)
        holds = f"value {'NOT ' if operator == 'mustNotBeBetween' else ''}BETWEEN {low} AND {high}"
    return _braced(f"SELECT value FROM ({query}\n) AS measured(value) WHERE ({holds}) IS NOT TRUE")  # noqa: S608


def _braced(sql: str) -> str:
    """GX fills {batch} in with str.format."""
    return sql.replace("{", "{{").replace("}", "}}")
