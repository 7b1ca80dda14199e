"""Register: the catalog learns of the table, its meaning and its owner; no data is visible yet."""

from __future__ import annotations

from sluice.catalog import CatalogEntry, TableRequest
from sluice.contract.model import Contract, digest_of
from sluice.crashing import crash_point
from sluice.ledger import Artifact, Request
from sluice.onboarding import begin, complete, contract_of
from sluice.registration import table_request
from sluice.stages import Stage
from sluice.stream.tools import Tools


def register(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table: created, or adopted when it is this source's. Returns 1."""
    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.REGISTER, tools.now(), table=table_name)
    crash_point("register.begun")
    entry = describe(tools, request, contract_of(request), table_name)
    crash_point("register.tagged")
    with tools.ledger.transaction() as tx:
        complete(tx, request, Stage.REGISTER, tools.now(), table=table_name, found=registered(tools, table_name, entry))
    return 1


def registered(tools: Tools, table_name: str, entry: CatalogEntry) -> Artifact:
    """What the stage found, for the ledger: where the table is, and which one it is."""
    content = {
        "identifier": entry.identifier,
        "location": entry.location,
        "uuid": entry.uuid,
        "catalog": tools.catalog.kind,
    }
    return Artifact(Stage.REGISTER, table_name, digest_of(content), content)


def describe(tools: Tools, request: Request, contract: Contract, table_name: str) -> CatalogEntry:
    """Make the table in the catalog, or bring what it says of itself up to the contract: parameters, comments, tags."""
    wanted = request_for(tools, request, contract, table_name)
    entry = tools.catalog.register(wanted)
    tools.access.tag(wanted.identifier, wanted.tags)
    return entry


def request_for(tools: Tools, request: Request, contract: Contract, table_name: str) -> TableRequest:
    """What the catalog is asked for one table of an onboarding request, by the contract as it is in force."""
    table = contract.table(table_name)
    location = tools.layout.table(contract.id, table.table_name)
    return table_request(contract, table, location, links(tools.settings.public_url, request))


def links(base: str, request: Request) -> dict[str, str]:
    """Where people find what stands behind the table."""
    here = f"{base}/sluice/requests/{request.id}"
    return {
        "request": here,
        "evidence": f"{here}/evidence",
        "data-docs": f"{here}/data-docs",
        "page": f"{base}/sluice/pages/sources/{request.source}",
        "contract": f"{base}/sluice/sources/{request.source}/contract",
    }
