"""Templates of the desk, filled in with the texts of `texts.toml` in one language."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from lsi_match.base.errors import Language
from lsi_match.reports import renderer
from lsi_match.reports.document import Document

TEXTS = Path(__file__).with_name("texts.toml")


class Renderer(renderer.Renderer):
    """Makes pages in one language."""

    def __init__(self, lang: Language) -> None:
        super().__init__(TEXTS.with_name("templates"), TEXTS, lang)


def from_markdown(text: str, lang: Language) -> Markup:
    """Markdown below a heading that the page has, as HTML; tags in it stay text, and nothing in it becomes a link or an image."""
    return Document(lang, text).fragment


def utc(at: datetime) -> str:
    """A moment as the log has it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
