"""The audit report as one HTML page that needs nothing but itself: no script, no font, no network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sluice.words import minute

if TYPE_CHECKING:
    from jinja2 import Template


def audit_page(report: dict[str, Any]) -> str:
    """The report of `source_audit` as HTML; every value is escaped."""
    return _template("audit.html.jinja").render(report=report)


def audit_body(report: dict[str, Any]) -> Markup:
    """The same without the frame of a page, for a page that has its own."""
    return Markup(_template("audit_body.html.jinja").render(report=report))  # noqa: S704 - the template escapes


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
                            trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    templates.filters |= {"moment": _moment, "short": lambda digest: (digest or "")[:12]}
    return templates.get_template(name)


def _moment(text: str | None) -> str:
    return f"{minute(text)} UTC" if text else "-"
