"""The trial as one HTML page that needs nothing but itself: no script, no font, no network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from sluice.drift import exceeded, in_words
from sluice.trial_report.pictures import missing, picture
from sluice.trial_report.values import number, point, share, short, texts
from sluice.trial_report.words import dialect_words, failed_rules, rejected, verdict

if TYPE_CHECKING:
    from jinja2 import Template

    from sluice.stream.trial import Trial

_RESULTS_SHOWN = 2_000


def page(trial: Trial) -> str:
    """The page as HTML. Every value from outside is escaped; a policy in the page forbids any loading."""
    evidence = trial.evidence
    tone, sentence = verdict(trial)
    results = evidence["quality"]["results"]
    drifts = [t["drift"] for t in evidence["tables"] if t["drift"]]
    return _template().render(
        evidence=evidence,
        contract=trial.contract,
        tone=tone,
        sentence=sentence,
        failed=failed_rules(evidence["quality"]),
        rejected=rejected(trial),
        drifts=drifts,
        drifted=[{**f, "words": in_words(f)} for f in exceeded(drifts)],
        results=results[:_RESULTS_SHOWN],
        results_left=max(0, len(results) - _RESULTS_SHOWN),
        tables=[_table(trial, t) for t in evidence["tables"]],
        personal=[
            (t["name"], c["name"], c["pii"], c["classification"])
            for t in evidence["tables"] for c in t["columns"] if c["pii"]
        ],
        stages=sorted({s for of_table in trial.seconds.values() for s in of_table}, key=list(_ORDER).index),
    )  # fmt: skip


@cache
def _template() -> Template:
    """Compiled once: that costs more than a small contract's checks."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    templates.filters |= {"number": number, "share": share, "short": short, "seconds": _seconds, "ticks": _ticks}
    templates.filters |= {"missing": missing, "picture": picture, "in_words": texts, "point": point}
    return templates.get_template("report.html.jinja")


_ORDER = ("land", "profile", "check")


def _table(trial: Trial, table: dict[str, Any]) -> dict[str, Any]:
    seconds = trial.seconds.get(table["name"], {})
    described = trial.contract.table(table["name"]).description
    return {**table, "seconds": seconds, "described": described, "written": dialect_words(table["dialect"]),
            "others": sorted(table["dialect"].get("files", ())), "error": table.get("error")}  # fmt: skip


def _ticks(text: str) -> Markup:
    """Text with `code` in backticks, escaped."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.0f}"
