"""Access to a lake of files: the file system decides, and this says so wherever grants are spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sluice.access import Grant


class FileAccess:
    """See sluice.access.AccessControl for every method: nothing is granted, and nothing is pretended."""

    enforced = False
    note = (
        "This lake is a folder: whoever may read its files reads every table. Tags and grants are "
        "AWS Lake Formation's, which only an s3:// lake has."
    )

    def principal(self, role: str) -> str:
        return role

    def tag(self, identifier: str, tags: Mapping[str, Any]) -> None:
        """The catalog's parameters have the classification; no tag stands beside them."""

    def tags(self, identifier: str, columns: Sequence[str]) -> dict[str, str]:
        return {}

    def grant(self, grant: Grant) -> None:
        """Nobody is granted anything."""

    def revoke(self, grant: Grant) -> None:
        """There is nothing to take away."""

    def granted(self, identifier: str) -> list[Grant]:
        return []
