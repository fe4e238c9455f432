"""YAML text to a checked model, with file, line and column in every message.

Duplicate keys, anchors and aliases are refused, and numbers that can be read in two ways: what a person reads must be what the
program reads.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language, LsiError, words
from lsi_match.base.validation import two_readings, validation_message

Model = TypeVar("Model", bound=BaseModel)


class YamlUnreadableError(LsiError): ...


class DocumentInvalidError(LsiError):
    """Every place where a document does not fit."""


def complaints(error: LsiError, language: Language) -> list[tuple[int, str]]:
    """What is wrong with a text, place by place: line (0 where it is not known) and what is said of it."""
    problems = error.facts.get("problems_nl" if language == "nl" else "problems", "")
    found = re.findall(r"^  (\d+):\d+ (.*(?:\n    .*)*)", str(problems), re.MULTILINE)
    return [(int(line), said) for line, said in found] or [
        (int(error.facts.get("line", 0)), error.text(language))
    ]


#: Characters, and levels within each other, that a document has at most: more than any of ours.
_LARGEST = 2**21
_DEEPEST = 40
#: How the YAML reader begins what it says → the same in Dutch.
_DUTCH = Path(__file__).with_suffix(".toml")


def _unreadable(key: str, file: str, at: tuple[int, int], **facts: str | int) -> LsiError:
    return YamlUnreadableError.because(key, file=file, line=at[0], column=at[1], **facts)


def read_yaml(text: str, file: str) -> Any:
    """The plain value of one YAML document.

    Raises:
        YamlUnreadableError: no YAML, too long, too deep, a duplicate key, an anchor or alias, or a number that can be read in two ways.
    """
    return deepcopy(_read(text, file))


@lru_cache(maxsize=16)
def _read(text: str, file: str) -> Any:
    """The value, remembered: settings are read at every step of a look, and reading takes long."""
    yaml, depth = YAML(typ="safe", pure=True), 0
    before: ScalarEvent | None = None
    if len(text) > _LARGEST:
        raise _unreadable("base.yaml_long", file, (1, 1), most=_LARGEST)
    try:
        for event in yaml.parse(text):
            here = event.start_mark.line + 1, event.start_mark.column + 1
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > _DEEPEST:  # takes seconds to read, for a few hundred brackets
                raise _unreadable("base.yaml_deep", file, here)
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                raise _unreadable("base.yaml_alias", file, here)
            if isinstance(event, ScalarEvent) and not event.style:
                kind = yaml.resolver.resolve(ScalarNode, event.value, (True, False))
                number = str(kind).endswith((":int", ":float"))
                _one_reading(file, here, event.value, number=number)
                if number and before is not None and event.start_mark.index == before.end_mark.index + 1:
                    _no_decimal(file, here, before.value, event.value)
                before = event if number else None
            else:
                before = None
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = str(error.problem or "not readable").split("\n")[0]
        dutch = next(nl for begin, nl in catalogue(_DUTCH).items() if said.startswith(begin))
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _unreadable("base.yaml_reader", file, at, said=said, said_nl=dutch) from None
    except (YAMLError, ValueError, RecursionError):
        place = _unreadable_scalar(text)
        raise _unreadable(
            "base.yaml_scalar" if place else "base.yaml_unreadable", file, place or (1, 1)
        ) from None


def _no_decimal(file: str, at: tuple[int, int], first: str, second: str) -> None:
    """Refuse `[1,5]`: two numbers, and one in Dutch."""
    one, two = f"{first}.{second}", f"{first}, {second}"
    raise _unreadable("base.yaml_two_numbers", file, at, written=f"{first},{second}", one=one, two=two)


#: A number as everybody writes it, with a sign before it or an underscore between thousands at most.
_PLAIN = re.compile(r"[-+]?(0|[1-9]\d*|[1-9]\d{0,2}(_\d{3})+)(\.\d+)?")


def _one_reading(file: str, at: tuple[int, int], value: str, number: bool) -> None:
    """Refuse `10.000`, which is ten or ten thousand, and `000`: half of an English `10,000`, or a number in base eight. And
    other ways to write a number (`0o10`, `0x1F`, `1e3`, `.5`) that not everybody reads as the program does.

    Args:
        number: whether YAML takes the value for a number.
    """
    if readings := two_readings(value):
        small, large = readings
        raise _unreadable("base.yaml_two_readings", file, at, value=value, small=small, large=large)
    if re.fullmatch(r"[-+]?0\d+", value):
        raise _unreadable("base.yaml_zero", file, at, value=value)
    if number and not _PLAIN.fullmatch(value):
        raise _unreadable("base.yaml_odd_number", file, at, value=value)


def _unreadable_scalar(text: str) -> tuple[int, int] | None:
    """Line and column of the first value that looks like a date or number and is none."""
    yaml = YAML(typ="safe", pure=True)
    try:
        waiting = [yaml.compose(text)]
        while waiting:
            node = waiting.pop(0)
            if isinstance(node, MappingNode):
                waiting = [part for pair in node.value for part in pair] + waiting
            elif isinstance(node, SequenceNode):
                waiting = list(node.value) + waiting
            elif node is not None:
                try:
                    yaml.constructor.construct_object(node)
                except (YAMLError, ValueError):
                    return node.start_mark.line + 1, node.start_mark.column + 1
    except (YAMLError, ValueError, RecursionError):
        pass
    return None


def parse_yaml(text: str, file: str, model: type[Model]) -> Model:
    """`text` as a `model`.

    Raises:
        YamlUnreadableError: see `read_yaml`.
        DocumentInvalidError: every place where the document does not fit the model.
    """
    value = read_yaml(text, file)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise describe_errors(error, text, file) from None


def describe_errors(error: ValidationError, text: str, file: str) -> DocumentInvalidError:
    """Every place of the YAML `text` that `error` complains about, by line and column."""
    root: Node | None = YAML(typ="safe", pure=True).compose(text)
    told: dict[Language, list[str]] = {"nl": [], "en": []}
    found = error.errors(include_input=False)
    # A list of which an item does not fit is called too short as well.
    short = {one["loc"] for one in found if one["type"] == "too_short"}
    parents = {other["loc"][:depth] for other in found for depth in range(len(other["loc"]))}
    found = [one for one in found if one["type"] != "too_short" or one["loc"] not in short & parents]
    for one in found:
        path, texts = validation_message(one)
        line, column = _place(root, path, at_name=one["type"] == "extra_forbidden")
        where = f"  {line}:{column} {'.'.join(str(step) for step in path if step != '[key]') or 'document'}: "
        for language, said in texts.items():
            told[language].append(where + said.replace("\n", "\n    "))
    return DocumentInvalidError(
        file=file, count=len(found), **words("problems", "\n".join(told["nl"]), "\n".join(told["en"]))
    )


def _place(root: Node | None, path: tuple[int | str, ...], *, at_name: bool) -> tuple[int, int]:
    """Line and column, from 1, of the part at `path`, or of the deepest part on the way there that exists.

    Args:
        at_name: of a part of a mapping, point at its name instead of at its value.
    """
    node, mark = root, root.start_mark if root is not None else None
    name = None
    for step in path:
        found: Node | None = None
        if step == "[key]":
            at_name = True
        elif isinstance(node, MappingNode):
            name, found = next(((k, v) for k, v in node.value if k.value == str(step)), (None, None))
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            name, found = None, node.value[step]
        if found is None:
            break
        node, mark = found, found.start_mark
    # What was left empty stands where YAML found the next thing: on another line.
    if name is not None and node is not None and (at_name or node.start_mark.index == node.end_mark.index):
        mark = name.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
