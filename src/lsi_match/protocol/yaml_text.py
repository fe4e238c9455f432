"""YAML text to a checked model, with file, line and column in every message.

Duplicate keys, anchors and aliases are refused: what a person reads must be what the program reads.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from lsi_match.errors import LsiError

Model = TypeVar("Model", bound=BaseModel)


class YamlUnreadableError(LsiError):
    nl = "{file}, regel {line}, kolom {column}: dit is geen geldige YAML ({problem})."
    en = "{file}, line {line}, column {column}: this is not valid YAML ({problem})."


class DocumentInvalidError(LsiError):
    nl = "{file} klopt niet op {count} plaats(en):\n{problems}"
    en = "{file} is not valid in {count} place(s):\n{problems}"


def read_yaml(text: str, file: str) -> Any:
    """The plain value of one YAML document.

    Raises:
        YamlUnreadableError: no YAML, a duplicate key, or an anchor or alias.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        for event in yaml.parse(text):
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                mark = event.start_mark
                raise YamlUnreadableError(
                    file=file,
                    line=mark.line + 1,
                    column=mark.column + 1,
                    problem="anchors and aliases are not used here",
                )
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlUnreadableError(
            file=file,
            line=(mark.line + 1) if mark else 1,
            column=(mark.column + 1) if mark else 1,
            problem=str(error.problem or "not readable").split("\n")[0],
        ) from None
    except (YAMLError, ValueError, RecursionError):
        raise YamlUnreadableError(file=file, line=1, column=1, problem="not readable") from None


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
    places = [_place(text, e["loc"], e["msg"]) for e in error.errors(include_input=False)]
    return DocumentInvalidError(file=file, count=error.error_count(), problems="\n".join(places))


def place_of(value: str, text: str, file: str) -> str:
    """`file, line:column` of the first scalar of the YAML `text` that is `value`; the file alone when there is none."""
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    waiting = [node] if node is not None else []
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, MappingNode):
            waiting = [part for pair in node.value for part in pair] + waiting
        elif isinstance(node, SequenceNode):
            waiting = list(node.value) + waiting
        elif node.value.strip() == value.strip():
            return f"{file}, {node.start_mark.line + 1}:{node.start_mark.column + 1}"
    return file


def _place(text: str, loc: tuple[int | str, ...], message: str) -> str:
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    mark = node.start_mark if node is not None else None
    for step in loc:
        found: Node | None = None
        if isinstance(node, MappingNode):
            found = next((value for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
        if found is None:
            break
        node, mark = found, found.start_mark
    where = f"{mark.line + 1}:{mark.column + 1}" if mark is not None else "1:1"
    path = ".".join(str(step) for step in loc) or "document"
    return f"  {where} {path}: {message.removeprefix('Value error, ')}"
