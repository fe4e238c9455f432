"""The catalogues of texts for people: whole in both languages, and each text is one that a page asks for."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

import lsi_match
from lsi_match.criteria.parse import FieldType, Unit
from lsi_match.log.steps import Step
from lsi_match.log.view import State
from lsi_match.manifest.equality import CharacteristicKind
from lsi_match.manifest.identifiers import IdentifierKind, InvalidReason
from lsi_match.protocol.trust_root import Role

ROOT = Path(lsi_match.__file__).parent
CATALOGUES = sorted(ROOT.rglob("*.toml"))


def texts(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every text with its place: a table with Dutch, English, or both."""
    if isinstance(value, dict) and value.keys() & {"nl", "en"}:
        yield place, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from texts(one, f"{place}.{name}" if place else name)


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_text_stands_in_both_languages_with_the_same_facts(file: Path) -> None:
    for place, text in texts(tomllib.loads(file.read_text("utf-8"))):
        assert {"nl", "en"} <= text.keys(), place
        assert all(text.values()), place
        facts = [set(re.findall(r"(?<!\{)\{(\w+)\}", str(text[lang]))) for lang in ("nl", "en")]
        if (
            file.name != "errors.toml" and place != "statement"
        ):  # a fact can be a text that stands in one language
            assert facts[0] == facts[1], place


def documents() -> dict[Path, str]:
    """The catalogues of documents, with the templates and modules that ask for their texts."""
    folder = ROOT / "reports" / "documents"
    modules = [file for file in ROOT.rglob("*.py") if 'Writer("' in file.read_text("utf-8")]
    found = {}
    for catalogue in folder.glob("*.toml"):
        asking = [file for file in modules if f'Writer("{catalogue.stem}"' in file.read_text("utf-8")]
        words = [
            f"from lsi_match.reports.{file.stem} import" for file in asking if file.stem.endswith("_words")
        ]
        asking += [
            file for file in ROOT.rglob("*.py") if any(one in file.read_text("utf-8") for one in words)
        ]
        source = "".join(file.read_text("utf-8") for file in asking)
        seen: set[str] = set()
        while more := set(re.findall(r'"(\w+\.md)"', source)) - seen:
            seen |= more
            source += "".join((folder / name).read_text("utf-8") for name in sorted(more))
        found[catalogue] = source
    return found


@pytest.mark.parametrize(
    ("file", "source"), documents().items(), ids=lambda one: one.stem if isinstance(one, Path) else ""
)
def test_every_text_is_asked_for_and_every_one_asked_for_is_there(file: Path, source: str) -> None:
    there = {place for place, _ in texts(tomllib.loads(file.read_text("utf-8")))}
    parts = {
        *re.findall(r'\bt\(\s*"(\w+)"\s*~', source),
        *re.findall(r'\btext\(\s*f"(\w+)\{', source),
    }
    asked = set(re.findall(r'\bt(?:ext)?\(\s*"(\w+)"(?!\s*~)', source))
    assert asked <= there, asked - there
    named = set(re.findall(r'"(\w+)"', source))
    left = {one for one in there if one not in named and not one.startswith(tuple(parts))}
    assert not left
    assert all(any(one.startswith(part) for one in there) for part in parts)


CLI = ROOT / "cli"
COMMANDS = {
    file: file.stem
    for file in sorted(CLI.glob("*.toml"))
    if file.stem not in ("errors", "help_nl", "problems", "usage")
}
COMMANDS[ROOT / "manifest" / "query.toml"] = "query"
PROBLEMS = {file: ".".join(file.relative_to(ROOT).parts[:-1]) for file in sorted(ROOT.rglob("problems.toml"))}
#: What takes the name of a text, of a command or of a problem.
ASKING = {
    "say": COMMANDS,
    "_say": COMMANDS,
    "tell": COMMANDS,
    "chapter": COMMANDS,
    "wrong_use": PROBLEMS,
    "because": PROBLEMS,
    "problem": PROBLEMS,
    "wrong": PROBLEMS,
    "_unreadable": PROBLEMS,
    "_forbidden": PROBLEMS,
    "_mistyped": PROBLEMS,
}


