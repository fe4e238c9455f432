"""The template of a manifest, and which of its texts are there to be replaced."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

#: How the texts begin that say what should stand there.
_TO_REPLACE = (
    "Vul hier in",
    "Waarom ",
    "Wat er met ",
    "Titel ",
    "Naam van ",
    "Volledige naam ",
    "Kenmerk van ",
    "Plaats of ",
    "Het register waaruit ",
    "sha256:000",
)


def template() -> bytes:
    """The template as a file (YAML)."""
    return files("lsi_match.manifest").joinpath("data/template.yaml").read_bytes()


def is_placeholder(text: str) -> bool:
    """Whether this is a text of the template, which says nothing about a project."""
    return text.startswith(_TO_REPLACE) and text in _placeholders()


@cache
def _placeholders() -> frozenset[str]:
    from lsi_match.base.yaml_positions import (
        read_yaml,
    )  # loads a parser of YAML, seldom needed where gates are judged

    values = text_values(read_yaml(template().decode(), "template.yaml"))
    return frozenset(text for _, text in values if text.startswith(_TO_REPLACE))


def text_values(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a plain value, with its path."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from text_values(inner, f"{at}.{name}" if at else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from text_values(inner, f"{at}.{number}")
