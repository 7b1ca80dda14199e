"""Risk tiers: facts about a request, rules that raise its tier, and the reasons in words.

A classification gives every request a tier to start from; rules only raise it. So the tier is that of the heaviest
cause, and what would make it lighter is found by taking causes away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sluice.contract.model import CLASSIFICATIONS, Contract
from sluice.contract.server import FORMATS, SERVER_TYPES
from sluice.policy.spans import Span, parse_span

TIERS = ("low", "standard", "high")
"""From the lightest to the heaviest, unless `tiers.names` says otherwise."""


@dataclass(frozen=True)
class Facts:
    """What is known of a request when its tier is computed. None: not known yet, so rules about it do not hold.

    `pii_*` are `table.column (kinds)`; `source` is the server's type (local, s3, ...); `bytes` is what the source
    holds; `quarantined` is a share (0-1); an owner is known when an earlier source of his was published.
    """

    classification: str
    classified: tuple[str, ...] = ()
    """The columns that have this classification."""
    source: str = ""
    format: str = ""
    domain: str = ""
    owner: str = ""
    owner_known: bool = False
    tables: int = 1
    retention_days: float | None = None
    pii_declared: tuple[str, ...] = ()
    pii_undeclared: tuple[str, ...] = ()
    bytes: int | None = None
    rows: int | None = None
    monthly_usd: float | None = None
    quarantined: float | None = None


def facts_of(contract: Contract, **known: Any) -> Facts:
    """The facts a contract states, with what else is `known` (fields of Facts)."""
    columns = [(t, c) for t in contract.tables for c in t.columns]
    stated: dict[str, Any] = {
        "classification": contract.classification,
        "classified": tuple(f"{t.name}.{c.name}" for t, c in columns if c.classification == contract.classification),
        "source": contract.server.type,
        "format": contract.server.format,
        "domain": contract.domain,
        "owner": contract.owner,
        "tables": len(contract.tables),
        "retention_days": _retention(contract.document.get("slaProperties")),
        "pii_declared": tuple(f"{t.name}.{c.name} ({', '.join(c.pii)})" for t, c in columns if c.pii),
    }
    return Facts(**(stated | known))


_UNITS = {"d": "day", "day": "day", "days": "day", "w": "week", "week": "week", "weeks": "week", "m": "month",
          "month": "month", "months": "month", "y": "year", "year": "year", "years": "year"}  # fmt: skip


def _retention(properties: Any) -> float | None:
    """Days, from ODCS `slaProperties: [{property: retention, value: 3, unit: y}]`."""
    for entry in properties if isinstance(properties, list) else []:
        if isinstance(entry, Mapping) and entry.get("property") == "retention":
            unit = _UNITS.get(str(entry.get("unit") or "y").lower(), "")
            span = parse_span(f"{entry.get('value')} {unit}")
            return span.days if span else None
    return None


@dataclass(frozen=True)
class Cause:
    """Something that puts a request into a tier. `key` names it; `lighter` says what would take it away."""

    key: str
    tier: str
    reason: str
    lighter: str


@dataclass(frozen=True)
class TierRule:
    """Raises a request to `tier` when every condition of `when` holds."""

    key: str
    tier: str
    when: Mapping[str, Any]
    because: str = ""

    def cause(self, facts: Facts) -> Cause | None:
        """The cause this rule finds, or None when it does not hold."""
        found = [CONDITIONS[name].holds(facts, value) for name, value in self.when.items()]
        if not all(found):
            return None
        said = " and ".join(str(f) for f in found)
        because = f" ({self.because})" if self.because else ""
        ways = [CONDITIONS[name].lighter(value) for name, value in self.when.items()]
        return Cause(self.key, self.tier, f"{said}{because}: tier {self.tier}", " or ".join(ways))


_MOST = 1e18
"""More rows, bytes or dollars than anybody has; also where infinity ends."""


def _possible(value: Any) -> bool:
    """Whether anything could ever be more than this: not where it is infinite, or no number at all."""
    return not isinstance(value, float) or value <= _MOST


@dataclass(frozen=True)
class Condition:
    """A word of the rule language: `read` checks its value (None: not usable), `shape` shows one that is.

    `holds` gives the fact in words when the condition holds, else "".
    """

    shape: str
    read: Callable[[Any], Any]
    holds: Callable[[Facts, Any], str]
    lighter: Callable[[Any], str]
    words: tuple[str, ...] = ()
    """What a list of words can hold; anything goes where this is empty."""
    possible: Callable[[Any], bool] = _possible
    """Whether a rule with this value could ever hold. A new policy is refused where it could not."""


PII = ("any", "declared", "undeclared")
"""What a rule can say of personal data beside its kinds (sluice.pii.kinds.KIND_NAMES)."""


def _words(value: Any) -> tuple[str, ...] | None:
    listed = value if isinstance(value, list) else [value]
    return tuple(listed) if listed and all(isinstance(v, str) and v for v in listed) else None


def _number(value: Any) -> float | None:
    good = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value >= 0
        and (isinstance(value, float) or value < _MOST)
    )
    return float(value) if good else None


def _share(value: Any) -> bool:
    return bool(value <= 1)


_BYTES = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def _size(value: Any) -> float | None:
    number, _, unit = str(value).strip().partition(" ")
    try:
        return float(number) * _BYTES[unit.strip().lower()]
    except (KeyError, ValueError):
        return None


def _owner(value: Any) -> str | None:
    return value if value in ("new", "known") else None


def _missing(value: Any) -> str | None:
    return "missing" if value == "missing" else None


def human_bytes(size: float) -> str:
    """1,500,000,000 as 1.5 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def _pii(facts: Facts, wanted: tuple[str, ...]) -> str:
    found = []
    if "undeclared" in wanted and facts.pii_undeclared:
        found.append(f"personal data was found where none was declared ({', '.join(facts.pii_undeclared)})")
    elsewhere = facts.pii_declared + facts.pii_undeclared
    if "any" in wanted and elsewhere:
        found.append(f"there is personal data ({', '.join(elsewhere)})")
    if "declared" in wanted and facts.pii_declared:
        found.append(f"the contract declares personal data ({', '.join(facts.pii_declared)})")
    kinds = [e for e in elsewhere if any(k in e.rpartition("(")[2].rstrip(")").split(", ") for k in wanted)]
    if kinds:
        found.append(f"there is personal data of a kind that needs care ({', '.join(kinds)})")
    return " and ".join(found)


