"""What the check stage found: one result per rule, a verdict computed from them, strict JSON throughout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

from sluice.checks.rules import Rule

MAX_EXAMPLES = 20


@dataclass(frozen=True)
class RuleResult:
    """What became of one rule. `success` is None when it was not meant to be evaluated, False also when that
    failed, and then `error` says why.

    `observed` and `examples` are turned into JSON data; `examples` are at most 20 values that break the rule, and
    none where the column's classification forbids it. `engine` is what computed it (duckdb, pandas), `failed_rows`
    where the rows that break it are: `file`, `rows` written, and whether these are `complete`.
    """

    name: str
    kind: str
    success: bool | None
    severity: str = "error"
    expectation: str | None = None
    column: str | None = None
    observed: Any = None
    unexpected_count: int | None = None
    element_count: int | None = None
    unexpected_percent: float | None = None
    examples: tuple[Any, ...] = ()
    error: str | None = None
    description: str = ""
    dimension: str | None = None
    engine: str | None = None
    failed_rows: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "observed", jsonable(self.observed))
        object.__setattr__(self, "unexpected_percent", jsonable(self.unexpected_percent))
        object.__setattr__(self, "examples", tuple(jsonable(v) for v in self.examples[:MAX_EXAMPLES]))

    @classmethod
    def of(cls, rule: Rule, success: bool | None, **found: Any) -> RuleResult:
        """The result of this rule; `found` are the fields that the evaluation adds."""
        return cls(
            name=rule.name,
            kind=rule.kind,
            success=success,
            severity=rule.severity,
            expectation=rule.expectation_type,
            column=rule.column,
            description=rule.words,
            dimension=rule.dimension,
            **found,
        )

    @classmethod
    def errored(cls, rule: Rule, error: str, *, engine: str | None = None) -> RuleResult:
        """The result of a rule that could not be evaluated: it does not hold."""
        return cls.of(rule, False, error=" ".join(error.split())[:500], engine=engine)


@dataclass(frozen=True)
class CheckReport:
    """The results of a table's rules, in the order of the rules."""

    table: str
    results: tuple[RuleResult, ...]

    @property
    def success(self) -> bool:
        """No rule of severity `error` failed or could not be evaluated."""
        return not any(r.success is False and r.severity == "error" for r in self.results)

    @property
    def evaluated(self) -> int:
        """Rules with a verdict."""
        return sum(r.success is not None for r in self.results)

    @property
    def failed(self) -> int:
        """Rules that do not hold, whatever their severity."""
        return sum(r.success is False for r in self.results)

    @property
    def warnings(self) -> int:
        """Rules that do not hold and do not stop the onboarding."""
        return sum(r.success is False and r.severity != "error" for r in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; `from_dict` reads it back."""
        return {
            "table": self.table,
            "success": self.success,
            "evaluated": self.evaluated,
            "failed": self.failed,
            "warnings": self.warnings,
            "results": [{**asdict(r), "examples": list(r.examples)} for r in self.results],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CheckReport:
        """The report that `to_dict` wrote."""
        results = (RuleResult(**{**r, "examples": tuple(r["examples"])}) for r in data["results"])
        return cls(data["table"], tuple(results))


def jsonable(value: Any) -> Any:  # noqa: PLR0911
    """The value as strict JSON data: NaN as null, infinity and decimals as text, bytes in hex."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal() if math.isnan(value):
            return None
        case float() if math.isfinite(value):
            return value
        case date() | time():
            # pandas' NaT is a datetime that does not equal itself.
            return value.isoformat() if value == value else None  # noqa: PLR0124
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): jsonable(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted((jsonable(item) for item in value), key=str)
        case list() | tuple():
            return [jsonable(item) for item in value]
    # numpy's arrays and scalars, without importing it.
    return jsonable(value.tolist()) if hasattr(value, "tolist") else str(value)
