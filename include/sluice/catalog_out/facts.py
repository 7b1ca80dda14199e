"""Everything that is known of a published source, gathered from the ledger in one reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.access import GrantEvent
from sluice.contract.model import Contract
from sluice.ledger import Decision, Request, RequestState, Transaction
from sluice.onboarding import contract_of, found
from sluice.publications import PublicationStep
from sluice.running.history import Version, live, versions
from sluice.stages import Stage


@dataclass(frozen=True)
class Facts:
    """A source as it is published now.

    `pack` is the evidence that was approved; `entries` and `snapshots` are by table; `versions` is what readers saw
    since the beginning, oldest first, `packs` the evidence of each onboarding among them, by request.
    """

    request: Request
    contract: Contract
    pack: Mapping[str, Any]
    entries: Mapping[str, Mapping[str, Any]]
    snapshots: Mapping[str, Mapping[str, Any]]
    versions: tuple[Version, ...]
    packs: Mapping[str, Mapping[str, Any]]
    decisions: tuple[Decision, ...]
    steps: tuple[PublicationStep, ...]
    grants: tuple[GrantEvent, ...]


def facts_of(tx: Transaction, source: str) -> Facts:
    """The facts of a source. Raises TerminalError (NOT_PUBLISHED, OFFBOARDED)."""
    request = live(tx, source)
    known = versions(tx, source)
    good = [v for v in known if not v.bad]
    packs = {
        r.id: found(tx, r, Stage.PUBLICATION).get("", {})
        for r in tx.requests(source=source) if r.state is RequestState.PUBLISHED
    }  # fmt: skip
    return Facts(
        request=request,
        contract=contract_of(request),
        pack=packs.get(request.id, {}),
        entries=found(tx, request, Stage.REGISTER),
        snapshots=good[-1].tables if good else found(tx, request, Stage.PUBLISH).get("", {}),
        versions=tuple(known),
        packs=packs,
        decisions=tuple(tx.decisions(request.id)),
        steps=tuple(tx.publication_steps(request_id=request.id)),
        grants=tuple(tx.grant_events(source)),
    )
