"""From YAML to a Contract: parsed, validated by the official ODCS v3.1.0 schema, read by the official model,
then by Sluice's own semantics. Every reading reports all it can find, each with line, path and mend.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sluice.contract import document as yaml_document
from sluice.contract.document import Document
from sluice.contract.model import OPERATORS, Contract, digest_of
from sluice.contract.secrets import find_secrets
from sluice.contract.semantics import build
from sluice.contract.terms import did_you_mean
from sluice.contract.unfolded import unfolded
from sluice.errors import BadInputError, Finding, InvalidContractError

API_VERSION = "v3.1.0"
PASTED = "<pasted contract>"


def load_contract(path: Path) -> Contract:
    """Read a contract from a file. Raises BadInputError (CONTRACT_NOT_FOUND) and what read_contract raises."""
    if path.is_dir():
        raise BadInputError(
            "CONTRACT_NOT_FOUND", f"{path} is a folder, not a contract", mend="Name a *.odcs.yaml file in it."
        )
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            "CONTRACT_NOT_FOUND", f"cannot read the contract {path}: {error.strerror}",
            mend="Check the path; `ls include/contracts` shows those that are here.",
        ) from error  # fmt: skip
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        finding = Finding("YAML_SYNTAX", "is not UTF-8 text", str(path), line, "", "Save the contract as UTF-8.")
        raise InvalidContractError([finding]) from error
    return read_contract(text, str(path))


def read_contract(text: str, file: str = PASTED) -> Contract:
    """Read a contract from YAML text; `file` names it in messages. Raises InvalidContractError."""
    document = yaml_document.parse(text, file)
    # A document with a secret in it is reported for that alone: no other message may quote the value.
    findings = find_secrets(document) or list(_version_findings(document)) or list(_schema_findings(document))
    if findings:
        raise InvalidContractError(sorted(findings, key=lambda f: f.line))
    return build(document, text)


def read_frozen(text: str, file: str, digest: str) -> Contract:
    """Read again what was a valid contract when it was asked for, and whose `digest` shows that it is the same.

    Raises what read_contract raises, which reads any other text.
    """
    document = yaml_document.parse(text, file)
    return build(document, text) if digest_of(document.data) == digest else read_contract(text, file)


def _version_findings(document: Document) -> Iterator[Finding]:
    version, kind = document.data.get("apiVersion"), document.data.get("kind")
    if version is not None and version != API_VERSION:
        yield document.finding(
            "CONTRACT_VERSION", ("apiVersion",), f"apiVersion is {version!r}; Sluice reads {API_VERSION}",
            f"Set `apiVersion: {API_VERSION}`; `sluice lint` then names what else differs.",
        )  # fmt: skip
    if kind is not None and kind != "DataContract":
        yield document.finding("CONTRACT_KIND", ("kind",), f"kind is {kind!r}", "Set `kind: DataContract`.")


@cache
def _validator(definition: str) -> Any:
    """What validates a part of a document; the whole of it without a definition's name."""
    from jsonschema import Draft201909Validator

    schema = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    if definition:
        schema = {"$schema": schema["$schema"], "$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
    return Draft201909Validator(schema)


def _errors(document: Document) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """What the schema finds, with the path from the document's top."""
    for path, definition, part in unfolded(document.data):
        for error in (e for top in _validator(definition).iter_errors(part) for e in _leaves(top)):
            yield (*path, *error.absolute_path), error


def _schema_findings(document: Document) -> Iterator[Finding]:
    unknown = list(_unknown_keys(document))
    yield from unknown
    closed = {"additionalProperties", "unevaluatedProperties"}
    errors = list(_errors(document))
    # When a part of an object fails, the schema also calls its known keys "unevaluated": noise.
    named = [(p, e) for p, e in errors if e.validator not in closed]
    for path, error in named or ([] if unknown else errors):
        if problem := _operator_problem(path, error.instance):
            yield document.finding("BAD_QUALITY_RULE", path, problem, f"Give it exactly one of {', '.join(OPERATORS)}.")
        elif error.validator == "required":
            key = error.message.split("'")[1]
            yield document.finding("MISSING_KEY", path, f"the key {key!r} is missing", f"Add `{key}:` here.")
        elif error.validator == "enum":
            value, allowed = error.instance, [str(v) for v in error.validator_value]
            yield document.finding(
                _enum_code(path), path, f"{_short(value)} is not allowed", did_you_mean(str(value), allowed)
            )
        elif error.validator == "type":
            wanted = error.validator_value
            yield document.finding(
                "WRONG_TYPE", path, f"{_short(error.instance)} should be of type {wanted}", "See docs/contract.md."
            )
        else:
            yield document.finding("SCHEMA", path, _short(error.message, 200), "See docs/contract.md.")


def _operator_problem(path: tuple[str | int, ...], rule: Any) -> str:
    """What is wrong with the operators of a quality rule; the schema would name every way in which it could be right."""
    if len(path) < 2 or path[-2] != "quality" or not isinstance(rule, dict):
        return ""
    if rule.get("type", "library") not in ("library", "sql"):
        return ""
    found = [name for name in OPERATORS if name in rule]
    if len(found) == 1:
        return ""
    return f"the rule has {len(found)} operators ({', '.join(found)})" if found else "the rule has no operator"


def _enum_code(path: tuple[str | int, ...]) -> str:
    return "UNKNOWN_TYPE" if path and path[-1] == "logicalType" else "NOT_ALLOWED"


def _leaves(error: Any) -> Iterator[Any]:
    """The errors that a person can act on: inside `anyOf`/`oneOf`, those of the branch that fits best."""
    from jsonschema.exceptions import best_match

    if error.context:
        best = best_match([error])
        yield best if best is not None else error
    else:
        yield error


def _unknown_keys(document: Document) -> Iterator[Finding]:
    from open_data_contract_standard.model import OpenDataContractStandard

    def walk(annotation: Any, value: Any, path: tuple[str | int, ...]) -> Iterator[Finding]:
        for candidate in _members(annotation):
            if isinstance(value, list) and typing.get_origin(candidate) is list:
                for i, item in enumerate(value):
                    yield from walk(typing.get_args(candidate)[0], item, (*path, i))
            elif isinstance(value, dict) and hasattr(candidate, "model_fields"):
                fields = {f.alias or name: f.annotation for name, f in candidate.model_fields.items()}
                for key, item in value.items():
                    if key in fields:
                        yield from walk(fields[key], item, (*path, key))
                    else:
                        yield document.finding(
                            "UNKNOWN_KEY", (*path, key), f"the key {key!r} is not part of ODCS {API_VERSION} here",
                            did_you_mean(key, fields) + " Your own keys belong in `customProperties`.",
                        )  # fmt: skip
                return

    yield from walk(OpenDataContractStandard, document.data, ())


def _members(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _short(value: Any, limit: int = 80) -> str:
    text = value if isinstance(value, str) and re.search(r"\s", value) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
