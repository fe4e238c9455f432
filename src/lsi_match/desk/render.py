"""Templates of the desk, filled in with the texts of `texts.toml` in one language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from lsi_match.base.catalogue import catalogue, with_separators
from lsi_match.base.errors import Language

LANGUAGES: tuple[Language, ...] = ("nl", "en")
TEXTS = Path(__file__).with_name("texts.toml")
#: Times are shown as at the office; the log keeps UTC.
_ZONE = ZoneInfo("Europe/Amsterdam")


class Renderer:
    """Makes pages in one language."""

    def __init__(self, lang: Language) -> None:
        self.lang = lang

    def text(self, key: str, **facts: object) -> str:
        """A text of `texts.toml`; errors and ends among the facts are told in this language."""
        told = {name: self.told(value) for name, value in facts.items()}
        return str(catalogue(TEXTS)[key][self.lang]).format(**told)

    def told(self, value: object) -> str:
        """A value as a person reads it."""
        if hasattr(value, "text") and callable(value.text):
            return str(value.text(self.lang))
        if isinstance(value, datetime):
            return self.moment(value)
        if isinstance(value, date):
            return self.day(value)
        if isinstance(value, int):
            return with_separators(f"{value:,}", self.lang)
        return str(value)

    def day(self, at: date) -> str:
        return f"{at:%d-%m-%Y}" if self.lang == "nl" else f"{at:%Y-%m-%d}"

    def moment(self, at: datetime) -> str:
        local = at.astimezone(_ZONE)
        return f"{self.day(local.date())} {local:%H:%M}"

    def page(self, template: str, **facts: Any) -> str:
        """A page; what is filled in is escaped wherever it stands."""
        return _templates().get_template(template).render(
            lang=self.lang, t=self.text, told=self.told, moment=self.moment, day=self.day, **facts
        )  # fmt: skip


def from_markdown(text: str) -> Markup:
    """Markdown of ours as HTML; tags in it stay text, and nothing in it becomes a link or an image."""
    return Markup(_markdown().render(text))  # noqa: S704  # markdown-it escapes: html is off


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("lsi_match.desk"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def utc(at: datetime) -> str:
    """A moment as the log has it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
