"""The folder and project that a user set once (`lsi-match use`), and the command lines that leave them out.

$XDG_CONFIG_HOME/lsi-match/current.json    readable by the user only; paths, no secrets
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cyclopts import App

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import work_of
from lsi_match.protocol.trust_root import MATCHER


def _file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "lsi-match" / "current.json"


def keep(home: Home, project: str | None) -> Path:
    """Remember this folder and project; the file."""
    said = {"home": str(home.folder.absolute()), "name": home.name, "project": project}
    write_whole(_file(), json.dumps(said, ensure_ascii=False).encode() + b"\n", replace=True)
    return _file()


def current() -> dict[str, str]:
    """Name of an argument → what was set; nothing where nothing was."""
    try:
        said = json.loads(read_bytes(_file()))
        home, name, project = (said.get(one) for one in ("home", "name", "project"))
        found = {"site": home} if name == MATCHER else {"home": home, "name": name}
        found |= {"project": project, "project_id": project} if project else {}
        if project and name != MATCHER:
            work = work_of(Home(Path(home), name), project).model_dump(exclude_none=True)
            found |= {what: str(path) for what, path in work.items()}
    except (LsiError, ValueError, TypeError, AttributeError, OSError):
        return {}
    return {what: text for what, text in found.items() if isinstance(text, str)}


def completions(app: App, arguments: list[str]) -> Iterator[list[str]]:
    """The command line with what was left out and set once, in each way that this could be meant, the fullest first."""
    words, apps, _ = app.parse_commands(arguments)
    command = apps[-1].default_command
    if not inspect.isfunction(command):
        return
    known, at = current(), len(words)
    parameters = inspect.signature(command).parameters.values()
    options = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty]
    more = [
        part
        for name in options
        if name in known and f"--{name}" not in arguments
        for part in (f"--{name}", known[name])
    ]
    known = {
        **known,
        "place": known.get("home", known.get("site", "")),
    }  # as an argument it is a party's folder
    positions = [
        one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty
    ]
    first, last = ([known[one] for one in _leading(names, known)] for names in (positions, positions[::-1]))
    for number in range(len(first), 0, -1):
        yield [*arguments[:at], *first[:number], *arguments[at:], *more]
    for number in range(len(last), 0, -1):
        yield [*arguments, *last[:number][::-1], *more]
    if more:
        yield [*arguments, *more]


def _leading(names: Sequence[str], known: dict[str, str]) -> list[str]:
    found = []
    for name in names:
        if name not in known:
            break
        found.append(name)
    return found
