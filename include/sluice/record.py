"""What the record of decisions rests on: requests as they were asked for, evidence as it was shown, rights as they were.

A chain shows that its entries were not touched. This shows that what they speak of was not touched either, and that
nobody's entry was made by a hand that had no right to: whoever can write rows can also give them a good hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sluice.approval.delegating import Person, authorities
from sluice.approval.standing import asked_by, people, promised
from sluice.chain import broken_link, disagreement, wrong_policy
from sluice.contract import document as yaml_document
from sluice.contract.model import digest_of
from sluice.errors import BadInputError, SourceError
from sluice.governance import Delegation, KeptPack, PolicyVersion
from sluice.ledger import Decision, Request, Transaction, Verdict
from sluice.policy import POLICY_ACTOR, Policy, frozen_policy
from sluice.stages import GATES, Stage

OUTSIDE = ("uri", "evidence_digest")
"""What an evidence pack says of itself, beside what its digest covers."""
AT_ONCE = 10_000
REQUESTS_AT_ONCE = 500
Read = Callable[[str], bytes]
"""Reads an object of the lake. Raises SourceError when it is not there."""


def _every_decision(tx: Transaction) -> Iterator[Decision]:
    """All decisions in order, some at a time: a long record need not fit into memory."""
    last, _ = tx.heads()["decisions"]
    for first in range(1, last + 1, AT_ONCE):
        yield from tx.decisions_numbered(range(first, min(first + AT_ONCE, last + 1)))


def broken_record(tx: Transaction, read: Read | None = None) -> str | None:
    """What is wrong with the record: a chain, or where decisions, stage clock, requests, evidence and policies disagree.

    `read` looks at the evidence in the lake, where the ledger alone cannot say.
    """
    versions, delegations = tx.policy_versions(), tx.delegations()
    chains = (
        broken_link(_every_decision(tx)), broken_link(delegations, "delegation"), broken_link(versions, "policy version"),
        *map(wrong_policy, versions), missing_rows(tx),
    )  # fmt: skip
    if problem := next(filter(None, chains), None):
        return problem
    kept = {v.digest: v for v in versions}
    requests = tx.requests()
    for first in range(0, len(requests), REQUESTS_AT_ONCE):
        for problem in _problems(tx, requests[first : first + REQUESTS_AT_ONCE], kept, delegations, read):
            return problem
    return None


def _problems(
    tx: Transaction,
    requests: Sequence[Request],
    versions: Mapping[str, PolicyVersion],
    delegations: Sequence[Delegation],
    read: Read | None,
) -> Iterator[str]:
    ids = [r.id for r in requests]
    events, decisions = tx.events_of(ids), tx.decisions_of(ids)
    by_id = {r.id: r for r in requests}
    for request in requests:
        found = (
            disagreement(request, events[request.id], decisions[request.id]),
            broken_promise(tx, request, versions),
            without_right(tx, request, decisions[request.id], versions, delegations),
        )
        yield from filter(None, found)
    for pack in tx.kept_packs(ids):  # one at a time: a pack can be large
        if problem := broken_evidence(tx, by_id[pack.request_id], pack, read):
            yield problem


def broken_promise(tx: Transaction, request: Request, versions: Mapping[str, PolicyVersion]) -> str | None:
    """What is wrong with a request's own row: its contract, its tier, the policy it was promised."""
    try:
        contract = yaml_document.parse(request.contract_text, request.contract_file).data
    except BadInputError:
        contract = {}
    if digest_of(contract) != request.contract_digest:
        return f"{request.id}: its contract is not the one that was asked for"
    first = min((v.at for v in versions.values()), default=None)
    if request.policy_digest not in versions:
        asked = request.renewed_at or request.requested_at
        return f"{request.id} was promised a policy that is not on record" if first and asked > first else None
    policy = promised(tx, request)
    if request.tier not in policy.tiers.names:
        return f"{request.id} is in the tier {request.tier!r}, which its policy does not know"
    if any(list(policy.required(gate, request.tier)) != list(request.signatures.get(gate, ())) for gate in GATES):
        return f"{request.id} is in the tier {request.tier}, and was promised other signatures than that tier asks"
    return None


