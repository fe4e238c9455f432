"""Tables for people, as a spreadsheet opens them: .xlsx, or CSV for a Dutch spreadsheet (semicolons, with a BOM).

What stands in a cell is what the reader sees, whoever wrote it. In .xlsx every text is a cell of type text. CSV has no
types: a spreadsheet takes `=HYPERLINK(…)` for a formula, `0012` for 12 and `2026-06` for a day. Such a text gets an
apostrophe in front, which a spreadsheet takes for text; `unmarked` takes it away again. See OWASP, CSV injection.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

from lsi_match.base.errors import Language, LsiError

SPREADSHEETS = (".xlsx", ".csv")
MARK = "'"
#: Rows of a sheet, with its header, and characters of a cell (ECMA-376, Excel).
_ROWS, _CHARACTERS = 1_048_576, 32_767
_MONTH = r"(?:jan|feb|mrt|maart|mar|apr|mei|may|jun|jul|aug|sep|okt|oct|nov|dec)[a-z]*"
#: What a spreadsheet takes for a number, a day, a time or a truth value, and writes in its own way. A plain number of at
#: most 15 digits stays whole.
_REWRITTEN = re.compile(
    rf"""(?!(?:0|[1-9]\d{{0,14}})\Z)(?:
    \(?[€$£]?[\d.,:/\ -]*\d[\d.,:/\ -]*(?:[%€]|e[+-]?\d+|[ap]m?)?\)?
    | \d+[./\ -]*{_MONTH}[\d./\ -]*
    | {_MONTH}[./\ -]*\d[\d./\ -]*
    | true | false | waar | onwaar
    )""",
    re.IGNORECASE | re.VERBOSE,
)


Cell = str | int | bool | None


def spreadsheet(
    suffix: str, header: Sequence[str], rows: Iterable[Sequence[Cell]], language: Language
) -> bytes:
    """A table with a header, as a file.

    Args:
        suffix: one of `SPREADSHEETS`.

    Raises:
        SpreadsheetTooLargeError: more rows, or a longer text, than a sheet has room for.
    """
    yes_no = ("ja", "nee") if language == "nl" else ("yes", "no")
    shown = ([yes_no[not cell] if isinstance(cell, bool) else cell for cell in row] for row in rows)
    return _xlsx(header, shown) if suffix == ".xlsx" else _csv(header, shown)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow([marked(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _xlsx(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    from xlsxwriter import Workbook

    sink = io.BytesIO()
    # In memory: else the cells lie open in files of the system meanwhile.
    book = Workbook(sink, {"in_memory": True})
    sheet, as_text = book.add_worksheet(), book.add_format({"num_format": 49})  # the built-in type text
    sheet.freeze_panes(1, 0)
    for at, row in enumerate((header, *rows)):
        if at >= _ROWS or any(isinstance(cell, str) and len(cell) > _CHARACTERS for cell in row):
            raise LsiError("SpreadsheetTooLargeError", rows=_ROWS - 1, characters=_CHARACTERS)
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(at, column, cell, as_text)
            elif cell is not None:
                sheet.write_number(at, column, cell)
    book.close()
    return sink.getvalue()


def marked(text: str) -> str:
    """A text as it must stand in a CSV to be taken for text."""
    return MARK + text if _is_taken_otherwise(text) else text


def unmarked(text: str) -> str:
    """What `marked` was given."""
    rest = text.removeprefix(MARK)
    return rest if _is_taken_otherwise(rest) else text


def _is_taken_otherwise(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula, a number or a day; also one with an apostrophe in front."""
    plain = unicodedata.normalize("NFKC", text)
    if not plain:
        return False
    kind = unicodedata.category(plain[0])
    return (
        # Spaces and signs that cannot be seen, behind which a spreadsheet looks; signs of sums (+ = −) and dashes; (5) is -5, and
        # #N/B is an error.
        kind[0] in "CZM"
        or kind in ("Sm", "Pd")
        or plain[0] in ("@", "%", "#", MARK)
        or _REWRITTEN.fullmatch(plain) is not None
    )
