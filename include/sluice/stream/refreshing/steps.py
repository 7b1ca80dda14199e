"""The steps of a refresh, each safe to repeat: land, check, publish. What ends one is recorded, and told to people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from sluice import cost
from sluice.approval import require_approvals
from sluice.contract.model import Contract, digest_of
from sluice.crashing import crash_point
from sluice.errors import ChecksFailedError, SourceError, TerminalError
from sluice.ledger import Transaction
from sluice.publications import commit_order
from sluice.running import refreshes
from sluice.running.history import REFRESHED, live
from sluice.running.incidents import require_no_incident
from sluice.running.offboarding import require_staying
from sluice.running.refreshes import CHECKED, LANDED, LATE, UNCHANGED, Asked, Refresh
from sluice.running.schema_drift import COMPATIBLE, EVOLVE, EVOLVED, FOUND
from sluice.stages import Stage
from sluice.stream.change import withdraw_changes
from sluice.stream.check import check_table, failed_files, found_private
from sluice.stream.gate import strict_json
from sluice.stream.profile import profile_table, refuse_drift
from sluice.stream.publish import blocked, require_free
from sluice.stream.refreshing import drift
from sluice.stream.refreshing.content import Content, manifests, resulting, unchanged
from sluice.stream.refreshing.ends import conclude, undo
from sluice.stream.refreshing.land import Landing, described, land_changes, planned, volume
from sluice.stream.refreshing.look import Basis, basis, keep_holding
from sluice.stream.register import describe
from sluice.stream.tools import Tools
from sluice.words import minute

TRIES = 3


def open_refresh(tools: Tools, source: str, asked: Asked) -> Refresh:
    """Begin; an earlier refresh that never ended is ended first, and what it had committed is put back.

    Raises TerminalError (NOT_PUBLISHED, OFFBOARDED), RefusedError (INCIDENT_OPEN).
    """
    with tools.ledger.reading() as tx:
        live(tx, source)
        left = [r for r in refreshes.refreshes(tx, source) if r.state == "open" and r.run_id != asked.run_id]
    for earlier in left:
        conclude(tools, earlier.id)
    with tools.ledger.transaction() as tx:
        request = live(tx, source)
        require_no_incident(tx, source)
        require_staying(tx, source)
        return refreshes.open_refresh(tx, request, asked, tools.now())


def land(tools: Tools, refresh_id: str) -> int:
    """Bring in what is new; rows staged. With nothing new the refresh is over (`unchanged`), and 0 is returned."""
    began = time.monotonic()
    refresh, at = _basis(tools, refresh_id)
    landings = _landings(tools, refresh, at)
    if landings is None:
        return 0
    newest = max((x.held.newest for x in landings), default="")
    with tools.ledger.transaction() as tx:
        refreshes.still_open(tx, refresh_id)
        _notice_late(tx, refresh, at.contract, newest, tools)
        if all(x.nothing for x in landings):
            refreshes.step(
                tx, refresh, UNCHANGED, tools.now(), {"reason": "nothing new at the source", "newest": newest}
            )
            withdraw_changes(tx, refresh.source, f"{refresh_id} found what is published already", tools.now())
            return 0
        for landing in landings:
            content = described(landing) | {
                "base": at.states[landing.table].snapshot_id, "nothing": landing.nothing, "newest": newest,
                "held": keep_holding(tools, refresh.source, landing.table, landing.held),
                "seconds": round(time.monotonic() - began, 3),
            }  # fmt: skip
            refreshes.step(tx, refresh, LANDED, tools.now(), content, table=landing.table)
    crash_point("refresh.landed")
    return sum(x.rows for x in landings)


def _landings(tools: Tools, refresh: Refresh, at: Basis) -> list[Landing] | None:
    """What every table's delivery brings in; None where a change of its schema holds the refresh (on record)."""
    takes = {t.name: planned(tools, refresh, at, t)[0].take for t in at.contract.tables}
    looks = {n: drift.look_at(tools, at, at.contract.table(n), names) for n, names in takes.items() if names}
    going = drift.answer(tools, refresh, at, {n: x for n, x in looks.items() if x and x.differences})
    landings: list[Landing] = []
    for name, names in takes.items():
        if going is None:
            return None
        table, again, error = going.contract.table(name), None, None
        try:
            landing = land_changes(tools, refresh, going, table)
            if landing.counts()["rows_quarantined"] >= drift.MISFITS * max(landing.counts()["rows_read"], 1):
                again = drift.look_at(tools, going, table, names, misfits=True)
        except SourceError as raised:
            error, again = raised, drift.look_at(tools, going, table, names, error=raised)
        if again and any(d.severity != COMPATIBLE for d in again.differences):
            going, before = drift.answer(tools, refresh, going, {name: again}), going
            if going is not None and going is not before:
                landing, error = land_changes(tools, refresh, going, going.contract.table(name)), None
        if going is None:
            return None
        if error is not None:
            raise error
        landings.append(landing)
    return landings


