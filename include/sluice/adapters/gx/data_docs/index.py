"""The first page of a source's Data Docs: its tables, how their checks stand, and where their pages are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote


def index_page(source: str, checks: Mapping[str, Mapping[str, Any]], pages: Mapping[str, str]) -> str:
    """The page as HTML that loads nothing; Great Expectations is not needed to make it.

    `checks` are check reports as data, by table; `pages` the paths of the pages of tables that have one, relative to
    the index.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    links = {name: quote(page) for name, page in pages.items()}
    return environment.get_template("index.j2").render(source=source, checks=checks, links=links)
