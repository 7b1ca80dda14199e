"""Expectation suites on disk, in Great Expectations' own serialised form, read as rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sluice.adapters.gx.expectations import check
from sluice.adapters.gx.trying import try_out
from sluice.checks.quality import GX_SEVERITY
from sluice.checks.rules import BadRuleError, Rule, bind_columns
from sluice.checks.shared import SharedSuite
from sluice.contract.model import Table
from sluice.contract.terms import did_you_mean
from sluice.errors import BadInputError

CODE = "EXPECTATIONS_FILE"
_TOP_LEVEL = {"name", "expectations", "id", "meta", "notes", "suite_parameters", "evaluation_parameters",
              "data_asset_type", "expectation_suite_name", "ge_cloud_id"}  # fmt: skip


def load_suites(folder: Path, source: str, table: Table, shared: Iterable[SharedSuite] = ()) -> list[Rule]:
    """The rules in `<folder>/<source>.<table>.json`, where there is such a file, and in the shared suites.

    Raises BadInputError EXPECTATIONS_FILE naming every expectation that Great Expectations would not take, and
    SHARED_SUITE for a shared suite that is not there.
    """
    own = folder / f"{source}.{table.name}.json"
    rules = _load(own, own.name, table, SharedSuite(own.stem)) if own.exists() else []
    for reference in shared:
        path = folder / f"{reference.name}.json"
        if not path.exists():
            known = sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.glob("*/**/*.json"))
            raise BadInputError(
                "SHARED_SUITE", f"there is no shared suite {reference.name!r}", where=str(path),
                mend=did_you_mean(reference.name, known) if known else "Write the file, or take the reference out.",
            )  # fmt: skip
        rules += _load(path, f"{reference.name}.json", table, reference)
    return rules


def _load(path: Path, origin: str, table: Table, reference: SharedSuite) -> list[Rule]:
    rules: list[Rule] = []
    problems: list[str] = []
    for i, item in enumerate(_expectations(path)):
        try:
            with _understood():
                rule = _rule(table, reference.filled(item), origin)
                check(rule)
                try_out(rule, table)
        except BadRuleError as error:
            problems.append(f"expectations[{i}] {error.message}. {error.mend}")
        else:
            rules.append(rule)
    if problems:
        message = problems[0] if len(problems) == 1 else "\n".join([f"{len(problems)} problems:", *problems])
        raise BadInputError(CODE, message, where=str(path), mend="Correct the file.")
    return rules


def verify(rules: Iterable[Rule], table: Table) -> None:
    """Raises BadInputError (UNKNOWN_EXPECTATION) unless GX takes every rule's expectation and kwargs, for this table."""
    problems = []
    for rule in rules:
        if rule.kind == "expectation":
            try:
                with _understood():
                    check(rule)
                    try_out(rule, table)
            except BadRuleError as error:
                problems.append(f"the rule {rule.name!r} {error.message}. {error.mend}")
    if problems:
        message = problems[0] if len(problems) == 1 else "\n".join([f"{len(problems)} problems:", *problems])
        raise BadInputError("UNKNOWN_EXPECTATION", message, mend="Correct the contract.")


@contextmanager
def _understood() -> Iterator[None]:
    """Raises BadRuleError for arguments of a shape that nobody reckoned with, such as a list where a name belongs."""
    try:
        yield
    except RecursionError as error:
        raise BadRuleError("is nested too deeply", "Correct it.") from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        if isinstance(error, BadRuleError):
            raise
        raise BadRuleError(f"has arguments that cannot be read: {error}", "Correct the kwargs.") from error


def _expectations(path: Path) -> list[Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise BadInputError(CODE, f"the file is not JSON: {error.msg}", where=where, mend="Correct it.") from error
    except RecursionError as error:
        raise BadInputError(CODE, "the file is nested too deeply", where=str(path), mend="Correct it.") from error
    except UnicodeDecodeError as error:
        raise BadInputError(CODE, "the file is not UTF-8", where=str(path), mend="Save it as UTF-8.") from error
    mend = 'Write {"name": …, "expectations": [{"type": …, "kwargs": {…}}]}.'
    if not isinstance(document, dict) or not isinstance(document.get("expectations"), list):
        raise BadInputError(CODE, "the file has no list of expectations", where=str(path), mend=mend)
    for key in document.keys() - _TOP_LEVEL:
        raise BadInputError(CODE, f"the suite has the key {key!r}", where=str(path), mend=did_you_mean(key, _TOP_LEVEL))
    expectations: list[Any] = document["expectations"]
    return expectations


def _rule(table: Table, item: Any, origin: str) -> Rule:
    mend = 'Write {"type": "expect_…", "kwargs": {…}}.'
    if not isinstance(item, dict):
        raise BadRuleError("is not an object", mend)
    kind, kwargs = item.get("type") or item.get("expectation_type"), item.get("kwargs", {})
    if not isinstance(kind, str) or not isinstance(kwargs, dict):
        raise BadRuleError("has no type or no kwargs", mend)
    severity = GX_SEVERITY.get(str(item.get("severity") or "critical"))
    if severity is None:
        raise BadRuleError(f"has the severity {item['severity']!r}", f"Use one of {', '.join(GX_SEVERITY)}.")
    for key, value in kwargs.items():
        if isinstance(value, dict) and "$PARAMETER" in value:
            raise BadRuleError(
                f"takes {key} from the parameter {value['$PARAMETER']!r}, which nothing gives at a check",
                "Write the value itself; a shared suite takes values from contracts, as ${name}.",
            )
    bound = bind_columns(table, kind, kwargs)
    meta: Mapping[str, Any] = item["meta"] if isinstance(item.get("meta"), dict) else {}
    column = bound["column"] if isinstance(bound.get("column"), str) else None
    what = kind.removeprefix("expect_")
    return Rule(
        name=str(meta.get("name") or (f"{column}.{what}" if column else what)),
        kind="expectation",
        expectation_type=kind,
        kwargs=bound,
        severity=severity,
        dimension=meta.get("dimension"),
        column=column,
        description=str(item.get("description") or meta.get("description") or ""),
        origin=origin,
        meta=dict(meta),
    )