def check(tools: Tools, refresh_id: str) -> int:
    """The contract's rules on what readers would see, of every table; rules evaluated.

    Raises ChecksFailedError after everything that was found is on record.
    """
    began = time.monotonic()
    refresh, at = _basis(tools, refresh_id)
    landed = _landed(tools, refresh)
    contents = _contents(tools, refresh, at, landed)
    found = {t.name: _check_one(tools, refresh, at, t.name, contents, landed[t.name]) for t in at.contract.tables}
    with tools.ledger.transaction() as tx:
        refreshes.still_open(tx, refresh_id)
        for name, content in found.items():
            content["seconds"] = round(time.monotonic() - began, 3)
            refreshes.step(tx, refresh, CHECKED, tools.now(), content, table=name)
        problems = [_volume(tx, tools, refresh, at, name, landed, contents) for name in found]
    for problem in filter(None, problems):
        raise problem
    for name, content in found.items():
        if not content["report"]["success"]:
            failed = [r for r in content["report"]["results"] if r["success"] is False and r["severity"] == "error"]
            said = "; ".join(r["description"] or r["name"] for r in failed[:5])
            raise ChecksFailedError("CHECKS_FAILED", f"{len(failed)} required checks of {name!r} failed: {said}", where=refresh.id,
                                    mend="Mend the data at the source; the last good data stays visible.")  # fmt: skip
        refuse_drift((content["profile"] or {}).get("drift"), f"{refresh.id}.{name}")
    return sum(c["report"]["evaluated"] for c in found.values())


def publish(tools: Tools, refresh_id: str) -> dict[str, dict[str, Any]]:
    """Make it visible, one atomic commit per table on exactly the snapshots that were checked; table → snapshot.

    Where a table moved on meanwhile, what was committed is put back and the refresh begins again on the new snapshot.
    Raises RefusedError (INCIDENT_OPEN) and NotApprovedError without having touched the lake.
    """
    from sluice.adapters.catalogs.snapshots import OvertakenError

    for attempt in range(1, TRIES + 1):
        try:
            return _publish(tools, refresh_id)
        except OvertakenError:
            if attempt == TRIES:
                raise
            if not land(tools, refresh_id):
                return {}
            check(tools, refresh_id)
    raise AssertionError("unreachable")


