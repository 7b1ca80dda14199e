"""Register: the catalog learns of the table, its meaning and its owner; no data is visible yet."""

from __future__ import annotations

from sluice.contract.model import digest_of
from sluice.ledger import Artifact
from sluice.onboarding import begin, complete, contract_of
from sluice.stages import Stage
from sluice.stream.tools import Tools


def register(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table: created, or adopted when it is this source's. Returns 1."""
    from sluice.adapters import iceberg

    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.REGISTER, tools.now(), table=table_name)
    contract = contract_of(request)
    table = contract.table(table_name)
    location = tools.layout.table(contract.id, table.table_name)
    entry = iceberg.register(iceberg.catalog(), contract, table, location)
    content = {"identifier": entry.identifier, "location": entry.location}
    with tools.ledger.transaction() as tx:
        complete(tx, request, Stage.REGISTER, tools.now(), table=table_name,
                 found=Artifact(Stage.REGISTER, table_name, digest_of(content), content))  # fmt: skip
    return 1
