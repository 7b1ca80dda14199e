"""A ledger, a policy, a mailbox and a webhook, for tests of what people are told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sinks import Mailbox, Webhook, mailbox, webhook
from sluice.approval import Choice, decide, open_gate
from sluice.contract.reading import read_contract
from sluice.ledger import Artifact, Request, Transaction, Verdict
from sluice.onboarding import Ask, open_request
from sluice.outbox import MessageState
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.telling import deliver_all
from sluice.stream.tools import Tools, connect

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 10:00 in Brussels
FRIDAY_NIGHT = datetime(2026, 3, 6, 20, 0, tzinfo=UTC)
NEXT_MONDAY = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)  # 09:00 in Brussels
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: shop, format: csv}]
support:
  - {channel: shop-help, tool: slack, url: "https://chat.example.org/shop-help"}
  - {channel: help, tool: email, url: "mailto:help@example.org"}
schema: [{name: orders, properties: [{name: id, logicalType: integer, classification: public}]}]
"""
NOTIFICATIONS = """
notifications:
  calendar: office
  channels:
    mail: {url: "env:SLUICE_NOTIFY_MAIL", to: "{user}@example.org", domains: [example.org]}
    events: {url: "env:SLUICE_NOTIFY_EVENTS"}
  default: [mail]
  support: {email: mail}
  subscribers: {events: all}
"""
ROLES = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}


class World:
    """A ledger, a policy, a mailbox and a webhook; `now` is ours to set."""

    def __init__(self, tools: Tools, policy: Path, box: Mailbox, hook: Webhook) -> None:
        self.now = MONDAY
        self.box, self.hook, self.policy_file = box, hook, policy
        self.tools = dataclasses.replace(tools, now=lambda: self.now)
        self.secrets: dict[str, str | None] = {
            "env:SLUICE_NOTIFY_MAIL": box.url,
            "env:SLUICE_NOTIFY_EVENTS": f"cloudevents://secret-token@127.0.0.1:{hook.port}/hooks/sluice",
        }

    def tell(self) -> dict[MessageState, int]:
        return dict(deliver_all(self.tools, self.secrets.get))

    def requested(self, tx: Transaction, **ask: Any) -> Request:
        return open_request(tx, read_contract(CONTRACT), Ask(**({"requester": "remy"} | ask)), self.tools.policy(),
                            run_id="run-1", requested_at=self.now, started_at=self.now, now=self.now)  # fmt: skip

    def asked(self, tx: Transaction, request: Request, digest: str = "e" * 64) -> None:
        open_gate(tx, request.id, Stage.ADMISSION, Artifact(Stage.ADMISSION, None, digest, {}), self.now)

    def decided(self, request: Request, role: str, verdict: Verdict = Verdict.APPROVE, comment: str = "") -> None:
        with self.tools.ledger.transaction() as tx:
            decide(
                tx,
                self.tools.policy(),
                Choice(request.id, Stage.ADMISSION, role, verdict, ROLES[role], comment, "e" * 64),
                self.now,
            )

    def subjects(self, address: str) -> list[str]:
        return [str(m["subject"]) for m in self.box.to(address)]

    def states(self) -> dict[str, str]:
        with self.tools.ledger.reading() as tx:
            return {m.key: m.state.value for m in tx.messages(limit=1000)}


@contextmanager
def a_world(services: Settings, ledger_url: str, folder: Path, more: str = "") -> Iterator[World]:
    """A world whose policy is ours, with NOTIFICATIONS and `more` for what follows there."""
    text = (Path(__file__).parents[1] / "include" / "policy.yaml").read_text().split("# Who is told of what")[0]
    policy = folder / "policy.yaml"
    policy.write_text(text + NOTIFICATIONS + more)
    tools = connect(
        dataclasses.replace(services, ledger_url=ledger_url, policy=policy, public_url="https://sluice.example.org")
    )
    with mailbox() as box, webhook() as hook:
        yield World(tools, policy, box, hook)
