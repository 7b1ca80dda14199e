"""Requests on their way, made by the real stages on a real ledger and lake; only Airflow is left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.approval import Choice, decide
from sluice.contract.reading import read_contract
from sluice.ledger import Decision, Verdict
from sluice.onboarding import Ask, request_id
from sluice.stages import Stage
from sluice.stream.check import check
from sluice.stream.gate import ask
from sluice.stream.land import land
from sluice.stream.profile import profile
from sluice.stream.request import open_for_run
from sluice.stream.tools import Tools

SIGNERS = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {source}
name: {title}
version: {version}
status: active
domain: sales
description:
  purpose: {purpose}
  limitations: No marketing without a separate consent.
team: {{name: Customer data, members: [{{username: olga, role: owner}}]}}
slaProperties:
  - {{property: retention, value: 2, unit: y}}
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: customers
    description: One line for each customer of the web shop.
    properties:
      - {{name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, classification: internal, description: Number of the customer.}}
      - {{name: email, logicalType: string, classification: {email}, description: Where invoices are sent.}}
      - {{name: country, logicalType: string, classification: internal, description: Where the customer lives.}}
      - {{name: joined, logicalType: date, classification: internal, description: Day of the first order.}}
      - {{name: spent, logicalType: number, physicalType: "decimal(9,2)", classification: internal, description: Euros in all.}}
"""


def customers(rows: int = 200, bad: int = 3) -> str:
    """A CSV file of customers; the last `bad` rows do not fit the contract."""
    lines = ["id,email,country,joined,spent"]
    for i in range(rows):
        day = f"2025-{1 + i % 12:02d}-{1 + i % 28:02d}"
        lines.append(f"{i + 1},person{i}@example.org,{('BE', 'NL', 'DE', 'FR')[i * i % 4]},{day},{(i * 37) % 900}.50")
    lines += [f"{rows + i + 1},person{rows + i}@example.org,BE,2025-02-31,1.00" for i in range(bad)]
    return "\n".join(lines) + "\n"


@dataclass
class Stream:
    """The value stream by hand: every step is the function that the DAG's task calls."""

    tools: Tools
    folder: Path

    def request(self, source: str, *, requester: str = "remy", text: str | None = None, data: str | None = None,
                use_case: str = "See which customers come back", priority: str = "standard", **words: str) -> str:  # fmt: skip
        """Asked for, and open at the admission gate."""
        folder = self.folder / source
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "customers.csv").write_text(data or customers())
        said = {"title": "Web shop customers", "version": "1.0.0", "email": "confidential",
                "purpose": "Who our customers are, and what they are worth to us."} | words  # fmt: skip
        written = text or CONTRACT.format(source=source, **said)
        contract = read_contract(written, str(folder / f"{source}.odcs.yaml"))
        asked = Ask(requester, use_case, priority, "", str(folder))
        now = self.tools.now()
        request = open_for_run(self.tools, contract, asked, run_id=request_id(contract), requested_at=now)
        ask(self.tools, request.id, Stage.ADMISSION)
        return request.id

    def approve(self, request: str, gate: Stage, *roles: str) -> None:
        """These roles, or all, approve."""
        for role in roles or SIGNERS:
            self.decide(request, gate, role)

    def decide(
        self, request: str, gate: Stage, role: str, verdict: Verdict = Verdict.APPROVE, **other: Any
    ) -> Decision:
        said = {
            "actor": SIGNERS.get(role, role),
            "comment": "Seen.",
            "evidence_digest": self.digest(request, gate),
        } | other
        with self.tools.ledger.transaction() as tx:
            choice = Choice(request_id=request, gate=gate, role=role, verdict=verdict, **said)
            return decide(tx, self.tools.policy(), choice, self.tools.now())

    def digest(self, request: str, gate: Stage) -> str:
        with self.tools.ledger.reading() as tx:
            return next(a.digest for a in tx.artifacts(request) if a.stage is gate)

    def work(self, request: str) -> None:
        """Landed, profiled and checked, and open at the publication gate."""
        with self.tools.ledger.reading() as tx:
            found = tx.request(request)
        assert found is not None
        for table in found.tables:
            land(self.tools, request, table)
        for table in found.tables:
            profile(self.tools, request, table)
            check(self.tools, request, table)
        ask(self.tools, request, Stage.PUBLICATION)

    def to_publication(self, source: str, **asked: Any) -> str:
        """A request that waits at the publication gate for everybody."""
        request = self.request(source, **asked)
        self.approve(request, Stage.ADMISSION)
        self.work(request)
        return request