def _silent(facts: Facts, _: str) -> str:
    return "" if facts.retention_days is not None else "the contract says nothing about retention"


def _kept_long(facts: Facts, limit: Span) -> str:
    long = facts.retention_days is not None and facts.retention_days > limit.days
    return f"the data is kept for {facts.retention_days:,.0f} days, longer than {limit}" if long else ""


def _over(name: str, words: Callable[[float], str], what: str) -> Callable[[Facts, float], str]:
    def holds(facts: Facts, limit: float) -> str:
        value = getattr(facts, name)
        return f"{what} {words(value)}, more than {words(limit)}" if value is not None and value > limit else ""

    return holds


def _one_of(name: str, what: str) -> Callable[[Facts, tuple[str, ...]], str]:
    def holds(facts: Facts, wanted: tuple[str, ...]) -> str:
        value = getattr(facts, name)
        return f"{what} {value!r}" if value in wanted else ""

    return holds


def _known(facts: Facts, wanted: str) -> str:
    if facts.owner_known != (wanted == "known"):
        return ""
    owner = repr(facts.owner) if facts.owner else "nobody named"
    return f"the owner ({owner}) has {'' if facts.owner_known else 'not '}published a source before"


CONDITIONS: dict[str, Condition] = {
    "classification": Condition("[confidential, restricted]", _words, _one_of("classification", "the most sensitive data is classified"),
                                lambda v: f"no column classified {' or '.join(v)}", CLASSIFICATIONS),
    "pii": Condition("any, declared, undeclared or a list of kinds", _words, _pii,
                     lambda v: "the personal data declared in the contract" if v == ("undeclared",) else f"no such personal data ({', '.join(v)})",
                     PII),
    "source": Condition("[s3, local]", _words, _one_of("source", "the source is of the kind"),
                        lambda v: f"another kind of source than {' or '.join(v)}", SERVER_TYPES),
    "format": Condition("[csv, xlsx]", _words, _one_of("format", "the files are in the format"), lambda v: f"another format than {' or '.join(v)}", FORMATS),
    "domain": Condition("[finance]", _words, _one_of("domain", "the data belongs to the domain"), lambda v: f"another domain than {' or '.join(v)}"),
    "owner": Condition("new or known", _owner, _known,
                       lambda v: "an owner who has published a source before" if v == "new" else "an owner who is new"),
    "size_over": Condition('"10 GB"', _size, _over("bytes", human_bytes, "the source holds"), lambda v: f"at most {human_bytes(v)} of source data"),
    "rows_over": Condition("1000000", _number, _over("rows", lambda v: f"{v:,.0f} rows", "there are"), lambda v: f"at most {v:,.0f} rows"),
    "tables_over": Condition("20", _number, _over("tables", lambda v: f"{v:,.0f} tables", "there are"), lambda v: f"at most {v:,.0f} tables"),
    "cost_over": Condition("50 (USD a month)", _number, _over("monthly_usd", lambda v: f"{v:,.2f} USD a month", "it costs about"),
                           lambda v: f"a cost of at most {v:,.2f} USD a month"),
    "quarantine_over": Condition("0.01 (a share of the rows, from 0 to 1)", _number, _over("quarantined", lambda v: f"{v:.2%} of the rows", "set aside were"),
                                 lambda v: f"at most {v:.2%} of the rows set aside", possible=_share),
    "retention": Condition("missing", _missing, _silent, lambda _: "a retention in `slaProperties`"),
    "retention_over": Condition('"5 years"', parse_span, _kept_long, lambda v: f"a retention of at most {v}"),
}  # fmt: skip
"""The rule language of `tiers.rules[].when`."""


