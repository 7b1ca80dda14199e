"""The request form: what the Airflow UI asks before it triggers `onboard_source`."""

from __future__ import annotations

from airflow.sdk import Param

from sluice.onboarding import PRIORITIES
from sluice.settings import load
from sluice.stream.request import PASTE


def request_form() -> dict[str, Param]:
    """Typed parameters; the contracts on offer are the files in the contracts folder when the DAG is parsed."""
    contracts = sorted(p.name for p in load().contracts.glob("*.odcs.yaml"))
    return {
        "contract": Param(
            PASTE,
            type="string",
            enum=[PASTE, *contracts],
            title="Contract",
            description="A contract from the contracts folder, or one that you paste below.",
        ),
        "contract_yaml": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=1_048_576,
            title="Pasted contract",
            description="A whole ODCS v3.1.0 contract as YAML.",
        ),
        "base": Param(
            None,
            type=["null", "string"],
            maxLength=1000,
            title="Folder of the source",
            description="Where the contract's relative paths start; empty means Sluice's sources folder.",
        ),
        "use_case": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Use case",
            description="The use case that waits for this data.",
        ),
        "priority": Param(
            "standard", type="string", enum=list(PRIORITIES), title="Priority",
            description="How urgent it is, in the open: everybody sees what was asked to go first.",
        ),
        "comment": Param(
            None, type=["null", "string"], format="multiline", maxLength=2000, title="Comment",
            description="Anything that helps those who will be asked to approve.",
        ),
    }  # fmt: skip
