"""Pages for people: server-rendered, relative addresses, nothing from elsewhere.

A page is a template that extends `base.html.jinja`; `show` renders it. A form that changes something carries
`data-post` (see static/sluice.js): it is sent as JSON to a REST route, which decides; a page itself only reads.
Airflow shows the pages in a sandboxed frame: no pop-ups, no links that leave the frame.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sluice import words
from sluice.errors import RefusedError
from sluice.navigation import PAGES

pages = APIRouter(prefix="/pages", include_in_schema=False)
static = APIRouter(prefix="/static", include_in_schema=False)

POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""Scripts are our own files only. Inline styles are allowed: charts set them on their own elements."""

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": words.duration,
        "moment": words.moment,
        "day": words.day,
        "day_short": words.day_short,
        "number": words.number,
    }
    return environment


def is_page(request: Request) -> bool:
    """Whether a person asked, rather than a program."""
    return "/pages/" in request.url.path


def show(request: Request, template: str, *, status: int = 200, **content: Any) -> HTMLResponse:
    """Render a page. `content` reaches the template; `root` is the relative way to /sluice/."""
    below = request.url.path.split("/pages/", 1)[-1]
    html = (
        _templates()
        .get_template(template)
        .render(
            root="../" * (below.count("/") + 1),
            here=below,
            navigation=PAGES,
            version=_version(),
            **content,
        )
    )
    return HTMLResponse(
        html, status_code=status, headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
    )


def error_page(request: Request, status: int, error: dict[str, str]) -> HTMLResponse:
    """An error as a person reads it: what, where, how to mend it."""
    return show(request, "error.html.jinja", status=status, error=error)


@static.get("/{name}")
def asset(name: str) -> Response:
    """A style sheet or script of ours."""
    files = {p.name: p for p in (_HERE / "static").iterdir()}
    if name not in files or (kind := _TYPES.get(files[name].suffix)) is None:
        raise RefusedError("NO_ASSET", f"there is no asset {name!r}", status=404)
    # The address carries the content's digest (see base.html.jinja), so what was fetched once never changes.
    return Response(files[name].read_bytes(), media_type=kind, headers={"Cache-Control": "private, max-age=86400"})


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted((_HERE / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
