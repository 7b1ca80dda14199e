"""Offboard: consumers told, grants revoked, tables unpublished, data kept or destroyed with proof.

Every step is recorded when it is done and skipped when it was: a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sluice.contract.model import Contract, digest_of
from sluice.crashing import crash_point
from sluice.errors import LakeUnavailableError, TerminalError
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import cancel, contract_of
from sluice.running import incidents, offboarding, refreshes
from sluice.running.history import live, published_tables, versions
from sluice.running.offboarding import (
    APPROVED,
    COMPLETED,
    DESTROYED,
    KEPT,
    LISTED,
    LOCATED,
    REVOKED,
    TOLD,
    UNPUBLISHED,
    Offboarding,
)
from sluice.stream.access import revoke_access
from sluice.stream.costing import measure_storage
from sluice.stream.gate import strict_json
from sluice.stream.one_by_one import one_by_one
from sluice.stream.tools import Tools, sha256

FOLDERS = ("landing", "warehouse", "quarantine", "failed_rows", "replay", "manifests")
"""What is destroyed. Evidence stays: it proves what was agreed and done, and holds no rows."""
ROUNDS = 3
"""How often what came while it was destroyed (by a run that had begun before) is listed and destroyed as well."""
QUIET = timedelta(minutes=15)
"""After how long without a record an offboarding counts as interrupted."""
HOLD_EVERY = 50
"""After how many objects it is asked again whether somebody has placed a legal hold."""


def ask(tools: Tools, source: str, actor: str, reason: str, *, destroy: bool = False) -> Offboarding:
    """Ask for the end of a source. Raises TerminalError (NOT_PUBLISHED, OFFBOARDED)."""
    with tools.ledger.transaction() as tx:
        return offboarding.ask(tx, live(tx, source), actor, reason, destroy, tools.now())


def offboard(tools: Tools, source: str) -> Offboarding:
    """Do what was agreed, from wherever it stopped. Raises RefusedError (NOT_AGREED) without having touched anything."""
    with tools.ledger.reading() as tx:
        going = offboarding.current(tx, source)
        if going is None:
            raise TerminalError("NOTHING_ASKED", f"nobody has asked to offboard {source}", where=source,
                                mend=f"`sluice offboard {source} --reason …` asks.")  # fmt: skip
        offboarding.require_agreed(tx, tools.policy(), going)
        request = _newest(tx, going)
    contract = contract_of(request)
    for kind, step in ((TOLD, _tell), (REVOKED, _revoke), (UNPUBLISHED, _unpublish)):
        if kind not in going.done:
            step(tools, going, request, contract)
    _data(tools, going, request, contract)
    with tools.ledger.transaction() as tx:
        offboarding.close_requests(tx, source, f"offboarded as {going.id}: {going.reason}", tools.now())
        tx.record(source, going.id, COMPLETED, tools.now(), actor=going.agreed_by)
        return next(o for o in offboarding.offboardings(tx, source) if o.id == going.id)


def _newest(tx: Transaction, going: Offboarding) -> Request:
    """The source's publication now: a newer one may have come since it was asked. Where the lake has lost it, that of then."""
    try:
        return live(tx, going.source)
    except TerminalError:
        then = tx.request(going.request_id)
        if then is None:
            raise
        return then


def carry_out(tools: Tools) -> list[str]:
    """Carry out what was agreed and is not over, also where a run was interrupted; the sources' names."""
    quiet = tools.now() - QUIET
    with tools.ledger.reading() as tx:
        known = offboarding.agreed(tx)
    # Another process may be at it: one that is alive leaves records.
    going = [o.source for o in known if o.records[-1].kind == APPROVED or o.records[-1].at < quiet]
    return _each(going, lambda source: offboard(tools, source))


def destroy_due(tools: Tools) -> list[str]:
    """Destroy the data of offboarded sources whose retention is over and that nobody holds; their names."""
    with tools.ledger.reading() as tx:
        due = [(o, tx.request(o.request_id)) for o in offboarding.due_for_destruction(tx, tools.now())]
    by_source = {going.source: going for going, request in due if request is not None}
    return _each(by_source, lambda source: _destroy(tools, by_source[source], "its retention is over"))