@cache
def asked() -> tuple[set[str], list[tuple[str, str, ast.Call, ast.Module]]]:
    """Everything that could be the name of a text, as patterns; and what is given to what takes one, with the call and its module."""
    named, calls = set(), []
    for file in ROOT.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        # A module with a catalogue of its own beside it names a text without the catalogue.
        own = f"{file.stem}." if file.with_suffix(".toml") == ROOT / "manifest" / "query.toml" else ""
        words = {
            one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and (pattern := _pattern(node)):
                named.add(pattern)
            if isinstance(node, ast.JoinedStr) and (start := _start(node)):
                named |= {re.escape(start + word) for word in words if re.fullmatch(r"\w+", word)}
            if isinstance(node, ast.Call) and (name := ast.unparse(node.func).rpartition(".")[2]) in ASKING:
                given = [one for key in node.args[:1] for one in _direct(key)]
                keys = list(filter(None, (_pattern(one, own) for one in given)))
                named |= {*keys} if own else set()
                calls += [(name, pattern, node, tree) for pattern in keys]
    return named, calls


#: Where Dutch stands that is no text for people: what is recognised in data, and values that go along in a release.
RECOGNISED = {
    "agreement/gates.py",
    "demo/dirt.py",
    "demo/oracle.py",
    "demo/population.py",
    "demo/registers.py",
    "manifest/selection.py",
    "manifest/template.py",
    "monitor/counts_file.py",
    "monitor/plausible.py",
    "partner/bag.py",
    "partner/normalise/people.py",
    "partner/release/outcomes.py",
}
DUTCH = re.compile(
    r"\b(de|het|een|niet|van|zijn|wordt|worden|geen|deze|dit|dat|hier|moet|naar|bij|uit|nog|alle|heeft|kan|mag|zonder|voor|ook|als|tot|sinds"
    r"|keer|onder|tussen|dagen|er|uw|zij|ontbreekt|klaar|onbekend)\b",
    re.IGNORECASE,
)


def test_no_text_in_dutch_stands_in_python() -> None:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        if str(file.relative_to(ROOT)) in RECOGNISED:
            continue
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            said = (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            )
            if said and DUTCH.search(node.value):  # type: ignore[attr-defined]
                found.append((file.name, node.lineno, node.value))  # type: ignore[attr-defined]
    assert not found
    assert all((ROOT / name).exists() for name in RECOGNISED)


def _pattern(node: ast.expr, own: str = "") -> str | None:
    """What a text, or one that begins so, can be, as a regular expression."""
    text = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    if not isinstance(text, ast.Constant) or not re.fullmatch(r"(\w+\.)+\w+", own + str(text.value)):
        return None
    return re.escape(own + str(text.value)) + (r"\w+" if text is not node else "")


def _start(node: ast.JoinedStr) -> str | None:
    """The catalogue of a text of which the name is one of the words of the module."""
    start = node.values[0] if len(node.values) == 2 else None
    found = isinstance(start, ast.Constant) and re.fullmatch(r"(\w+\.)+", str(start.value))
    return found[0] if found else None


@pytest.mark.parametrize(
    ("file", "prefix"),
    [*COMMANDS.items(), *PROBLEMS.items()],
    ids=lambda one: str(one).removeprefix(str(ROOT)),
)
def test_every_text_of_a_command_or_problem_is_asked_for_and_has_its_facts(file: Path, prefix: str) -> None:
    catalogue = {f"{prefix}.{name}": texts for name, texts in tomllib.loads(file.read_text("utf-8")).items()}
    named, calls = asked()
    found = re.compile("|".join(one for one in named if one.startswith(re.escape(prefix))))
    assert {key for key in catalogue if not found.fullmatch(key)} == set()
    for name, pattern, call, module in calls:
        if file in ASKING[name] and re.fullmatch(re.escape(prefix) + r"\\\.\w+(\\w\+)?", pattern):
            meant = [texts for key, texts in catalogue.items() if re.fullmatch(pattern, key)]
            assert meant, pattern
            needed = {fact for texts in meant for fact in re.findall(r"\{(\w+)", texts["nl"])}
            given = _facts(call, module)
            assert given is None or needed <= given, pattern


def _direct(key: ast.expr) -> list[ast.expr]:
    """A key, or the two that a condition chooses from."""
    return [key.body, key.orelse] if isinstance(key, ast.IfExp) else [key]


def _facts(call: ast.Call, module: ast.Module) -> set[str] | None:
    """The names of what is filled in by a call of `say` or `tell`, with those of a document that is written down in the module;
    None where that cannot be read."""
    found = {str(one.arg) for one in call.keywords}
    if "None" in found:
        return None
    for one in call.args[1:2]:
        named = ast.unparse(one)
        assigned = [
            each.value
            for each in ast.walk(module)
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == named
        ]
        for document in (one, *assigned):
            if isinstance(document, ast.Dict):
                found |= {
                    str(ast.literal_eval(key)) for key in document.keys if isinstance(key, ast.Constant)
                }
    return found


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("step", Step),
        ("state", (*get_args(State), "broken")),
        ("role", Role),
        ("invalid", InvalidReason),
        ("characteristic", CharacteristicKind),
        ("kind", (*IdentifierKind, *FieldType, *Unit)),
    ],
)
def test_every_name_that_is_shown_has_a_word(kind: str, names: Iterable[str]) -> None:
    words = tomllib.loads((ROOT / "base" / "words.toml").read_text("utf-8"))[kind]
    assert {str(one) for one in names} <= words.keys()
    if kind != "kind":
        assert words.keys() == {str(one) for one in names}
