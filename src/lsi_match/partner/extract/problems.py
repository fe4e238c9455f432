"""What can be wrong with an extract, each named after it; and why a value is not what it should be, by its shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from lsi_match.base.catalogue import word
from lsi_match.base.errors import LsiError, problem, words, wrong
from lsi_match.criteria.parse import FieldType
from lsi_match.partner.extract.cell_types import MARKERS, Cell, Refusal, Role


class ExtractError(LsiError):
    """Base of what can be wrong with an extract; tells partner, file, row and column."""


class ExtractProblemsError(ExtractError):
    """More than one thing is wrong; all are told at once.

    Attributes:
        problems: each of them.
    """

    problems: tuple[LsiError, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[LsiError]) -> LsiError:
        """One error for all of `problems`, of which there is at least one; one alone is itself."""
        if len(problems) == 1:
            return problems[0]
        nl, en = ("".join(f"\n- {one.text(lang)}" for one in problems) for lang in ("nl", "en"))
        made = cls(count=len(problems), **words("problems", nl, en))
        made.problems = tuple(problems)
        return made


#: What is wrong with a text, whatever is declared.
UNTEXTUAL = {
    "spoiled",
    "replaced",
    "control",
    "alike",
    "total",
    "under_header",
    "marked",
    "day",
    "note",
    "near",
    "start",
    "lettered",
    "none_agreed",
    "cents",
    "first_row",
    "last_row",
    "cut_off",
}
#: The line of the mapping that settles it.
LINES = {
    "marked": "as: text",
    "near": "letters: agreed",
    "start": "letters: as_written",
    "lettered": "letters: as_written",
    "none_agreed": "letters: as_written",
    "cents": "decimals: 2",
    "first_row": "ends: records",
    "last_row": "ends: records",
    "cut_off": "ends: records",
}


def settled_by(field: str, line: str | None) -> dict[str, str]:
    """The line of the mapping that settles it, as the end of a sentence and the fact `line`."""
    key = "partner.extract.mend" if line is None else "partner.extract.mend_or_say"
    return words("line", *problem(key, field=field, line=line))


def missing_column(
    where: dict[str, str], column: str, field: str, names: Sequence[str], *, is_header: bool
) -> ExtractError:
    """That a column is not there, with the names that are most like it.

    Args:
        is_header: some name of the mapping is there. Else it may be a record, and is not shown.
    """
    folded = {re.sub(r"[\W_]", "", name.lower()): name for name in names if name}
    near = get_close_matches(re.sub(r"[\W_]", "", column.lower()), list(folded), n=3, cutoff=0.6)
    like = ", ".join(folded[name] for name in near)
    all_names = ", ".join(name for name in names if name and is_header)[:300]
    texts = problem(
        "partner.extract.alike" if like else "partner.extract.there_is", names=like or all_names or "-"
    )
    return ExtractError(
        "ColumnMissingError",
        **where,
        column=column,
        field=field,
        **words("near", *texts),
    )


def stored_otherwise(
    where: dict[str, str], column: str, field: str, cell: Cell, refusal: Refusal
) -> ExtractError:
    """That a column holds what no value of the field can be read from."""
    return ExtractError(
        "StoredTypeError",
        **where,
        column=column,
        type=cell.declared.value,
        stored=word("stored", refusal.kind, "en"),
        stored_nl=word("stored", refusal.kind, "nl"),
        **settled_by(field, refusal.line),
    )


def shape(value: str) -> str:
    """How a value looks, without what it is: digits as 9, letters as a and A."""
    plain = re.sub(r"[0-9]", "9", value)
    plain = "".join(("A" if c.isupper() else "a") if c.isalpha() else c for c in plain)
    return plain if len(plain) <= 30 else f"{plain[:29]}…"


def why(kind: str, cell: Cell, value: str) -> tuple[dict[str, str], str | None]:
    """Why a value cannot be read, as the fact `problem`, and the line of the mapping that settles it, if one does."""
    if kind in UNTEXTUAL:
        return wrong(f"partner.extract.text_{kind}"), LINES.get(kind)
    if kind == "word":
        is_first = any(re.match(re.escape(one) + r"(?![^\W_])", value, re.IGNORECASE) for one in cell.agreed)
        return wrong("partner.extract.text_word"), f"letters: {'code' if is_first else 'as_written'}"
    if kind in ("no_day", "no_number", "never_empty"):
        return wrong(f"partner.extract.{kind}"), f"empty: [{_quoted(value)}]"
    if kind == "float":
        number = f"as: whole_number, digits: {cell.digits}" if cell.digits else "as: whole_number"
        return wrong("partner.extract.no_code"), number
    if re.fullmatch(r"[-+0-9OoIl.,/ ]*\d[-+0-9OoIl.,/ ]*", value) and re.search("[OoIl]", value):
        return wrong("partner.extract.text_lettered"), None
    thousands = re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})+", value)
    if value in MARKERS:
        return wrong("partner.extract.marker"), f"empty: [{_quoted(value)}]"
    if cell.declared in (FieldType.DECIMAL, FieldType.INTEGER) and thousands and cell.reading.decimal is None:
        return wrong("partner.extract.thousands"), f'decimal: "{"," if "." in value else "."}"'
    if cell.declared is FieldType.DATE or cell.role is Role.BIRTH:
        if re.search(r"\d:\d", value):
            return wrong("partner.extract.moment"), "zone: Europe/Amsterdam"
        if cell.reading.dates is None and re.fullmatch(r"\d{1,2}[/. ]\d{1,2}[/. ]\d{4}", value):
            return wrong("partner.extract.day_or_month"), "dates: dmy"
        if cell.reading.dates is None and re.fullmatch(r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}", value):
            return wrong("partner.extract.other_date"), "dates: ymd"
        if re.fullmatch(r"[34]\d{4}", value):
            return wrong("partner.extract.day_number"), None
    return wrong("partner.extract.form", form=shape(value)), None


def _quoted(value: str) -> str:
    return "'" + value + "'"
