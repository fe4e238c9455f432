"""A document for people: Markdown, made from a template and a catalogue of texts; shown as it is, as HTML, or as JSON.

The HTML has no script and no outside file, is fit for print, and for readers who cannot see or cannot tell colours apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode as Node
from markupsafe import Markup

from lsi_match.base.errors import Language, wrong_use
from lsi_match.criteria.explain import as_items
from lsi_match.criteria.verbalizer import Line
from lsi_match.criteria.wording import day, listed, number
from lsi_match.reports.renderer import Renderer, as_markdown

FOLDER = Path(__file__).with_name("documents")
#: Begins a new sheet of paper.
SHEET = "\f"
_SHEET = Markup(SHEET)  # noqa: S704
#: Where a figure stands, by its number.
_FIGURE = re.compile(r"^!\[\]\(figure:(\d+)\)$", re.MULTILINE)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
#: Blank lines between the items of a list, or the rows of a table, that a template left.
_LOOSE = re.compile(r"^( *- .*| +\S.*)\n\n(?= *- )|^(\|.*)\n\n(?=\|)", re.MULTILINE)
#: What a document can be written as.
KINDS = (".html", ".md", ".json")


@dataclass(frozen=True)
class Document:
    """A document in one language.

    Attributes:
        source: Markdown, in which `SHEET` begins a new sheet and `![](figure:0)` stands for the first figure. A paragraph of
            bold text is what the reader must not miss; before a table it is its title.
        figures: title and drawing (SVG) of what says no more than the table beside it.
    """

    lang: Language
    source: str
    figures: tuple[tuple[str, str], ...] = ()

    @property
    def markdown(self) -> str:
        """As Markdown; of figures nothing."""
        text = _FIGURE.sub("", self.source.replace(SHEET, ""))
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"

    @property
    def first(self) -> str:
        """The first sheet, as Markdown."""
        return Document(self.lang, self.source.partition(SHEET)[0]).markdown

    @property
    def html(self) -> str:
        """As a whole page."""
        first, _, rest = self.source.partition(SHEET)
        title = next((_text(node) for node in _tree(self.source) if node.type == "heading"), "")
        head = (
            f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{(FOLDER / "style.css").read_text()}</style>'
        )
        body = f'<main><div class="first">{self._html(first)}</div>{self._html(rest)}</main>'
        return f'<!doctype html>\n<html lang="{self.lang}"><head>{head}</head><body>{body}</body></html>\n'

    @property
    def fragment(self) -> Markup:
        """As HTML below a heading that the page around it has: without its own."""
        _, _, below = self.source.strip().partition("\n")
        return Markup(self._html(below.replace(SHEET, "")))  # noqa: S704  # markdown-it escapes: html is off

    @property
    def parts(self) -> list[dict[str, Any]]:
        """As plain values: headings, texts, items with those below them, tables."""
        return [_part(node, title) for node, title in _titled(self.markdown)]

    def written(self, kind: str) -> bytes:
        """As a file of one of `KINDS`."""
        if kind == ".html":
            return self.html.encode()
        if kind == ".json":
            return (
                json.dumps(
                    {"language": self.lang, "parts": self.parts}, ensure_ascii=False, indent=2
                ).encode()
                + b"\n"
            )
        return self.markdown.encode()

    def _html(self, source: str) -> str:
        pieces = _FIGURE.split(source)
        for at in range(1, len(pieces), 2):
            title, svg = self.figures[int(pieces[at])]
            pieces[at] = _scrolled(title, f"<figure>{svg}</figure>")
        pieces[::2] = ["\n".join(_element(*one) for one in _titled(piece)) for piece in pieces[::2]]
        return "\n".join(pieces)


class Writer(Renderer):
    """Makes documents from the templates of this room, with the texts of one catalogue, in one language."""

    def __init__(self, catalogue: str, lang: Language) -> None:
        super().__init__(FOLDER, FOLDER / f"{catalogue}.toml", lang)

    def document(self, template: str, **facts: Any) -> Document:
        """A template with these facts, as a document."""
        figures: list[tuple[str, str]] = []

        def figure(title: str, svg: str) -> Markup:
            figures.append((title, svg))
            return Markup("![](figure:{})").format(len(figures) - 1)

        source = self.fill(
            template, sheet=_SHEET, figure=figure, items=_items, code=_code, date=self.date, listed=self.listed, **facts
        )  # fmt: skip
        lines = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", source, flags=re.MULTILINE))
        return Document(self.lang, _LOOSE.sub(r"\1\2\n", lines), tuple(figures))

    def t(self, key: str, /, **facts: object) -> Markup:
        """A text of the catalogue, whose bold text is marked; what is filled in has no marks."""
        return Markup(super().text(key, **{name: as_markdown(self.told(one)) for name, one in facts.items()}))  # noqa: S704

    def told(self, value: object) -> str:
        if isinstance(value, int | float | Decimal):
            return number(Decimal(str(value)), self.lang)
        return value if isinstance(value, Markup) else super().told(value)

    def date(self, at: date) -> str:
        """A day with its month in letters."""
        return day(at, self.lang)

    def listed(self, values: Iterable[object], between: str) -> str:
        return listed([str(one) for one in values], self.lang, between)


def kind_of(file: Path, *more: str) -> str:
    """How a document goes into this file, by the end of its name: one of `KINDS`, or of what else can be made of it."""
    ends = (*KINDS, *more)
    if file.suffix.lower() not in ends:
        raise wrong_use("reports.wrong_ending", file=str(file), ends=", ".join(ends[:-1]), last=ends[-1])
    return file.suffix.lower()


def _items(lines: Sequence[Line], depth: int) -> Markup:
    """Lines, with those below them, as items of a list."""
    return Markup("\n".join(as_items(lines, depth)))  # noqa: S704


def _code(text: str) -> Markup:
    """A name or an expression as it stands in a file."""
    return Markup(f"`{' '.join(text.split()).replace('`', 'ˋ')}`")  # noqa: S704


@cache
def _parser() -> MarkdownIt:
    """Tags in a document stay text, and nothing in it becomes a link or an image."""
    return (
        MarkdownIt("commonmark", {"html": False})
        .enable("table")
        .disable(["link", "image", "autolink", "entity", "lheading", "reference", "code"])
    )


def _tree(source: str) -> list[Node]:
    return Node(_parser().parse(source.replace(SHEET, ""))).children


def _titled(source: str) -> Iterator[tuple[Node, str]]:
    """The parts of a text, each with its title, which tables have."""
    title = ""
    for node, after in pairwise([*_tree(source), None]):
        assert node is not None
        if after is not None and after.type == "table" and _bold(node):
            title = _text(node)
        else:
            yield node, title
            title = ""


def _bold(node: Node) -> bool:
    """Whether a part is one piece of bold text."""
    said = [
        one
        for one in node.walk()
        if one.type not in ("paragraph", "inline") and (one.content or one.children)
    ]
    return bool(said) and said[0].type == "strong" and set(said[1:]) <= set(said[0].walk())


def _text(node: Node) -> str:
    """The words of a part."""
    return "".join(
        " " if one.type == "softbreak" else one.content
        for one in node.walk()
        if one.type != "inline" and not one.children
    )


def _part(node: Node, title: str) -> dict[str, Any]:
    match node.type:
        case "heading":
            return {"heading": _text(node), "level": int(node.tag[1])}
        case "bullet_list":
            return {"items": [_item(one) for one in node.children]}
        case "table":
            columns, rows = _cells(node)
            return {
                "table": title,
                "columns": [_text(one) for one in columns],
                "rows": [[_text(one) for one in row] for row in rows],
            }
        case _:
            return {"text": _text(node)}


def _item(node: Node) -> str | dict[str, Any]:
    below = [item for one in node.children if one.type == "bullet_list" for item in one.children]
    text = " ".join(_text(one) for one in node.children if one.type != "bullet_list")
    return {"text": text, "items": [_item(one) for one in below]} if below else text


def _cells(table: Node) -> tuple[list[Node], list[list[Node]]]:
    """The heads of the columns of a table, and its rows. A row of one cell is a heading over the rows that follow."""
    rows = [row.children for part in table.children for row in part.children]
    return rows[0], [row if any(map(_text, row[1:])) or len(row) == 1 else row[:1] for row in rows[1:]]


def _element(node: Node, title: str) -> str:
    if node.type == "table":
        return _table(node, title)
    if node.type == "paragraph" and _bold(node):
        return f'<p class="strong">{escape(_text(node))}</p>'
    return str(_parser().renderer.render(node.to_tokens(), _parser().options, {}))


def _table(node: Node, title: str) -> str:
    columns, rows = _cells(node)
    how = [' class="number"' if "style" in one.attrs else "" for one in columns]
    head = "".join(f'<th scope="col"{of}>{_inline(one)}</th>' for of, one in zip(how, columns, strict=True))
    body = "".join(_row(row, how) for row in rows)
    many = ' class="many"' if len(columns) > 3 else ""
    made = f"<table{many}><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _scrolled(title, made.replace("<tbody></tbody>", ""))


def _row(row: list[Node], how: list[str]) -> str:
    if len(row) == 1 and len(how) > 1:
        return f'</tbody><tbody><tr><th scope="rowgroup" colspan="{len(how)}" class="over">{escape(_text(row[0]))}</th></tr>'
    cells = "".join(f"<td{of}>{_inline(one)}</td>" for of, one in zip(how[1:], row[1:], strict=True))
    return f'<tr><th scope="row">{_inline(row[0])}</th>{cells}</tr>'


def _inline(cell: Node) -> str:
    tokens = [token for one in cell.children for token in one.to_tokens()]
    return str(_parser().renderer.render(tokens, _parser().options, {}))


def _scrolled(title: str, inside: str) -> str:
    """What may be wider than a small screen: it scrolls by itself, with the keyboard too."""
    return f'<div class="wide" role="group" aria-label="{escape(title)}" tabindex="0">{inside}</div>'