@dataclass(frozen=True)
class Assessment:
    """A request's tier, why, and every cause that was found."""

    tier: str
    causes: tuple[Cause, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """In words for people, the classification first."""
        return tuple(c.reason for c in self.causes)


@dataclass(frozen=True)
class Tiers:
    """The tiers, from the lightest to the heaviest, and what puts a request into one.

    `bulk`: tiers whose requests may be decided several at a time.
    """

    by_classification: Mapping[str, str]
    undeclared_pii: str
    names: tuple[str, ...] = TIERS
    rules: tuple[TierRule, ...] = ()
    bulk: tuple[str, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)

    def heavier(self, one: str, other: str) -> str:
        """The heavier of two tiers."""
        return max(one, other, key=self.names.index)

    def causes(self, facts: Facts, without: frozenset[str] = frozenset()) -> tuple[Cause, ...]:
        """Everything that puts the request into a tier, the classification first; but for what is named `without`."""
        base = self.by_classification[facts.classification]
        first = Cause("classification", base, f"the most sensitive data is classified {facts.classification!r}: tier {base}",
                      f"no column classified {facts.classification} ({_some(facts.classified)})")  # fmt: skip
        rules = (TierRule("undeclared_pii", self.undeclared_pii, {"pii": ("undeclared",)}), *self.rules)
        return (first, *(c for r in rules if r.key not in without and (c := r.cause(facts)) is not None))

    def assess(self, facts: Facts, without: frozenset[str] = frozenset()) -> Assessment:
        """The tier and its causes, as if the rules named in `without` were not there.

        What would put it into a lighter tier than the classification does is no reason, so it is not told.
        """
        first, *rules = self.causes(facts, without)
        level = self.names.index
        kept = (first, *(c for c in rules if level(c.tier) >= max(level(first.tier), 1)))
        return Assessment(max((c.tier for c in kept), key=level), kept)


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


FACTS = tuple(f.name for f in fields(Facts))
