"""From a fact to letters: who is told, when, in which words.

Planned when the fact is due, from the state as it is then: whoever need not be told any more is not. Each letter is
a message of its own, in the lane of its channel, so that one that cannot be sent is nobody else's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sluice.approval import expiries, gate_standing, promised
from sluice.calendars import CONTINUOUS, Calendar
from sluice.errors import TerminalError
from sluice.ledger import Request, Transaction
from sluice.notifications import links
from sluice.notifications.facts import STALE_DAYS
from sluice.notifications.recipients import Recipient, merged, of_person, of_role, of_support, subscribed
from sluice.notifications.safe import line
from sluice.notifications.waiting import holders, waited_for
from sluice.notifications.wording import letter
from sluice.onboarding import contract_of
from sluice.outbox import Draft, Message, MessageState, Settled
from sluice.policy import Policy
from sluice.pull import ServiceClass
from sluice.stages import GATES, Clock, Stage

SENDING = "send"
INCIDENT = "incident."
TO_REQUESTER = ("decided", "returned", "published", "failed", "expired", "late", "slipped", "ready")
TO_SUPPORT = ("returned", "published", "failed")
TO_SIGNERS = ("expired",)
PARTED = ("request_id", "gate", "at", "roles", "people", "support", "urgent", "link", "source", "since")
"""Keys of a fact's payload with a meaning of their own; whatever else it holds reaches the template."""


@dataclass(frozen=True)
class Fact:
    """A fact as it was recorded.

    Payload: `request_id`, `gate`, `at`; or for what is of no request `title`, `sentences`, `link`. Besides
    `roles`, `people`, `support` (told in addition), `urgent` (at any hour), and values for the template.
    """

    kind: str
    detail: str
    told: Mapping[str, Any]

    @classmethod
    def of(cls, message: Message) -> Fact:
        """`notify.incident.schema` is of the kind `incident`, its detail is `schema`."""
        if message.kind.startswith(INCIDENT):
            return cls("incident", message.kind.removeprefix(INCIDENT), _incident(message))
        kind, _, detail = message.kind.partition(".")[2].partition(".")
        return cls(kind, detail, message.payload)


def _incident(message: Message) -> dict[str, Any]:
    """An incident as sluice.running.incidents tells of it, in the terms of a fact. Told at any hour."""
    told = message.payload
    what = message.kind.removeprefix(INCIDENT).replace("_", " ")
    hurt = [*told.get("use_cases", ()), *told.get("consumers", ())]
    facts = [["Incident", told["incident"]], ["Severity", told["severity"]], ["Owner", told.get("owner")],
             ["Reason", told.get("reason")], ["Expected to be over", told.get("eta")], ["Affects", ", ".join(hurt)]]  # fmt: skip
    return {
        **told, "title": f"Incident at {told['source']}: {what}", "sentences": [told["text"]], "urgent": True,
        "facts": [[name, value] for name, value in facts if value], "people": [told["owner"]] if told.get("owner") else [],
    }  # fmt: skip


def plan(tx: Transaction, policy: Policy, message: Message, now: datetime, public_url: str) -> Settled:
    """The letters that follow from a fact; dropped when nobody is to be told of it (any more)."""
    fact = Fact.of(message)
    if (at := fact.told.get("at")) and now - datetime.fromisoformat(at) > timedelta(days=STALE_DAYS):
        return Settled(MessageState.DROPPED, "it happened too long ago to be news")
    request = tx.request(str(fact.told["request_id"])) if fact.told.get("request_id") else None
    if fact.told.get("request_id") and request is None:
        raise TerminalError("NO_REQUEST", f"there is no request {fact.told['request_id']!r}")
    gate = Stage(fact.told["gate"]) if fact.told.get("gate") in set(GATES) else None
    missing = waited_for(tx, request, gate) if request and gate else ()
    if fact.kind in ("asked", "reminder", "escalated") and not missing:
        return Settled(MessageState.DROPPED, "everybody has answered meanwhile")
    told = _recipients(tx, policy, fact, request, missing, now)
    if not told:
        return Settled(MessageState.DROPPED, "the policy names no channel for anybody here")
    about = _about(tx, policy, fact, request, gate, missing, now)
    drafts = [_letter(policy, fact, message, one, about, now, public_url) for one in told]
    return Settled(MessageState.DELIVERED, f"{len(drafts)} to tell", follow=drafts)


def still_wanted(tx: Transaction, payload: Mapping[str, Any]) -> bool:
    """Whether a letter that asks for a decision is still worth sending, now that its hour has come."""
    wanted = payload.get("while_waiting")
    if not wanted:
        return True
    request = tx.request(wanted["request_id"])
    return request is not None and bool(set(wanted["roles"]) & set(waited_for(tx, request, Stage(wanted["gate"]))))


