"""The page of one table's results: GX's Data Docs renderers and view, made to be read offline and under a strict policy.

GX's own page loads styles and scripts from eleven addresses and can do little without them. Here the content is GX's,
and so are its templates for it; the frame around it, the folds and the graphs are ours, without script.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice.adapters.gx.data_docs.masking import masked, unmasked

TEMPLATES = Path(__file__).parent / "templates"
MAX_RULES = 2_000
"""Rules on a page, those that do not hold first; the others are in the JSON."""
WHOLE_TABLE = "Table-Level Expectations"
_SECTIONS = {
    "class_name": "ValidationResultsColumnSectionRenderer",
    "table_renderer": {"module_name": "sluice.adapters.gx.data_docs.rows", "class_name": "RuleRows"},
}


def render(document: Mapping[str, Any]) -> str:
    """The page of what `suite_result` made, as HTML that loads nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
        from great_expectations.render.view import DefaultJinjaPageView

        results = sorted(document["results"], key=lambda r: bool(r["success"]))
        shown = masked({**document, "results": [_readable(r) for r in results[:MAX_RULES]]})
        about = shown["meta"]["sluice"]
        rendered = _rendered(expectationSuiteValidationResultSchema.load(shown))
        view = DefaultJinjaPageView()
        view.env.loader = _loader(view.env.loader)
        page = view.render(
            rendered,
            about=about,
            counts=_counts(document),
            left_out=max(0, len(results) - MAX_RULES),
        )
    return unmasked(str(page))


def _rendered(results: Any) -> Any:
    """GX's RenderedDocumentContent: a section for the whole table and for each column, what fails first."""
    from great_expectations.render import RenderedDocumentContent
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    renderer = ValidationResultsPageRenderer(column_section_renderer=_SECTIONS)
    columns = renderer._group_evrs_by_column_with_suite_meta(results, results.suite_name)
    order = sorted(columns, key=lambda name: (all(r.success for r in columns[name]), name != WHOLE_TABLE))
    # GX tells of each renderer's trouble with a traceback in the log.
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        sections = [renderer._column_section_renderer.render(validation_results=columns[name]) for name in order]
    finally:
        logger.setLevel(level)
    for section, name in zip(sections, order, strict=True):
        failing = sum(not r.success for r in columns[name])
        section.section_name = {
            "name": None if name == WHOLE_TABLE else name,
            "failing": failing,
            "rules": len(columns[name]),
        }
        section.content_blocks = section.content_blocks[1:]  # the header, which the page writes itself
    return RenderedDocumentContent(
        sections=sections, renderer_type="ValidationResultsPageRenderer", page_title=results.suite_name,
        expectation_suite_name=results.suite_name, utm_medium=None,
    )  # fmt: skip


def _readable(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result with its sampled values as people write them."""
    found = dict(result["result"])
    if "partial_unexpected_list" in found:
        found["partial_unexpected_list"] = [_plain(value) for value in found["partial_unexpected_list"]]
    return {**result, "result": found}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_plain(item)}" for name, item in value.items())
    return "(none)" if value is None else "(empty text)" if value == "" else value


def _loader(theirs: Any) -> Any:
    from jinja2 import ChoiceLoader, FileSystemLoader

    return ChoiceLoader([FileSystemLoader(TEMPLATES), theirs])


def _counts(document: Mapping[str, Any]) -> dict[str, int]:
    """How many rules hold, fail though required, warn, could not be evaluated, and are for people."""
    failing = [r for r in document["results"] if not r["success"]]
    broken = [r for r in failing if r["exception_info"]["raised_exception"]]
    required = [r for r in failing if r["expectation_config"]["severity"] == "critical"]
    return {
        "rules": len(document["results"]),
        "hold": len(document["results"]) - len(failing),
        "required": len(required),
        "warnings": len(failing) - len(required),
        "broken": len(broken),
        "people": len(document["meta"]["sluice"]["not_evaluated"]),
    }
