"""What could be done differently, as scenarios, and what they came to, as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sluice.insight.tables import Chart, Column, Table, vega
from sluice.simulation.model import Scenario, faster, limited, pre_approved, serial
from sluice.simulation.whatif import Outcome
from sluice.words import duration

DAY = 86400.0


@dataclass(frozen=True)
class Changes:
    """What somebody wants to try. `factor`: per cent of the role's time until it looks; `limit` 0 is none."""

    role: str = ""
    factor: int = 50
    tiers: tuple[str, ...] = ()
    limit: int = 0


def varied(base: Scenario, wanted: Changes) -> list[Scenario]:
    """The measured way of working first, then each change alone, then the wanted ones together."""
    slowest = wanted.role or _slowest(base)
    found = [base, serial(base)]
    together = base
    if slowest:
        found.append(faster(base, slowest, wanted.factor / 100))
    tiers = wanted.tiers or tuple(t for t in ("low",) if t in base.tiers)
    if tiers:
        found.append(pre_approved(base, tiers))
    if wanted.limit:
        found.append(limited(base, wanted.limit))
    names: list[str] = []
    if wanted.role:
        together, names = faster(together, wanted.role, wanted.factor / 100), [*names, "the faster role"]
    if wanted.tiers:
        together, names = pre_approved(together, wanted.tiers), [*names, "the tiers"]
    if wanted.limit:
        together, names = limited(together, wanted.limit), [*names, "the limit"]
    if len(names) > 1:
        from dataclasses import replace

        found.append(replace(together, name=f"{', '.join(names[:-1])} and {names[-1]} together"))
    return found


def _slowest(base: Scenario) -> str:
    """The role that half of the time looks last."""
    from sluice.simulation.model import Observed

    def middle(name: str) -> float:
        latency = base.roles[name].latency
        return sorted(latency.values)[len(latency.values) // 2] if isinstance(latency, Observed) else 0.0

    return max(base.roles, key=middle, default="")


def outcomes_chart(found: Sequence[Outcome]) -> Chart:
    """Half and 85% within, for each way of working."""
    columns = (
        Column("Way of working"), Column("Half within", "seconds"), Column("85% within", "seconds"), Column("95% within", "seconds"),
        Column("Half, less by", "seconds"), Column("Less by", "share"),
    )  # fmt: skip
    rows = [(o.name, o.lead.p50, o.lead.p85, o.lead.p95, o.saved, o.share) for o in found]
    values = [
        {"way": o.name, "share": words, "days": round(v / DAY, 3), "time": duration(v)}
        for o in found
        for words, v in (("half within", o.lead.p50), ("85% within", o.lead.p85))
        if v is not None
    ]
    spec = vega(
        data={"values": values},
        height=48 * len(found),
        mark={"type": "bar"},
        encoding={
            "y": {"field": "way", "type": "nominal", "sort": [o.name for o in found], "title": None, "axis": {"labelLimit": 260}},
            "yOffset": {"field": "share", "type": "nominal", "sort": ["half within", "85% within"]},
            "x": {"field": "days", "type": "quantitative", "title": "simulated days from asked to published"},
            "color": {"field": "share", "type": "nominal", "title": None, "scale": {"domain": ["half within", "85% within"], "range": ["var(--work)", "var(--queue)"]}},
            "tooltip": [{"field": f, "type": "nominal"} for f in ("way", "share", "time")],
        },
    )  # fmt: skip
    best = max(found[1:], key=lambda o: o.saved, default=None)
    said = ""
    if best is not None and best.saved > 0:
        said = f"Most would be gained by “{best.name}”: half within {duration(best.lead.p50 or 0)}, {best.share:.0%} less than as measured."
    return Chart("what-if", Table("Simulated ways of working", columns, rows), said, spec)
