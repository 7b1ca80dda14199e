"""Pictures of pages, for people to judge: light, dark, and as a phone shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIZES = {"light": (1200, 900), "dark": (1200, 900), "phone": (360, 740)}


def shoot(browser: Any, address: str, user: str, folder: Path, name: str, *, full: bool = True) -> dict[str, Path]:
    """One picture for each of SIZES, as `user` sees the page."""
    taken = {}
    for kind, (width, height) in SIZES.items():
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if kind == "dark" else "light",
            extra_http_headers={"as": user},
        )  # fmt: skip
        page = context.new_page()
        page.goto(address)
        taken[kind] = folder / f"{name}-{kind}.png"
        page.screenshot(path=taken[kind], full_page=full)
        context.close()
    return taken
