"""A table's terms for bad rows: `quarantinePolicy`, `quarantineMaxShare`, `quarantineMaxRows`, `quarantineKeepRaw`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import BadRows
from sluice.contract.terms import custom, near_miss
from sluice.errors import Finding

POLICIES = ("quarantine", "drop", "refuse")


def read_policy(document: Document, findings: list[Finding], data: Mapping[str, Any], path: Path) -> BadRows:
    """The table's BadRows; what cannot be understood is reported (QUARANTINE_POLICY) and left out."""
    values: dict[str, Any] = {}
    said: dict[str, str] = {}
    for name, value, here in custom(data, path):

        def report(message: str, mend: str, here: Path = here) -> None:
            findings.append(document.finding("QUARANTINE_POLICY", here, message, mend))

        if name not in _TERMS:
            if meant := near_miss(name, _TERMS):
                report(f"{name!r} is not a term for bad rows", meant)
            continue
        field, fits, expected = _TERMS[name]
        if not fits(value):
            report(f"{name} is {value!r}", f"Give {expected}.")
        elif field in said:
            report(f"{name} and {said[field]} say the same thing twice", "Keep one of them.")
        else:
            said[field] = name
            values[field] = value
    bad_rows = BadRows(**values)
    if bad_rows.policy == "refuse" and (bad_rows.max_share or bad_rows.max_rows):
        findings.append(
            document.finding("QUARANTINE_POLICY", (*path, "customProperties"), "quarantinePolicy is refuse, and yet some bad rows are allowed",
                             "Remove the limit, or the policy.")
        )  # fmt: skip
    return bad_rows


def _share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_TERMS: dict[str, tuple[str, Callable[[object], bool], str]] = {
    "quarantinePolicy": ("policy", lambda v: isinstance(v, str) and v in POLICIES, f"one of {', '.join(POLICIES)}"),
    "quarantineMaxShare": ("max_share", _share, "a share of the rows between 0 and 1; for a number of rows use quarantineMaxRows"),
    "quarantineLimit": ("max_share", _share, "a share of the rows between 0 and 1; for a number of rows use quarantineMaxRows"),
    "quarantineMaxRows": ("max_rows", _count, "a whole number of rows, 0 or more; for a share use quarantineMaxShare"),
    "quarantineKeepRaw": ("keep_raw", lambda v: isinstance(v, bool), "true or false"),
}  # fmt: skip
"""Term → field of BadRows, whether a value fits, what it should be. quarantineLimit is the older name of a share."""
