"""GX's Data Docs of a table's checks: the results in GX's form, and the page that GX's renderers make of them."""

from sluice.adapters.gx.data_docs.index import index_page
from sluice.adapters.gx.data_docs.page import render
from sluice.adapters.gx.data_docs.suite_result import suite_result

__all__ = ["index_page", "render", "suite_result"]
