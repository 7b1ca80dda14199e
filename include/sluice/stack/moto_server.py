"""moto server, with one thing mended in which moto 5.2.5 does otherwise than AWS: `python -m sluice.stack.moto_server`.

Lake Formation's grants lie in a set, keyed by what they allow. What is granted to one principal in two steps has
changed its key, and revoking it answers 500 for ever after. Here they lie in a list, which finds them as they are.
"""

from __future__ import annotations

from typing import Any


class _Grants(list[Any]):
    """A list that is added to as a set is."""

    def add(self, grant: Any) -> None:
        self.append(grant)


def mend() -> None:
    """Give every catalog of grants a list; nothing happens where moto keeps them otherwise by now."""
    from moto.lakeformation import models

    catalog = getattr(models, "PermissionCatalog", None)
    if catalog is None or not isinstance(getattr(catalog(), "permissions", None), set):
        return

    def begin(self: Any) -> None:
        self.permissions = _Grants()

    catalog.__init__ = begin


def main() -> None:
    """Serve, with moto's own arguments."""
    from moto.server import main as serve

    mend()
    serve()


if __name__ == "__main__":
    main()