def _recipients(
    tx: Transaction, policy: Policy, fact: Fact, request: Request | None, missing: tuple[str, ...], now: datetime
) -> list[Recipient]:
    told: list[Recipient] = []
    named = tuple(fact.told.get("roles", ()))
    if fact.kind == "asked":
        roles = tuple(r for r in named or missing if r in missing)
    else:
        roles = (*(missing if fact.kind in TO_SIGNERS else ()), *named)
    for role in dict.fromkeys(roles):
        known = policy.roles.get(role)
        people = holders(tx, policy, role, request, now) if request else known.members if known else ()
        told += of_role(policy, role, people)
    requester = [request.requester] if request and fact.kind in TO_REQUESTER else []
    for person in dict.fromkeys([*requester, *fact.told.get("people", ())]):
        told += of_person(policy, person)
    if request is not None and fact.told.get("support", fact.kind in TO_SUPPORT):
        told += of_support(policy, contract_of(request).document.get("support") or ())
    told += of_support(policy, fact.told.get("channels") or ())
    return merged([*told, *subscribed(policy, fact.kind)])


def _about(
    tx: Transaction,
    policy: Policy,
    fact: Fact,
    request: Request | None,
    gate: Stage | None,
    missing: tuple[str, ...],
    now: datetime,
) -> dict[str, Any]:
    """What the templates are told; every kind gets the same names."""
    own = {k: v for k, v in fact.told.items() if k not in PARTED}
    common: dict[str, Any] = {"facts": [], "waiting": list(missing), "use_case": "", "comment": "", "reason": "",
                              "by": None, "cause": "", "blocked": "", "stage": "", "holders": [], "sentences": [],
                              "lead_time": None, "tables": []}  # fmt: skip
    if request is None:
        return common | {"source": str(fact.told.get("source", "")), "version": "", "gate": ""} | own
    clock = Clock(tx.events(request.id))
    facts = [("Request", request.id), ("Use case", request.use_case), ("Asked for by", request.requester),
             ("Risk tier", f"{request.tier}: {'; '.join(request.tier_reasons)}" if request.tier_reasons else request.tier),
             ("Class of service", ServiceClass.of(request.priority).words),
             ("Due", request.due.isoformat() if request.due else "")]  # fmt: skip
    lead = (request.closed_at - request.requested_at).total_seconds() if request.closed_at else None
    waited = list(fact.told.get("waiting", missing))
    who = [p for role in waited for p in holders(tx, policy, role, request, now)]
    since = fact.told.get("since")
    until = [e.at for e in expiries(promised(tx, request), clock, gate_standing(tx, request, gate))] if gate else []
    return common | {
        "source": request.source, "version": request.contract_version, "gate": gate.value if gate else "",
        "requester": request.requester, "use_case": request.use_case, "reason": request.state_reason,
        "facts": [[name, value] for name, value in facts if value], "holders": list(dict.fromkeys(who)),
        "lead_time": lead, "tables": [f"{request.source}.{t}" for t in request.tables],
        "at": [s.value for s in clock.current()], "by": until[0].isoformat() if until else None,
        "waited": (now - datetime.fromisoformat(since)).total_seconds() if since else 0.0,
    } | own  # fmt: skip


def _letter(
    policy: Policy,
    fact: Fact,
    message: Message,
    to: Recipient,
    about: Mapping[str, Any],
    now: datetime,
    public_url: str,
) -> Draft:
    request_id = str(fact.told.get("request_id") or "")
    gate = str(fact.told.get("gate") or "")
    if path := fact.told.get("link"):
        link = public_url + line(path)
    elif gate and fact.kind in ("asked", "reminder", "escalated"):
        link = public_url + links.evidence_page(request_id, gate)
    else:
        link = public_url + (links.request_page(request_id) if request_id else links.INBOX)
    mine = [r for r in to.roles if r in about["waiting"]]
    roles = mine or about["waiting"] or list(to.roles)
    why = f"you are one of those who sign as {' and '.join(mine)}" if mine and to.person else ""
    written = letter(fact.kind, dict(about) | {"roles": roles, "why": why}, link=link)
    urgent = bool(fact.told.get("urgent"))
    due = now if urgent or not to.business else _calendar(policy, to).next_open(now)
    payload: dict[str, Any] = {
        "channel": to.channel, "address": to.address, "subject": written.subject, "text": written.text,
        "html": written.html, "link": link, "kind": fact.kind,
        "event": {
            "type": f"sluice.{message.kind.removeprefix('notify.')}", "id": message.key, "time": fact.told.get("at") or now.isoformat(),
            "subject": request_id or str(fact.told.get("source", "")), "data": _data(fact, about, link),
        },
    }  # fmt: skip
    if fact.kind in ("asked", "reminder", "escalated"):
        payload["while_waiting"] = {"request_id": request_id, "gate": gate, "roles": roles}
    return Draft(f"{SENDING}.{fact.kind}", f"{message.key}>{to.key}", payload, due, to.channel)


def _data(fact: Fact, about: Mapping[str, Any], link: str) -> dict[str, Any]:
    """What programs are told: the fact as recorded, the request in short, and the way to the page."""
    request = {k: about[k] for k in ("source", "version", "requester", "use_case", "waiting", "at") if about.get(k)}
    return {**request, **{k: v for k, v in fact.told.items() if k != "link"}, "link": link}


def _calendar(policy: Policy, to: Recipient) -> Calendar:
    """The calendar in whose hours this recipient is told; of several roles, the first."""
    if to.roles:
        return policy.calendar_of(to.roles[0])
    return policy.calendars.get(policy.notifications.calendar, CONTINUOUS)
