"""Landing of a refresh: what is new or changed at the source, unit by unit, invisible until it is published."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sluice.contract.model import Table
from sluice.errors import ChecksFailedError, SourceError
from sluice.lake import Manifest, Mark
from sluice.running.holdings import EMPTY, Holding, Plan, holding_of, plan
from sluice.running.refreshes import EMPTY as EMPTY_DELIVERY
from sluice.running.refreshes import SHRINKING, Refresh
from sluice.stream.land import land_table
from sluice.stream.refreshing.look import Basis, at_the_source
from sluice.stream.replay import Replays, fate_in, standings
from sluice.stream.tools import Tools


@dataclass(frozen=True)
class Landing:
    """What a refresh brought in for one table. `units` are its landing attempts in the order of their files' names.

    `drop` are earlier units that it takes the place of; `whole`: it takes the place of everything. `held` is what the
    table holds afterwards.
    """

    table: str
    mode: str
    units: tuple[Manifest, ...] = ()
    drop: tuple[str, ...] = ()
    whole: bool = False
    held: Holding = field(default=EMPTY)

    @property
    def nothing(self) -> bool:
        """Whether the table stays as it is."""
        return not self.units and not self.drop and not self.whole

    @property
    def rows(self) -> int:
        """Rows that were staged."""
        return sum(m.rows_staged for m in self.units)

    def counts(self) -> dict[str, int]:
        """Rows read, staged, quarantined and dropped, of all units."""
        names = ("rows_read", "rows_staged", "rows_quarantined", "rows_dropped")
        return {n: sum(getattr(m, n) for m in self.units) for n in names}


def planned(tools: Tools, refresh: Refresh, at: Basis, table: Table) -> tuple[Plan, Mapping[str, Mark]]:
    """What a look at the source asks for, and how its files are now."""
    found = at_the_source(tools, at.contract, table, at.request.base)
    held, mode = at.holdings.get(table.name, EMPTY), table.refresh.mode
    in_table = {f.uri for f in at.states[table.name].files}
    loose = frozenset(u for u, files in held.units.items() if not in_table.issuperset(files))
    whole = refresh.everything
    asked = plan(mode, held, found, refresh.window, everything=whole, loose=loose if mode == "append" else frozenset())
    if asked.nothing and _has_replays(tools, refresh, at, table):
        asked = plan(mode, held, found, refresh.window, everything=True) if mode == "full" else Plan(replays=True)
    return asked, found


def land_changes(tools: Tools, refresh: Refresh, at: Basis, table: Table) -> Landing:
    """Land what is new of a table. Raises SourceError TAKEN_BACK for what an incident took back, and what landing raises."""
    asked, found = planned(tools, refresh, at, table)
    held, mode = at.holdings.get(table.name, EMPTY), table.refresh.mode
    if asked.nothing:
        return Landing(table.name, mode, held=held.seen(found))
    groups = _groups(asked, held, mode)
    units = [_unit(tools, refresh, at, table, names, first=i == 0) for i, names in enumerate(groups)]
    _refuse_taken_back(units, at, refresh)
    return _settled(table, mode, asked, units, held, refresh)


def _groups(asked: Plan, held: Holding, mode: str) -> list[tuple[str, ...]]:
    """Files that are landed together: all for a whole reading, else each by itself, companions with companions."""
    if asked.whole or mode == "full":
        return [asked.take]
    together: dict[str, list[str]] = {}
    for name in asked.take:
        known = held.files.get(name)
        key = known.unit if known and mode == "append" else name
        together.setdefault(key, []).append(name)
    return [tuple(names) for names in together.values()] or [()]


def _unit(tools: Tools, refresh: Refresh, at: Basis, table: Table, names: Sequence[str], *, first: bool) -> Manifest:
    scratch = tools.scratch(f"{refresh.id}/land-{table.table_name}-{secrets.token_hex(4)}")
    fate = fate_in(tools.ledger, tools.layout)
    replays = Replays(tools.store, tools.layout, refresh.id, fate, tools.now)
    if not first:
        replays = replace(replays, taking=False)
    try:
        return land_table(
            at.contract, table, at.request.base, tools.settings, origin=tools.store, store=tools.store, layout=tools.layout,
            scratch=scratch, replays=replays, wanted=frozenset(names),
        )  # fmt: skip
    finally:
        tools.sweep(str(scratch.relative_to(tools.settings.scratch)))


def _settled(table: Table, mode: str, asked: Plan, units: list[Manifest], held: Holding, refresh: Refresh) -> Landing:
    """Files that were only touched (another mark, the same content) bring nothing in."""
    marks = {s.name: s.after for m in units for s in m.sources}
    brought = {(s.name, s.sha256) for m in units for s in m.sources}
    wanted = refresh.everything or any(refresh.window.has(n, m) for n, m in marks.items())
    if asked.whole and not wanted and brought == {(f.name, f.sha256) for f in held.files.values()}:
        return Landing(table.name, mode, held=held.seen(marks))
    if not asked.whole and not wanted:
        known = {(f.name, f.sha256) for f in held.files.values()}
        same = [m for m in units if all((s.name, s.sha256) in known for s in m.sources)]
        kept = {held.files[s.name].unit for m in same for s in m.sources}
        units = [m for m in units if m not in same]
        drop = tuple(u for u in asked.drop if u not in kept)
    else:
        drop = asked.drop
    after = (EMPTY if asked.whole else held.without(drop)).seen(marks).joined(holding_of(units))
    return Landing(table.name, mode, tuple(units), drop, asked.whole, after)


def _refuse_taken_back(units: Sequence[Manifest], at: Basis, refresh: Refresh) -> None:
    if refresh.again:
        return
    for manifest in units:
        for source in manifest.sources:
            if source.sha256 in at.taken_back:
                raise SourceError(
                    "TAKEN_BACK", f"{source.name!r} is still what an incident took back", where=source.name,
                    mend="Wait for the mended file; or, if it was right after all, refresh with `again`.",
                )  # fmt: skip


def _has_replays(tools: Tools, refresh: Refresh, at: Basis, table: Table) -> bool:
    fate = fate_in(tools.ledger, tools.layout)
    taker = Replays(tools.store, tools.layout, refresh.id, fate, tools.now)
    return any(taker.may_take(s) for s in standings(tools.store, tools.layout, at.request.source, table.table_name))


def volume(landing: Landing, table: Table, before: int, after: int, shrinks_below: float) -> tuple[str, str] | None:
    """(what, text) where a delivery is empty or the table shrinks; None where it is as expected.

    Raises ChecksFailedError (EMPTY_DELIVERY) where nothing at all would be left of a table that had rows.
    """
    if after == 0 and before and landing.whole and not table.allow_empty:
        raise ChecksFailedError("EMPTY_DELIVERY", f"the delivery of {table.name!r} has no rows; the table has {before:,}",
                                where=table.name, mend="Ask the source. If it is meant, declare `allowEmpty: true`.")  # fmt: skip
    if landing.units and landing.rows == 0:
        return EMPTY_DELIVERY, f"{table.name}: the delivery brought no rows"
    if before and after < before * shrinks_below:
        return SHRINKING, f"{table.name}: {before:,} rows become {after:,}"
    return None


def described(landing: Landing) -> dict[str, Any]:
    """A landing as the record keeps it."""
    return {
        "mode": landing.mode, "whole": landing.whole, "drop": list(landing.drop), **landing.counts(),
        "units": [
            {"attempt": m.attempt, "content_digest": m.content_digest, "files": [s.name for s in m.sources], "reasons": dict(m.reasons),
             "landed_bytes": sum(s.size for s in m.sources), "staged_bytes": sum(f.size for f in m.staged), "staged_files": len(m.staged)}
            for m in landing.units
        ],
    }  # fmt: skip
