"""A table's term `drift`: how far a delivery may lie from the one before, measure by measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import DriftTerms
from sluice.contract.terms import custom, did_you_mean
from sluice.errors import Finding

MEASURES = {
    "volume": "0.5 for half as many rows more or less",
    "nulls": "0.05 for five rows in a hundred that are null and were not",
    "distinct": "0.5 for half as many values more or less",
    "psi": "0.25",
    "ks": "a number from 0 to 1, such as 0.2",
    "range": "1 for as far outside as the range is wide",
}
"""Measure → a threshold for example."""

SEVERITIES = ("warning", "error")
_MOST = 1_000_000_000
_SHARES = ("nulls", "ks")
_TERMS = (*MEASURES, "severity", "ignore")


def read_drift(document: Document, findings: list[Finding], data: Mapping[str, Any], path: Path) -> DriftTerms | None:
    """The table's DriftTerms, None for `drift: false`; what cannot be understood is reported (DRIFT_TERMS)."""
    said = [(value, place) for name, value, place in custom(data, path) if name == "drift"]
    if not said:
        return DriftTerms()
    terms, here = said[-1]

    def report(key: str, message: str, mend: str) -> None:
        findings.append(document.finding("DRIFT_TERMS", (*here, "value", key) if key else here, message, mend))

    if len(said) > 1:
        report("", "drift is declared twice", "Keep one of them.")
    if terms is False:
        return None
    if not isinstance(terms, Mapping):
        report(
            "",
            f"drift is {terms!r}",
            "Give thresholds, such as `{volume: 0.5, psi: 0.25, severity: warning}`, or false.",
        )
        return DriftTerms()
    columns = [str(c.get("name")) for c in data.get("properties") or ()]
    values: dict[str, Any] = {}
    for key, value in terms.items():
        try:
            values[key] = _read(key, value, columns)
        except _UnreadableError as error:
            report(key, error.message, error.mend)
    return DriftTerms(**values)


class _UnreadableError(Exception):
    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message, self.mend = message, mend


def _read(key: str, value: Any, columns: list[str]) -> Any:
    """The value of a term as DriftTerms has it."""
    if key in MEASURES:
        if not (value is False or _is_threshold(value, 1 if key in _SHARES else _MOST)):
            raise _UnreadableError(
                f"the threshold of {key} is {value!r}", f"Give a number of 0 or more ({MEASURES[key]}), or false to leave {key} out."
            )  # fmt: skip
        return None if value is False else float(value)
    if key == "severity":
        if value not in SEVERITIES:
            raise _UnreadableError(
                f"the severity of drift is {value!r}",
                "Use warning, which is shown to approvers, or error, which stops.",
            )
        return value
    if key == "ignore":
        names = tuple(map(str, value if isinstance(value, list) else [value]))
        for name in (n for n in names if n not in columns):
            raise _UnreadableError(
                f"drift ignores the column {name!r}, which the table does not have", did_you_mean(name, columns)
            )
        return names
    raise _UnreadableError(f"drift has no term {key!r}", did_you_mean(str(key), _TERMS))


def _is_threshold(value: object, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most
