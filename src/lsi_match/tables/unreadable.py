"""What stands in the way of reading a table."""

from __future__ import annotations

from pathlib import Path

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Fact, Language

TEXTS = Path(__file__).with_suffix(".toml")


class TableUnreadable(Exception):  # noqa: N818 (never leaves the program; whoever reads the table names the error)
    """The table cannot be read at `row` (as a spreadsheet counts; nothing when it is about no row) and `column`.

    What is wrong stands under `kind` in `unreadable.toml`, with what settles it. No fact is
    a value, or the text of an engine or driver, which may quote one or hold a password.
    """

    def __init__(self, kind: str, row: int | None = None, column: str | None = None, **facts: Fact) -> None:
        super().__init__(kind)
        self.kind, self.row, self.column, self.facts = kind, row, column, facts
        #: Of a row of another length what stands in it.
        self.cells: list[str] = []

    def __str__(self) -> str:
        return self.text("en")

    def told(self, language: Language, *, mapped: bool = False) -> str:
        """What is wrong, and what settles it, where a mapping goes with the table or where none does."""
        texts = catalogue(TEXTS)[self.kind]
        settled = texts.get("mapped" if mapped else "alone", {}).get(language, "")
        return f"{texts[language]}{settled}".format(**self.facts)

    def text(self, language: Language, *, mapped: bool = False) -> str:
        """Where it is and what `told` tells: `row 5, column 'x': …`."""
        texts = catalogue(TEXTS)
        place = {"row": self.row, "column": self.column and f"'{self.column}'"}
        where = ", ".join(f"{texts[name][language]} {at}" for name, at in place.items() if at)
        return (f"{where}: " if where else "") + self.told(language, mapped=mapped)
