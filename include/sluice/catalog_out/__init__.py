"""What Sluice knows of a published source, for other catalogs and for people: ODCS with results, DCAT, a readable page."""

from sluice.catalog_out.dcat import dcat
from sluice.catalog_out.facts import Facts, facts_of
from sluice.catalog_out.odcs import odcs_with_results, odcs_yaml, without_results
from sluice.catalog_out.page import page_data, source_lines

__all__ = [
    "Facts",
    "dcat",
    "facts_of",
    "odcs_with_results",
    "odcs_yaml",
    "page_data",
    "source_lines",
    "without_results",
]