def broken_evidence(tx: Transaction, request: Request, pack: KeptPack, read: Read | None) -> str | None:
    """What is wrong with evidence that a gate was asked about; `read` looks at the copy in the lake."""
    where = f"the evidence {pack.digest[:12]} of {request.id} at {pack.gate}"
    if not _intact(pack, read):
        return f"{where} was changed after people were asked about it"
    said = pack.content.get("contract_digest", request.contract_digest)
    if said != request.contract_digest:
        return f"{where} is about another contract"
    tiers, tier = promised(tx, request).tiers.names, pack.content.get("tier")
    if tier and (tier not in tiers or request.tier not in tiers or not _fits(pack.gate, tier, request.tier, tiers)):
        return f"{where} says tier {tier}, the request {request.tier}"
    return None


def _fits(gate: Stage, found: str, asked: str, tiers: Sequence[str]) -> bool:
    """Before anything is read the tier is that of the request; what is read can only raise it."""
    return found == asked if gate is Stage.ADMISSION else tiers.index(found) >= tiers.index(asked)


def _intact(pack: KeptPack, read: Read | None) -> bool:
    if _digest(pack.content) == pack.digest:
        return True
    # JSONB keeps no negative zero and writes 1e16 as a whole number: the copy in the lake has what was hashed.
    uri = pack.content.get("uri")
    if read is None or not uri:
        return False
    try:
        copy = json.loads(read(str(uri)))
    except (SourceError, ValueError):
        return False
    return isinstance(copy, dict) and _digest(copy) == pack.digest and _same(_covered(copy), _covered(pack.content))


def _covered(content: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in content.items() if k not in OUTSIDE}


def _digest(content: Mapping[str, Any]) -> str:
    return digest_of(_covered(content))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    return float(one) == float(other) if numbers else bool(type(one) is type(other) and one == other)


def without_right(
    tx: Transaction,
    request: Request,
    decisions: Iterable[Decision],
    versions: Mapping[str, PolicyVersion],
    delegations: Sequence[Delegation],
) -> str | None:
    """The first decision that nobody could have made through `decide`: not the role's, the requester's own."""
    decided = list(decisions)
    originals = {d.seq: d for d in tx.decisions_numbered({d.carries for d in decided if d.carries is not None})}
    askers = asked_by(tx, request) if decided else frozenset()
    for d in decided:
        said = f"decision {d.seq} ({d.actor} as {d.role} on {request.id})"
        if askers & people(d):
            return f"{said} is by whoever asked for it"
        if d.verdict is Verdict.CARRY:
            if not _carries(d, originals.get(d.carries or 0)):
                return f"{said} carries an approval that is not there"
            continue
        if d.policy_digest is None or d.policy_digest not in versions:
            continue  # from before policies were kept; a link that was changed shows in the chain
        policy = _policy(versions[d.policy_digest])
        policy = policy if policy and d.role in policy.roles else promised(tx, request)
        if not _may(policy, d, request, delegations):
            return f"{said} was made without the right to"
    return None


def _carries(carry: Decision, original: Decision | None) -> bool:
    return original is not None and original.verdict is Verdict.APPROVE and original.seq < carry.seq and (
        (carry.gate, carry.role, carry.actor, carry.on_behalf_of) == (original.gate, original.role, original.actor, original.on_behalf_of)
    )  # fmt: skip


def _policy(version: PolicyVersion) -> Policy | None:
    try:
        return frozen_policy(version.content, version.digest)
    except BadInputError:
        return None


def _may(policy: Policy, d: Decision, request: Request, delegations: Sequence[Delegation]) -> bool:
    if d.actor == POLICY_ACTOR:
        tiers = policy.gates[d.gate].asked.values()
        return any(a.role == d.role and a.pre_approved for asked in tiers for a in asked)
    # Nobody but the auth manager knows who was in a group then, so whoever could be in one is believed.
    groups = frozenset(g for r in policy.roles.values() for g in r.groups)
    rights = authorities(policy, delegations, Person(d.actor, groups), d.role, d.at)
    if d.verdict is Verdict.REVOKE:  # one's own approval, by whatever right one has
        return bool(rights)
    return any((r.on_behalf_of, r.delegation) == (d.on_behalf_of, d.delegation) for r in rights)


def missing_rows(tx: Transaction) -> str | None:
    """Numbers that are gone from what is only ever added to."""
    names = {"stage_event": "event", "artifact": "finding"}
    gaps: Iterator[str] = (
        f"{noun} {gap} of the stage clock is missing" if table == "stage_event" else f"{noun} {gap} is missing"
        for table, noun in names.items()
        if (gap := tx.first_gap(table)) is not None
    )
    return next(gaps, None)