def _each(sources: Iterable[str], work: Callable[[str], object]) -> list[str]:
    """Do it for every source; for which it was done. Raises the first error when it was done for none."""
    done, failed = one_by_one(sources, work)
    if failed and not done:
        raise failed[0]
    return done


def _tell(tools: Tools, going: Offboarding, request: Request, contract: Contract) -> None:
    text = f"{going.source} ends: {going.reason}. Its tables are no longer available: {', '.join(request.tables)}."
    hurt = [*incidents.consumers(contract), *incidents.use_cases(contract, request)]
    why = f"{going.source} is being offboarded as {going.id}: {going.reason}"
    with tools.ledger.transaction() as tx:
        for waiting in tx.requests(source=going.source):
            if waiting.state is RequestState.OPEN:  # nobody signs any more for what ends
                cancel(tx, waiting, why, tools.now(), actor=going.agreed_by)
        refreshes.tell(tx, going.source, "offboarded", f"{going.id}/told", text, tools.now(), contract)
        tx.record(going.source, going.id, TOLD, tools.now(), content={"consumers": hurt, "text": text})
    crash_point("offboard.told")


def _revoke(tools: Tools, going: Offboarding, request: Request, contract: Contract) -> None:
    taken = revoke_access(tools, going.source, actor=going.agreed_by, reason=f"offboarded as {going.id}")
    crash_point("offboard.revoked")
    with tools.ledger.transaction() as tx:
        tx.record(going.source, going.id, REVOKED, tools.now(), content={
            "grants": len(taken), "principals": sorted({g.principal for g in taken}),
        })  # fmt: skip


def _unpublish(tools: Tools, going: Offboarding, request: Request, contract: Contract) -> None:
    """Every table that any publication put into the catalog, as long as it is still this source's."""
    from sluice.adapters.catalogs import snapshots

    catalog = tools.tables()
    with tools.ledger.reading() as tx:
        known = published_tables(tx, going.source)
    tables: dict[str, Any] = {}
    for identifier, name in known.items():
        there = snapshots.registered(catalog, identifier)
        ours = there is not None and there.owner == going.source
        where = there.metadata if there is not None and ours else None
        if where is not None:  # so that data which is kept can be found and registered again
            with tools.ledger.transaction() as tx:
                tx.record(going.source, going.id, LOCATED, tools.now(), table=name, content={"metadata": where})
            snapshots.unregister(catalog, identifier)
        crash_point("offboard.unpublished")
        tables[name] = {"identifier": identifier, "metadata": where}
        if there is not None and not ours:
            tables[name]["left"] = f"it belongs to {there.owner or 'somebody else'} now"
    snapshots.unregister_database(catalog, contract.id, going.source)
    with tools.ledger.transaction() as tx:
        tx.record(going.source, going.id, UNPUBLISHED, tools.now(), content={"tables": tables})


def _data(tools: Tools, going: Offboarding, request: Request, contract: Contract) -> None:
    with tools.ledger.reading() as tx:
        known = next(o for o in offboarding.offboardings(tx, going.source) if o.id == going.id)
        last = max((v.at for v in versions(tx, going.source)), default=request.closed_at or request.requested_at)
        fate = offboarding.fate(tx, contract, going, last, tools.now())
    if known.data:
        return
    if fate.destroy or LISTED in known.done:
        _destroy(tools, going, fate.reason)
        return
    stored = measure_storage(tools, going.source)
    with tools.ledger.transaction() as tx:
        tx.record(going.source, going.id, KEPT, tools.now(), content={
            "reason": fate.reason, "until": fate.until.isoformat() if fate.until else None, "stored": stored,
        })  # fmt: skip


