"""The evidence of an earlier trial or publication, as a file that somebody kept: what a trial is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice.errors import BadInputError

_COLUMN = {"name": str, "type": str, "nulls": int, "distinct": int}


def read_evidence(file: Path) -> dict[str, Any]:
    """The evidence in `file`. Raises BadInputError (NOT_EVIDENCE) when there is none that can be compared with."""
    mend = "Give the evidence.json of an earlier `sluice try`."
    try:
        evidence = json.loads(file.read_text("utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise BadInputError("NOT_EVIDENCE", f"cannot be read: {error.strerror}", where=str(file), mend=mend) from error
    except (ValueError, RecursionError) as error:
        raise BadInputError("NOT_EVIDENCE", "is not JSON", where=str(file), mend=mend) from error
    if not _is_evidence(evidence):
        raise BadInputError("NOT_EVIDENCE", "is not the evidence of a trial", where=str(file), mend=mend)
    return dict(evidence)


def profiles_in(evidence: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The profiles that evidence holds, by table name, as sluice.drift compares them; none of what did not land."""
    return {
        t["name"]: {"name": t["name"], "rows": t["rows_staged"], "columns": t["columns"]}
        for t in evidence["tables"] if t["columns"]
    }  # fmt: skip


def _is_evidence(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("source"), str)
        and isinstance(found.get("evidence_digest"), str)
        and isinstance(found.get("tables"), list)
        and all(map(_is_table, found["tables"]))
    )


def _is_table(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("name"), str)
        and isinstance(found.get("rows_staged"), int)
        and isinstance(found.get("columns"), list)
        and all(
            isinstance(c, dict) and all(isinstance(c.get(k), t) for k, t in _COLUMN.items()) for c in found["columns"]
        )
    )


def _refuse(constant: str) -> None:
    raise ValueError(constant)
