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
    """`columns` from the second on hold numbers and are aligned to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A drawing (SVG) that says no more than the table beside it; `text` says it in words."""

    svg: str
    text: str


Block = Heading | Paragraph | Items | Table | Figure

_STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.25 } h2 { font-size: 1.3rem; margin-top: 2.2rem } h3 { font-size: 1.05rem; margin-bottom: .3rem }
.strong { border-left: .3rem solid #1a1a1a; padding: .4rem .8rem; background: #f1f1f1; font-weight: 600 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; margin: .6rem 0 1.4rem }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #c8c8c8; vertical-align: top }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #1a1a1a }
figure { margin: .6rem 0 } svg { max-width: 100%; height: auto }
@media print { body { margin: 0; max-width: none; font-size: 11pt } h2 { break-after: avoid }
  table, figure { break-inside: avoid } .first { break-after: page } }
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
            case Table(title, columns, rows):
                lines += [f"**{_plain(title)}**", ""]
                lines += [_row(columns), _row(("---", *("---:",) * (len(columns) - 1)))]
                lines += [*(_row(tuple(_plain(cell) for cell in row)) for row in rows), ""]
            case Figure():
                continue
    return "\n".join(lines).strip() + "\n"


def as_html(title: str, lang: str, first: Sequence[Block], rest: Sequence[Block]) -> str:
    """The blocks as one page; `first` is what fits on its first sheet."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    body = f'<main><div class="first">{_html(first)}</div>{_html(rest)}</main>'
    return f'<!doctype html>\n<html lang="{lang}"><head>{head}{policy}<style>{_STYLE}</style></head><body>{body}</body></html>\n'


def _html(blocks: Sequence[Block]) -> str:
    return "\n".join(map(_block, blocks))


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, strong):
            return f"<p{' class=strong' if strong else ''}>{escape(text)}</p>"
        case Items(texts):
            return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"
        case Table(title, columns, rows):
            head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
            body = "".join(
                f'<tr><th scope="row">{escape(row[0])}</th>'
                + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
                + "</tr>"
                for row in rows
            )
            return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        case Figure(svg, _):
            return f"<figure>{svg}</figure>"


def _plain(text: str) -> str:
    """The text with what Markdown would read as a sign made harmless."""
    for sign in "\\`*_[]<>#|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
