"""A Chromium for the tests that look at pages: one that is there, or one that can be installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest


def installed_chromium() -> str | None:
    """A Chromium that is there; else one that playwright, or apt as root, can install."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if found := next(filter(None, map(shutil.which, names)), None):
        return found
    from playwright.sync_api import sync_playwright

    attempts = [
        [sys.executable, "-m", "playwright", "install", "chromium"],
        ["apt-get", "install", "-y", "-qq", "chromium"],
    ]
    for command in attempts:
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        with sync_playwright() as playwright:
            if Path(playwright.chromium.executable_path).exists():
                return playwright.chromium.executable_path
        if found := shutil.which("chromium"):
            return found
    return None


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; skips loudly where none can be had."""
    from playwright.sync_api import sync_playwright

    executable = installed_chromium()
    if executable is None:
        pytest.skip("NO BROWSER: Chromium is neither here nor installable, so no page was looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()
