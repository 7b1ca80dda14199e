"""A small shop as a source: orders and their items, published through every stage, with everybody's signature."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sluice.approval import Choice, decide
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.ledger import Request, Verdict
from sluice.onboarding import Ask
from sluice.settings import load
from sluice.stages import Stage
from sluice.stream.gate import ask
from sluice.stream.request import open_for_run
from sluice.stream.tools import Tools, connect

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {source}
version: 1.0.0
status: active
domain: retail
description: {{purpose: What the shop sells.}}
team: {{name: Shop, members: [{{username: olga, role: owner}}]}}
servers: [{{server: files, type: local, path: ., format: csv}}]
roles: [{{role: analyst, access: read}}]
support: [{{channel: shop-data, tool: slack, url: "https://example.com/hook"}}]
slaProperties:
  - {{property: frequency, value: 1, unit: d}}
  - {{property: timeToRepair, value: 4, unit: h}}
  - {{property: timeToRestore, value: 1, unit: min}}
customProperties:
  - {{property: useCases, value: [churn]}}
  - {{property: costCentre, value: CC-42}}
schema:
  - name: orders
    customProperties: [{orders}]
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, required: true, unique: true, classification: public}}
      - {{name: buyer, logicalType: string, classification: confidential}}
      - {{name: paid, logicalType: number, physicalType: "decimal(9,2)", classification: public}}
  - name: items
    customProperties: [{items}]
    properties:
      - {{name: order_id, logicalType: integer, classification: public}}
      - {{name: article, logicalType: string, classification: public}}
"""
FULL = "{property: refresh, value: full}"


class Shop:
    """The source's folder, its contract, and its way into the lake. `clock` is what the tools take for now."""

    def __init__(self, folder: Path, ledger_url: str, lake: str, source: str, **terms: str) -> None:
        self.folder, self.source = folder / "source", source
        self.folder.mkdir(parents=True, exist_ok=True)
        self.terms = {"orders": FULL, "items": FULL} | terms
        self.text = CONTRACT.format(source=source, **self.terms)
        self.clock = datetime.now(UTC).replace(microsecond=0)
        self.environment = {
            "SLUICE_HOME": str(folder / "home"), "SLUICE_LAKE": lake, "SLUICE_LEDGER_URL": ledger_url,
            **{k: v for k, v in os.environ.items() if k.startswith(("AWS_", "SLUICE_AWS"))},
        }  # fmt: skip

    @property
    def tools(self) -> Tools:
        return replace(connect(load(self.environment)), now=self.now)

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def later(self, **units: float) -> None:
        self.clock += timedelta(**units)

    def write(self, name: str, lines: Iterable[str]) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    def deliver(self, orders: Iterable[tuple[Any, ...]], items: Iterable[tuple[Any, ...]] = ((1, "tea"),)) -> None:
        self.write("orders.csv", ["id,buyer,paid", *(",".join(map(str, o)) for o in orders)])
        self.write("items.csv", ["order_id,article", *(",".join(map(str, i)) for i in items)])

    @property
    def contract(self) -> Contract:
        return read_contract(self.text)

    def publish(self, request: Request | None = None) -> Request:
        """Onboard it, or finish the onboarding of an approved `request`."""
        from sluice.stream.publish import publish
        from sluice.stream.register import register

        request, tools = request or self.approved(), self.tools
        for table in request.tables:
            register(tools, request.id, table)
        publish(tools, request.id)
        return request

    def open(self) -> Request:
        """Ask for it, and admit it."""
        tools, contract = self.tools, self.contract
        asked = Ask("remy", use_case="pricing", base=str(self.folder))
        run_id = f"run-{contract.digest[:12]}"
        request = open_for_run(tools, contract, asked, run_id=run_id, requested_at=tools.now())
        self.sign(request, Stage.ADMISSION)
        return request

    def approved(self) -> Request:
        """Bring it as far as both gates' approvals: nothing is in the catalog yet."""
        from sluice.stream.check import check
        from sluice.stream.land import land
        from sluice.stream.profile import profile

        request, tools = self.open(), self.tools
        per_table: list[Callable[[Tools, str, str], int]] = [land, profile, check]
        for stage in per_table:
            for table in request.tables:
                stage(tools, request.id, table)
        self.sign(request, Stage.PUBLICATION)
        return request

    def sign(self, request: Request, gate: Stage) -> None:
        """Everybody who is asked says yes."""
        tools = self.tools
        standing = ask(tools, request.id, gate)
        policy = tools.policy()
        for role in standing.required:
            person = policy.roles[role].members[0]
            choice = Choice(request.id, gate, role, Verdict.APPROVE, person, "", standing.evidence_digest)
            with tools.ledger.transaction() as tx:
                decide(tx, policy, choice, tools.now())

    def whole(self) -> dict[str, str]:
        """The environment of a process of its own: this one's, without what it says of another lake or ledger."""
        return {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")} | self.environment

    def rows(self, table: str = "orders") -> list[tuple[Any, ...]]:
        """What readers see, by pyiceberg."""
        found = self.tools.catalog.scan(f"{self.source}.{table}").to_pylist()
        return sorted(tuple(r.values()) for r in found)

    def messages(self, kind: str = "") -> list[Any]:
        with self.tools.ledger.reading() as tx:
            return [m for m in tx.messages(limit=1000) if m.kind.startswith(kind)]
