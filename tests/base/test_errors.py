"""The catalogues of what errors say: whole in both languages, and nothing in them that no error says."""

from __future__ import annotations

import ast
import pkgutil
import re
import tomllib
from importlib import import_module
from pathlib import Path
from string import Formatter

import lsi_match
from lsi_match.base.errors import LsiError

PACKAGE = Path(lsi_match.__file__).parent
FILES = [*PACKAGE.rglob("errors.toml"), PACKAGE / "flows" / "errors.toml"]


def kinds() -> list[type[LsiError]]:
    """The errors that somebody catches, which are classes."""
    for module in pkgutil.walk_packages([str(PACKAGE)], "lsi_match."):
        import_module(module.name)
    found: list[type[LsiError]] = []
    left = [LsiError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("lsi_match.")]


def made() -> list[tuple[Path, ast.Call, str]]:
    """All other errors: where each is made by its name."""
    classes = {kind.__name__ for kind in kinds()}
    return [
        (file, call, call.args[0].value)
        for file in [*PACKAGE.rglob("*.py"), *(PACKAGE / "flows").glob("*.py")]
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if getattr(call.func, "id", "") in classes or str(call.args[0].value).endswith("Error")
    ]


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def catalogues() -> dict[Path, dict[str, dict[str, str]]]:
    return {file: tomllib.loads(file.read_text("utf-8")) for file in FILES}


def test_an_error_says_the_same_facts_in_both_languages() -> None:
    texts = {name: text for names in catalogues().values() for name, text in names.items()}
    assert len(texts) > 200
    unequal = [
        name
        for name, of in texts.items()
        if not (of["nl"] and of["en"])
        or (of["nl"] == of["en"] and re.sub(r"\{\w+\}", "", of["nl"]))
        or facts(of["nl"]) != facts(of["en"])
    ]
    assert unequal == []


def test_every_error_that_is_made_has_a_text_and_is_given_the_facts_that_it_tells() -> None:
    assert len(made()) > 200
    for file, call, name in made():
        given = {one.arg for one in call.keywords}
        assert None in given or facts(LsiError.texts(name)["en"]) <= given, (file, name)
    assert all(kind.texts() for kind in kinds())


def test_a_name_means_one_thing_and_each_text_is_said_by_somebody() -> None:
    every = [name for names in catalogues().values() for name in names]
    assert len(every) == len(set(every))
    assert set(every) == {kind.__name__ for kind in kinds() if kind.__name__ in every} | {
        name for *_, name in made()
    }
