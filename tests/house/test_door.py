"""Nothing in the source but the door opens, lists, moves or removes anything below a folder in which others can write."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "src" / "lsi_match"
#: Who may name the folder of inboxes: the door; who makes it for a new partner, or says where it is; the partner of the demo;
#: and retention, which leaves it out of its walk and gives what is past its term to the door by name.
NAMES_INBOXES = {
    "matcher/site/inbox.py", "matcher/site/site.py", "cli/site.py", "demo/world.py", "matcher/operate/retention.py",
}  # fmt: skip
#: Who may open folders by hand: inboxes, and places.
OPENS = {"matcher/site/inbox.py", "transport/endpoints.py"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text())


def words(tree: ast.Module) -> set[str]:
    """Every text in a module that can be part of a path."""
    texts = (
        one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    return {word for text in texts if " " not in text for word in text.split("/")}


def test_inboxes_are_named_by_nobody_but_the_door() -> None:
    named = {name for name, tree in modules() if "inbox" in words(tree)}
    assert named == NAMES_INBOXES


def test_the_door_is_used_for_inboxes_and_places_only() -> None:
    used = {
        name
        for name, tree in modules()
        for one in ast.walk(tree)
        if isinstance(one, ast.ImportFrom) and one.module == "lsi_match.base.guarded_folder"
    }
    assert used == OPENS


def test_the_address_of_a_place_is_read_where_places_are_opened_only() -> None:
    read = {
        name
        for name, tree in modules()
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and one.attr == "url"
    }
    assert read == {"transport/endpoints.py"}
