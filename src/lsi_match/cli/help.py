"""The help of the commands in the language of the user. In the code it is English: docstrings, which the library reads.

In Dutch each of their texts (a paragraph, or what an argument means) is replaced by the one in `help_nl.toml`.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel
from cyclopts.help.specs import (
    DescriptionRenderer,
    get_default_command_columns,
    get_default_parameter_columns,
)
from rich.text import Text

from lsi_match.base.errors import Language

#: What many commands take, and no docstring repeats.
COMMON = {
    "site": "the matching site.",
    "project": "id of the project.",
    "project_id": "id of the project.",
    "round_id": "the round.",
    "manifest": "the manifest (canonical JSON).",
    "home": "its folder.",
    "name": "this partner.",
    "place": "how the place is reached (YAML: url, key_file, known_hosts, credentials, endpoint).",
    "mapping": "which extract and which columns hold the fields of the manifest (YAML).",
    "chain": "sign with a certificate: this one and those between it and the authority (PEM).",
    "key": "the private key of the certificate (PEM); left out when it is the one in the HSM.",
}
_WORDS = {"Commands": "Opdrachten", "Parameters": "Argumenten en opties", "COMMAND": "OPDRACHT", "[OPTIONS]": "[OPTIES]"}  # fmt: skip

#: A command (its function) or option (by its id) → its help as the code has it.
_english: dict[Any, str] = {}


def translate(text: str, language: Language) -> str:
    """Paragraphs in this language."""
    return "\n\n".join(_said(part, language) for part in _read(text)[0])


def speak(app: App, language: Language, arguments: Sequence[str] = ()) -> None:
    """Give the command or group that `arguments` begin with, and everything below it, its help in this language."""
    app.help_formatter = _DutchFormatter() if language == "nl" else "default"
    asked = app
    for word in arguments:
        if word.startswith("-") or word not in asked:
            break
        asked = asked[word]
    for part in (
        (app[name] for name in app if name.startswith("-")) if asked is app and arguments else _parts(asked)
    ):
        command = part.default_command
        if inspect.isfunction(command):
            english = _english.setdefault(command, inspect.getdoc(command) or "")
            command.__doc__ = _docstring(english, command, language)
        elif inspect.ismethod(command) or id(part) in _english or part.help in dutch():
            # --help and --version; a group within a group
            part.help = _said(_english.setdefault(id(part), part.help), language)


def texts(app: App) -> set[str]:
    """Every text that the help of `app`, which is in English, has."""
    speak(app, "en")
    read = [_read(english) for english in (*_english.values(), *(part.help for part in _parts(app)))]
    return {*COMMON.values(), *(text for about, means in read for text in (*about, *means.values()))}


@cache
def dutch() -> dict[str, str]:
    """English text → Dutch."""
    return tomllib.loads(Path(__file__).with_name("help_nl.toml").read_text(encoding="utf-8"))


def _parts(app: App) -> Iterator[App]:
    yield app
    for name in app:
        yield from _parts(app[name])


def _joined(text: str) -> str:
    return " ".join(text.split())


def _said(text: str, language: Language) -> str:
    return dutch().get(text, text) if language == "nl" else text


def _docstring(english: str, command: Callable[..., Any], language: Language) -> str:
    """A docstring text by text in this language, with what no docstring repeats."""
    about, own = _read(english)
    known = COMMON | own
    means = {name: known[name] for name in (*inspect.signature(command).parameters, *own) if name in known}
    arguments = [f"    {name}: {_said(text, language)}" for name, text in means.items()]
    paragraphs = [_said(text, language) for text in about]
    return "\n\n".join([*paragraphs, "\n".join(["Args:", *arguments])] if arguments else paragraphs)


def _read(docstring: str) -> tuple[list[str], dict[str, str]]:
    """The paragraphs of a docstring, and what it says of each argument, each text on one line."""
    about, _, arguments = docstring.partition("\nArgs:\n")
    named = (part.partition(":") for part in re.split(r"^ {4}(?=\S)", arguments, flags=re.MULTILINE)[1:])
    paragraphs = [_joined(text) for text in about.split("\n\n")]
    return [text for text in paragraphs if text], {name: _joined(text) for name, _, text in named}


class _DutchFormatter(DefaultFormatter):
    """What the library says by itself, in Dutch."""

    def __call__(self, console: Any, options: Any, panel: HelpPanel) -> None:
        columns = get_default_command_columns if panel.format == "command" else get_default_parameter_columns

        def dutch_columns(console: Any, options: Any, entries: list[HelpEntry]) -> tuple[Any, ...]:
            found = columns(console, options, entries)
            return tuple(
                one.copy(renderer=_described) if isinstance(one.renderer, DescriptionRenderer) else one
                for one in found
            )

        title = _WORDS.get(str(panel.title), panel.title)
        DefaultFormatter(column_specs=dutch_columns)(console, options, panel.copy(title=title))

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:
        words = str(usage).removeprefix("Usage:").split()
        console.print(Text(" ".join(["Gebruik:", *(_WORDS.get(word, word) for word in words)]), style="bold"))
        console.print()


def _described(entry: HelpEntry) -> Any:
    shown: Any = DescriptionRenderer()(entry.copy(choices=None, env_var=None, default=None, required=False))
    notes = [f"[keuze: {', '.join(entry.choices)}]"] if entry.choices else []
    if entry.default is not None:
        default = {"False": "nee", "True": "ja"}.get(str(entry.default), entry.default)
        notes.append(f"[standaard: {default}]")
    if entry.required:
        notes.append("[verplicht]")
    for note in notes:
        shown.append(Text(note, "red" if entry.required else "gray58"))
    return shown
