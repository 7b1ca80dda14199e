"""What a refresh starts from: the versions and holdings on record, the tables as they are, the files at the source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.contract.model import Contract, Table, digest_of
from sluice.contract.reading import read_contract
from sluice.errors import TerminalError
from sluice.lake import Manifest, Mark
from sluice.ledger import Request, Transaction
from sluice.onboarding import contract_of, found
from sluice.running.history import REFRESHED, Version, newest_good, versions
from sluice.running.holdings import EMPTY, Holding, holding_of
from sluice.running.refreshes import Refresh
from sluice.running.schema_drift import EVOLVE, EVOLVED, FOUND
from sluice.stages import Stage
from sluice.stream.gate import strict_json
from sluice.stream.listing import find
from sluice.stream.reading import look
from sluice.stream.tools import Tools

if TYPE_CHECKING:
    from sluice.adapters.catalogs.snapshots import TableState


@dataclass(frozen=True)
class Basis:
    """What the source shows now: its request and contract, the version, and by table what it holds and its state.

    `taken_back` are the checksums of files that only versions which an incident took back contain.
    """

    request: Request
    contract: Contract
    version: Version
    holdings: Mapping[str, Holding]
    states: Mapping[str, TableState]
    taken_back: frozenset[str]


def basis(tools: Tools, request: Request, refresh: Refresh | None = None) -> Basis:
    """Read it; of a refresh under way with the schema that it takes up. Raises TerminalError (NOTHING_GOOD) where every version was taken back."""
    from sluice.adapters.catalogs import snapshots

    with tools.ledger.reading() as tx:
        known = versions(tx, request.source)
        version = newest_good(known)
        if version is None:
            raise TerminalError("NOTHING_GOOD", f"every publication of {request.source} was taken back", where=request.source,
                                mend="Onboard it anew with a new version of its contract.")  # fmt: skip
        holdings = holdings_of(tools, tx, version)
        bad = [h for v in known if v.bad for h in holdings_of(tools, tx, v).values()]
        good = {
            f.sha256 for v in known if not v.bad for h in holdings_of(tools, tx, v).values() for f in h.files.values()
        }
    taken_back = frozenset(f.sha256 for h in bad for f in h.files.values()) - good
    catalog = tools.tables()
    states = {n: snapshots.state(catalog, t["identifier"]) for n, t in version.tables.items()}
    with tools.ledger.reading() as tx:
        contract = in_force(tx, refresh, contract_of(request), request.id)
    return Basis(request, contract, version, holdings, states, taken_back)


def holdings_of(tools: Tools, tx: Transaction, version: Version) -> dict[str, Holding]:
    """What every table of a version holds."""
    if version.run == version.request_id:
        request = tx.request(version.request_id)
        if request is None:
            return {}
        manifests = found(tx, request, Stage.LAND)
        return {n: holding_of([Manifest.from_dict(m)]) for n, m in manifests.items()}
    (record,) = tx.records(run=version.run, kinds=(REFRESHED,))
    return {n: read_holding(tools, uri) for n, uri in record.content["holdings"].items()}


def read_holding(tools: Tools, uri: str) -> Holding:
    """A holding that `keep_holding` wrote."""
    return Holding.from_dict(json.loads(tools.store.read(uri))) if uri else EMPTY


def keep_holding(tools: Tools, source: str, table: str, holding: Holding) -> str:
    """Write a holding into the lake, addressed by its content; its URI."""
    document: dict[str, Any] = {"source": source, "table": table, **holding.to_dict()}
    uri = tools.layout.evidence(source, digest_of(document), f"{table}.holding.json")
    tools.store.write(uri, strict_json(document), content_type="application/json", only_if_absent=True)
    return uri


def at_the_source(tools: Tools, contract: Contract, table: Table, base: str) -> dict[str, Mark]:
    """The table's files as they are now, in the order of their names, without reading one of them."""
    marks = {}
    for file in find(contract, table, base, tools.settings, tools.store):
        if file.info is not None:
            marks[file.name] = Mark(file.info.size, file.info.modified.isoformat(), file.info.etag)
        elif Path(file.uri).exists():
            marks[file.name] = look(file.uri, tools.store)[0]
    return marks


def in_force(tx: Transaction, refresh: Refresh | None, contract: Contract, request_id: str) -> Contract:
    """The contract as additive changes have made it since it was approved; of a refresh under way, with its own."""
    texts = [
        r.content["proposed"] for r in tx.records(source=contract.id, kinds=(EVOLVED,))
        if r.content["request_id"] == request_id
    ]  # fmt: skip
    if refresh is not None:
        own = tx.records(run=refresh.id, kinds=(FOUND,))
        texts += [r.content["proposed"] for r in own[-1:] if r.content["answer"] == EVOLVE]
    return read_contract(texts[-1], contract.file) if texts else contract
