"""The border between what is stored and what the manifest declares: per column, before a row is used.

What can be read in one way only is taken. What can be read in two ways (a float for a number, a moment for a day,
`1.332`, `NULL`) is refused, unless the mapping says which (`Reading`). Everything is SQL of DuckDB over the columns of
`raw` (`tables.source`), as which expressions are made here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from lsi_match.base.duckdb_locked import quoted_text
from lsi_match.criteria.parse import SPACES, FieldType, Predicate, one_form
from lsi_match.manifest import Selection
from lsi_match.manifest.identifiers import DIGITS, IdentifierForm
from lsi_match.partner.extract.column_mapping import PLAIN, Reading
from lsi_match.tables.source import Stored
from lsi_match.tables.stored import Kind

#: What a program writes where there is nothing.
MARKERS = (
    "NULL", "null", "Null", "\\N", "NA", "<NA>", "N/A", "n/a", "#N/A", "#N/B", "NaN", "nan", "NaT", "None", "none", "NONE", "NAN", "(null)", "[NULL]",
    "<null>", "NIL", "Nil", "nil", "undefined", "inf", "Infinity", "infinity", "#VALUE!", "#WAARDE!",
    "Ø", "blank", "(blank)", "nihil", "missing", "Missing", "MISSING", "empty", "EMPTY", "(empty)", "SYSMIS", "NAType", "pd.NA",
    "n.b.", "void", "VOID", "nothing", "TBD", ".a",
)  # fmt: skip
#: What a program writes where there is no day.
NO_DAYS = (
    "-infinity", "0000-01-01", "0001-01-01", "1111-11-11", "1582-10-14", "1582-10-15", "1600-01-01", "1753-01-01", "1800-01-01",
    "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01",
)  # fmt: skip
#: What a program writes where there is no number: all nines, or a day that stands for none.
_NO_NUMBER = r"-?(9{4,18}|99991231|31129999|19000101|01011900)(\.0+)?"
#: The own record id of a row of totals, or the first words of it.
TOTALS = (
    "totaal", "totalen", "total", "subtotaal", "eindtotaal", "grand total", "som", "sum", "aantal", "count", "gemiddelde", "average",
    "mean", "avg", "max", "min", "eof", "einde",
)  # fmt: skip


class Role(StrEnum):
    """What a text is for."""

    #: A number of a fixed length.
    NUMBER = "number"
    RECORD_ID = "record id"
    #: A house number, or an addition to it.
    HOUSE = "house"
    BIRTH = "birth"
    #: A name of somebody, a street or a place.
    NAME = "name"
    PLAIN = "plain"


def text(column: str, whole: str | None = None) -> str:
    """The text of a column without spaces (any that Unicode calls so) around it; null where nothing is left.

    `trim` looks at every letter, so a text that it would leave as it is, which most are, does not go through it:
    one of ASCII (as many bytes as letters) without U+0020, the only space there, at its end. What is not before `!` is
    not empty. Or a text that is `whole`, where that says enough.
    """
    x = f"{column}::VARCHAR"
    whole = whole or f"strlen({x}) = length({x}) AND (NOT contains({x}, ' ') OR NOT suffix({x}, ' '))"
    return f"CASE WHEN {x} >= '!' AND {whole} THEN {x} ELSE nullif(trim({x}), '') END"


def compared(x: str) -> str:
    """A text as criteria compare it (`one_form` of the criteria): what is ASCII is so already."""
    one_space = f"translate({x}, '{SPACES}', '{' ' * len(SPACES)}')"
    return f"CASE WHEN strlen({x}) = length({x}) THEN {x} ELSE trim(nfc_normalize({one_space})) END"


def _matches(x: str, pattern: str) -> str:
    return f"regexp_full_match({x}, '{pattern}')"


def _folded(x: str) -> str:
    """What is left of a text without capitals, marks, signs and the zeros that it begins with."""
    bare = f"regexp_replace({x}, '[^0-9{_LETTER}]+', '', 'g')"
    return rf"upper(strip_accents(regexp_replace({bare}, '^0+(.)', '\1')))"


def _left_of(text: str) -> str:
    """The same of a text of the manifest."""
    bare = re.sub(r"^0+(.)", r"\1", re.sub(r"[\W_]+", "", text))
    marks = unicodedata.normalize("NFD", bare)
    return "".join(one for one in marks if not unicodedata.combining(one)).upper()


def _guarded(guard: str, test: str) -> str:
    """`test` where `guard`, which is quick and seldom true, is true: only a CASE leaves the rest out."""
    return f"CASE WHEN {guard} THEN {test} ELSE FALSE END"


#: What is written in one of these ways is taken; all else is refused, since DuckDB would guess: '1.5' as the whole
#: number 2, '01-02-20' as a day in the year 1, '1,000.50' as 1.0005. What may be thousands as well (`1.332`) is not here.
_INTEGER = r"[+-]?[0-9]{1,18}(\.0{1,2})?"
_POINT = r"[+-]?([0-9]+|0+\.[0-9]{1,4}0*|[0-9]+\.([0-9]{1,2}|[0-9]{4}0*)|[0-9]{4,}\.[0-9]{3})"
_COMMA = r"[+-]?([0-9]+,([0-9]{1,2}|[0-9]{4}0*)|0+,[0-9]{1,4}0*|[0-9]{4,},[0-9]{3}|[0-9]{1,3}(\.[0-9]{3})+,[0-9]{1,4}0*)"
#: Where the mapping says which sign is before the decimals, the other may stand between thousands.
_SIGNED = r"[+-]?([0-9]+|[0-9]{{1,3}}({thousand}[0-9]{{3}})+)({decimal}[0-9]{{1,4}}0*)?"
_MIDNIGHT = r"([ T]00:00(:00(\.0+)?)?)?"
_CLOCK = r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DUTCH = r"[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}"
_ORDERED = {
    "dmy": (r"([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4})", r"\3-\2-\1"),
    "mdy": (r"([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4})", r"\3-\1-\2"),
    "ymd": (r"([0-9]{4})[-/. ]([0-9]{1,2})[-/. ]([0-9]{1,2})", r"\1-\2-\3"),
}
#: A code that a program made a float of: 12.0.
_FLOAT = r"[0-9]+[.,]0{1,2}"
#: A number of fixed length that a program wrote in another way: 1234567.0, 9.99E+08, 1,234,567, ="01234567", '01234567.
_WRITTEN_NUMBER = r"[0-9]{4,}[.,]0+|[0-9][.,][0-9]+[eE]\+?[0-9]+|[0-9]{1,3}(,[0-9]{3})+|=.*|\x27.*"
#: A code or an own record id with the marks of a program: ="K1", "K1", 'K1, b'K1', ['K1'], «K1»; but 't Hof and 's-Graveland are names.
_MARKED = r"=.*|.*\x22|`.*`|.*\\[-\\].*|b\x27.*\x27|\[.*\]|«.*»|[„“”].*|\x22.*|\x27(\w*|.*\x27)|.*_x00[0-9A-F]{2}_.*|.*\\[nrt]"
#: A letter of any script, nearly: RE2 takes milliseconds to make `\pL` of every statement.
_LETTER = r"A-Za-z\x{c0}-\x{1fff}\x{2c00}-\x{ffdc}"
#: A name in which letters were replaced: Ren?e, Ren&eacute;e, Ren%C3%A9e, Ren\\xe9e, Ren_x00E9_e, Ren+AOk-e (UTF-7).
_REPLACED = rf"[{_LETTER}]\?[{_LETTER}]|\+A[M-X][A-Za-z0-9+/]-|&(#[0-9]+|[A-Za-z]+);|%C[23]%[89AB][0-9A-F]|\\[xu][0-9a-f]{{2}}|_x00[0-9A-F]{{2}}_"
#: A digit or a sign in the place of a letter of a name (Ren0e, Ren_e, Ren*e, Ren\u25a1e), and accents as TeX writes them (M\"uller).
_LOST = rf"[{_LETTER}][01_#*$%^~=@|<>\x{{a4}}\x{{bf}}\x{{25a0}}-\x{{25ff}}][{_LETTER}]|\\"
#: An O, I or l in the place of a digit: of a number or a day, of a postcode, of a house number.
_LETTERED = "[0-9OoIl/ .-]*([0-9][OoIl]|[OoIl][0-9])[0-9OoIl/ .-]*"
_LETTERED_POSTCODE = (
    "([OoIl][0-9OoIl]{3}|[0-9][OoIl][0-9OoIl]{2}|[0-9]{2}[OoIl][0-9OoIl]|[0-9]{3}[OoIl])( ?[A-Za-z]{2})?"
)
_LETTERED_HOUSE = "[OoIl]+[0-9].*|[0-9]+[OoIl]+[0-9].*"
#: What was written for an address of a web page or a letter in 7 bits (K%2D1, K=2D1), and hyphens of others, in an own record id.
_ESCAPED = r"[%=](2[0-9A-F]|3[A-F]|5[BDEF]|7[B-E])|[\x{2010}-\x{2015}\x{2212}]"
#: What nobody sees: soft hyphens, spaces without width, marks of direction, variants, tags.
_INVISIBLE = "[\u00ad\u034f\u061c\u115f-\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
#: What is no letter; and what stands around a value without being a space.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}]"
_ENDS = r"^[\t\r\n]|[\t\r\n]$"
#: Letters, digits and signs that look like those of a keyboard: of another script between Latin ones, of Cherokee or Lisu, of
#: other widths and styles.
_ALIKE = (
    r"[A-Za-z][\x{370}-\x{52f}\x{1f00}-\x{1fff}]|[\x{370}-\x{52f}\x{1f00}-\x{1fff}][A-Za-z]|"
    r"[\x{660}-\x{669}\x{6f0}-\x{6f9}\x{20d0}-\x{20f0}\x{ff01}-\x{ff5e}\x{1d400}-\x{1d7ff}\x{b2}\x{b3}\x{b9}"
    r"\x{13a0}-\x{13ff}\x{a4d0}-\x{a4ff}\x{ab70}-\x{abbf}\x{3001}-\x{303f}\x{1d00}-\x{1d2b}\x{2070}-\x{209c}\x{2150}-\x{218b}\x{2460}-\x{24ff}]"
)
#: A text in which nothing can be wrong but that it is a word for nothing. Most codes and record ids are such texts.
_CLEAN = "([0-9A-Za-z][0-9A-Za-z/-]*)?"
#: A letter of an encoding of DOS that was read as windows-1252, between other letters.
_OF_DOS = (
    f"[{_LETTER}]"
    "[\u201a\u201e\u2030\u2039\u203a\u2020\u2021\u2022\u00a1-\u00a9\u00ab-\u00ac\u00ae\u00b0-\u00b3\u00b5\u00b6\u00b9\u00bb-\u00bf]"
    "[a-z\u00df-\u00ff]"
)
_TRUE = ("j", "ja", "true", "1", "y", "yes", "waar")
_FALSE = ("n", "nee", "false", "0", "no", "onwaar")
#: UTF-8 that was read as windows-1252 (é as Ã©), and what a program puts where it could not read a letter.
_MOJIBAKE = "[\u00c2-\u00c5][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|\u00e2\u20ac|\ufffd"
#: A letter of an old Mac that was read as windows-1252: é as Ž, ü as Ÿ.
_OF_MAC = "[a-z][\u017d\u0178][a-z]"
_SPOILED = f"{_MOJIBAKE}|{_INVISIBLE}|{_OF_DOS}|{_OF_MAC}"
_MONTH = "(jan|feb|mrt|mar|apr|mei|may|jun|jul|aug|sep|okt|oct|nov|dec)"
#: What a spreadsheet makes of a house number or an addition such as 12-1.
_DAY = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}.*|[0-9]{{1,2}}-[0-9]{{1,2}}-[0-9]{{4}}.*|(?i)([0-9]{{1,2}}-{_MONTH}|{_MONTH}-[0-9]{{2}})"

#: Which kinds a field of each type takes, without a word of the mapping. Values are looked at besides.
_TAKES = {
    FieldType.INTEGER: {Kind.TEXT, Kind.WHOLE, Kind.DECIMAL, Kind.FLOAT},
    FieldType.DECIMAL: {Kind.TEXT, Kind.WHOLE, Kind.DECIMAL, Kind.FLOAT},
    FieldType.DATE: {Kind.TEXT, Kind.WHOLE, Kind.DATE, Kind.MOMENT},
    FieldType.BOOLEAN: {Kind.TEXT, Kind.WHOLE, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN},
}
#: Types of DuckDB every value of which is one of the declared type.
_SURE = {
    FieldType.INTEGER: "U?(TINY|SMALL)INT|U?INTEGER",
    FieldType.DATE: "DATE",
    FieldType.BOOLEAN: "BOOLEAN",
}
_TAKES_AS = {
    Role.NUMBER: {Kind.TEXT, Kind.WHOLE},
    Role.RECORD_ID: {Kind.TEXT, Kind.WHOLE},
    Role.HOUSE: {Kind.TEXT, Kind.WHOLE},
    Role.BIRTH: {Kind.TEXT, Kind.WHOLE, Kind.DATE, Kind.MOMENT},
    Role.NAME: {Kind.TEXT},
    Role.PLAIN: {Kind.TEXT},
}


#: Part of an address or a person → how it looks with letters for digits.
_LETTERED_PARTS: dict[int | str, str] = {
    0: _LETTERED_POSTCODE, "postcode": _LETTERED_POSTCODE, 1: _LETTERED_HOUSE, "house_number": _LETTERED_HOUSE,
    "birth_date": _LETTERED,
}  # fmt: skip

#: Role → how a text looks that a program wrote in another way.
_ODD = {Role.NUMBER: _WRITTEN_NUMBER, Role.RECORD_ID: r"[0-9]+\.0", Role.PLAIN: _FLOAT}


@dataclass(frozen=True)
class Refusal:
    """Why a column is refused, and the line of the mapping that settles it, if one does."""

    kind: Kind
    line: str | None


@dataclass(frozen=True)
class Cell:
    """One field: how it is declared, how its column is stored, and what the mapping says.

    Attributes:
        x: the column in `raw`.
        digits: of a number of fixed length.
        lettered: how a value looks in which an O, I or l stands for a digit.
        agreed: the texts that the manifest compares it with, or lists.
        patterns: those of every LIKE.
        wanted: what a criterion or signal asks of it, a text or a pattern: some record has such a value.
        bound: the largest number that it is compared with.
    """

    x: str
    declared: FieldType
    role: Role
    stored: Stored
    reading: Reading = PLAIN
    digits: int | None = None
    lettered: str | None = None
    agreed: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    bound: float = 0

    @property
    def refusal(self) -> Refusal | None:
        """Why no value of this column is read, whatever it is."""
        takes = set(_TAKES.get(self.declared) or _TAKES_AS[self.role])
        if self.declared is FieldType.TEXT and self.reading.as_ is not None:
            takes |= {Kind.WHOLE} | (
                {Kind.DECIMAL, Kind.FLOAT} if self.reading.as_ == "whole_number" else set()
            )
        if self._of_days and self.reading.zone is not None:
            takes.add(Kind.INSTANT)
        for kind in sorted(self.stored.kinds - takes - {Kind.NOTHING}):
            return Refusal(kind, self._line(kind))
        return None

    @property
    def _of_days(self) -> bool:
        return self.declared is FieldType.DATE or self.role is Role.BIRTH

    def _line(self, kind: Kind) -> str | None:
        if kind is Kind.INSTANT and self._of_days:
            return "zone: Europe/Amsterdam"
        if kind in (Kind.WHOLE, Kind.DECIMAL, Kind.FLOAT) and self.declared is FieldType.TEXT:
            return f"as: whole_number, digits: {self.digits}" if self.digits else "as: whole_number"
        return None

    @cached_property
    def shown(self) -> str:
        """What stands there, as text where it is text: null where nothing does."""
        if self.stored.native:
            shown = self.x
            if self.declared is FieldType.TEXT:
                shown = self._digits_of(self.x) if self._numeric else f"{self.x}::VARCHAR"
        else:
            # Spaces behind a number go when it is normalised.
            as_long = self.role is Role.NUMBER and self.reading == PLAIN
            shown = text(self.x, f"strlen({self.x}) = {self.digits}" if as_long else None)
        if self.reading.empty:
            nothing = ", ".join(map(quoted_text, self.reading.empty))
            shown = f"CASE WHEN {shown}::VARCHAR NOT IN ({nothing}) THEN {shown} END"
        return shown

    @property
    def _numeric(self) -> bool:
        return bool(self.stored.kinds & {Kind.WHOLE, Kind.DECIMAL, Kind.FLOAT})

    def _digits_of(self, x: str) -> str:
        """The digits of a stored number, or its text where it is no whole one."""
        if self.stored.kinds == {Kind.WHOLE}:
            return f"{x}::HUGEINT::VARCHAR" if self.stored.type.startswith("DECIMAL") else f"{x}::VARCHAR"
        return f"CASE WHEN {self._is_whole(x)} THEN {x}::BIGINT::VARCHAR ELSE {x}::VARCHAR END"

    def _is_whole(self, x: str) -> str:
        """Whether a stored number is a whole one that its type holds exactly."""
        most = 2**24 if self.stored.type == "FLOAT" else 2**53 if Kind.FLOAT in self.stored.kinds else 10**18
        return f"({x} = trunc({x}) AND abs({x}) < {most})"

    def value(self, x: str) -> str:
        """The value as it is declared, null where there is none; `x` is the column of `shown`."""
        if self.declared is FieldType.TEXT:
            return self._text(x)
        if self.reading.decimals and self.declared is FieldType.DECIMAL:
            return f"try_cast({self._decimal(x)} / {10**self.reading.decimals} AS DECIMAL(18, 4))"
        if self.reading.decimals and self.declared is FieldType.INTEGER:
            part = 10**self.reading.decimals
            return f"CASE WHEN {self._integer(x)} % {part} = 0 THEN {self._integer(x)} // {part} END"
        made = {
            FieldType.INTEGER: self._integer,
            FieldType.DECIMAL: self._decimal,
            FieldType.DATE: self._date,
            FieldType.BOOLEAN: self._boolean,
        }
        return made[self.declared](x)

    def _text(self, x: str) -> str:
        if self.role is Role.BIRTH:
            return self._birth(x)
        if self.reading.as_ == "whole_number":
            bare = f"trim({x}, chr(34) || chr(39) || '=')"
            grouped = _matches(bare, "[0-9]{1,3}(,[0-9]{3})+")
            clean = f"CASE WHEN {grouped} THEN replace({bare}, ',', '') ELSE regexp_replace({bare}, '[.,]0+$', '') END"
            found = f"CASE WHEN {_matches(clean, '[0-9]{1,38}')} THEN {clean} END"
            return padded(found, self.reading.digits or self.digits)
        if self.role is Role.NUMBER and self.stored.kinds == {Kind.WHOLE}:
            return padded(x, self.digits)
        if self.role is Role.PLAIN and Kind.TEXT in self.stored.kinds:
            return self._coded(compared(x))
        if self.role is Role.RECORD_ID and Kind.TEXT in self.stored.kinds:
            return f"CASE WHEN strlen({x}) = length({x}) THEN {x} ELSE nfc_normalize({x}) END"
        return x

    def _coded(self, x: str) -> str:
        """A text as it was agreed, as far as the mapping says so."""
        if self.reading.letters == "code" and self.agreed:
            first = f"regexp_extract({x}, '(?i)^({self._any_agreed})([^0-9{_LETTER}].*)?$', 1)"
            return self._as_agreed(f"coalesce(nullif({first}, ''), {x})")
        return self._as_agreed(x) if self.reading.letters == "agreed" else x

    @property
    def _any_agreed(self) -> str:
        """A pattern of the agreed texts, the longest first."""
        longest_first = sorted(self.agreed, key=lambda text: -len(text))
        return "|".join(re.sub(r"(\W)", r"\\\1", text).replace("'", "''") for text in longest_first if text)

    @cached_property
    def _near(self) -> dict[str, list[str]]:
        """What is left of an agreed text when it is `_folded` → those of which that is left."""
        near: dict[str, list[str]] = {}
        for text in self.agreed:
            near.setdefault(_left_of(text), []).append(text)
        return {folded: texts for folded, texts in near.items() if folded}

    def _as_agreed(self, x: str) -> str:
        """A text as it was agreed, where it is nearly that and nearly no other."""
        one = {folded: texts[0] for folded, texts in self._near.items() if len(texts) == 1}
        cases = " ".join(f"WHEN {quoted_text(a)} THEN {quoted_text(b)}" for a, b in one.items())
        return f"CASE {_folded(x)} {cases} ELSE {x} END" if cases else x

    def _birth(self, x: str) -> str:
        """A date of birth goes on as the text that it is, unless it is a stored day, or a moment."""
        if self.stored.native and not self._numeric:
            return f"{self._date(x)}::VARCHAR"
        if self.reading.zone is None and self.reading.dates is None:
            midnight = _matches(x, r"[0-9/. -]+[ T]00:00(:00(\.0+)?)?")
            return f"CASE WHEN NOT contains({x}, ':') OR {midnight} THEN {x} END"
        return f"coalesce({self._date(x)}::VARCHAR, CASE WHEN NOT contains({x}, ':') THEN {x} END)"

    def _integer(self, x: str) -> str:
        if not self.stored.native:
            pattern = _INTEGER if Kind.TEXT in self.stored.kinds else r"[+-]?[0-9]{1,18}(\.0+)?"
            number = f"try_cast({x} AS BIGINT)"
            # What is written as the engine would needs no pattern, which takes longer.
            good = f"(strlen({x}) <= 18 AND {number}::VARCHAR = {x}) OR {_matches(x, pattern)}"
            return f"CASE WHEN {good} THEN {number} END"
        if self._sure:
            return f"{x}::BIGINT"
        if self.stored.kinds == {Kind.WHOLE}:
            return f"CASE WHEN {x} BETWEEN {1 - 10**18} AND {10**18 - 1} THEN {x}::BIGINT END"
        return f"CASE WHEN {self._is_whole(x)} THEN {x}::BIGINT END"

    def _decimal(self, x: str) -> str:
        if Kind.TEXT in self.stored.kinds or (not self.stored.native and not self._numeric):
            return self._written_decimal(x)
        if self.stored.kinds <= {Kind.WHOLE, Kind.NOTHING}:
            return f"try_cast({x} AS DECIMAL(18, 4))"
        if self.stored.kinds <= {Kind.WHOLE, Kind.DECIMAL, Kind.NOTHING}:
            exact = x if self.stored.native else f"try_cast({x} AS DECIMAL(38, 12))"
            return f"CASE WHEN {exact} = try_cast({exact} AS DECIMAL(18, 4)) THEN try_cast({exact} AS DECIMAL(18, 4)) END"
        # A float is near a number of 4 decimals, or is none. A short one is by its text, which is exact.
        y = f"{x}::VARCHAR::DOUBLE" if self.stored.type == "FLOAT" else f"try_cast({x} AS DOUBLE)"
        near = f"abs({y} - round({y}, 4)) <= 1e-9 * greatest(1, abs({y}))"
        return f"CASE WHEN isfinite({y}) AND abs({y}) < 1e11 AND {near} THEN try_cast(round({y}, 4) AS DECIMAL(18, 4)) END"

    def _written_decimal(self, x: str) -> str:
        if self.reading.decimal is not None:
            thousand, sign = (r"\.", ",") if self.reading.decimal == "," else (",", r"\.")
            other = "." if self.reading.decimal == "," else ","
            pattern = _SIGNED.format(thousand=thousand, decimal=sign)
            clean = f"replace(replace({x}, '{other}', ''), '{self.reading.decimal}', '.')"
            return f"CASE WHEN {_matches(x, pattern)} THEN try_cast({clean} AS DECIMAL(18, 4)) END"
        return (
            f"try_cast(CASE WHEN {_matches(x, _POINT)} THEN {x} "
            f"WHEN {_matches(x, _COMMA)} THEN replace(replace({x}, '.', ''), ',', '.') END AS DECIMAL(18, 4))"
        )

    def _date(self, x: str) -> str:
        zone = quoted_text(self.reading.zone) if self.reading.zone is not None else None
        if self.stored.native and not self._numeric:
            (kind, *_) = self.stored.kinds
            if kind is Kind.INSTANT:
                return f"timezone({zone}, {x})::DATE"
            if kind is Kind.MOMENT and zone is None:
                return f"CASE WHEN {x} = date_trunc('day', {x}) THEN {x}::DATE END"
            return f"{x}::DATE"
        x = f"{x}::VARCHAR" if self.stored.native else x
        cases = [
            f"WHEN {_matches(x, _ISO + _MIDNIGHT)} THEN try_cast(left({x}, 10) AS DATE)",
            f"WHEN {_matches(x, '[0-9]{8}')} THEN try_strptime({x}, '%Y%m%d')::DATE",
        ]
        if self.reading.dates is not None:
            pattern, order = _ORDERED[self.reading.dates]
            day = f"regexp_replace(regexp_replace({x}, '{_MIDNIGHT}$', ''), '^{pattern}$', '{order}')"
            cases.append(
                f"WHEN {_matches(x, pattern + _MIDNIGHT)} THEN try_strptime({day}, '%Y-%m-%d')::DATE"
            )
        else:
            day = f"regexp_extract({x}, '^{_DUTCH}')"
            cases.append(f"WHEN {_matches(x, _DUTCH + _MIDNIGHT)} THEN try_strptime({day}, '%d-%m-%Y')::DATE")
        if zone is not None:
            cases.append(f"WHEN {_matches(x, _ISO + _CLOCK)} THEN try_cast(left({x}, 10) AS DATE)")
            instant = rf"{_ISO}{_CLOCK}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"
            cases.append(
                f"WHEN {_matches(x, instant)} THEN timezone({zone}, try_cast({x} AS TIMESTAMPTZ))::DATE"
            )
        return f"CASE {' '.join(cases)} END"

    def _boolean(self, x: str) -> str:
        if self.stored.native and self.stored.kinds == {Kind.BOOLEAN}:
            return x
        if self.stored.native:
            return f"CASE WHEN {x} = 1 THEN TRUE WHEN {x} = 0 THEN FALSE END"
        true, false = (", ".join(map(quoted_text, words)) for words in (_TRUE, _FALSE))
        return f"CASE WHEN lower({x}) IN ({true}) THEN TRUE WHEN lower({x}) IN ({false}) THEN FALSE END"

    def odd(self, shown: str) -> str | None:
        """Whether something may be wrong with a text, in SQL, quickly: worked out once for a row."""
        if Kind.TEXT not in self.stored.kinds or self.declared is not FieldType.TEXT:
            return None
        if self.role is Role.NUMBER:
            return f"strlen({shown}) > {self.digits}"
        clean = _CLEAN.replace("0-9", "") if self.role is Role.NAME else _CLEAN
        return f"NOT {_matches(shown, clean)}"

    def faults(self, shown: str, value: str, odd: str) -> Iterator[tuple[str, str, str | None]]:
        """What may not be true of a row: what is wrong, the condition in SQL, and one that is quick and true wherever it is.

        Args:
            odd: the column of the method of this name.
        """
        if self._may_fail:
            yield "type", f"{shown} IS NOT NULL AND {value} IS NULL", None
        if self.declared in (FieldType.INTEGER, FieldType.DECIMAL) and self.reading.empty is None:
            yield "no_number", _matches(f"{shown}::VARCHAR", _NO_NUMBER), f"abs({value}) >= 9999"
        if self.lettered and Kind.TEXT in self.stored.kinds and self.reading.letters is None:
            # Most are digits as they stand, which is quicker to see.
            digits = (
                f"try_cast({shown if self.role is Role.NUMBER else f'left({shown}, 4)'} AS UINTEGER) IS NULL"
            )
            yield "lettered", _matches(shown, self.lettered), None if self.role is Role.BIRTH else digits
        if self.declared is FieldType.DATE and self.reading.empty is None:
            days = ", ".join(f"DATE '{one}'" for one in NO_DAYS)
            yield "no_day", f"{value} IN ({days})", None
        if self.odd(shown) is None:
            return
        if self.role is Role.RECORD_ID:
            alone = ", ".join(map(quoted_text, TOTALS))
            yield "total", f"lower({shown}) IN ({alone})", f"{shown} BETWEEN 'A' AND 'u'"
            yield "total", _matches(shown, f"(?i)({'|'.join(TOTALS)})[^a-z0-9].*"), odd
        for kind, test in self._of_text(shown).items():
            yield kind, test, odd
        if self.role is not Role.NUMBER and self.reading.empty is None:
            # One text: as many of their own take the engine long to parse.
            written = quoted_text("\n".join(["", *MARKERS, ""]))
            yield (
                "marker",
                f"contains({written}, chr(10) || {shown} || chr(10))",
                f"strlen({shown}) <= 9 AND NOT {shown} BETWEEN '0' AND ':'",
            )
        if self.role is Role.HOUSE:
            yield "day", _matches(shown, _DAY), f"strlen({shown}) > 4"
        if self._near and self.reading.letters != "as_written":
            near, agreed = (", ".join(map(quoted_text, texts)) for texts in (self._near, self.agreed))
            other = f"{value} NOT IN ({agreed})"
            yield "near", f"{_folded(value)} IN ({near})", other
            starts = {text[:end] for text in self.agreed for end in range(2, len(text))}
            if starts:
                yield "start", f"{value} IN ({', '.join(map(quoted_text, sorted(starts)))})", other
            if self.reading.letters != "code":
                word = rf"(?i)(^|.*[^0-9{_LETTER}])({self._any_agreed})([^0-9{_LETTER}].*|$)"
                holds = " OR ".join(
                    f"contains(upper({value}), {quoted_text(one.upper())})" for one in self.agreed
                )
                found = f"{_matches(value, word)} AND {_folded(value)} NOT IN ({near})"
                yield "word", _guarded(holds, found), other
        for pattern in self.patterns if self.reading.letters != "as_written" else ():
            left = "".join(one if one in "%_" else _left_of(one) for one in re.split("([%_])", pattern))
            if left.strip("%_"):
                near, agreed = map(quoted_text, (left, pattern))
                yield "near", f"{_folded(value)} LIKE {near}", f"{value} NOT LIKE {agreed}"

    def telling(self, shown: str, value: str) -> tuple[str, str] | None:
        """What only all values of a column tell together, and SQL of a number: 0 where there is no value, 1 where one shows that
        nothing is wrong, 2 where one would not be there otherwise, 3 else. It is wrong where some are 2 and none is 1."""
        if self.declared is FieldType.TEXT and self.wanted and self.reading.letters != "as_written":
            whole = [quoted_text(one) for one in self.wanted if not set("%_") & set(one)]
            good = " OR ".join(
                [f"{value} LIKE {quoted_text(one)}" for one in self.wanted if set("%_") & set(one)]
                + ([f"{value} IN ({', '.join(whole)})"] if whole else [])
            )
            return "none_agreed", f"CASE WHEN {good} THEN 1 WHEN {value} IS NOT NULL THEN 2 ELSE 0 END"
        if self.role is Role.HOUSE and Kind.TEXT in self.stored.kinds and self.reading.letters is None:
            # `12O` is a house with the letter O where others have letters, and 120 where none has.
            lettered = f"WHEN {_matches(shown, '[0-9]+[OoIl]')} THEN 2 WHEN {_matches(shown, '[0-9]+ ?[A-Za-z].*')} THEN 1"
            return (
                "lettered",
                f"CASE WHEN try_cast({shown} AS UINTEGER) IS NOT NULL THEN 3 {lettered} ELSE 0 END",
            )
        if self.reading.decimals is not None or Kind.NOTHING in self.stored.kinds:
            return None
        least = 1000 if self.declared is FieldType.DECIMAL else 100
        large = f"WHEN abs({value}) >= {least} THEN 2 WHEN {value} IS NOT NULL THEN 3 ELSE 0"
        if self.declared is FieldType.DECIMAL:
            written = (
                f"OR regexp_matches({shown}, '[.,][0-9]{{2}}')" if Kind.TEXT in self.stored.kinds else ""
            )
            return "cents", f"CASE WHEN {value} <> trunc({value}) {written} THEN 1 {large} END"
        if self.declared is FieldType.INTEGER:
            near = f" AND abs({value}) < {10 * self.bound}" if self.bound > 1 else ""
            return "cents", f"CASE WHEN {value} % 100 <> 0{near} THEN 1 {large} END"
        return None

    def _of_text(self, shown: str) -> dict[str, str]:
        """What may not be true of a text that is `odd`."""
        tests = {}
        if self.reading.as_ is None and self.role in _ODD:
            tests["float"] = _matches(shown, _ODD[self.role])
        if self.reading.as_ is None and self.role in (Role.RECORD_ID, Role.PLAIN):
            tests["marked"] = _matches(shown, _MARKED)
        if self.role is Role.RECORD_ID:
            tests["under_header"] = f"NOT regexp_matches({shown}, '[0-9{_LETTER}]')"
        if self.role in (Role.NAME, Role.RECORD_ID, Role.PLAIN):
            more = {Role.NAME: f"|{_LOST}", Role.RECORD_ID: f"|{_ESCAPED}"}.get(self.role, "")
            tests["replaced"] = f"regexp_matches({shown}, '{_REPLACED}{more}')"
        if self.role is Role.NUMBER:
            tests["spoiled"] = f"regexp_matches({shown}, '{_INVISIBLE}')"
        else:
            tests["spoiled"] = _guarded(
                f"strlen({shown}) <> length({shown})", f"regexp_matches({shown}, '{_SPOILED}')"
            )
        if self.role in (Role.RECORD_ID, Role.PLAIN):
            ends = r"[\t\r\n]" if self.role is Role.RECORD_ID else _ENDS
            tests["control"] = f"regexp_matches({shown}, '{_CONTROL}|{ends}')"
        if self.role is Role.NAME:
            tests["control"] = f"regexp_matches({shown}, '{_CONTROL}')"
        if self.role in (Role.NAME, Role.RECORD_ID, Role.PLAIN):
            tests["alike"] = f"regexp_matches({shown}, '{_ALIKE}')"
        return tests

    @property
    def _sure(self) -> bool:
        """Whether the stored type settles that there is a value wherever something stands."""
        types = _SURE.get(self.declared)
        return self.stored.native and types is not None and re.fullmatch(types, self.stored.type) is not None

    @property
    def _may_fail(self) -> bool:
        """Whether a value that stands there may be none of the declared type."""
        if self.declared is not FieldType.TEXT:
            return not self.stored.kinds <= {Kind.NOTHING} and not self._sure
        return self.role is Role.BIRTH or self.reading.as_ == "whole_number"


def padded(x: str, digits: int | None) -> str:
    """A text of digits with zeros before it, to so many."""
    return f"CASE WHEN length({x}) < {digits} THEN lpad({x}, {digits}, '0') ELSE {x} END" if digits else x


def cell_of(
    selection: Selection,
    field: str,
    x: str,
    stored: Stored,
    reading: Reading,
    groups: Sequence[Predicate] = (),
) -> Cell:
    """The cell of a declared field; `groups` are the predicates of the monitor's."""
    role, digits, lettered = _role(selection, field)
    asking = [*selection.predicates().values(), *selection.signal_predicates().values()]
    bounds = [number for rule in [*asking, *groups] for name, number in rule.bounds() if name == field]
    bounds += [edge for one in selection.attributes if one.field == field for edge in one.edges]
    bound = max(bounds, default=0.0)
    whole = Cell(x, selection.field_types[field], role, stored, reading, digits, lettered, bound=bound)
    if role is not Role.PLAIN:
        return whole
    rules = [*asking, *groups]
    compared = [text for rule in rules for name, text in rule.compared_texts() if name == field]
    listed = [one_form(v) for one in selection.attributes if one.field == field for v in one.values]
    patterns = [text for rule in rules for name, text in rule.compared_patterns() if name == field]
    wanted = [one for rule in asking for name, one in rule.wanted() if name == field]
    return replace(
        whole,
        agreed=tuple(dict.fromkeys(compared + listed)),
        patterns=tuple(dict.fromkeys(patterns)),
        wanted=tuple(dict.fromkeys(wanted)),
    )


def _role(selection: Selection, field: str) -> tuple[Role, int | None, str | None]:
    """What a field is for, how many digits it has, and how it looks with letters for digits."""
    for source in selection.identifiers:
        if field in source.fields and source.of_address:
            at = source.fields.index(field)
            return Role.HOUSE if at in (1, 3) else Role.PLAIN, None, _LETTERED_PARTS.get(at)
        if field in source.fields:
            written = source.kind in DIGITS and source.form is IdentifierForm.PLAIN
            return (Role.NUMBER, DIGITS[source.kind], _LETTERED) if written else (Role.PLAIN, None, None)
    of = {name: part for part, name in selection.person.items()}.get(field)
    names = dict.fromkeys(("given_name", "surname", "street", "place"), Role.NAME)
    roles = {**names, "birth_date": Role.BIRTH, "house_number": Role.HOUSE}
    return roles.get(str(of), Role.PLAIN), None, _LETTERED_PARTS.get(str(of))
