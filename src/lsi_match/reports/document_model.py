"""A report as blocks, of which a document is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsi_match.base.errors import Language
from lsi_match.criteria.wording import markdown_safe
from lsi_match.reports.document import SHEET, Document


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str
    #: Set apart: what the reader must not miss.
    strong: bool = False


@dataclass(frozen=True)
class Items:
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The first `texts` columns hold words; the others hold numbers and are aligned to the right.

    A row of one cell is a heading over the rows that follow."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


@dataclass(frozen=True)
class Figure:
    """A drawing (SVG, with a title and a description of its own) that says no more than the table beside it."""

    title: str
    svg: str


Block = Heading | Paragraph | Items | Table | Figure


def as_document(lang: Language, first: Sequence[Block], rest: Sequence[Block] = ()) -> Document:
    """The blocks as a document; `first` is what fits on its first sheet."""
    figures = tuple((one.title, one.svg) for one in (*first, *rest) if isinstance(one, Figure))
    lines: list[str] = []
    at = 0
    for block in [*first, None, *rest]:
        match block:
            case None:
                lines.append(SHEET)
            case Heading(level, text):
                lines.append(f"{'#' * level} {markdown_safe(text)}")
            case Paragraph(text, strong):
                lines.append(f"**{markdown_safe(text)}**" if strong else markdown_safe(text))
            case Items(texts):
                lines.append("\n".join(f"- {markdown_safe(text)}" for text in texts))
            case Table(title, columns, rows, texts):
                below = ("---",) * texts + ("---:",) * (len(columns) - texts)
                cells = (*(_filled(row, len(columns)) for row in rows),)
                lines += [
                    f"**{markdown_safe(title)}**",
                    "\n".join(map(_row, (tuple(map(markdown_safe, columns)), below, *cells))),
                ]
            case Figure():
                lines.append(f"![](figure:{at})")
                at += 1
    return Document(lang, "\n\n".join(lines) + "\n", figures)


def _filled(row: tuple[str, ...], width: int) -> tuple[str, ...]:
    if len(row) == 1 and width > 1:
        return (f"**{markdown_safe(row[0])}**", *("",) * (width - 1))
    return tuple(map(markdown_safe, row))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
