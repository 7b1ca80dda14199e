"""A contract's YAML as plain data that still knows its lines; refuses what YAML makes dangerous.

Sources: YAML 1.2 failsafe + JSON types (no timestamps: ODCS wants strings), python tags and alias bombs
refused before anything is built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from sluice.errors import Finding, InvalidContractError

MAX_BYTES = 1_048_576
MAX_DEPTH = 40
MAX_NODES = 100_000

Path = tuple[str | int, ...]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader without implicit dates, which JSON and ODCS do not have."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


for _first in "yYnNoOtTfF":  # YAML 1.1's yes, no, on and off are words
    _rules = [r for r in _Loader.yaml_implicit_resolvers.get(_first, []) if r[0] != "tag:yaml.org,2002:bool"]
    if _first in "tTfF":
        _rules.append(("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")))
    _Loader.yaml_implicit_resolvers[_first] = _rules


@dataclass(frozen=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and the line (from 1) of every path in it."""

    data: dict[str, Any]
    lines: dict[Path, int]
    file: str

    def line(self, path: Path) -> int:
        """The line of the path, or of its nearest ancestor that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def finding(self, code: str, path: Path, message: str, mend: str = "") -> Finding:
        """A finding located in this document."""
        return Finding(code, message, self.file, self.line(path), dotted(path), mend)


def dotted(path: Path) -> str:
    """`schema[0].properties[2].name`, as people write paths."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def parse(text: str, file: str, *, a: str = "contract", begins: str = "`apiVersion: v3.1.0`") -> Document:
    """Parse YAML text of `a` contract, or what else it should be. Raises InvalidContractError (YAML_*) with file and line."""

    def refuse(code: str, line: int, message: str, mend: str) -> InvalidContractError:
        return InvalidContractError([Finding(code, message, file, line, "", mend)])

    if len(text.encode("utf-8", "surrogateescape")) > MAX_BYTES:
        raise refuse("YAML_TOO_LARGE", 0, f"is larger than {MAX_BYTES:,} bytes", "Split it.")
    try:
        _refuse_bombs(text, refuse)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "cannot be read"
        raise refuse(
            "YAML_SYNTAX", mark.line + 1 if mark else 0, f"is not valid YAML: {problem}",
            "Check indentation, quotes and colons on that line.",
        ) from error  # fmt: skip
    except yaml.YAMLError as error:
        raise refuse("YAML_SYNTAX", 0, f"is not valid YAML: {error}", "Save it as UTF-8 text.") from error
    if not isinstance(node, yaml.MappingNode):
        what = "is empty" if node is None else "is not a YAML mapping"
        raise refuse("YAML_NOT_A_CONTRACT", 1, what, f"A {a} starts with {begins}.")
    lines: dict[Path, int] = {}
    findings: list[Finding] = []
    data = _plain(node, (), lines, findings, file)
    if findings:
        raise InvalidContractError(findings)
    return Document(data, lines, file)


def _refuse_bombs(text: str, refuse: Any) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise refuse(
                "YAML_ALIAS", line, f"uses the alias *{event.anchor}", "Write the value out; aliases are refused."
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise refuse("YAML_TOO_DEEP", line, f"is nested deeper than {MAX_DEPTH} levels", "Flatten it.")
        if nodes > MAX_NODES:
            raise refuse("YAML_TOO_LARGE", line, f"has more than {MAX_NODES:,} values", "Split it.")
        tag = getattr(event, "tag", None)
        if tag and not tag.startswith("tag:yaml.org,2002:"):
            raise refuse("YAML_TAG", line, f"uses the tag {tag}", "Remove the tag; only plain data is read.")
        if tag and tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
            raise refuse("YAML_TAG", line, f"uses the tag {tag}", "Remove the tag; only plain data is read.")


_PLAIN_TAGS = {"str", "int", "float", "bool", "null", "map", "seq"}


def _plain(node: Any, path: Path, lines: dict[Path, int], findings: list[Finding], file: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in result:
                findings.append(
                    Finding(
                        "YAML_DUPLICATE_KEY", f"the key {key!r} stands twice", file, line, dotted(path), "Keep one."
                    )
                )
            lines[(*path, key)] = line
            result[key] = _plain(value_node, (*path, key), lines, findings, file)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), lines, findings, file) for i, item in enumerate(node.value)]
    try:
        value = SafeConstructor().construct_document(node)  # one for all would mix up what threads read at once
        if isinstance(value, str) and _UNPRINTABLE.search(value):
            raise ValueError("a control character or half a surrogate pair")  # noqa: TRY301
        return value
    except (yaml.constructor.ConstructorError, ValueError) as error:
        findings.append(
            Finding("YAML_SYNTAX", f"has a value that cannot be read: {error}", file, node.start_mark.line + 1, dotted(path),
                    "Write it as plain text, in quotes.")
        )  # fmt: skip
        return None


_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""What an escape can smuggle into a text and no database, page or JSON reader wants."""
