"""Public figures per area (StatLine of Statistics Netherlands, or any CSV) beside counts per area: bounds, in words.

Two tables with a heading (CSV or a spreadsheet): the figures, of which three columns are named (area, people, and how many or what
percentage have the characteristic), and the counts: area, and how many were selected. Decimal commas
are read too. Areas without a figure (`.`, an empty cell), or of which the count is withheld (`<10`), are left
out, and told. A last line of one value is a note: StatLine ends with its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.catalogue import translator, with_separators
from lsi_match.base.errors import Language
from lsi_match.monitor.counts_file import WITHHELD, rows_in, wrong_in
from lsi_match.monitor.ecological_bounds import Area, Bounds, bounds
from lsi_match.tables.rows import TableRows

_UNKNOWN = ("", ".", "-", "x")


@dataclass(frozen=True)
class Areas:
    """The areas that both files know, the names of those left out, and what they say together."""

    known: tuple[Area, ...]
    left_out: tuple[str, ...]
    found: Bounds


def read_areas(figures: Path, counts: Path, *, area: str, people: str, having: str, percent: bool) -> Areas:
    """Lay the two files side by side.

    Args:
        area, people, having: names of columns of `figures`; `area` is the first column of `counts` too, by any name.
        percent: whether `having` is a percentage of the people.

    Raises:
        CountsFileError: file, row and column of what cannot be read, or that nothing is left.
    """
    selection, table = rows_in(counts), rows_in(figures, (area, people, having))
    by_area = {row[0]: (at, row[1]) for at, row in _rows(selection, 2)}
    selected = {
        name: _whole(number, selection, at, "2")
        for name, (at, number) in by_area.items()
        if not _withheld(number)
    }
    known, left_out = [], set(by_area)
    head = table.names
    for name in (area, people, having):
        if name not in head:
            raise wrong_in(table, table.head, name, "die kolom is er niet", "there is no such column")
    for at, row in _rows(table, len(head)):
        name, lives, has = (row[head.index(column)] for column in (area, people, having))
        if name not in selected or lives in _UNKNOWN or has in _UNKNOWN:
            continue
        inhabitants = _whole(lives, table, at, people)
        number = _number(has, table, at, having)
        having_it = round(inhabitants * number / 100) if percent else round(number)
        if having_it > inhabitants or selected[name] > inhabitants:
            raise wrong_in(table, at, having, "meer mensen dan er wonen", "more people than live there")
        known.append(Area(inhabitants, having_it, selected[name]))
        left_out.discard(name)
    try:
        return Areas(tuple(known), tuple(sorted(left_out)), bounds(known))
    except ValueError as error:
        raise wrong_in(
            table, table.head, having, "niemand heeft het kenmerk, of iedereen", str(error)
        ) from None


def describe_bounds(areas: Areas, what: str, lang: Language) -> str:
    """The bounds in words, with what they cannot say."""
    found = areas.found
    say = translator(lang)

    def share(value: float) -> str:
        return with_separators(f"{100 * value:.1f}%", lang)

    lines = [
        say(f"Over {len(areas.known)} gebieden samen. Van wie {what} heeft is tussen {share(found.having.low)} en "
            f"{share(found.having.high)} geselecteerd, van de anderen tussen {share(found.others.low)} en {share(found.others.high)}.",
            f"Over {len(areas.known)} areas together. Of those with {what} between {share(found.having.low)} and "
            f"{share(found.having.high)} were selected, of the others between {share(found.others.low)} and {share(found.others.high)}."),
        say("Meer zeggen deze cijfers niet: wie van de geselecteerden het heeft, is niet bekend. Ze zeggen niets over één persoon.",
            "These figures say no more: who of those selected has it is not known. They say nothing of any one person."),
    ]  # fmt: skip
    if found.says:
        lines.append(
            say("Ook in het gunstigste geval is er een verschil.", "Even at best there is a difference.")
        )
    else:
        lines.append(say("Er kan een verschil zijn, in beide richtingen, of geen: daarvoor zijn de gebieden te gemengd.",
                         "There may be a difference, either way, or none: the areas are too mixed to tell."))  # fmt: skip
    if areas.left_out:
        lines.append(say(f"Weggelaten, want zonder cijfer of met een aantal dat niet getoond wordt: {len(areas.left_out)} gebieden.",
                         f"Left out, for want of a figure or because the count is withheld: {len(areas.left_out)} areas."))  # fmt: skip
    return "\n".join(lines)


def _withheld(text: str) -> bool:
    return text in WITHHELD or text.startswith("<")


def _rows(table: TableRows, width: int) -> tuple[tuple[int, list[str]], ...]:
    """The rows under the heading, without a note at the end."""
    rows = table.rows
    if rows and len(rows[-1][1]) == 1 < width:
        rows = rows[:-1]
    for at, row in rows:
        if len(row) != width:
            nl, en = f"{len(row)} waarden in plaats van {width}", f"{len(row)} values, not {width}"
            raise wrong_in(table, at, "-", nl, en)
    return rows


def _number(text: str, table: TableRows, row: int, column: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e10:
        raise wrong_in(table, row, column, "geen getal van nul of meer", "not a number of zero or more")
    return number


def _whole(text: str, table: TableRows, row: int, column: str) -> int:
    number = _number(text, table, row, column)
    if number != int(number):
        raise wrong_in(table, row, column, "geen geheel getal", "not a whole number")
    return int(number)
