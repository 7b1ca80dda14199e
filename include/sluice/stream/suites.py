"""A contract's suites: every rule that its tables are checked by, from wherever it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sluice.checks.rules import SQL_KWARGS, BadRuleError, Rule, identifier
from sluice.checks.shared import SharedSuite, shared_suites
from sluice.checks.suite import compile_rules, named_apart
from sluice.contract import document as yaml_document
from sluice.contract.model import Contract, Table
from sluice.errors import BadInputError, Finding, InvalidContractError
from sluice.settings import Settings

WRITTEN = "custom"
"""Origin of an expectation that somebody wrote in the contract; those that Sluice derives are right as they are."""


def rules_of(contract: Contract, table: Table, settings: Settings) -> list[Rule]:
    """The table's rules: the contract's own, its suite file's, its shared suites'.

    Raises BadInputError for what cannot be understood, and CUSTOM_EXPECTATION for a broken module.
    """
    from sluice.adapters import gx

    gx.load_custom(settings.custom_expectations)
    written = gx.load_suites(settings.expectations, contract.id, table, _shared(contract, table))
    return named_apart([*compile_rules(table, contract.tables), *written])


def files_of(contract: Contract, table: Table, settings: Settings) -> list[dict[str, Any]]:
    """What the table's suite files say beside their expectations. Raises BadInputError."""
    from sluice.adapters import gx

    return gx.suite_files(settings.expectations, contract.id, table, _shared(contract, table))


def _shared(contract: Contract, table: Table) -> list[SharedSuite]:
    try:
        return shared_suites(contract, table)
    except BadRuleError as error:
        raise BadInputError(
            "SHARED_SUITE", error.message, where=f"{contract.id}.{table.name}", mend=error.mend
        ) from error


def suite_findings(contract: Contract, settings: Settings) -> list[Finding]:
    """What is wrong with a contract's rules beyond their form: unknown expectations, bad arguments, absent columns,
    missing suite files, those that nothing reads, SQL that would be refused."""
    from sluice.adapters.duck.admission import inspection

    with inspection({table.name: table.columns for table in contract.tables}) as inspect:
        document = yaml_document.parse(contract.text, contract.file)
        found = [
            finding
            for number, table in enumerate(contract.tables)
            for finding in _findings(contract, table, settings, inspect, document, number)
        ]
    return [*found, *_unread(contract, settings)]


def _unread(contract: Contract, settings: Settings) -> Iterator[Finding]:
    from sluice.adapters import gx

    for path, mend in gx.unread(settings.expectations, contract.id, [table.name for table in contract.tables]):
        said = f"nothing reads this suite: {contract.id} has no table of that name"
        yield Finding("EXPECTATIONS_FILE", said, str(path), 0, path.stem.rpartition(".")[2], mend)


def _findings(
    contract: Contract,
    table: Table,
    settings: Settings,
    inspect: Callable[[str], None],
    document: yaml_document.Document,
    number: int,
) -> Iterator[Finding]:
    from sluice.adapters import gx

    try:
        rules = rules_of(contract, table, settings)
    except InvalidContractError as error:
        yield from error.findings
        return
    except BadInputError as error:
        yield Finding(error.code, error.message, error.where or contract.file, 0, table.name, error.mend)
        return
    for rule in rules:
        try:
            if rule.origin == WRITTEN:
                gx.verify([rule], table)
            for sql in _sql(rule, table):
                inspect(sql)
        except BadInputError as error:
            here = rule.origin in ("contract", WRITTEN)
            line = document.line(("schema", number, *rule.place)) if here else 0
            file = contract.file if here else rule.origin
            yield Finding(error.code, error.message, file, line, f"{table.name}.{rule.name}", error.mend)


def _sql(rule: Rule, table: Table) -> Iterable[str]:
    if rule.kind in ("sql", "expectation"):
        for key in SQL_KWARGS:
            if isinstance(rule.kwargs.get(key), str):
                yield str(rule.kwargs[key]).replace("{batch}", identifier(table.name))
