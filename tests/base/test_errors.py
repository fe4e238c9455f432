"""The catalogues of what errors say: whole in both languages, and nothing in them that no error says."""

from __future__ import annotations

import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path
from string import Formatter

import lsi_match
from lsi_match.base.errors import LsiError

PACKAGE = Path(lsi_match.__file__).parent


def kinds() -> list[type[LsiError]]:
    for module in pkgutil.walk_packages([str(PACKAGE)], "lsi_match."):
        import_module(module.name)
    found: list[type[LsiError]] = []
    left = [LsiError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("lsi_match.")]


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_an_error_says_the_same_facts_in_both_languages() -> None:
    assert len(kinds()) > 200
    unequal = [
        k.__name__ for k in kinds() if not (k.nl and k.en) or k.nl == k.en or facts(k.nl) != facts(k.en)
    ]
    assert unequal == []


def test_every_text_in_a_catalogue_is_of_an_error_beside_it_and_stands_nowhere_else() -> None:
    beside: dict[Path, set[str]] = {}
    for kind in kinds():
        file = Path(import_module(kind.__module__).__file__ or "").with_name("errors.toml")
        beside.setdefault(file, set()).add(kind.__name__)
        assert kind is LsiError or not {"nl", "en"} & vars(kind).keys()
    files = [*PACKAGE.rglob("errors.toml"), PACKAGE / "flows" / "errors.toml"]
    catalogues = {file: set(tomllib.loads(file.read_text())) for file in files}
    assert catalogues.keys() <= beside.keys()
    left_over = {
        str(file): names - beside[file] for file, names in catalogues.items() if names - beside[file]
    }
    assert not left_over
