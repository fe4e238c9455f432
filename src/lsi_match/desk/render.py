"""Templates of the desk, filled in with the texts of `texts.toml` in one language."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lsi_match.base.errors import Language
from lsi_match.reports import renderer

TEXTS = Path(__file__).with_name("texts.toml")


class Renderer(renderer.Renderer):
    """Makes pages in one language."""

    def __init__(self, lang: Language) -> None:
        super().__init__(TEXTS.with_name("templates"), TEXTS, lang)


def utc(at: datetime) -> str:
    """A moment as the log has it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