def _publish(tools: Tools, refresh_id: str) -> dict[str, dict[str, Any]]:
    from sluice.adapters.catalogs import snapshots

    with tools.ledger.reading() as tx:
        refresh = refreshes.refresh(tx, refresh_id)
        if refresh.state == "published":
            return {n: dict(t) for n, t in refresh.outcome["tables"].items()}
        request = tx.request(refreshes.still_open(tx, refresh_id).request_id)
        if request is None or live(tx, refresh.source).id != request.id:
            raise TerminalError("SUPERSEDED", f"{refresh.source} was published anew meanwhile", where=refresh_id)
        require_approvals(tx, request)
        checked = {r.table or "": r.content for r in tx.records(run=refresh_id, kinds=(CHECKED,))}
    at = basis(tools, request, refresh)
    landed = _landed(tools, refresh)
    pack = _evidence(tools, refresh, at, landed, checked)
    catalog, properties = tools.tables(), _properties(refresh, pack)
    crash_point("refresh.begun")
    # The block is asked for after the snapshots were looked at: a restore in between moves them, and the commit fails.
    with tools.ledger.reading() as tx:
        require_free(tx, refresh.source)
    grown = _evolved(tools, refresh)
    # A restore may have brought other columns back: what is loaded whole takes the contract's, and what lacks some gets them.
    shape = {
        t.name: [(c.field_name, c.type, c.description) for c in t.columns]
        for t in at.contract.tables
        if grown or landed[t.name]["whole"] or set(at.states[t.name].columns) < {c.field_name for c in t.columns}
    }
    tables: dict[str, dict[str, Any]] = {}
    for name in commit_order(at.contract, list(checked)):
        content, identifier = checked[name], at.states[name].identifier
        if content["nothing"]:
            tables[name] = {k: at.version.tables[name][k] for k in ("identifier", "snapshot_id", "rows")}
            continue
        try:
            made = snapshots.replace_files(
                catalog,
                identifier,
                landed[name]["base"],
                remove=content["remove"],
                add=content["add"],
                properties=properties,
                columns=shape.get(name, ()),
            )
        except snapshots.OvertakenError:
            for done in tables:
                if not checked[done]["nothing"] and landed[done]["base"] is not None:
                    snapshots.put_back(
                        catalog, at.states[done].identifier, landed[done]["base"], {"sluice.put-back": refresh_id}
                    )
            raise
        tables[name] = {"identifier": identifier, "snapshot_id": made, "rows": content["rows"]}
        crash_point("refresh.committed")
    if grown:  # before it is on record: a retry comes here again
        for name in tables:
            describe(tools, request, at.contract, name)
    outcome = {
        "request_id": request.id, "contract_digest": at.contract.digest, "tables": tables, "evidence": pack["uri"],
        "holdings": {n: r["held"] for n, r in landed.items()}, "newest": max(r["newest"] for r in landed.values()),
        "replays": sorted({
            s.landing_uri for t in at.contract.tables for m in manifests(tools, at.contract, t, landed[t.name])
            for s in m.sources if s.role == "replay" and s.landing_uri
        }),
    }  # fmt: skip
    with tools.ledger.transaction() as tx:
        # An incident that was opened while it committed had no table to move: what is visible is taken back here.
        refused = blocked(tx, refresh.source)
        still = refused is None and refreshes.refresh(tx, refresh_id).state == "open"
        if still:
            refreshes.step(tx, refresh, REFRESHED, tools.now(), outcome, digest=pack["evidence_digest"])
            withdraw_changes(tx, refresh.source, f"{refresh_id} brought what the contract says", tools.now())
            if grown:
                refreshes.step(tx, refresh, EVOLVED, tools.now(), grown)
                text = f"{refresh.source} takes up what its delivery added; the contract's next version is proposed:\n{grown['diff']}"
                refreshes.tell(
                    tx, refresh.source, "schema_grew", f"{refresh_id}/schema", text, tools.now(), at.contract
                )
    if not still:  # somebody ended it while it committed
        undo(tools, refresh.source, refresh_id)
        raise refused or TerminalError("REFRESH_OVER", f"{refresh_id} was ended meanwhile", where=refresh.source)
    return tables


def _basis(tools: Tools, refresh_id: str) -> tuple[Refresh, Basis]:
    with tools.ledger.reading() as tx:
        refresh = refreshes.still_open(tx, refresh_id)
        request = live(tx, refresh.source)
    return refresh, basis(tools, request, refresh)


def _landed(tools: Tools, refresh: Refresh) -> dict[str, Mapping[str, Any]]:
    with tools.ledger.reading() as tx:
        return {r.table or "": r.content for r in tx.records(run=refresh.id, kinds=(LANDED,))}


def _contents(tools: Tools, refresh: Refresh, at: Basis, landed: Mapping[str, Mapping[str, Any]]) -> dict[str, Content]:
    folder = f"{refresh.id}/content"
    return {
        t.name: unchanged(tools, at, t, folder)
        if landed[t.name]["nothing"]
        else resulting(tools, at, t, landed[t.name], folder)
        for t in at.contract.tables
    }


