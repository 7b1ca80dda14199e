"""A table's terms for being refreshed: `refresh` (how new deliveries come in) and `schemaDrift` (what may change)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import RefreshTerms
from sluice.contract.terms import custom, did_you_mean
from sluice.errors import Finding

MODES = ("full", "append", "merge")
DRIFT_POLICIES = ("evolve", "freeze", "quarantineRows", "quarantineDelivery")
_TERMS = ("mode", "operation", "deletes", "order")


def read_refresh(document: Document, findings: list[Finding], data: Mapping[str, Any], path: Path) -> RefreshTerms:
    """The table's RefreshTerms; what cannot be understood is reported (REFRESH_TERMS)."""
    value, here = _place(data, "refresh", path)
    if value is None:
        return RefreshTerms()

    def report(message: str, mend: str) -> None:
        findings.append(document.finding("REFRESH_TERMS", here, message, mend))

    terms = {"mode": value} if isinstance(value, str) else value
    if not isinstance(terms, Mapping):
        report(f"refresh is {value!r}", f"Give one of {', '.join(MODES)}, or a mapping with `mode`.")
        return RefreshTerms()
    if unknown := [k for k in terms if k not in _TERMS]:
        report(f"refresh has no term {unknown[0]!r}", did_you_mean(str(unknown[0]), _TERMS))
        return RefreshTerms()
    mode = terms.get("mode", "full")
    named = {k: str(terms[k]) for k in ("operation", "order") if terms.get(k)}
    if wrong := _wrong(mode, terms, named, data):
        report(*wrong)
        return RefreshTerms()
    deletes = terms.get("deletes", RefreshTerms().deletes)
    words = tuple(map(str, deletes if isinstance(deletes, (list, tuple)) else [deletes]))
    return RefreshTerms(mode, named.get("operation", ""), words, named.get("order", ""))


def _wrong(
    mode: Any, terms: Mapping[str, Any], named: Mapping[str, str], data: Mapping[str, Any]
) -> tuple[str, str] | None:
    """(message, mend) where the terms do not go together, or not with the table."""
    columns = [str(c.get("name")) for c in data.get("properties") or ()]
    strangers = [n for n in named.values() if n not in columns]
    if mode not in MODES:
        return f"the refresh mode is {mode!r}", did_you_mean(str(mode), MODES)
    if strangers:
        return f"refresh names the column {strangers[0]!r}, which the table does not have", did_you_mean(
            strangers[0], columns
        )
    if mode == "merge" and not any(c.get("primaryKey") for c in data.get("properties") or ()):
        return "changes can only be merged by a key, and the table has none", "Mark its `primaryKey` columns."
    if mode != "merge" and (named or "deletes" in terms):
        return "operation, deletes and order are for mode merge", "Leave them out, or set `mode: merge`."
    return None


def read_schema_drift(document: Document, findings: list[Finding], data: Mapping[str, Any], path: Path) -> str:
    """What may change in what is delivered; "" leaves it to the policy."""
    value, here = _place(data, "schemaDrift", path)
    if value is None:
        return ""
    if value not in DRIFT_POLICIES:
        message = f"schemaDrift is {value!r}"
        findings.append(document.finding("SCHEMA_DRIFT", here, message, did_you_mean(str(value), DRIFT_POLICIES)))
        return ""
    return str(value)


def _place(data: Mapping[str, Any], name: str, path: Path) -> tuple[Any, Path]:
    return next(((value, place) for known, value, place in custom(data, path) if known == name), (None, path))