def _destroy(tools: Tools, going: Offboarding, reason: str) -> None:
    """List every object with its digest first, delete, look that each is gone, and keep the list as the proof.

    Raises TerminalError (HELD) as soon as somebody holds the source: what is not deleted by then stays.
    """
    _require_no_hold(tools, going)
    objects = _on_lists(tools, going)
    for _ in range(ROUNDS):
        objects += _listed(tools, going, reason, {thing["uri"] for thing in objects})
        crash_point("offboard.listed")
        for number, thing in enumerate(objects, 1):
            if number % HOLD_EVERY == 0:
                _require_no_hold(tools, going)
            tools.store.delete(thing["uri"])
            crash_point("offboard.deleting")
        left = _lying(tools, going.source)
        if not left:
            break
    left += [t["uri"] for t in objects if tools.store.head(t["uri"]) is not None]
    if left:
        raise LakeUnavailableError("STILL_THERE", f"{len(left)} objects are still there", where=left[0],
                                   mend="Something still writes there: stop it, and run this again.")  # fmt: skip
    proof = {
        "offboarding": going.id, "source": going.source, "reason": reason, "asked_by": going.asked_by, "agreed_by": going.agreed_by,
        "destroyed_at": tools.now().isoformat(), "verified_gone": len(objects), "objects": objects,
    }  # fmt: skip
    digest = digest_of(proof)
    where = tools.layout.evidence(going.source, digest, "proof_of_destruction.json")
    tools.store.write(where, strict_json(proof), content_type="application/json", only_if_absent=True)
    with tools.ledger.transaction() as tx:
        tx.record(going.source, going.id, DESTROYED, tools.now(), digest=digest, content={
            "reason": reason, "objects": len(objects), "bytes": sum(t["bytes"] for t in objects), "proof": where,
        })  # fmt: skip
    measure_storage(tools, going.source)


def _require_no_hold(tools: Tools, going: Offboarding) -> None:
    with tools.ledger.reading() as tx:
        held = offboarding.hold(tx, going.source)
    if held is not None:
        raise TerminalError("HELD", f"{going.source} is under a legal hold: {held.content['reason']}", where=going.id,
                            mend="Lift it first: `sluice hold SOURCE --lift`.")  # fmt: skip


def _on_lists(tools: Tools, going: Offboarding) -> list[dict[str, Any]]:
    """What earlier tries listed; some of it is gone already."""
    with tools.ledger.reading() as tx:
        uris = [r.content["uri"] for r in tx.records(run=going.id, kinds=(LISTED,))]
    return [thing for uri in uris for thing in json.loads(tools.store.read(uri))["objects"]]


def _listed(tools: Tools, going: Offboarding, reason: str, known: Collection[str]) -> list[dict[str, Any]]:
    """The objects that no list has yet, put on one."""
    objects = _objects(tools, going.source, known)
    if known and not objects:
        return []
    document = {"offboarding": going.id, "source": going.source, "reason": reason, "objects": objects}
    digest = digest_of(document)
    uri = tools.layout.evidence(going.source, digest, "to_be_destroyed.json")
    tools.store.write(uri, strict_json(document), content_type="application/json", only_if_absent=True)
    with tools.ledger.transaction() as tx:
        tx.record(going.source, going.id, LISTED, tools.now(), digest=digest,
                  content={"uri": uri, "objects": len(objects)})  # fmt: skip
    return objects


def _lying(tools: Tools, source: str) -> list[str]:
    return [o.uri for folder in FOLDERS for o in tools.store.list(f"{tools.layout.root}/{folder}/{source}/")]


def _objects(tools: Tools, source: str, known: Collection[str]) -> list[dict[str, Any]]:
    """Every object of the source but the `known`, with the SHA-256 of its content, read here where the store does not know it."""
    found = []
    with tempfile.TemporaryDirectory(dir=tools.scratch("offboard")) as folder:
        for name in FOLDERS:
            for info in tools.store.list(f"{tools.layout.root}/{name}/{source}/"):
                if info.uri in known:
                    continue
                there = tools.store.head(info.uri)
                digest = there.sha256 if there is not None else None
                if digest is None:
                    path = Path(folder) / "object"
                    path.unlink(missing_ok=True)
                    tools.store.get(info.uri, path)
                    digest = sha256(path)
                found.append(
                    {"uri": info.uri, "bytes": info.size, "sha256": digest, "modified": info.modified.isoformat()}
                )
    return found
