"""What can be wrong with an extract, each named after it; and why a value is not what it should be, by its shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from lsi_match.base.errors import LsiError, words
from lsi_match.criteria.parse import FieldType
from lsi_match.partner.extract.cell_types import MARKERS, Cell, Refusal, Role
from lsi_match.tables.stored import Kind


class ExtractError(LsiError):
    """Base of what can be wrong with an extract; tells partner, file, row and column."""


class ExtractUnreadableError(ExtractError): ...


class TableUnreadableError(ExtractError): ...


class ColumnMissingError(ExtractError): ...


class FieldUnmappedError(ExtractError): ...


class StoredTypeError(ExtractError): ...


class WrongTypeError(ExtractError): ...


class ValueUnclearError(ExtractError): ...


class ValueNotListedError(ExtractError): ...


class RecordIdMissingError(ExtractError): ...


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


#: What a column holds, in Dutch.
_KINDS_NL = {
    Kind.TEXT: "tekst",
    Kind.WHOLE: "hele getallen",
    Kind.DECIMAL: "getallen met decimalen",
    Kind.FLOAT: "drijvende getallen",
    Kind.DATE: "datums",
    Kind.MOMENT: "tijdstippen",
    Kind.INSTANT: "tijdstippen met een tijdzone",
    Kind.TIME: "tijden",
    Kind.BOOLEAN: "ja of nee",
    Kind.BINARY: "bytes",
    Kind.NESTED: "lijsten of structuren",
    Kind.NOTHING: "niets",
    Kind.NO_RESULT: "formules zonder uitkomst (laat ze berekenen, en bewaar het bestand)",
    Kind.MERGED: "samengevoegde cellen (splits ze, en vul elke cel)",
}
_KINDS_EN = {
    **{kind: f"{kind.value}s" for kind in Kind},
    Kind.TEXT: "text",
    Kind.INSTANT: "timestamps with a time zone",
    Kind.BINARY: "bytes",
    Kind.NESTED: "lists or structs",
    Kind.BOOLEAN: "true or false",
    Kind.NO_RESULT: "formulas without a result (have them calculated, and save the file)",
    Kind.MERGED: "merged cells (split them, and fill in each cell)",
}


_SPOILED = (
    "letters zijn bij het omzetten naar een andere tekenset bedorven",
    "letters were spoiled by a change of encoding",
)
#: What is wrong with a text, whatever is declared.
UNTEXTUAL = {
    "spoiled": _SPOILED,
    "replaced": _SPOILED,
    "control": (
        "een regeleinde of een teken dat geen letter is",
        "a line break, or a sign that is no letter",
    ),
    "alike": (
        "letters van een ander schrift die er hetzelfde uitzien",
        "letters of another script that look alike",
    ),
    "total": ("een rij met totalen, geen record", "a row of totals, no record"),
    "under header": ("een rij met alleen tekens, geen record", "a row of signs only, no record"),
    "marked": ("tekens die een programma om een waarde zet", "marks that a program puts around a value"),
    "day": (
        "een dag, die een spreadsheet van een huisnummer maakte",
        "a day, which a spreadsheet made of a house number",
    ),
    "note": ("een regel tekst onder de gegevens, geen record", "a line of text under the data, no record"),
    "near": (
        "bijna een waarde uit het manifest: alleen hoofdletters, accenten, leestekens of nullen ervoor zijn anders",
        "nearly a value of the manifest: only capitals, accents, signs or zeros before it differ",
    ),
}
#: The line of the mapping that settles it.
LINES = {"marked": "as: text", "near": "letters: agreed"}
NO_CODE = (
    "een getal met decimalen in plaats van een nummer of code",
    "a number with decimals, not a number or code",
)


def kinds_in_words(kinds: Sequence[Kind]) -> tuple[str, str]:
    """What a column holds, in Dutch and English."""
    return ", ".join(_KINDS_NL[kind] for kind in kinds), ", ".join(_KINDS_EN[kind] for kind in kinds)


def settled_by(field: str, line: str | None) -> tuple[str, str]:
    """The line of the mapping that settles it, as the end of a sentence."""
    if line is None:
        return "Herstel het extract.", "Mend the extract."
    nl = f"Herstel het extract, of zet in de mapping: `reading: {{{field}: {{{line}}}}}`."
    return nl, f"Mend the extract, or put in the mapping: `reading: {{{field}: {{{line}}}}}`."


def missing_column(
    where: dict[str, str], column: str, field: str, names: Sequence[str], *, is_header: bool
) -> ColumnMissingError:
    """That a column is not there, with the names that are most like it.

    Args:
        is_header: some name of the mapping is there. Else it may be a record, and is not shown.
    """
    folded = {re.sub(r"[\W_]", "", name.lower()): name for name in names if name}
    near = get_close_matches(re.sub(r"[\W_]", "", column.lower()), list(folded), n=3, cutoff=0.6)
    like = ", ".join(folded[name] for name in near)
    all_names = ", ".join(name for name in names if name and is_header)[:300]
    nl = f"Wel lijkt er op: {like}." if like else f"Er is: {all_names or '-'}."
    return ColumnMissingError(
        **where,
        column=column,
        field=field,
        **words("near", nl, f"Alike is: {like}." if like else f"There is: {all_names or '-'}."),
    )


def stored_otherwise(
    where: dict[str, str], column: str, field: str, cell: Cell, refusal: Refusal
) -> StoredTypeError:
    """That a column holds what no value of the field can be read from."""
    (nl, en), (line_nl, line_en) = kinds_in_words([refusal.kind]), settled_by(field, refusal.line)
    return StoredTypeError(
        **where,
        column=column,
        type=cell.declared.value,
        stored=en,
        stored_nl=nl,
        line=line_en,
        line_nl=line_nl,
    )


def shape(value: str) -> str:
    """How a value looks, without what it is: digits as 9, letters as a and A."""
    plain = re.sub(r"[0-9]", "9", value)
    plain = "".join(("A" if c.isupper() else "a") if c.isalpha() else c for c in plain)
    return plain if len(plain) <= 30 else f"{plain[:29]}…"


def why(cell: Cell, value: str) -> tuple[str, str, str | None]:
    """Why a value cannot be read, in Dutch and English, and the line of the mapping that settles it, if one does."""
    thousands = re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})+", value)
    if value in MARKERS:
        return "een woord voor niets", "a word for nothing", f"empty: [{_quoted(value)}]"
    if cell.declared in (FieldType.DECIMAL, FieldType.INTEGER) and thousands and cell.reading.decimal is None:
        sign = "," if "." in value else "."
        return (
            "dit kan duizendtallen of decimalen zijn",
            "these can be thousands or decimals",
            f'decimal: "{sign}"',
        )
    if cell.declared is FieldType.DATE or cell.role is Role.BIRTH:
        if re.search(r"\d:\d", value):
            return (
                "een tijdstip: welke dag dat is, hangt af van de tijdzone",
                "a moment: which day that is depends on the time zone",
                "zone: Europe/Amsterdam",
            )
        if cell.reading.dates is None and re.fullmatch(r"\d{1,2}[/. ]\d{1,2}[/. ]\d{4}", value):
            return "dag of maand eerst", "day or month first", "dates: dmy"
        if cell.reading.dates is None and re.fullmatch(r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}", value):
            return "een datum in een andere vorm", "a date in another form", "dates: ymd"
        if re.fullmatch(r"[34]\d{4}", value):
            return (
                "een dagnummer van een spreadsheet; geef de cel de opmaak datum",
                "a day number of a spreadsheet; format the cell as a date",
                None,
            )
    form = shape(value)
    return f"de vorm is {form}", f"its form is {form}", None


def _quoted(value: str) -> str:
    return "'" + value + "'"
