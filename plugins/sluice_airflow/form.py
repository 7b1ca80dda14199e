"""The request form: what the Airflow UI asks before it triggers `onboard_source`."""

from __future__ import annotations

from airflow.sdk import Param

from sluice.pull import ServiceClass
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
        "class_of_service": Param(
            ServiceClass.STANDARD.value, type="string", enum=[c.value for c in ServiceClass], title="Class of service",
            description="Expedite goes before everything, a fixed date before what has none, intangible after it. "
            "The page Sluice > Ready queue shows what an expedited request would delay.",
        ),
        "due_date": Param(
            None, type=["null", "string"], format="date", title="Due date",
            description="For the class fixed_date: the day after which it is worth less.",
        ),
        "accept_delay": Param(
            False, type="boolean", title="I accept what it delays",
            description="For the class expedite: I have seen on the page Ready queue what it delays, and accept it.",
        ),
        "comment": Param(
            None, type=["null", "string"], format="multiline", maxLength=2000, title="Comment",
            description="Anything that helps those who will be asked to approve.",
        ),
    }  # fmt: skip
