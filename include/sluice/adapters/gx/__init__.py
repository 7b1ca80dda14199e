"""Great Expectations: the only place that imports it, and pandas for it. Both load inside functions."""

from sluice.adapters.gx.expectations import load_custom
from sluice.adapters.gx.suites import load_suites, suite_files, unread, verify
from sluice.adapters.gx.validation import validate

__all__ = ["load_custom", "load_suites", "suite_files", "unread", "validate", "verify"]
