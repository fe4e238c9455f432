"""What every command shares: language, JSON output, tables, and how an error reaches a person."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from lsi_match.base.catalogue import text, with_separators, word
from lsi_match.base.errors import Language, LsiError
from lsi_match.base.signs import OBEYED, plain

if TYPE_CHECKING:
    from lsi_match.matcher.site.site import Project

_settings: dict[str, Language] = {"language": "en" if os.environ.get("LSI_MATCH_LANG") == "en" else "nl"}
_for_machines = [False]


class _Terminal(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        """Texts as they are: nothing in them is markup, and no line is broken, so that what is shown can be copied."""
        texts = [plain(one) if isinstance(one, str) else one for one in objects]
        if all(isinstance(one, str) for one in objects):
            options = {"markup": False, "soft_wrap": True} | options
        super().print(*texts, **options)


out = _Terminal(highlight=False, emoji=False)
err = _Terminal(stderr=True, highlight=False, emoji=False)


def language() -> Language:
    """The language of this process: Dutch, unless `--lang en` or LSI_MATCH_LANG=en."""
    return _settings["language"]


def set_language(value: str) -> None:
    _settings["language"] = "en" if value == "en" else "nl"


def as_json() -> bool:
    """Whether this command line asks for one JSON document and nothing else (`--json`)."""
    return _for_machines[0]


def set_json(on: bool) -> None:
    _for_machines[0] = on


def say(key: str, /, **facts: object) -> str:
    """A text in the language of this process: `match.reminded` is `reminded` in `match.toml`."""
    catalogue, _, name = key.partition(".")
    return text(Path(__file__).with_name(f"{catalogue}.toml"), name, language(), **facts)


def number(value: int) -> str:
    """A whole number with the separators of the language of this process."""
    return with_separators(f"{value:,}", language())


def called(kind: str, name: str) -> str:
    """What a step, a state or another name of `base/words.toml` is called in the language of this process."""
    return word(kind, name, language())


def print_json(document: Any) -> None:
    """One JSON document on standard output. Signs that a terminal obeys stand there as JSON escapes them: \\u and hex."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    for sign in set(text) - {"\n"}:
        if unicodedata.category(sign) in OBEYED:
            text = text.replace(sign, json.dumps(sign)[1:-1])
    sys.stdout.write(text + "\n")


def done(shown: RenderableType | Iterable[RenderableType], document: Any) -> None:
    """What a command that did its work says: to a person, in one piece or line by line; to a machine, as one document.

    Args:
        shown: a text or table, or several, which are not made where a machine asks.
    """
    if as_json():
        print_json(document)
        return
    for one in shown if isinstance(shown, Iterable) and not isinstance(shown, str) else (shown,):
        out.print(one)


def tell(key: str, document: dict[str, Any], /, **more: object) -> None:
    """The same with a text, into which goes what the document says, and more."""
    done(say(key, **{**document, **more}), document)


def project_of(site: Path, project: str) -> Project:
    """A project on a matching site, which only the commands load that are about one."""
    from lsi_match.matcher.site.site import Site

    return Site(site).project(project)


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """A plain table; numbers to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        made.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        made.add_row(*(escape(plain(str(cell))) for cell in row))
    return made


def show_error(error: LsiError) -> None:
    """What was wrong and what to do, on standard error; with `--json` as a document on standard output."""
    if as_json():
        print_json({"error": error.reason, "nl": error.text("nl"), "en": error.text("en")})
    else:
        err.print(error.text(language()), style="bold red")
