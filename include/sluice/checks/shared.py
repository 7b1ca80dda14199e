"""Shared suites: what a table's `suites` customProperty refers to.

customProperties:
  - property: suites
    value:
      - shared/common_ids                       # expectations/shared/common_ids.json
      - suite: shared/money
        with: {amount: total_price}             # stands in for "${amount}" in that file
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.checks.rules import BadRuleError
from sluice.contract.model import Contract, Table

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_PARAMETER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MEND = "Write a name such as shared/common_ids, or {suite: shared/common_ids, with: {id: order_id}}."


@dataclass(frozen=True)
class SharedSuite:
    """A reference to a suite by its path below the expectations folder, without `.json`."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, value: Any) -> Any:
        """The value with this reference's parameters in it. Raises BadRuleError for one that is not given."""
        if isinstance(value, str):
            whole = _PARAMETER.fullmatch(value)
            return self._given(whole) if whole else _PARAMETER.sub(lambda found: str(self._given(found)), value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, Mapping):
            return {key: self.filled(item) for key, item in value.items()}
        return value

    def unused(self, items: list[Any]) -> list[str]:
        """The parameters that are given, and that nothing in a suite's items asks for."""
        asked = {found[1] for text in _texts(items) for found in _PARAMETER.finditer(text)}
        return sorted(self.parameters.keys() - asked)

    def _given(self, found: re.Match[str]) -> Any:
        if found[1] not in self.parameters:
            raise BadRuleError(
                f"needs the parameter {found[1]!r}", f"Refer to it as {{suite: {self.name}, with: {{{found[1]}: …}}}}."
            )
        return self.parameters[found[1]]


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case Mapping() as item:
                waiting.extend(item.values())
            case list() as items:
                waiting.extend(items)


def shared_suites(contract: Contract, table: Table) -> list[SharedSuite]:
    """The shared suites that the contract names for this table. Raises BadRuleError."""
    for item in contract.document.get("schema") or ():
        if isinstance(item, Mapping) and item.get("name") == table.name:
            for custom in item.get("customProperties") or ():
                if isinstance(custom, Mapping) and custom.get("property") == "suites":
                    written = custom.get("value")
                    return [_reference(one) for one in (written if isinstance(written, list) else [written])]
    return []


def _reference(written: Any) -> SharedSuite:
    name: Any = written
    parameters: Any = {}
    if isinstance(written, Mapping):
        name, parameters = written.get("suite"), written.get("with") or {}
        if written.keys() - {"suite", "with"} or not isinstance(parameters, Mapping):
            raise BadRuleError(f"refers to the suite {dict(written)!r}", _MEND)
    if not isinstance(name, str) or not _NAME.fullmatch(name.removesuffix(".json")):
        raise BadRuleError(f"refers to the suite {name!r}", _MEND)
    return SharedSuite(name.removesuffix(".json"), dict(parameters))
