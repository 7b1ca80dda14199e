"""Great Expectations' expectation classes: found, instantiated, and those of `plugins/` loaded beside them."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from sluice.checks.rules import BadRuleError, Rule
from sluice.contract.terms import did_you_mean
from sluice.errors import BadInputError

NOT_IMPLEMENTED = {
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than",
    "expect_column_chisquare_test_p_value_to_be_greater_than",
    "expect_column_pair_cramers_phi_value_to_be_less_than",
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
    "expect_multicolumn_values_to_be_unique",
}
"""Names that GX 1.24 has files for, but whose classes it leaves unimplemented and unregistered."""

_loaded: dict[Path, bytes] = {}


class UnusableError(Exception):
    """GX does not take an expectation as it is; the message is for the rule's author."""


class EscapeError(Exception):
    """A custom expectation tried to leave the process."""


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


@contextmanager
def contained() -> Iterator[None]:
    """For code that custom expectations take part in: what it prints, which may be values, goes nowhere, and
    `sys.exit` is an EscapeError."""
    try:
        with redirect_stdout(_Nowhere()), redirect_stderr(_Nowhere()):
            yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise EscapeError(f"it tried to end the process ({type(error).__name__})") from error


_QUIET = logging.NullHandler()


def fill_registry() -> None:
    """Import Great Expectations (2 to 3 s of CPU, once), whose own imports warn of what nobody here can mend."""
    # What it logs is advice about its own engines and tracebacks that may quote the data; its results say the rest.
    logger = logging.getLogger("great_expectations")
    logger.addHandler(_QUIET)
    logger.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401


def expectation_of(rule: Rule, kwargs: Mapping[str, Any] | None = None) -> Any:
    """The rule as GX's Expectation. Raises UnusableError."""
    fill_registry()
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        with warnings.catch_warnings(), contained():
            warnings.simplefilter("ignore")
            configuration = ExpectationConfiguration(
                str(rule.expectation_type), dict(rule.kwargs if kwargs is None else kwargs)
            )
            return configuration.to_domain_obj()
    except ValidationError as error:
        raise UnusableError(f"bad kwargs: {readable(error.errors())}") from error
    except (GreatExpectationsError, TypeError, ValueError, AttributeError, RecursionError, EscapeError) as error:
        raise UnusableError(f"bad kwargs: {error}") from error


def check(rule: Rule) -> None:
    """Raises BadRuleError unless GX knows the rule's expectation and takes its kwargs."""
    fill_registry()
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    kind = str(rule.expectation_type)
    if kind in NOT_IMPLEMENTED:
        raise BadRuleError(f"is {kind!r}, which Great Expectations does not implement", "Use another expectation.")
    known = list_registered_expectation_implementations()
    if kind not in known:
        raise BadRuleError(f"is {kind!r}, which Great Expectations does not have", did_you_mean(kind, known))
    try:
        expectation_of(rule)
    except UnusableError as error:
        raise BadRuleError(f"({kind}) has {error}", "Correct the kwargs.") from error


def load_custom(folder: Path) -> None:
    """Import the modules of `folder`, whose expectation classes register themselves with GX; once per content.

    Raises BadInputError (CUSTOM_EXPECTATION) when one cannot be imported.
    """
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else []:
        fill_registry()
        content = hashlib.sha256(path.read_bytes()).digest()
        if path.name.startswith("_") or _loaded.get(path) == content:
            continue
        try:
            _import(path)
        except Exception as error:
            raise BadInputError(
                "CUSTOM_EXPECTATION", f"it cannot be imported: {type(error).__name__}: {error}", where=str(path),
                mend="Correct the module, or take it out of the folder.",
            ) from error  # fmt: skip
        _loaded[path] = content


def loaded_modules() -> list[Path]:
    """The modules that `load_custom` imported, in their order."""
    return list(_loaded)


def load_modules(paths: Sequence[Path]) -> None:
    """Import these modules, as `load_custom` does."""
    for path in paths:
        _import(path)


def _import(path: Path) -> None:
    name = f"sluice_expectations_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with warnings.catch_warnings(), contained():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)


def readable(errors: Iterable[Mapping[str, Any]]) -> str:
    """pydantic's errors as one line: one clause per field, the alternatives of a union joined."""
    clauses: dict[str, list[str]] = {}
    for error in errors:
        place = ".".join(str(part) for part in error["loc"] if part != "__root__")
        said = str(error["msg"])
        # GX's every field may also be a reference to a suite parameter, written as a dict: noise to a reader.
        if "valid dict" not in said:
            clauses.setdefault(place, []).append(said)
    return "; ".join(f"{place}: {' or '.join(said)}" if place else " or ".join(said) for place, said in clauses.items())
