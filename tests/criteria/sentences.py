"""Reads the sentences in which a predicate is explained, Dutch and English, back into SQL. Knows nothing of what writes them.

`read` gives every way in which the lines can be read: a sentence with two readings gives two. The forms of sentences stand in
`FORMS`, each with the SQL that a reader takes it for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from lsi_match.criteria.parse import FieldType

NUMBER, TEXT, DATE, BOOLEAN = "number", "text", "date", "boolean"
KINDS = {
    FieldType.INTEGER: NUMBER,
    FieldType.DECIMAL: NUMBER,
    FieldType.TEXT: TEXT,
    FieldType.DATE: DATE,
    FieldType.BOOLEAN: BOOLEAN,
}
MONTHS = {
    "nl": "januari februari maart april mei juni juli augustus september oktober november december".split(),  # noqa: SIM905
    "en": "January February March April May June July August September October November December".split(),  # noqa: SIM905
}
#: Kind and SQL.
Reading = tuple[str, str]
Make = Callable[..., str]


@dataclass(frozen=True)
class Form:
    """Words between values; `kinds` are what values may stand there, `*` any."""

    words: str
    kinds: str
    make: Make


def _simple() -> dict[str, list[Form]]:
    """Sentences about one value and what it is compared with."""

    def form(nl: str, en: str, kinds: str, make: Make) -> tuple[Form, Form]:
        return Form(nl, kinds, make), Form(en, kinds, make)

    def infix(operator: str) -> Make:
        return lambda x, y: f"({x} {operator} {y})"

    pairs = [
        form("dit geldt voor elk record", "this is true of every record", "", lambda: "TRUE"),
        form("dit geldt voor geen enkel record", "this is true of no record", "", lambda: "FALSE"),
        form("dit is niet te bepalen", "this cannot be decided", "", lambda: "CAST(NULL AS BOOLEAN)"),
        form("{} staat op ja", "{} says yes", "b", lambda x: x),
        form("{} staat op nee", "{} says no", "b", lambda x: f"(NOT {x})"),
        form("{} staat op nee, of is niet bekend", "{} says no, or is not known", "b", lambda x: f"({x} IS NOT TRUE)"),
        form("{} staat op ja, of is niet bekend", "{} says yes, or is not known", "b", lambda x: f"({x} IS NOT FALSE)"),
        form("{} is niet bekend", "{} is not known", "*", lambda x: f"({x} IS NULL)"),
        form("{} is bekend", "{} is known", "*", lambda x: f"({x} IS NOT NULL)"),
        form("{} is {}", "{} is {}", "==", infix("=")),
        form("{} is niet {}", "{} is not {}", "==", infix("<>")),
        form("{} is minder dan {}", "{} is less than {}", "nn", infix("<")),
        form("{} is hoogstens {}", "{} is at most {}", "nn", infix("<=")),
        form("{} is meer dan {}", "{} is more than {}", "nn", infix(">")),
        form("{} is minstens {}", "{} is at least {}", "nn", infix(">=")),
        form("{} is minstens {} en hoogstens {}", "{} is at least {} and at most {}", "nnn",
             lambda x, y, z: f"({x} BETWEEN {y} AND {z})"),
        form("{} is minder dan {} of meer dan {}", "{} is less than {} or more than {}", "nnn",
             lambda x, y, z: f"({x} NOT BETWEEN {y} AND {z})"),
        form("{} is een andere dag dan {}", "{} is another day than {}", "dd", infix("<>")),
        form("{} ligt vóór {}", "{} lies before {}", "dd", infix("<")),
        form("{} ligt op of vóór {}", "{} lies on or before {}", "dd", infix("<=")),
        form("{} ligt na {}", "{} lies after {}", "dd", infix(">")),
        form("{} ligt op of na {}", "{} lies on or after {}", "dd", infix(">=")),
        form("{} ligt van {} tot en met {}", "{} lies from {} up to and including {}", "ddd",
             lambda x, y, z: f"({x} BETWEEN {y} AND {z})"),
        form("{} ligt vóór {} of na {}", "{} lies before {} or after {}", "ddd",
             lambda x, y, z: f"({x} NOT BETWEEN {y} AND {z})"),
        form("{} begint met {}", "{} begins with {}", "tt", lambda x, y: f"starts_with({x}, {y})"),
        form("{} begint niet met {}", "{} does not begin with {}", "tt", lambda x, y: f"(NOT starts_with({x}, {y}))"),
        form("{} eindigt op {}", "{} ends with {}", "tt", lambda x, y: f"suffix({x}, {y})"),
        form("{} eindigt niet op {}", "{} does not end with {}", "tt", lambda x, y: f"(NOT suffix({x}, {y}))"),
        form("{} bevat {}", "{} contains {}", "tt", lambda x, y: f"contains({x}, {y})"),
        form("{} bevat {} niet", "{} does not contain {}", "tt", lambda x, y: f"(NOT contains({x}, {y}))"),
    ]  # fmt: skip
    return {"nl": [nl for nl, _ in pairs], "en": [en for _, en in pairs]}


def _at(unit: str, low: int | None, high: int | None, no: bool = False) -> Make:
    """`x` lies from `low` to `high` units after `r`."""
    return lambda x, r: "({}({}))".format(
        "NOT " if no else "",
        " AND ".join(
            [f"date_diff('{unit}', {r}, {x}) >= {low}"] * (low is not None)
            + [f"date_diff('{unit}', {r}, {x}) <= {high}"] * (high is not None)
        ),
    )


def _periods(lang: str, numbers: Sequence[int]) -> Iterator[Form]:
    """Sentences about days, calendar months and calendar years, for the numbers that occur in a sentence."""
    nl = lang == "nl"
    sides = [
        ("vóór" if nl else "before", "ervoor" if nl else "before it", "eerder" if nl else "earlier", -1),
        ("na" if nl else "after", "erna" if nl else "after it", "later", 1),
    ]
    other = {-1: sides[1], 1: sides[0]}

    def span(sign: int, near: int, far: int | None) -> tuple[int | None, int | None]:
        low, high = sign * near, None if far is None else sign * far
        return (low, high) if sign > 0 else (high, low)

    for unit in ("day", "month", "year"):
        words = _UNITS[unit, lang]
        one, more = words["one"], words["more"]

        def many(n: int, one: str = one, more: str = more) -> str:
            return f"{n} {one if n == 1 else more}"

        # How a month or year is named, and the other date in the same sentence; a day is named by the date itself.
        if unit == "day":
            x, of_r, in_r = "{}", "{}", "op {}" if nl else "on {}"
            lies = "{} ligt" if nl else "{} lies"
        else:
            the, that = words["the"], words["that"]
            x = f"{the} {'van' if nl else 'of'} {{}}"
            of_r = f"{that} {'van' if nl else 'of'} {{}}"
            in_r = f"in {the} {'van' if nl else 'of'} {{}}"
            lies = "{} ligt" if nl else "{} lies"
        verb = "ligt" if nl else "lies"
        exact, least, most, over = (
            ("precies", "minstens", "hoogstens", "meer dan")
            if nl
            else ("exactly", "at least", "at most", "more than")
        )
        en, of = ("en", "of") if nl else ("and", "or")
        for no in (False, True):
            negated = (" niet" if nl else " not") if no else ""
            same = (
                f"{{}} is{negated} {'dezelfde dag als' if nl else 'the same day as'} {{}}"
                if unit == "day"
                else f"{lies}{negated} in {words['same']} {'als' if nl else 'as'} {{}}"
            )
            yield Form(same, "dd", _at(unit, 0, 0, no))
            for (side, *_, sign), n in product(sides, numbers):
                yield Form(
                    f"{x} {verb}{negated} {exact} {many(n)} {side} {of_r}",
                    "dd",
                    _at(unit, sign * n, sign * n, no),
                )
        for side, by, earlier, sign in sides:
            _, by_other, _, _opposite = other[sign]
            calendar = words["calendar"]
            yield Form(
                f"{lies} {in_r}, {of} " + (f"{'de dag' if nl else 'the day'} {by}" if unit == "day" else f"in {words['the']} {by}"),
                "dd", _at(unit, *span(sign, 0, 1)),
            )  # fmt: skip
            yield Form(f"{lies} {in_r} {of} {earlier}", "dd", _at(unit, *span(sign, 0, None)))
            yield Form(
                f"{lies} {in_r}, " + (f"{'de dag' if nl else 'the day'} {by_other}" if unit == "day" else f"in {words['the']} {by_other}")
                + f", {of} {earlier}", "dd", _at(unit, *span(sign, -1, None)),
            )  # fmt: skip
            for n in numbers:
                yield Form(
                    f"{lies} {in_r}, {of} "
                    + (f"{most} {n} {more} {by}" if unit == "day" else f"in {'een van de' if nl else 'one of the'} {n} {calendar} {by}"),
                    "dd", _at(unit, *span(sign, 0, n)),
                )  # fmt: skip
                yield Form(
                    f"{x} {verb} {least} {many(n)} {side} {of_r}", "dd", _at(unit, *span(sign, n, None))
                )
                yield Form(
                    f"{x} {verb} {over} {many(n)} {side} {of_r}", "dd", _at(unit, *span(sign, n + 1, None))
                )
                yield Form(
                    f"{lies} {most} {n} {more} {other[sign][0]} {{}}, {'op die dag zelf' if nl else 'on that day itself'}, {of} {earlier}"
                    if unit == "day"
                    else f"{lies} {in_r}, in {'een van de' if nl else 'one of the'} {n} {calendar} {by_other}, {of} {earlier}",
                    "dd", _at(unit, *span(sign, -n, None)),
                )  # fmt: skip
                for m in numbers:
                    yield Form(
                        f"{x} {verb} {least} {m} {en} {most} {many(n)} {side} {of_r}",
                        "dd",
                        _at(unit, *span(sign, m, n)),
                    )
                    if sign > 0:
                        yield Form(
                            f"{x} {verb} {most} {many(m)} {sides[0][0]} {en} {most} {many(n)} {side} {of_r}",
                            "dd", _at(unit, -m, n),
                        )  # fmt: skip


_UNITS = {
    ("day", "nl"): {"one": "dag", "more": "dagen", "calendar": ""},
    ("day", "en"): {"one": "day", "more": "days", "calendar": ""},
    ("month", "nl"): {"one": "maand", "more": "maanden", "the": "de kalendermaand", "that": "die", "same": "dezelfde kalendermaand",
                      "calendar": "kalendermaanden"},
    ("month", "en"): {"one": "month", "more": "months", "the": "the calendar month", "that": "that", "same": "the same calendar month",
                      "calendar": "calendar months"},
    ("year", "nl"): {"one": "jaar", "more": "jaar", "the": "het kalenderjaar", "that": "dat", "same": "hetzelfde kalenderjaar",
                     "calendar": "kalenderjaren"},
    ("year", "en"): {"one": "year", "more": "years", "the": "the calendar year", "that": "that", "same": "the same calendar year",
                     "calendar": "calendar years"},
}  # fmt: skip
FORMS = _simple()

#: Headings of points, and the SQL of the points below.
HEADS: dict[str, Callable[[list[str]], str]] = {
    **dict.fromkeys(("Alle volgende punten zijn waar:", "All of these points are true:"), lambda p: f"({' AND '.join(p)})"),
    **dict.fromkeys(
        ("Minstens één van deze punten is waar:", "At least one of these points is true:"), lambda p: f"({' OR '.join(p)})"
    ),
    **dict.fromkeys(
        ("Deze twee punten zijn allebei waar, of allebei niet waar (alle gegevens daarvoor zijn bekend):",
         "These two points are both true, or both not true (all values for that are known):"), lambda p: f"({p[0]} = {p[1]})"),
    **dict.fromkeys(
        ("Van deze twee punten is er één waar en één niet waar (alle gegevens daarvoor zijn bekend):",
         "One of these two points is true and one is not (all values for that are known):"), lambda p: f"({p[0]} <> {p[1]})"),
    **dict.fromkeys(
        ("Kijk naar het eerste punt dat te bepalen is. Dat punt is waar. "
         "(Een punt is niet te bepalen als een gegeven ervoor niet bekend is.)",
         "Look at the first point that can be decided. That point is true. "
         "(A point cannot be decided when a value it needs is not known.)"), lambda p: f"coalesce({', '.join(p)})"),
    **dict.fromkeys(
        ("Dit punt is niet waar, of het is niet te bepalen omdat een gegeven niet bekend is:",
         "This point is not true, or it cannot be decided because a value is not known:"), lambda p: f"({p[0]} IS NOT TRUE)"),
    **dict.fromkeys(
        ("Dit punt is waar, en dat is ook te bepalen:", "This point is true, and can be decided:"), lambda p: f"({p[0]} IS TRUE)"),
    **dict.fromkeys(
        ("Of dit punt waar is, is niet te bepalen omdat een gegeven niet bekend is:",
         "Whether this point is true cannot be decided, because a value is not known:"), lambda p: f"({p[0]} IS NULL)"),
    **dict.fromkeys(
        ("Of dit punt waar is, is te bepalen. De gegevens die daarvoor nodig zijn, zijn bekend:",
         "Whether this point is true can be decided. The values needed for that are known:"), lambda p: f"({p[0]} IS NOT NULL)"),
}  # fmt: skip
_EXAMPLE = ("Voorbeeld:", "Example:")


def read(shown: str, lang: str, names: Mapping[str, tuple[str, FieldType]]) -> set[str]:
    """The SQL of every reading of these lines, indented as `as_text` does.

    Args:
        names: how a field is called in a sentence, with its quotes → its column and type.
    """
    lines = [(len(line) - len(line.lstrip()), line.strip().removeprefix("- ")) for line in shown.splitlines()]
    readings, end = _Lines(lines, lang, names).point(0)
    assert end == len(lines), f"lines that belong to nothing: {lines[end:]}"
    return readings


class _Lines:
    def __init__(
        self, lines: list[tuple[int, str]], lang: str, names: Mapping[str, tuple[str, FieldType]]
    ) -> None:
        self.lines, self.lang, self.names = lines, lang, names

    def point(self, at: int) -> tuple[set[str], int]:
        """The readings of one line with what stands below it, and the line that follows."""
        depth, text = self.lines[at]
        end = at + 1
        below: list[set[str]] = []
        while end < len(self.lines) and self.lines[end][0] > depth:
            if self.lines[end][1].startswith(_EXAMPLE):
                end += 1
                continue
            part, end = self.point(end)
            below.append(part)
        found = set() if below else Sentence(text, self.lang, self.names).conditions()
        if text in HEADS and below:
            found |= {HEADS[text](list(parts)) for parts in product(*below)}
        return found, end


@dataclass(frozen=True)
class Sentence:
    """One sentence, in which names and quoted texts are single signs, so that nothing in them is taken for words."""

    text: str
    lang: str
    names: Mapping[str, tuple[str, FieldType]]

    @cached_property
    def _tokens(self) -> tuple[str, dict[str, Reading]]:
        known: dict[str, Reading] = {}

        def sign(reading: Reading) -> str:
            token = next((one for one, other in known.items() if other == reading), chr(0xE000 + len(known)))
            known[token] = reading
            return token

        def name(found: re.Match[str]) -> str:
            column, kind = self.names[found[0]]
            return sign((KINDS[kind], column))

        def text(found: re.Match[str]) -> str:
            written = re.sub(r"⟨U\+([0-9A-F]{4,6})⟩", lambda code: chr(int(code[1], 16)), found[1])
            return sign((TEXT, "'" + written.replace("'", "''") + "'"))

        shown = re.sub(r"“([^”]*)”", text, self.text)
        shown = re.sub(
            "|".join(re.escape(one) for one in sorted(self.names, key=len, reverse=True)), name, shown
        )
        return shown, known

    def conditions(self) -> set[str]:
        whole, _ = self._tokens
        if not whole.endswith("."):
            return set()
        whole = whole[:-1]
        found = set()
        first = whole[:1].lower() + whole[1:]
        numbers = sorted({int(n) for n in re.findall(r"\d+", whole)} | {1})[:8]
        for said in {whole, first}:
            for form in (*FORMS[self.lang], *_periods(self.lang, numbers)):
                found |= set(self._fill(said, form))
            found |= set(self._listed(said)) | set(self._patterns(said))
            remark = (
                " (hoofdletters maken niet uit)" if self.lang == "nl" else " (capitals make no difference)"
            )
            if said.endswith(remark):
                found |= self._any_case(said.removesuffix(remark))
        return found

    def _any_case(self, said: str) -> set[str]:
        """Both sides in lower case: what capitals make no difference for."""

        def lowered(make: Make) -> Make:
            return lambda x, *others: make(f"lower({x})", *(f"lower({y})" for y in others))

        forms = [Form(f.words, f.kinds, lowered(f.make)) for f in FORMS[self.lang] if f.kinds in ("==", "tt")]
        found = {one for form in forms for one in self._fill(said, form)}
        return found | set(self._listed(said, any_case=True)) | set(self._patterns(said, any_case=True))

    def _fill(self, said: str, form: Form) -> Iterator[str]:
        pieces = form.words.split("{}")
        for parts in _splits(said, pieces):
            for values in product(*(self.values(part) for part in parts)):
                kinds = [kind for kind, _ in values]
                fits = (
                    kinds[0] == kinds[1] and kinds[0] != BOOLEAN
                    if form.kinds == "=="
                    else all(want in ("*", kind[0]) for want, kind in zip(form.kinds, kinds, strict=True))
                )
                if fits:
                    yield form.make(*(sql for _, sql in values))

    def _listed(self, said: str, any_case: bool = False) -> Iterator[str]:
        """`x is a, b of c`; `x is iets anders dan a of b`."""
        word = " of " if self.lang == "nl" else " or "
        other = " is iets anders dan " if self.lang == "nl" else " is something other than "
        for middle, no in ((" is ", ""), (other, "NOT ")):
            for x, rest in _splits(said, ["", middle, ""]):
                for head, last in _splits(rest, ["", word, ""]):
                    items = [*head.split(", "), last]
                    if not all(self._constant(item) for item in items):
                        continue
                    for value, *constants in product(self.values(x), *(self.values(item) for item in items)):
                        if {kind for kind, _ in constants} == {value[0]}:
                            sides = [f"lower({sql})" if any_case else sql for _, sql in (value, *constants)]
                            yield f"({sides[0]} {no}IN ({', '.join(sides[1:])}))"

    def _constant(self, text: str) -> bool:
        return not any(sql.isidentifier() for _, sql in self.values(text))

    def _patterns(self, said: str, any_case: bool = False) -> Iterator[str]:
        nl = self.lang == "nl"
        for middle, no in (
            (" past bij dit patroon: " if nl else " fits this pattern: ", ""),
            (" past niet bij dit patroon: " if nl else " does not fit this pattern: ", "NOT "),
        ):
            for x, rest in _splits(said, ["", middle, ""]):
                pieces = [self._piece(piece) for piece in rest.split(", daarna " if nl else ", then ")]
                if None in pieces:
                    continue
                for kind, value in self.values(x):
                    if kind == TEXT:
                        regex = "".join(map(str, pieces)).replace("'", "''")
                        yield f"({no}regexp_full_match({value}, '{regex}', '{'i' if any_case else ''}s'))"

    def _piece(self, piece: str) -> str | None:
        if piece in ("willekeurige tekst (of niets)", "any text (or nothing)"):
            return ".*"
        if count := re.fullmatch(r"(?:precies|exactly) (\d+) (?:tekens?|characters?)", piece):
            return ".{" + count[1] + "}"
        reading = self._tokens[1].get(piece)
        if reading and reading[1].startswith("'"):
            return re.escape(reading[1][1:-1].replace("''", "'"))
        return None

    def values(self, text: str) -> set[Reading]:
        """Every reading of the words for one value."""
        nl, known = self.lang == "nl", self._tokens[1]
        found: set[Reading] = set()
        if text in known:
            return {known[text]}
        if text == ("de peildatum" if nl else "the reference date"):
            found.add((DATE, "peildatum"))
        if text == ("een lege tekst" if nl else "an empty text"):
            found.add((TEXT, "''"))
        if amount := re.fullmatch(r"(-?)(?:€ )?([\d.,]+)", text):
            thousands, point = (".", ",") if nl else (",", ".")
            plain = amount[2].replace(thousands, "").replace(point, ".")
            if re.fullmatch(r"\d+(\.\d+)?", plain):
                found.add((NUMBER, f"({amount[1]}{plain})"))
        if (day := re.fullmatch(r"(\d{1,2}) (\w+) (\d{1,4})", text)) and day[2] in MONTHS[self.lang]:
            found.add(
                (
                    DATE,
                    f"DATE '{int(day[3]):04d}-{MONTHS[self.lang].index(day[2]) + 1:02d}-{int(day[1]):02d}'",
                )
            )
        if text.startswith("(") and text.endswith(")"):
            found |= self.values(text[1:-1])
        found |= set(self._composed(text, nl))
        return found

    def _composed(self, text: str, nl: bool) -> Iterator[Reading]:
        for word, sign in (
            (" plus ", "+"),
            (" min " if nl else " minus ", "-"),
            (" keer " if nl else " times ", "*"),
        ):
            for left, right in _splits(text, ["", word, ""]):
                for (a, x), (b, y) in product(self.values(left), self.values(right)):
                    if a == b == NUMBER:
                        yield NUMBER, f"({x} {sign} {y})"
        for suffix, function in (
            (" in kleine letters" if nl else " in lower case", "lower"),
            (" in hoofdletters" if nl else " in capitals", "upper"),
        ):
            if text.endswith(suffix):
                yield from (
                    (TEXT, f"{function}({x})") for a, x in self.values(text.removesuffix(suffix)) if a == TEXT
                )
        count = "het aantal tekens van " if nl else "the number of characters of "
        if text.startswith(count):
            yield from (
                (NUMBER, f"length({x})") for a, x in self.values(text.removeprefix(count)) if a == TEXT
            )
        for unit, pieces in _COUNTS[self.lang].items():
            for start, end, again in _splits(text, pieces):
                if end == again:
                    for (a, x), (b, y) in product(self.values(start), self.values(end)):
                        if a == b == DATE:
                            yield NUMBER, f"date_diff('{unit}', {x}, {y})"
        first, later = _OR_ELSE[self.lang]
        for head, rest in _splits(text, ["", first, ")"]):
            for parts in _lists(rest, later):
                for values in product(*(self.values(part) for part in (head, *parts))):
                    kinds = {kind for kind, _ in values}
                    if len(kinds) == 1:
                        yield kinds.pop(), f"coalesce({', '.join(sql for _, sql in values)})"


_COUNTS = {
    "nl": {
        "day": ["het aantal dagen van ", " tot ", " (onder nul als ", " eerder is)"],
        "month": [
            "het aantal keer dat een nieuwe kalendermaand begint tussen ",
            " en ",
            " (onder nul als ",
            " eerder is)",
        ],
        "year": [
            "het aantal keer dat een nieuw kalenderjaar begint tussen ",
            " en ",
            " (onder nul als ",
            " eerder is)",
        ],
    },
    "en": {
        "day": ["the number of days from ", " to ", " (below zero if ", " is earlier)"],
        "month": [
            "how often a new calendar month begins between ",
            " and ",
            " (below zero if ",
            " is earlier)",
        ],
        "year": [
            "how often a new calendar year begins between ",
            " and ",
            " (below zero if ",
            " is earlier)",
        ],
    },
}
_OR_ELSE = {
    "nl": (" (of, als dat niet bekend is: ", "; of, als ook dat niet bekend is: "),
    "en": (" (or, if that is not known: ", "; or, if that is not known either: "),
}


def _lists(text: str, word: str) -> Iterator[tuple[str, ...]]:
    """Every way to cut a text into one or more parts at a word."""
    yield (text,)
    for head, rest in _splits(text, ["", word, ""]):
        yield from ((head, *parts) for parts in _lists(rest, word))


def _splits(text: str, pieces: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every way in which a text is these pieces with something between each two."""
    if not text.startswith(pieces[0]):
        return
    rest = text[len(pieces[0]) :]
    if len(pieces) == 1:
        if not rest:
            yield ()
        return
    following = pieces[1]
    if len(pieces) == 2 and not following:
        if rest:
            yield (rest,)
        return
    at = rest.find(following)
    while at >= 0:
        if at > 0:
            yield from ((rest[:at], *more) for more in _splits(rest[at:], pieces[1:]))
        at = rest.find(following, at + 1)
