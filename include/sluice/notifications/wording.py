"""The words of a notice: jinja2 templates, one a kind, each laid out as plain text and as HTML.

A template is ours and its values are others': everything that comes from a contract or a person is made harmless
first, and escaped for HTML besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sluice import words
from sluice.notifications.safe import all_harmless, line, subject

LAYOUTS = {"text": "letter.txt.jinja", "html": "letter.html.jinja"}


@dataclass(frozen=True)
class Letter:
    """A notice as it is sent: a subject line, plain text, and HTML for channels that show it."""

    subject: str
    text: str
    html: str


@cache
def _environment(layout: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=layout == "html",  # noqa: S701 - the other layout is plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"duration": words.duration, "moment": words.moment, "day": words.day, "number": words.number,
                     "listed": listed}  # fmt: skip
    return made


def letter(kind: str, about: Mapping[str, Any], *, link: str, plain: Mapping[str, Any] | None = None) -> Letter:
    """The notice of this kind about these things. `plain` holds values that are known to be harmless as they are."""
    values = {**all_harmless(dict(about)), **(plain or {}), "link": link}
    template = f"{kind}.jinja"
    text, html = (
        _environment(layout).get_template(template).render(layout=LAYOUTS[layout], **values) for layout in LAYOUTS
    )
    found = _environment("text").get_template(template)
    title = "".join(found.blocks["subject"](found.new_context({"layout": LAYOUTS["text"], **values})))
    tidy = "\n".join(part.rstrip() for part in text.splitlines())
    while "\n\n\n" in tidy:
        tidy = tidy.replace("\n\n\n", "\n\n")
    return Letter(subject(title), tidy.strip() + "\n", html)


def listed(items: Any) -> str:
    """Words as people list them: a, b and c."""
    names = [line(item) for item in items]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
