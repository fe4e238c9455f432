"""Cells of a spreadsheet whose formula has no result: it was never calculated, or gave an error. The reader of spreadsheets gives
an empty cell for them, as it does where nobody wrote anything, so they are sought in the file itself (ECMA-376 part 1, 18.3.1.4;
OpenDocument 1.3, 19.387)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

_CELL = re.compile(rb'<c r="([A-Z]+)([0-9]+)"([^>]*)>(.*?)</c>', re.DOTALL)
_SHEET = re.compile(r'<sheet [^>]*?name="([^"]*)"[^>]*?r:id="([^"]*)"')
_TARGET = re.compile(r"<Relationship [^>]*>")


def without_result(file: Path, sheet: str) -> Iterator[tuple[int, int]]:
    """Row and column, from 0, of such cells of a sheet of an .xlsx file."""
    try:
        with zipfile.ZipFile(file) as held:
            name = _member(held, sheet)
            data = held.read(name) if name else b""
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        return
    if b"<f" not in data and b't="e"' not in data:
        return
    for column, row, how, inside in _CELL.findall(data):
        formula = b"<f" in inside and not re.search(rb"<v>[^<]", inside)
        if (formula and b'"inlineStr"' not in how) or b't="e"' in how:
            yield int(row) - 1, _number(column.decode()) - 1


def _number(column: str) -> int:
    number = 0
    for letter in column:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _member(held: zipfile.ZipFile, sheet: str) -> str | None:
    """The file of a sheet."""
    names = {unescape(name): key for name, key in _SHEET.findall(held.read("xl/workbook.xml").decode())}
    for relation in _TARGET.findall(held.read("xl/_rels/workbook.xml.rels").decode()):
        if f'Id="{names.get(sheet)}"' in relation and (found := re.search(r'Target="([^"]*)"', relation)):
            target = found[1]
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return None
