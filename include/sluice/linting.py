"""A contract with its quality rules: what `sluice lint` checks and what every request passes through."""

from __future__ import annotations

from pathlib import Path

from sluice.checks.suite import problems_of
from sluice.contract import document as yaml_document
from sluice.contract.model import Contract
from sluice.contract.reading import PASTED, load_contract, read_contract
from sluice.errors import Finding, InvalidContractError


def usable_contract(file: Path) -> Contract:
    """Read a contract whose quality rules can be understood too.

    Raises BadInputError (CONTRACT_NOT_FOUND) and InvalidContractError with every finding.
    """
    return _with_rules(load_contract(file))


def usable_text(text: str, file: str = PASTED) -> Contract:
    """The same for YAML text."""
    return _with_rules(read_contract(text, file))


def _with_rules(contract: Contract) -> Contract:
    document = yaml_document.parse(contract.text, contract.file)
    found: list[Finding] = []
    for i, table in enumerate(contract.tables):
        for problem in problems_of(table):
            line = document.line(("schema", i, *problem.place))
            found.append(Finding("BAD_QUALITY_RULE", problem.message, contract.file, line, problem.where, problem.mend))
    if found:
        raise InvalidContractError(found)
    return contract
