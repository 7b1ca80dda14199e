"""A policy written for a test, and requests on their way through it on a real ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Choice, Standing, decide, gate_standing, open_gate
from sluice.contract.model import digest_of
from sluice.contract.reading import read_contract
from sluice.ledger import Artifact, Decision, Request, Transaction, Verdict
from sluice.onboarding import Ask, begin, complete, open_request
from sluice.policy import PARTS, Policy, load_policy
from sluice.stages import Clock, Stage

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: {version}
status: active
team: {{name: Shop}}
servers: [{{server: files, type: local, path: shop, format: csv}}]
schema:
  - {{name: orders, properties: [{{name: id, logicalType: integer, classification: public}}]}}
  - {{name: lines, properties: [{{name: id, logicalType: integer, classification: public}}]}}
"""
POLICY = """\
owners: {members: [olga]}
calendars:
  office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}
roles:
  business: {members: [bea, ben], concerns: [contract, cost]}
  security: {members: [sara, sam, sue], calendar: office, concerns: [classification, source]}
  legal: {members: [lea]}
  governance: {members: [gus], also_signed_by: [legal]}
tiers:
  by_classification: {public: low, internal: standard, confidential: high, restricted: high}
ladders:
  usual: [{after: 1 business day, kind: reminder}, {after: 3 business days, kind: escalation, tell: [owners]}]
gates:
  admission: {low: [business], standard: [business], high: [business]}
  publication:
    expires_after: 5 business days
    ladder: usual
    low: {sign: [business, {role: security, signatures: 2}], veto: [legal]}
    standard: {sign: [business, {role: security, signatures: 2}], pre_approved: [governance], because: Agreed in May}
    high: [business, {role: security, signatures: 2}, governance, legal]
"""


def policy_of(folder: Path, text: str = POLICY) -> Policy:
    """The policy as read from a file."""
    file = folder / "policy.yaml"
    file.write_text(text)
    return load_policy(file)


def pack_of(gate: Stage, **said: Any) -> Artifact:
    """An evidence pack whose parts are what is `said` of them."""
    parts = {part: digest_of(said.get(part, "same")) for part in PARTS}
    content = {"tier": said.get("tier", ""), "parts": parts, "said": said}
    return Artifact(gate, None, digest_of(content), content | {"evidence_digest": digest_of(content)})


@dataclass
class Governed:
    """One ledger, one policy, a clock that people move."""

    ledger: PostgresLedger
    policy: Policy
    now: datetime = MONDAY
    versions: int = 0
    ids: list[str] = field(default_factory=list)

    def later(self, **units: float) -> None:
        self.now += timedelta(**units)

    def request(self, requester: str = "remy", version: str = "") -> str:
        """Asked for, and open at admission."""
        self.versions += 1
        contract = read_contract(CONTRACT.format(version=version or f"1.0.{self.versions}"))
        with self.ledger.transaction() as tx:
            made = open_request(tx, contract, Ask(requester), self.policy, run_id=f"run-{self.versions}",
                                requested_at=self.now, started_at=self.now, now=self.now)  # fmt: skip
        self.ids.append(made.id)
        self.ask(Stage.ADMISSION)
        return made.id

    def ask(self, gate: Stage, **said: Any) -> Standing:
        with self.ledger.transaction() as tx:
            return open_gate(tx, self.ids[-1], gate, pack_of(gate, **said), self.now)

    def decide(
        self, actor: str, role: str, verdict: Verdict = Verdict.APPROVE, *, gate: Stage = Stage.PUBLICATION, **more: Any
    ) -> Decision:
        """A decision on the evidence as it is now, through the one function."""
        with self.ledger.transaction() as tx:
            request = tx.request(self.ids[-1])
            assert request is not None
            digest = more.pop("digest", None) or gate_standing(tx, request, gate).evidence_digest
            comment = more.pop("comment", "because")
            return decide(
                tx, self.policy, Choice(request.id, gate, role, verdict, actor, comment, digest, **more), self.now
            )

    def work(self, *stages: Stage) -> None:
        """Every table of these stages."""
        for stage in stages or (Stage.LAND, Stage.PROFILE, Stage.CHECK):
            with self.ledger.transaction() as tx:
                request = self.seen(tx)
                for table in request.tables:
                    begin(tx, request.id, stage, self.now, table=table)
                    complete(tx, request, stage, self.now, table=table)

    def to_publication(self, **said: Any) -> Standing:
        self.request()
        self.decide("bea", "business", gate=Stage.ADMISSION)
        self.work()
        return self.ask(Stage.PUBLICATION, **said)

    def seen(self, tx: Transaction) -> Request:
        request = tx.request(self.ids[-1])
        assert request is not None
        return request

    def standing(self, gate: Stage = Stage.PUBLICATION) -> Standing:
        with self.ledger.reading() as tx:
            return gate_standing(tx, self.seen(tx), gate)

    def clock(self) -> Clock:
        with self.ledger.reading() as tx:
            return Clock(tx.events(self.ids[-1]))

    def signed(self, gate: Stage = Stage.PUBLICATION) -> Mapping[str, list[str]]:
        return {g.role: [s.decision.actor for s in g.signatures] for g in self.standing(gate).groups}
