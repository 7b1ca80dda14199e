"""The policy's sections `running`, `prices` and `budgets`: incidents, upkeep of tables, what may be spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sluice.errors import BadInputError
from sluice.policy.parts import is_one
from sluice.prices import prices_of
from sluice.running.sla import duration

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

SECTIONS = ("running", "prices", "budgets")
DRIFT_POLICIES = ("evolve", "freeze", "quarantineRows", "quarantineDelivery")


@dataclass(frozen=True)
class IncidentRule:
    """For a severity: how often people hear of it while it is open, and when it should be over."""

    update_every: timedelta
    repair_within: timedelta


@dataclass(frozen=True)
class IncidentTerms:
    """What holds for incidents, by severity."""

    by_severity: Mapping[str, IncidentRule]


@dataclass(frozen=True)
class Upkeep:
    """How tables are kept: snapshots stay for `keep`, never fewer than `at_least`; data files below `small_bytes` are
    put together where at least `small_files` of them lie; what nothing refers to any more goes after `grace`."""

    keep: timedelta = timedelta(days=30)
    at_least: int = 3
    small_bytes: int = 32_000_000
    small_files: int = 8
    grace: timedelta = timedelta(days=3)


@dataclass(frozen=True)
class Budget:
    """What may be spent in a month (US dollars): by one source, cost centre or use case, told from `warn_at` (0-1) on."""

    name: str
    monthly_usd: float
    warn_at: float = 0.8


@dataclass(frozen=True)
class RunningTerms:
    """What the policy says of published sources.

    `region` chooses the price table; `budgets` are by `source:NAME`, `cost_centre:NAME`, `use_case:NAME` or `total`;
    a table that nobody reads for `unused_after` is named; `offboarding` are the roles one of whom must agree.
    """

    incidents: IncidentTerms
    upkeep: Upkeep = Upkeep()
    schema_drift: str = "evolve"
    shrinks_below: float = 0.5
    region: str = "eu-west-1"
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    unused_after: timedelta = timedelta(days=90)
    offboarding: tuple[str, ...] = ()


_HOURS = {"critical": (0.5, 4), "high": (2, 24), "medium": (8, 72), "low": (24, 168)}
DEFAULT_INCIDENTS = IncidentTerms(
    {s: IncidentRule(timedelta(hours=u), timedelta(hours=r)) for s, (u, r) in _HOURS.items()}
)
DEFAULTS = RunningTerms(DEFAULT_INCIDENTS)


def read_running(read: Reader) -> RunningTerms:
    """The sections, each optional. Raises BadInputError (POLICY_INVALID)."""
    running = _mapping(read, read.document.data.get("running"), "running")
    _known(
        read,
        running,
        ("incidents", "upkeep", "schema_drift", "shrinks_below", "unused_after", "offboarding"),
        "running",
    )
    drift = running.get("schema_drift", DEFAULTS.schema_drift)
    if not is_one(drift, DRIFT_POLICIES):
        raise read.bad(
            f"schema_drift is {drift!r}", "running", "schema_drift", mend=f"One of {', '.join(DRIFT_POLICIES)}."
        )
    offboarding = running.get("offboarding", [])
    if not isinstance(offboarding, list) or not all(isinstance(r, str) for r in offboarding):
        raise read.bad("must be a list of roles", "running", "offboarding")
    if strangers := [r for r in offboarding if r not in (read.document.data.get("roles") or {})]:
        raise read.bad(f"unknown role {strangers[0]!r}", "running", "offboarding")
    prices = _mapping(read, read.document.data.get("prices"), "prices")
    _known(read, prices, ("region",), "prices")
    return RunningTerms(
        incidents=_incidents(read, _mapping(read, running.get("incidents"), "running", "incidents")),
        upkeep=_upkeep(read, _mapping(read, running.get("upkeep"), "running", "upkeep")),
        schema_drift=drift,
        shrinks_below=_number(
            read, running.get("shrinks_below", DEFAULTS.shrinks_below), 1, "running", "shrinks_below"
        ),
        region=_region(read, str(prices.get("region", DEFAULTS.region))),
        budgets=_budgets(read, _mapping(read, read.document.data.get("budgets"), "budgets")),
        unused_after=_time(read, running.get("unused_after", "90d"), "running", "unused_after"),
        offboarding=tuple(offboarding),
    )


def _region(read: Reader, region: str) -> str:
    try:
        return prices_of(region).region
    except BadInputError as error:
        raise read.bad(error.message, "prices", "region", mend=error.mend) from error


def kept_running(read: Reader) -> RunningTerms:
    """What a running request was promised of them: by which prices its cost is estimated."""
    prices = read.document.data.get("prices")
    region = prices.get("region") if isinstance(prices, Mapping) else None
    return replace(DEFAULTS, region=str(region or DEFAULTS.region))


def _incidents(read: Reader, found: Mapping[str, Any]) -> IncidentTerms:
    rules = dict(DEFAULT_INCIDENTS.by_severity)
    _known(read, found, tuple(rules), "running", "incidents")
    for severity, item in found.items():
        where = ("running", "incidents", severity)
        said = _mapping(read, item, *where)
        _known(read, said, ("update_every", "repair_within"), *where)
        usual = rules[severity]
        rules[severity] = IncidentRule(
            _time(read, said.get("update_every", usual.update_every), *where, "update_every"),
            _time(read, said.get("repair_within", usual.repair_within), *where, "repair_within"),
        )
    return IncidentTerms(rules)


def _upkeep(read: Reader, found: Mapping[str, Any]) -> Upkeep:
    where = ("running", "upkeep")
    _known(read, found, ("keep", "at_least", "small_bytes", "small_files", "grace"), *where)
    usual = Upkeep()
    counts = {}
    for name in ("at_least", "small_bytes", "small_files"):
        value = found.get(name, getattr(usual, name))
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise read.bad(f"{name} is {value!r}, not a whole number from 1", *where, name)
        counts[name] = value
    times = {n: _time(read, found.get(n, getattr(usual, n)), *where, n) for n in ("keep", "grace")}
    return Upkeep(times["keep"], counts["at_least"], counts["small_bytes"], counts["small_files"], times["grace"])


def _budgets(read: Reader, found: Mapping[str, Any]) -> dict[str, Budget]:
    budgets = {}
    for name, item in found.items():
        if name != "total" and name.partition(":")[0] not in ("source", "cost_centre", "use_case"):
            raise read.bad(f"unknown budget {name!r}", "budgets", name,
                           mend="Use total, source:NAME, cost_centre:NAME or use_case:NAME.")  # fmt: skip
        said = item if isinstance(item, Mapping) else {"monthly_usd": item}
        _known(read, said, ("monthly_usd", "warn_at"), "budgets", name)
        budgets[name] = Budget(
            name,
            _number(read, said.get("monthly_usd"), 1e12, "budgets", name),
            _number(read, said.get("warn_at", 0.8), 1, "budgets", name),
        )
    return budgets


def _mapping(read: Reader, found: Any, *where: str) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise read.bad("must be a mapping", *where)
    return found


def _known(read: Reader, found: Mapping[str, Any], names: tuple[str, ...], *where: str) -> None:
    read.keys(found, names, *where)


def _number(read: Reader, value: Any, most: float, *where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= most:
        raise read.bad(f"{value!r} is not a number from 0 to {most:g}", *where)
    return float(value)


def _time(read: Reader, value: Any, *where: str) -> timedelta:
    found = value if isinstance(value, timedelta) else duration(value)
    if found is None:
        raise read.bad(f"{value!r} is no length of time", *where, mend="Write 30min, 12h or 7d.")
    return found
