"""Expectation suites on disk, in Great Expectations' own serialised form, read as rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sluice.adapters.gx.expectations import check
from sluice.adapters.gx.trying import try_out
from sluice.checks.quality import GX_SEVERITY, ITEM_KEYS, about_of, kept_of
from sluice.checks.rules import BadRuleError, Rule, bind_columns
from sluice.checks.shared import SharedSuite
from sluice.contract.model import Table
from sluice.contract.terms import did_you_mean
from sluice.errors import BadInputError

CODE = "EXPECTATIONS_FILE"
_KNOWN = ITEM_KEYS | {"rendered_content", "expectation_context", "success_on_last_run", "ge_cloud_id"}
"""With what GX adds for its own use: pictures of words, where an expectation came from, how it went the last time."""
_TOP_LEVEL = {"name", "expectations", "id", "meta", "notes", "suite_parameters", "evaluation_parameters",
              "data_asset_type", "expectation_suite_name", "ge_cloud_id"}  # fmt: skip


def load_suites(folder: Path, source: str, table: Table, shared: Iterable[SharedSuite] = ()) -> list[Rule]:
    """The rules in `<folder>/<source>.<table>.json`, where there is such a file, and in the shared suites.

    Raises BadInputError EXPECTATIONS_FILE naming every expectation that Great Expectations would not take, and
    SHARED_SUITE for a shared suite that is not there.
    """
    rules: list[Rule] = []
    for path, origin, reference in _files(folder, source, table, shared):
        rules += _load(path, origin, table, reference)
    return rules


def suite_files(folder: Path, source: str, table: Table, shared: Iterable[SharedSuite] = ()) -> list[dict[str, Any]]:
    """What the files of `load_suites` say beside their expectations: `file`, the suite's `name`, `meta`, `notes` …, and
    `with`, what a reference gives. Raises the same."""
    found = []
    for path, origin, reference in _files(folder, source, table, shared):
        beside = {key: value for key, value in _document(path).items() if key != "expectations" and value is not None}
        found.append(
            {"file": origin, **beside, **({"with": dict(reference.parameters)} if reference.parameters else {})}
        )
    return found


def unread(folder: Path, source: str, tables: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Suites of the source for a table that its contract does not have, and how to mend it."""
    names = list(tables)
    for path in sorted(folder.glob("*.json")):
        prefix, _, name = path.stem.rpartition(".")
        if prefix == source and name not in names and path.stem not in {f"{source}.{table}" for table in names}:
            yield path, f"{did_you_mean(name, names)} Rename the file, or take it out."


def _files(
    folder: Path, source: str, table: Table, shared: Iterable[SharedSuite]
) -> Iterator[tuple[Path, str, SharedSuite]]:
    """The table's suite files with their origin; SHARED_SUITE for one that is not there."""
    own = folder / f"{source}.{table.name}.json"
    if own.exists():
        yield own, own.name, SharedSuite(own.stem)
    for reference in shared:
        path = folder / f"{reference.name}.json"
        if not path.exists():
            known = sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.glob("*/**/*.json"))
            raise BadInputError(
                "SHARED_SUITE", f"there is no shared suite {reference.name!r}", where=str(path),
                mend=did_you_mean(reference.name, known) if known else "Write the file, or take the reference out.",
            )  # fmt: skip
        yield path, f"{reference.name}.json", reference


def _load(path: Path, origin: str, table: Table, reference: SharedSuite) -> list[Rule]:
    rules: list[Rule] = []
    problems: list[str] = []
    items: list[Any] = _document(path)["expectations"]
    if unused := reference.unused(items):
        raise BadInputError(
            "SHARED_SUITE", f"it is given the parameter {unused[0]!r}, which it does not use", where=str(path),
            mend="Take it out of the contract's `with`, or write ${" + unused[0] + "} in the file.",
        )  # fmt: skip
    for i, item in enumerate(items):
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


def _document(path: Path) -> dict[str, Any]:
    """The suite as it is written, with a list of expectations. Raises BadInputError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise BadInputError(CODE, f"the file is not JSON: {error.msg}", where=where, mend="Correct it.") from error
    except RecursionError as error:
        raise BadInputError(CODE, "the file is nested too deeply", where=str(path), mend="Correct it.") from error
    except BadRuleError as error:
        raise BadInputError(CODE, f"the file {error.message}", where=str(path), mend=error.mend) from error
    except UnicodeDecodeError as error:
        raise BadInputError(CODE, "the file is not UTF-8", where=str(path), mend="Save it as UTF-8.") from error
    mend = 'Write {"name": …, "expectations": [{"type": …, "kwargs": {…}}]}.'
    if not isinstance(document, dict) or not isinstance(document.get("expectations"), list):
        raise BadInputError(CODE, "the file has no list of expectations", where=str(path), mend=mend)
    for key in document.keys() - _TOP_LEVEL:
        raise BadInputError(CODE, f"the suite has the key {key!r}", where=str(path), mend=did_you_mean(key, _TOP_LEVEL))
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a key that stands twice, readers keep one or the other. Raises BadRuleError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        beside = ", ".join(repr(key) for key in found if key != twice)
        at = f", beside {beside[:200]}" if beside else ""
        raise BadRuleError(f"has the key {twice!r} twice in one object{at}", "Keep one of them.")
    return found


def _rule(table: Table, item: Any, origin: str) -> Rule:
    mend = 'Write {"type": "expect_…", "kwargs": {…}}.'
    if not isinstance(item, dict):
        raise BadRuleError("is not an object", mend)
    if strangers := sorted(item.keys() - _KNOWN):
        raise BadRuleError(f"has {strangers[0]!r} beside its kwargs", did_you_mean(strangers[0], ITEM_KEYS))
    kind, kwargs = item.get("type") or item.get("expectation_type"), item.get("kwargs", {})
    if item.get("expectation_type") not in (None, kind):
        raise BadRuleError(f"has the types {kind!r} and {item['expectation_type']!r}", "Keep one of them.")
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
    meta = about_of(item)
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
        meta=meta,
        kept=kept_of(item),
    )
