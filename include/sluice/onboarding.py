"""How a request moves through the value stream: opened, stage by stage, to its end.

Every function works inside one ledger transaction and takes the time as an argument. The order of stages is
enforced here, from the ledger alone: an orchestrator's task state is never proof of anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sluice.contract.model import Contract
from sluice.contract.reading import read_frozen
from sluice.errors import BadInputError, ConflictError, NotApprovedError, SentBackError, TerminalError
from sluice.ledger import Artifact, Request, RequestState, Transaction
from sluice.policy import Policy, facts_of
from sluice.pull.classes import ServiceClass, chosen_class
from sluice.pull.expediting import cost_of_expediting
from sluice.stages import GATES, PREDECESSORS, Clock, Event, Stage, successors

REQUESTABLE = ("proposed", "draft", "active")


@dataclass(frozen=True)
class Ask:
    """What a requester says beside the contract."""

    requester: str
    use_case: str = ""
    service_class: str = ServiceClass.STANDARD.value
    comment: str = ""
    base: str = ""
    due: date | None = None
    accepts_delay: bool = False
    """The requester of an expedited request has seen what it delays, and accepts it."""


def request_id(contract: Contract, attempt: int = 1) -> str:
    """The request's id, which is also its DAG run's: the same contract gives the same id."""
    again = "" if attempt == 1 else f"-{attempt}"
    return f"onb-{contract.id}-{contract.digest[:12]}{again}"


def is_id_for(contract: Contract, run_id: str) -> bool:
    """Whether the run id is one that a request for this very contract gets."""
    return f"{run_id}-".startswith(f"{request_id(contract)}-")


def _free_id(contract: Contract, attempt: int, taken: set[str]) -> str:
    while (identity := request_id(contract, attempt)) in taken:
        attempt += 1
    return identity


def next_attempt(earlier: list[Request]) -> tuple[Request | None, int]:
    """The live request among earlier ones for the same contract, or None and the number of the next attempt."""
    live = [r for r in earlier if r.state in (RequestState.OPEN, RequestState.PUBLISHED)]
    return (live[-1], live[-1].attempt) if live else (None, max((r.attempt for r in earlier), default=0) + 1)


def open_request(
    tx: Transaction,
    contract: Contract,
    ask: Ask,
    policy: Policy,
    *,
    run_id: str,
    requested_at: datetime,
    started_at: datetime,
    now: datetime,
    source_bytes: int | None = None,
) -> Request:
    """Record the request and complete its first stage; the same run asking again gets the same request.

    It keeps the policy it is promised. When the source's newest request was returned or expired, this one continues
    it: its clock goes on. `source_bytes` is what the probe saw.

    Raises ConflictError (REQUEST_EXISTS) when another run holds this contract, BadInputError for a retired one.
    """
    earlier = tx.requests(source=contract.id, digest=contract.digest)
    for request in earlier:
        if request.run_id == run_id:
            return request
    live, attempt = next_attempt(earlier)
    if live is not None:
        raise ConflictError(
            "REQUEST_EXISTS", f"{contract.id} {contract.version} is already {live.state} as {live.id}",
            where=f"run {live.run_id}", mend=f"See it with `sluice status {live.id}`; change the contract to ask for something new.",
        )  # fmt: skip
    if contract.status not in REQUESTABLE:
        raise BadInputError("CONTRACT_STATUS", f"the contract is {contract.status}", where=contract.file,
                            mend=f"Only {', '.join(REQUESTABLE)} contracts can be onboarded.")  # fmt: skip
    service = chosen_class(ask.service_class, ask.due, now.date())
    weighed = _weighed(tx, policy, ask, now) if service is ServiceClass.EXPEDITE else None
    known = tx.owner_published(contract.owner)
    assessed = policy.assess(facts_of(contract, owner_known=known, bytes=source_bytes))
    before = continued(tx, contract.id)
    tx.add_policy_version(policy.digest, policy.content, now)
    request = Request(
        id=run_id if is_id_for(contract, run_id) else _free_id(contract, attempt, {r.id for r in earlier}),
        source=contract.id,
        contract_digest=contract.digest,
        contract_version=contract.version,
        contract_text=contract.text,
        contract_file=contract.file,
        base=ask.base,
        attempt=attempt,
        run_id=run_id,
        requester=ask.requester,
        use_case=ask.use_case,
        priority=service.value,
        due=ask.due,
        comment=ask.comment,
        tables=tuple(t.name for t in contract.tables),
        tier=assessed.tier,
        tier_reasons=assessed.reasons,
        signatures={gate: list(policy.required(gate, assessed.tier)) for gate in GATES},
        policy_digest=policy.digest,
        requested_at=before.requested_at if before else requested_at,
        owner=contract.owner,
        continues=before.id if before else None,
        renewed_at=requested_at if before else None,
    )
    tx.add_request(request)
    _first_events(tx, request, before, requested_at, started_at, weighed)
    finish_stage(tx, request, Stage.REQUEST, now)
    return request


def continued(tx: Transaction, source: str) -> Request | None:
    """The request that the next one of this source continues: its newest, if it was returned or expired."""
    earlier = tx.requests(source=source)
    newest = earlier[-1] if earlier else None
    return newest if newest and newest.state in (RequestState.RETURNED, RequestState.EXPIRED) else None


def _first_events(
    tx: Transaction,
    request: Request,
    before: Request | None,
    asked_at: datetime,
    started_at: datetime,
    weighed: str | None,
) -> None:
    """The clock begins when the first of the requests was asked; each that continues another is a further attempt."""
    attempt, waited, why = 1, asked_at, None
    if before is not None:
        attempt = Clock(tx.events(before.id)).attempt(Stage.REQUEST) + 1
        waited = before.closed_at or asked_at
        why = f"continues {before.id}: {before.state_reason}"
    said = "; ".join(filter(None, (why, weighed))) or None
    tx.append(request.id, Stage.REQUEST, attempt, Event.REQUESTED, request.requested_at, actor=request.requester,
              digest=request.contract_digest, reason=said)  # fmt: skip
    tx.append(request.id, Stage.REQUEST, attempt, Event.READY, waited, reason=why)
    tx.append(request.id, Stage.REQUEST, attempt, Event.STARTED, started_at)


def _weighed(tx: Transaction, policy: Policy, ask: Ask, now: datetime) -> str:
    """What expediting delays, in words that stay on record. Raises BadInputError (EXPEDITE_NOT_ACCEPTED)."""
    cost = cost_of_expediting(tx, policy, now)
    if cost.delays and not ask.accepts_delay:
        raise BadInputError("EXPEDITE_NOT_ACCEPTED", f"an expedited request is weighed first. {cost.words}",
                            mend="Accept that (`--yes`, or the box in the form), or choose the class standard.")  # fmt: skip
    return f"expedited by {ask.requester}. {cost.words}"


def contract_of(request: Request) -> Contract:
    """The contract as it was frozen when the request was made."""
    return _frozen(request.contract_text, request.contract_file, request.contract_digest)


_frozen = lru_cache(maxsize=64)(read_frozen)  # every stage asks for it several times


def live_request(tx: Transaction, request_id: str) -> Request:
    """The request, which must be open. Raises TerminalError (NO_REQUEST, REQUEST_CLOSED)."""
    request = tx.request(request_id)
    if request is None:
        raise TerminalError("NO_REQUEST", f"there is no request {request_id!r}", mend="`sluice status` lists them.")
    if request.state is not RequestState.OPEN:
        why = f": {request.state_reason}" if request.state_reason else ""
        raise TerminalError("REQUEST_CLOSED", f"{request_id} is {request.state}{why}",
                            mend="Ask again with `sluice request`; nothing is inherited.")  # fmt: skip
    return request


def begin(tx: Transaction, request_id: str, stage: Stage, now: datetime, *, table: str | None = None) -> Request:
    """Start a stage, or a table's share of it. A stage that was complete and is begun again is a new attempt.

    Raises NotApprovedError (STAGE_NOT_READY) while an earlier stage is not complete in the ledger.
    """
    request = live_request(tx, request_id)
    clock = Clock(tx.events(request_id))
    require_ready(clock, request_id, stage)
    attempt = clock.attempt(stage)
    done = clock.last(stage, Event.COMPLETED)
    if done is not None and done.attempt == attempt:
        attempt += 1
        tx.append(request_id, stage, attempt, Event.READY, now, reason="done again")
        tx.append(request_id, stage, attempt, Event.STARTED, now)
    elif not clock.started(stage):
        tx.append(request_id, stage, attempt, Event.STARTED, now)
    if table is not None:
        tx.append(request_id, stage, attempt, Event.STARTED, now, table=table)
    return request


def require_ready(clock: Clock, request_id: str, stage: Stage) -> None:
    """Raises NotApprovedError (STAGE_NOT_READY) while an earlier stage is not complete in the ledger.

    SentBackError (SENT_BACK) when it was complete, and people then sent the request back.
    """
    missing = [before for before in PREDECESSORS[stage] if not clock.completed(before)]
    back = clock.sent_back() if missing else None
    if back is not None:
        raise SentBackError("SENT_BACK", f"{stage} must wait: {back.reason}", where=request_id,
                            mend="Nothing to do: it is done again when its turn comes.")  # fmt: skip
    if missing:
        raise NotApprovedError(
            "STAGE_NOT_READY", f"{stage} cannot start: {' and '.join(missing)} is not complete in the ledger",
            where=request_id, mend="Marking a task in Airflow changes nothing here; the decisions count.",
        )  # fmt: skip


def complete(
    tx: Transaction,
    request: Request,
    stage: Stage,
    now: datetime,
    *,
    table: str | None = None,
    found: Artifact | None = None,
) -> None:
    """Record what a stage (or a table's share of it) found; with its last table the stage is complete."""
    live_request(tx, request.id)
    if found is not None:
        tx.add_artifact(request.id, found, now)
    if table is not None:
        clock = Clock(tx.events(request.id))
        tx.append(request.id, stage, clock.attempt(stage), Event.COMPLETED, now, table=table,
                  digest=found.digest if found else None)  # fmt: skip
        if clock.tables_done(stage) | {table} != set(request.tables):
            return
    finish_stage(tx, request, stage, now)


def finish_stage(tx: Transaction, request: Request, stage: Stage, now: datetime, *, digest: str | None = None) -> None:
    """Complete a stage and make ready what waited for it; after the last stage the request is published."""
    attempt = Clock(tx.events(request.id)).attempt(stage)
    tx.append(request.id, stage, attempt, Event.COMPLETED, now, digest=digest)
    if stage is Stage.PUBLISH:
        tx.close_request(request.id, RequestState.PUBLISHED, "", now)
        return
    clock = Clock(tx.events(request.id))
    for following in successors(stage):
        if all(clock.completed(before) for before in PREDECESSORS[following]):
            tx.append(request.id, following, clock.attempt(following) + 1, Event.READY, now)


def fail(
    tx: Transaction,
    request_id: str,
    stage: Stage,
    now: datetime,
    reason: str,
    *,
    table: str | None = None,
    final: bool = True,
) -> None:
    """Record a failure; a final one ends the request. Harmless when the request has already ended."""
    request = tx.request(request_id)
    if request is None or request.state is not RequestState.OPEN:
        return
    attempt = max(Clock(tx.events(request_id)).attempt(stage), 1)
    tx.append(request_id, stage, attempt, Event.FAILED, now, table=table, reason=reason)
    if final:
        if table is not None:
            tx.append(request_id, stage, attempt, Event.FAILED, now, reason=reason)
        tx.close_request(request_id, RequestState.FAILED, f"{stage}: {reason}", now)


def cancel(tx: Transaction, request: Request, reason: str, now: datetime, *, actor: str | None = None) -> None:
    """End an open request because nobody wants it any more, or it has been overtaken."""
    clock = Clock(tx.events(request.id))
    for stage in clock.current() or (Stage.REQUEST,):
        tx.append(request.id, stage, max(clock.attempt(stage), 1), Event.CANCELLED, now, actor=actor, reason=reason)
    tx.close_request(request.id, RequestState.CANCELLED, reason, now)


def found(tx: Transaction, request: Request, stage: Stage) -> Mapping[str, dict[str, Any]]:
    """What a stage found, by table ("" for what is of no table)."""
    return {a.table or "": a.content for a in tx.artifacts(request.id, stage=stage)}
