"""What changed between two evidence packs, part by part, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.contract.model import Contract
from sluice.evidence_parts import part_contents
from sluice.ledger import Request, Transaction
from sluice.onboarding import contract_of
from sluice.policy import PARTS
from sluice.stages import Stage

SHOWN = 8
"""Changes of a part that are told one by one; the rest are counted."""
_LONG = 60


@dataclass(frozen=True)
class Change:
    """A part that is not the same, what it is, and up to SHOWN of its changes in words."""

    part: str
    words: tuple[str, ...]
    more: int

    def __str__(self) -> str:
        more = f" and {self.more} more" if self.more else ""
        return f"{self.part} ({', '.join(self.words)}{more})"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"part": self.part, "about": PARTS[self.part], "words": list(self.words), "more": self.more}


def changes(
    before: tuple[Contract, Mapping[str, Any]], after: tuple[Contract, Mapping[str, Any]]
) -> tuple[Change, ...]:
    """The parts that differ between two packs, each with its contract."""
    old, new = part_contents(*before), part_contents(*after)
    found = []
    for part in PARTS:
        if old[part] != new[part]:
            words = list(_differences(old[part], new[part], ()))
            found.append(Change(part, tuple(words[:SHOWN]), max(len(words) - SHOWN, 0)))
    return tuple(found)


def evidence_now(tx: Transaction, request: Request, gate: Stage) -> dict[str, Any] | None:
    """The pack the gate decides on now with `changes` since last time; None while there is none.

    What changed depends on history, so it is beside the pack and not under its digest.
    """
    packs = tx.packs(request.id, gate)
    pack = tx.evidence(request.id, gate, packs[-1].digest) if packs else None
    return None if pack is None else pack | {"changes": since_last_time(tx, request, gate, pack)}


def since_last_time(tx: Transaction, request: Request, gate: Stage, pack: Mapping[str, Any]) -> dict[str, Any]:
    """What changed since this gate was last asked in this run, and since the source's request before; None: no such."""
    contract = contract_of(request)
    packs = [p for p in tx.packs(request.id, gate) if p.digest != pack["evidence_digest"]]
    earlier = [r for r in tx.requests(source=request.source) if r.id != request.id and _asked(r) < _asked(request)]
    here = tx.evidence(request.id, gate, packs[-1].digest) if packs else None
    found: dict[str, Any] = {"in_run": None, "since_request": None}
    if here is not None:
        found["in_run"] = _told((contract, here), (contract, pack)) | {"evidence_digest": here["evidence_digest"]}
    for before in reversed(earlier):
        asked = tx.packs(before.id, gate)
        seen = tx.evidence(before.id, gate, asked[-1].digest) if asked else None
        if seen is not None:
            found["since_request"] = _told((contract_of(before), seen), (contract, pack)) | {
                "request": before.id, "version": before.contract_version, "state": before.state.value,
                "evidence_digest": seen["evidence_digest"],
            }  # fmt: skip
            break
    return found


def changed_words(tx: Transaction, request: Request, gate: Stage, seen: str, current: str) -> list[str]:
    """What changed since the evidence that somebody saw, a sentence for each part."""
    before, now = tx.evidence(request.id, gate, seen), tx.evidence(request.id, gate, current)
    if before is None or now is None:
        return [f"the digest {seen[:12]} is of no evidence that this gate was ever asked about"]
    contract = contract_of(request)
    return [str(c) for c in changes((contract, before), (contract, now))] or ["only the version of the contract"]


def _asked(request: Request) -> Any:
    return request.renewed_at or request.requested_at


def _told(before: tuple[Contract, Mapping[str, Any]], after: tuple[Contract, Mapping[str, Any]]) -> dict[str, Any]:
    found = changes(before, after)
    return {
        "parts": [c.to_dict() for c in found],
        "same": [p for p in PARTS if p not in {c.part for c in found}],
    }


def _differences(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*new, *(k for k in old if k not in new)]:
            yield from _differences(old.get(key), new.get(key), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list) and _named(old) and _named(new):
        yield from _differences({_name(e): e for e in old}, {_name(e): e for e in new}, path)
    elif old != new:
        where = " › ".join(path) or "it"
        if old in (None, {}, []):
            yield f"{where} is new: {_short(new)}"
        elif new in (None, {}, []):
            yield f"{where} is gone, it was {_short(old)}"
        else:
            yield f"{where}: {_short(old)} → {_short(new)}"


def _named(items: list[Any]) -> bool:
    return all(isinstance(i, Mapping) and _name(i) for i in items) and len({_name(i) for i in items}) == len(items)


def _name(item: Mapping[str, Any]) -> str:
    return " ".join(str(item[k]) for k in ("table", "name", "property", "server", "kind") if item.get(k))


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{k} {_short(v)}" for k, v in value.items())
    elif isinstance(value, list):
        value = ", ".join(_short(v) for v in value)
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, int | float):
        value = f"{value:,}"
    text = str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
