"""GX's table of results, a row per rule, in words for somebody who approves and is no engineer.

GX's renderers say what is asked and what was found; around that stand the rule's own description, whether it is
required, where it comes from, and why a value is not shown. Imports Great Expectations at once: import it late.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render import CollapseContent, RenderedStringTemplateContent
from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer

from sluice.adapters.gx.expectations import contained

Block = Any
HEADER = ["Verdict", "What is asked", "What was found"]
HOLDS = "hide-succeeded-validation-target-child"
"""GX's class for the cells of rows that the filter hides."""

_OPERATORS = {
    "mustBe": "must be {}",
    "mustNotBe": "must not be {}",
    "mustBeGreaterThan": "must be greater than {}",
    "mustBeGreaterOrEqualTo": "must be at least {}",
    "mustBeLessThan": "must be less than {}",
    "mustBeLessOrEqualTo": "must be at most {}",
    "mustBeBetween": "must be between {} and {}",
    "mustNotBeBetween": "must not be between {} and {}",
}


class RuleRows(ValidationResultsTableContentBlockRenderer):  # type: ignore[misc]  # GX's are Any here
    """GX's rows with Sluice's words around them."""

    @classmethod
    def _get_content_block_fn(cls, expectation_type: str, expectation_config: Any = None) -> Any:
        # Without the configuration, GX does not put the description in the place of what is asked.
        theirs = super()._get_content_block_fn(expectation_type)

        def row(configuration: Any = None, result: Any = None, **more: Any) -> list[list[Block]]:
            return [_row(theirs, configuration, result, more)]

        return row

    @classmethod
    def _process_content_block(cls, content_block: Any, has_failed_evr: Any, render_object: Any = None) -> None:
        super()._process_content_block(content_block, has_failed_evr, render_object)
        content_block.header_row = list(HEADER)
        content_block.header_row_options = {}


def _row(theirs: Any, configuration: Any, result: Any, more: dict[str, Any]) -> list[Block]:
    about = configuration.meta["sluice"]
    error = result.exception_info.get("exception_message") if result.exception_info["raised_exception"] else None
    asked: list[Block] = []
    observed: list[Block] = ["not evaluated"]
    if error is not None:
        asked = [text(f"It could not be evaluated: {error}", "text-danger")]
    elif about["kind"] == "expectation":
        asked, observed = _theirs(theirs, configuration, result, more)
    else:
        asked, observed = _query(configuration, about), [_measured(result)]
    if about["withheld"] and error is None and not result.success:
        asked.append(text("Values are withheld: the column is confidential, or holds personal data.", "note"))
    if about["withheld"] and error is None and observed in (["--"], [""]):
        observed = ["withheld"]
    title = configuration.description or (about["name"] if error is not None else "")
    asked = [text(title, "title"), *asked] if title else _titled(asked)
    return [_verdict(result, configuration.severity, error), [*asked, _small(configuration)], *observed]


def _titled(asked: list[Block]) -> list[Block]:
    """What is asked is its own title, where nobody described it."""
    template = getattr(asked[0], "string_template", None) if asked else None
    if template is not None:
        # GX shares one styling among its rows.
        template["styling"] = {**template.get("styling", {}), "classes": ["title"]}
    return asked


def _theirs(theirs: Any, configuration: Any, result: Any, more: dict[str, Any]) -> tuple[list[Block], list[Block]]:
    try:
        with contained():  # a custom expectation may bring a renderer
            (row,) = theirs(configuration=configuration, result=result, **more)
    except Exception:  # GX's sentence for odd arguments; the verdict does not hang on it
        said = f"{configuration.type}({', '.join(f'{k}={v!r}' for k, v in configuration.kwargs.items())})"
        return [text(said, "sql")], ["--"]
    _, asked, *observed = row
    blocks = list(asked) if isinstance(asked, list) else [asked]
    for block in blocks:
        if getattr(block, "header_row", None) == ["Sampled Unexpected Values"]:
            block.header_row = ["For example"]
    return blocks, observed[:1]


def _query(configuration: Any, about: dict[str, Any]) -> list[Block]:
    query = text(about["rule"].get("query") or configuration.kwargs["unexpected_rows_query"], "sql")
    how = [CollapseContent(collapse=[query], collapse_toggle_link="The query")]
    if about["kind"] == "relationship":
        rule = about["rule"]
        said = f"Every {', '.join(rule['columns'])} must be in {rule['to_table']} as {', '.join(rule['to_columns'])}."
        return [text(said), *how]
    value = about["rule"]["value"]
    limits = value if isinstance(value, list) else [value]
    return [text(f"What a query finds {_OPERATORS[about['rule']['operator']].format(*limits)}."), *how]


def _measured(result: Any) -> str:
    found = result.result
    if "element_count" in found:
        return f"{found['unexpected_count']:,} of {found['element_count']:,} rows do not"
    observed = found.get("observed_value")
    return "--" if observed is None else f"{observed:,}" if isinstance(observed, (int, float)) else str(observed)


def _verdict(result: Any, severity: Any, error: str | None) -> Block:
    required = getattr(severity, "value", severity) == "critical"
    if result.success:
        word, tone = "holds", "text-success"
    elif error is not None:
        word, tone = "not evaluated", "text-danger" if required else "text-warning"
    else:
        word, tone = ("does not hold", "text-danger") if required else ("warning", "text-warning")
    cell = text(word, tone)
    if result.success:
        cell.styling = {"parent": {"classes": [HOLDS]}}
    return cell


def _small(configuration: Any) -> Block:
    about = configuration.meta["sluice"]
    severity = getattr(configuration.severity, "value", configuration.severity)
    parts = ["required" if severity == "critical" else "advisory", about["dimension"], about["name"]]
    if about["origin"] not in ("contract", "custom"):
        parts.append(f"from {about['origin']}")
    if rows := about.get("failed_rows"):
        every = "all" if rows["complete"] else "the first"
        some = "the row that breaks it is" if rows["rows"] == 1 else f"{every} {rows['rows']:,} rows that break it are"
        parts.append(f"{some} kept in {rows['file']}")
    return text(" · ".join(part for part in parts if part), "small")


def text(said: Any, *classes: str) -> Block:
    """A piece of text as GX's content; the view escapes it."""
    template = {"template": "$said", "params": {"said": str(said)}, "styling": {"classes": list(classes)}}
    return RenderedStringTemplateContent(string_template=template)
