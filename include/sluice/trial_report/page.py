"""The trial as one HTML page that needs nothing but itself: no script, no font, no network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from sluice.drift import exceeded, in_words
from sluice.trial_report.pictures import missing, picture
from sluice.trial_report.words import dialect_words, failed_rules, rejected, verdict

if TYPE_CHECKING:
    from jinja2 import Template

    from sluice.stream.trial import Trial

_RESULTS_SHOWN = 2_000
_MINUTE = len("2013-01-01T10:00")


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
    templates.filters |= {"number": _number, "share": _share, "short": _short, "seconds": _seconds, "ticks": _ticks}
    templates.filters |= {"missing": missing, "picture": picture, "in_words": _texts, "point": _point}
    return templates.get_template("report.html.jinja")


_ORDER = ("land", "profile", "check")


def _table(trial: Trial, table: dict[str, Any]) -> dict[str, Any]:
    seconds = trial.seconds.get(table["name"], {})
    described = trial.contract.table(table["name"]).description
    return {**table, "seconds": seconds, "described": described, "written": dialect_words(table["dialect"]),
            "others": sorted(table["dialect"].get("files", ())), "error": table.get("error")}  # fmt: skip


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _texts(column: dict[str, Any]) -> str:
    """What texts are like: their forms, or what most of them are, or the first and the last of them."""
    if column["patterns"] and not column["top"]:
        return "like " + ", ".join(f"{p['pattern']} ({p['share']:.0%})" for p in column["patterns"])
    if column["top"]:
        shown = [f"{_short(t['value'], 24)} ({t['count']:,})" for t in column["top"][:4]]
        return ", ".join([*shown, f"and {column['distinct'] - 4:,} more"] if column["distinct"] > 4 else shown)
    return f"{_short(column['min'], 30)} to {_short(column['max'], 30)}" if column["min"] is not None else ""


def _point(value: Any) -> str:
    """A number, or a day and time to the minute, for a narrow column."""
    if isinstance(value, str) and len(value) > _MINUTE and value[10] == "T":
        return value[:_MINUTE].replace("T", " ")
    return _short(value, 26)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %" if whole and part else ""


def _short(value: Any, length: int = 60) -> str:
    text = _number(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def _ticks(text: str) -> Markup:
    """Text with `code` in backticks, escaped."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.0f}"
