"""Personal data, recognised by what values are, not by what their column is called alone.

`find` looks at a column's values; `mask` shows the form of one without giving it away. Pure functions.
"""

from sluice.pii.detection import Finding, find
from sluice.pii.masking import mask

__all__ = ["Finding", "find", "mask"]
