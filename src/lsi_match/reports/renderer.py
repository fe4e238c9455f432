"""Templates of a folder, filled in with the texts of its catalogue in one language.

A catalogue (TOML) holds for each text Dutch and English, with the facts that are filled in between {braces}, so that who is
no programmer can correct a sentence. What is filled in is shown as it is: it is escaped for HTML in `.html`, for Markdown in `.md`.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lsi_match.base.catalogue import catalogue, with_separators, word
from lsi_match.base.errors import Language
from lsi_match.criteria import wording

LANGUAGES: tuple[Language, ...] = ("nl", "en")
#: Times are shown as at the office; the log keeps UTC.
_ZONE = ZoneInfo("Europe/Amsterdam")


#: What begins an item of a list, where it stands at the beginning of a line.
_ITEM = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")


class Renderer:
    """Fills in templates in one language."""

    def __init__(self, templates: Path, texts: Path, lang: Language) -> None:
        self.lang = lang
        self._templates = templates
        self._texts = catalogue(texts)

    def text(self, key: str, /, **facts: object) -> str:
        """A text of the catalogue; what is filled in is told in this language."""
        said = str(self._texts[key][self.lang])
        return said.format(**{name: self.told(value) for name, value in facts.items()}) if facts else said

    def t(self, key: str, /, **facts: object) -> str:
        """The same, for templates."""
        return self.text(key, **facts)

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
        day = f"{at.month:02}", f"{at.day:02}"
        return "-".join((*day[::-1], f"{at.year}") if self.lang == "nl" else (f"{at.year}", *day))

    def moment(self, at: datetime) -> str:
        local = at.astimezone(_ZONE)
        return f"{self.day(local)} {local.hour:02}:{local.minute:02}"

    def word(self, kind: str, name: str) -> str:
        """What a step, a state or another name of `base/words.toml` is called."""
        return word(kind, name, self.lang)

    def fill(self, template: str, **facts: Any) -> str:
        """A template with these facts."""
        return _environment(self._templates, template.endswith(".md")).get_template(template).render(
            lang=self.lang, t=self.t, told=self.told, moment=self.moment, day=self.day, word=self.word, **facts
        )  # fmt: skip


@cache
def _environment(folder: Path, markdown: bool) -> Environment:
    """A name that a template asks for and is not given is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=as_markdown if markdown else None,
        # A line with nothing but a block leaves a blank line in Markdown, where it does no harm.
        trim_blocks=not markdown,
        lstrip_blocks=True,
    )


def as_markdown(value: object) -> Markup:
    """What is filled in, with its signs kept as signs; what a template or a catalogue wrote stays as it is."""
    if isinstance(value, Markup):
        return value
    text = str(value)
    space = " " if text.endswith(" ") else ""  # as in `{{ ", " if not loop.last }}`
    return Markup(_ITEM.sub(r"\1\\\2", wording.markdown_safe(text)) + space)  # noqa: S704
