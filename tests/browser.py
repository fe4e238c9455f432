"""Debian's Chromium, for tests of pages: no network, no profile that outlives the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Callable[[], Page]]:
    """Gives pages, each of a browser that nothing is kept in and that reaches files only; the test skips where there is
    no Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        # Tests run as root in a container, where Chromium's own sandbox cannot be made.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield lambda: started.new_context(offline=True, locale="nl-NL").new_page()
        started.close()
