"""What is different between two evidence packs, part by part, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.review.glance import Pack, bytes_in_words, counted, money, some
from sluice.words import number


@dataclass(frozen=True)
class Change:
    """One difference: the `part` of the evidence and what it was and is."""

    part: str
    says: str


def changes(before: Pack, after: Pack) -> list[Change]:
    """Every difference that a person would want to know, the weightiest parts first; empty when nothing differs."""
    parts = (_risk, _contract, _personal, _tables, _rows, _columns, _checks, _source, _cost, _access, _signatures)
    return [change for part in parts for change in part(before, after)]


def _risk(before: Pack, after: Pack) -> Iterator[Change]:
    if before["tier"] != after["tier"]:
        yield Change("Risk", f"{before['tier']} → {after['tier']}: {'; '.join(after['tier_reasons'])}")


_TERMS = {
    "name": "name", "version": "version", "domain": "domain", "owner": "owner", "purpose": "purpose",
    "classification": "classification",
}  # fmt: skip


def _contract(before: Pack, after: Pack) -> Iterator[Change]:
    if before["contract_digest"] == after["contract_digest"]:
        return
    was, now = before["contract"], after["contract"]
    told = False
    for key, word in _TERMS.items():
        if was.get(key) != now.get(key):
            told = True
            yield Change("Contract", f"{word}: {was.get(key) or 'none'} → {now.get(key) or 'none'}")
    for table, described in now["tables"].items():
        if table in was["tables"] and was["tables"][table] != described:
            told = True
            yield Change("Contract", f"{table} is described as: {described or 'nothing'}")
    if not told:
        yield Change("Contract", "its terms changed, its main points did not")


def _personal(before: Pack, after: Pack) -> Iterator[Change]:
    was, now = (set(pack.get("pii", {}).get("undeclared", ())) for pack in (before, after))
    if new := sorted(now - was):
        yield Change("Personal data", f"now found where none is declared: {some(new, 10)}")
    if gone := sorted(was - now):
        yield Change("Personal data", f"no longer undeclared: {some(gone, 10)}")


def _named(items: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(item["name"]): item for item in items}


def _both(before: Pack, after: Pack) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    was, now = (_named(pack.get("tables", ())) for pack in (before, after))
    yield from ((was[name], now[name]) for name in now if name in was)


def _tables(before: Pack, after: Pack) -> Iterator[Change]:
    was, now = (_named(pack.get("tables", ())) or pack.get("probe", {}) for pack in (before, after))
    if ("tables" in before) != ("tables" in after):
        return
    if new := [name for name in now if name not in was]:
        yield Change("Tables", f"new: {some(new, 10)}")
    if gone := [name for name in was if name not in now]:
        yield Change("Tables", f"gone: {some(gone, 10)}")


_COUNTS = {"rows_read": "read", "rows_quarantined": "set aside in quarantine", "rows_dropped": "dropped"}


def _rows(before: Pack, after: Pack) -> Iterator[Change]:
    for was, now in _both(before, after):
        counts = [
            f"{number(was[key])} → {number(now[key])} {word}" for key, word in _COUNTS.items() if was[key] != now[key]
        ]
        if counts:
            yield Change("Rows", f"{now['name']}: {', '.join(counts)}")
        elif was["content_digest"] != now["content_digest"]:
            yield Change("Rows", f"{now['name']}: as many rows as before, and not the same")


def _columns(before: Pack, after: Pack) -> Iterator[Change]:
    for was, now in _both(before, after):
        old, new = _named(was["columns"]), _named(now["columns"])
        table = now["name"]
        if came := [f"{table}.{name}" for name in new if name not in old]:
            yield Change("Columns", f"new: {some(came, 10)}")
        if went := [f"{table}.{name}" for name in old if name not in new]:
            yield Change("Columns", f"gone: {some(went, 10)}")
        for name in (n for n in new if n in old):
            yield from _column(f"{table}.{name}", old[name], new[name], (was["rows_staged"], now["rows_staged"]))


_NOTABLE = 0.01
"""A share of nulls that changed by less is not told."""


def _column(where: str, was: Mapping[str, Any], now: Mapping[str, Any], rows: tuple[int, int]) -> Iterator[Change]:
    for key, word in (("type", "type"), ("classification", "classification")):
        if was[key] != now[key]:
            yield Change("Columns", f"{where}: {word} {was[key]} → {now[key]}")
    kinds = [sorted(finding["kind"] for finding in column["pii"]) for column in (was, now)]
    if kinds[0] != kinds[1]:
        yield Change("Personal data", f"{where}: {some(kinds[0]) or 'none'} → {some(kinds[1]) or 'none'}")
    shares = [column["nulls"] / count if count else 0.0 for column, count in zip((was, now), rows, strict=True)]
    if abs(shares[1] - shares[0]) >= _NOTABLE:
        yield Change("Columns", f"{where}: empty in {shares[0]:.0%} → {shares[1]:.0%} of the rows")


def _checks(before: Pack, after: Pack) -> Iterator[Change]:
    was, now = (
        {(r["table"], r["name"]): r for r in pack.get("quality", {}).get("results", ())} for pack in (before, after)
    )
    if "quality" not in before or "quality" not in after:
        return
    said = {key: f"{r['table']}: {r['description'] or r['name']}" for key, r in (was | now).items()}
    fails = [said[k] for k, r in now.items() if r["success"] is False and was.get(k, {}).get("success") is not False]
    holds = [said[k] for k, r in now.items() if r["success"] and was.get(k, {}).get("success") is False]
    for word, found in (
        ("no longer holds", fails), ("holds again", holds), ("new", [said[k] for k in now if k not in was]),
        ("not asked any more", [said[k] for k in was if k not in now]),
    ):  # fmt: skip
        if found:
            yield Change("Checks", f"{word}: {some(found, 5)}")


def _source(before: Pack, after: Pack) -> Iterator[Change]:
    was, now = before.get("probe"), after.get("probe")
    if was is None or now is None or was == now:
        return
    for table in (t for t in now if t in was and now[t] != was[t]):
        count = [counted(len(p[table]["files"]), "file", "files") for p in (was, now)]
        size = [bytes_in_words(sum(f["bytes"] for f in p[table]["files"])) for p in (was, now)]
        yield Change("Source", f"{table}: {count[0]} ({size[0]}) → {count[1]} ({size[1]})")


def _cost(before: Pack, after: Pack) -> Iterator[Change]:
    costs = [money(pack["cost"]["monthly_usd"]) for pack in (before, after) if "cost" in pack]
    if len(costs) == 2 and costs[0] != costs[1]:
        yield Change("Cost", f"{costs[0]} → {costs[1]}")


def _access(before: Pack, after: Pack) -> Iterator[Change]:
    was, now = ({_grant(g) for g in pack.get("catalog", {}).get("access", ())} for pack in (before, after))
    if "catalog" not in before or "catalog" not in after:
        return
    if new := sorted(now - was):
        yield Change("Access", f"may read it now: {some(new, 10)}")
    if gone := sorted(was - now):
        yield Change("Access", f"may not read it any more: {some(gone, 10)}")


def _grant(grant: Mapping[str, Any]) -> str:
    columns = "" if grant["columns"] is None else f" ({', '.join(grant['columns'])})"
    until = f" until {grant['expires']}" if grant["expires"] else ""
    return f"{grant['role']}: {', '.join(grant['permissions']).lower()} {grant['table']}{columns}{until}"


def _signatures(before: Pack, after: Pack) -> Iterator[Change]:
    was, now = before["signatures"], after["signatures"]
    if new := [r for r in now if r not in was]:
        yield Change("Signatures", f"also asked now: {some(new, 10)}")
    if gone := [r for r in was if r not in now]:
        yield Change("Signatures", f"not asked any more: {some(gone, 10)}")
