"""A report as blocks, written as Markdown or as one HTML page: no script, no outside file, fit for print and for
readers who cannot see or cannot tell colours apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


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

_STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 52rem; margin: 2rem auto;
  overflow-wrap: anywhere; padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.25 } h2 { font-size: 1.3rem; margin-top: 2.2rem } h3 { font-size: 1.05rem; margin-bottom: .3rem }
.strong { border-left: .3rem solid #1a1a1a; padding: .4rem .8rem; background: #f1f1f1; font-weight: 600 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; margin: .6rem 0 1.4rem }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
th, td { text-align: right; overflow-wrap: normal; padding: .25rem .45rem; border-bottom: 1px solid #c8c8c8; vertical-align: top; font-weight: 400 }
thead th { border-bottom: 2px solid #1a1a1a; font-weight: 600; vertical-align: bottom }
.text { text-align: left } .over { font-weight: 600; padding-top: .6rem; overflow-wrap: anywhere }
figure { margin: .6rem 0 } svg { max-width: 100%; min-width: 34rem; height: auto }
.wide { overflow-x: auto } .wide:focus-visible { outline: 3px solid #1a1a1a; outline-offset: 2px }
@media (max-width: 52rem) { .many { min-width: 44rem } .many th[scope=row] { min-width: 9rem } }
@media print { @page { margin: 15mm } body { margin: 0; max-width: none; padding: 0; font-size: 10pt; line-height: 1.4 }
  h1 { margin-top: 0 } h2, h3, figure { break-after: avoid } tr, figure { break-inside: avoid } thead { display: table-header-group }
  h2 { margin-top: 1.2rem } table { font-size: 8.5pt } figure svg { width: 15cm; min-width: 0 } .wide { overflow: visible }
  .first { break-after: page } .first h2 { font-size: 1.1rem; margin: .9rem 0 .2rem } }
"""


def as_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown; of a figure its words only."""
    lines: list[str] = []
    for block in blocks:
        match block:
            case Heading(level, text):
                lines += [f"{'#' * level} {_plain(text)}", ""]
            case Paragraph(text, strong):
                lines += [f"**{_plain(text)}**" if strong else _plain(text), ""]
            case Items(texts):
                lines += [*(f"- {_plain(text)}" for text in texts), ""]
            case Table(title, columns, rows, texts):
                lines += [f"**{_plain(title)}**", ""]
                lines += [_row(columns), _row(("---",) * texts + ("---:",) * (len(columns) - texts))]
                lines += [*(_row(_filled(row, len(columns))) for row in rows), ""]
            case Figure():
                continue
    return "\n".join(lines).strip() + "\n"


def as_html(title: str, lang: str, first: Sequence[Block], rest: Sequence[Block]) -> str:
    """The blocks as one page; `first` is what fits on its first sheet."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    body = f'<main><div class="first">{as_fragment(first)}</div>{as_fragment(rest)}</main>'
    return f'<!doctype html>\n<html lang="{lang}"><head>{head}{policy}<style>{_STYLE}</style></head><body>{body}</body></html>\n'


def as_fragment(blocks: Sequence[Block]) -> str:
    """The blocks as HTML to be put in a page; every text in them is escaped."""
    return "\n".join(map(_block, blocks))


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, strong):
            return f"<p{' class=strong' if strong else ''}>{escape(text)}</p>"
        case Items(texts):
            return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"
        case Table(title, columns, rows, texts):
            aligned = [" class=text" if at < texts else "" for at in range(len(columns))]
            head = "".join(
                f'<th scope="col"{how}>{escape(column)}</th>'
                for column, how in zip(columns, aligned, strict=True)
            )
            body = "".join(_html_row(row, aligned) for row in rows)
            many = " class=many" if len(columns) > 3 else ""
            return _scrolled(
                title,
                f"<table{many}><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>".replace(
                    "<tbody></tbody>", ""
                ),
            )
        case Figure(title, svg):
            return _scrolled(title, f"<figure>{svg}</figure>")


def _html_row(row: tuple[str, ...], aligned: Sequence[str]) -> str:
    if len(row) == 1 and len(aligned) > 1:
        return f'</tbody><tbody><tr><th scope="rowgroup" colspan="{len(aligned)}" class="text over">{escape(row[0])}</th></tr>'
    cells = (f"<td{how}>{escape(cell)}</td>" for cell, how in zip(row[1:], aligned[1:], strict=True))
    return f'<tr><th scope="row" class=text>{escape(row[0])}</th>{"".join(cells)}</tr>'


def _filled(row: tuple[str, ...], width: int) -> tuple[str, ...]:
    if len(row) == 1 and width > 1:
        return (f"**{_plain(row[0])}**", *("",) * (width - 1))
    return tuple(map(_plain, row))


def _scrolled(title: str, inside: str) -> str:
    """What may be wider than a small screen: it scrolls by itself, with the keyboard too."""
    return f'<div class="wide" role="group" aria-label="{escape(title)}" tabindex="0">{inside}</div>'


def _plain(text: str) -> str:
    """The text with what Markdown would read as a sign made harmless."""
    for sign in "\\`*_[]<>#|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