def _check_one(
    tools: Tools, refresh: Refresh, at: Basis, name: str, contents: Mapping[str, Content], landed: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    table, content = at.contract.table(name), contents[name]
    scratch = tools.scratch(f"{refresh.id}/check-{name}")
    files = list(content.files)
    with tools.ledger.reading() as tx:
        previous, since = _previous_profile(tx, refresh, name)
    profile = profile_table(table, files, tools.settings, scratch, previous, since)
    everything = {n: list(c.files) for n, c in contents.items()}
    checked = check_table(at.contract, table, everything, tools.settings, scratch, partial(found_private, profile))
    attempt = secrets.token_hex(4)
    for path in failed_files(scratch):
        tools.store.put(path, tools.layout.failed_rows(at.contract.id, table.table_name, attempt, path.name))
    return {
        "report": checked.report.to_dict(), "profile": profile, "rows": content.rows, "remove": list(content.remove),
        "add": list(content.add), "merged": dict(content.counts), "nothing": landed["nothing"], "base": landed["base"],
        "bytes": sum(f.stat().st_size for f in files),
    }  # fmt: skip


def _previous_profile(tx: Transaction, refresh: Refresh, name: str) -> tuple[Mapping[str, Any] | None, str]:
    """The table's profile when it was published last: by a refresh of this request, else by the request itself."""
    done = {
        r.run
        for r in tx.records(source=refresh.source, kinds=(REFRESHED,))
        if r.content["request_id"] == refresh.request_id
    }
    checked = [r for r in tx.records(source=refresh.source, kinds=(CHECKED,)) if r.run in done and r.table == name]
    if checked:
        return checked[-1].content["profile"], checked[-1].run
    for artifact in tx.artifacts(refresh.request_id):
        if artifact.stage is Stage.PROFILE and artifact.table == name:
            return artifact.content, refresh.request_id
    return None, ""


def _volume(
    tx: Transaction, tools: Tools, refresh: Refresh, at: Basis, name: str, landed: Mapping[str, Mapping[str, Any]], contents: Mapping[str, Content]
) -> ChecksFailedError | None:  # fmt: skip
    if landed[name]["nothing"]:
        return None
    table = at.contract.table(name)
    units = tuple(manifests(tools, at.contract, table, landed[name]))
    landing = Landing(name, landed[name]["mode"], units, tuple(landed[name]["drop"]), landed[name]["whole"])
    try:
        odd = volume(landing, table, at.states[name].rows, contents[name].rows, tools.policy().running.shrinks_below)
    except ChecksFailedError as error:
        return error
    if odd:
        refreshes.notice(tx, refresh, odd[0], odd[1], tools.now(), at.contract, table=name)
    return None


def _notice_late(tx: Transaction, refresh: Refresh, contract: Contract, newest: str, tools: Tools) -> None:
    from datetime import datetime

    terms = next(iter(reversed(tx.records(source=refresh.source, kinds=(refreshes.TERMS,)))), None)
    if terms is None or not newest:
        return
    since = refreshes.overdue(terms.content, datetime.fromisoformat(newest), tools.now())
    if since is not None:
        text = (
            f"{refresh.source}: a new delivery was due {minute(since)} UTC; the newest file is of {minute(newest)} UTC"
        )
        refreshes.step(tx, refresh, refreshes.NOTICED, tools.now(), {"what": LATE, "text": text})
        refreshes.tell(
            tx,
            refresh.source,
            "late",
            f"late/{refresh.source}/{since.isoformat()}",
            text,
            tools.now(),
            contract,
        )


def _evidence(
    tools: Tools, refresh: Refresh, at: Basis, landed: Mapping[str, Mapping[str, Any]], checked: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:  # fmt: skip
    """The refresh's evidence pack, kept in the lake beside those of the gates; its digest goes into the snapshots."""
    reports = [c["report"] for c in checked.values()]
    brought = [m for t in at.contract.tables for m in manifests(tools, at.contract, t, landed[t.name])]
    staged = [f for m in brought for f in m.staged]
    pack = {
        "source": refresh.source, "refresh": refresh.id, "request": refresh.request_id, "contract_digest": at.contract.digest,
        "base": {n: s.snapshot_id for n, s in at.states.items()},
        "tables": [
            {"name": n, **{k: landed[n][k] for k in ("mode", "rows_read", "rows_staged", "rows_quarantined", "rows_dropped", "units")},
             "rows": c["rows"], "merged": c["merged"], "drift": (c["profile"] or {}).get("drift")}
            for n, c in checked.items()
        ],
        "quality": {
            "success": all(r["success"] for r in reports), "evaluated": sum(r["evaluated"] for r in reports),
            "failed": sum(r["failed"] for r in reports), "warnings": sum(r["warnings"] for r in reports),
        },
        "cost": cost.estimate(at.contract, sum(s.size for m in brought for s in m.sources), sum(c["bytes"] for c in checked.values()),
                              len(checked), len(staged), tools.policy().running.region),
    }  # fmt: skip
    digest = digest_of(pack)
    uri = tools.layout.evidence(refresh.source, digest, "refresh.json")
    tools.store.write(
        uri, strict_json(pack | {"evidence_digest": digest}), content_type="application/json", only_if_absent=True
    )
    return pack | {"evidence_digest": digest, "uri": uri}


def _evolved(tools: Tools, refresh: Refresh) -> Mapping[str, Any] | None:
    """What the refresh found of additive changes, if it takes them up."""
    with tools.ledger.reading() as tx:
        found = tx.records(run=refresh.id, kinds=(FOUND,))
    return found[-1].content if found and found[-1].content["answer"] == EVOLVE else None


def _properties(refresh: Refresh, pack: Mapping[str, Any]) -> dict[str, str]:
    from sluice.catalog import DIGEST_PROPERTY, REQUEST_PROPERTY

    return {REQUEST_PROPERTY: refresh.id, DIGEST_PROPERTY: pack["evidence_digest"]}
