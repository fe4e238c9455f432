"""Words, numbers and dates, in Dutch and English, for the explanation of criteria."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from lsi_match.base.errors import Language

_MONTHS = {
    "nl": [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}

#: Key → Dutch, English. `{no}` is where the word "not" goes.
WORDS: dict[str, tuple[str, str]] = {
    # groups
    "all": ("Alle volgende punten zijn waar:", "All of these points are true:"),
    "any": ("Minstens één van deze punten is waar:", "At least one of these points is true:"),
    "same": (
        "Deze twee punten zijn allebei waar, of allebei niet waar (alle gegevens daarvoor zijn bekend):",
        "These two points are both true, or both not true (all values for that are known):",
    ),
    "not_same": (
        "Van deze twee punten is er één waar en één niet waar (alle gegevens daarvoor zijn bekend):",
        "One of these two points is true and one is not (all values for that are known):",
    ),
    "first_known": (
        "Kijk naar het eerste punt dat te bepalen is. Dat punt is waar. "
        "(Een punt is niet te bepalen als een gegeven ervoor niet bekend is.)",
        "Look at the first point that can be decided. That point is true. "
        "(A point cannot be decided when a value it needs is not known.)",
    ),
    "not_true": (
        "Dit punt is niet waar, of het is niet te bepalen omdat een gegeven niet bekend is:",
        "This point is not true, or it cannot be decided because a value is not known:",
    ),
    "is_true": ("Dit punt is waar, en dat is ook te bepalen:", "This point is true, and can be decided:"),
    "undecided": (
        "Of dit punt waar is, is niet te bepalen omdat een gegeven niet bekend is:",
        "Whether this point is true cannot be decided, because a value is not known:",
    ),
    "decided": (
        "Of dit punt waar is, is te bepalen. De gegevens die daarvoor nodig zijn, zijn bekend:",
        "Whether this point is true can be decided. The values needed for that are known:",
    ),
    # single points
    "everybody": ("dit geldt voor elk record", "this is true of every record"),
    "nobody": ("dit geldt voor geen enkel record", "this is true of no record"),
    "open": ("dit is niet te bepalen", "this cannot be decided"),
    "yes": ("{x} staat op ja", "{x} says yes"),
    "no": ("{x} staat op nee", "{x} says no"),
    "not_yes": ("{x} staat op nee, of is niet bekend", "{x} says no, or is not known"),
    "not_no": ("{x} staat op ja, of is niet bekend", "{x} says yes, or is not known"),
    "unknown": ("{x} is niet bekend", "{x} is not known"),
    "known": ("{x} is bekend", "{x} is known"),
    # numbers and texts
    "=": ("{x} is {y}", "{x} is {y}"),
    "<>": ("{x} is niet {y}", "{x} is not {y}"),
    "<": ("{x} is minder dan {y}", "{x} is less than {y}"),
    "<=": ("{x} is hoogstens {y}", "{x} is at most {y}"),
    ">": ("{x} is meer dan {y}", "{x} is more than {y}"),
    ">=": ("{x} is minstens {y}", "{x} is at least {y}"),
    "between": ("{x} is minstens {y} en hoogstens {z}", "{x} is at least {y} and at most {z}"),
    "not_between": ("{x} is minder dan {y} of meer dan {z}", "{x} is less than {y} or more than {z}"),
    "one_of": ("{x} is {y}", "{x} is {y}"),
    "not_one_of": ("{x} is iets anders dan {y}", "{x} is something other than {y}"),
    # dates
    "date=": ("{x} is {y}", "{x} is {y}"),
    "date<>": ("{x} is een andere dag dan {y}", "{x} is another day than {y}"),
    "date<": ("{x} ligt vóór {y}", "{x} lies before {y}"),
    "date<=": ("{x} ligt op of vóór {y}", "{x} lies on or before {y}"),
    "date>": ("{x} ligt na {y}", "{x} lies after {y}"),
    "date>=": ("{x} ligt op of na {y}", "{x} lies on or after {y}"),
    "date_between": ("{x} ligt van {y} tot en met {z}", "{x} lies from {y} up to and including {z}"),
    "not_date_between": ("{x} ligt vóór {y} of na {z}", "{x} lies before {y} or after {z}"),
    # patterns
    "starts": ("{x} begint met {y}", "{x} begins with {y}"),
    "not_starts": ("{x} begint niet met {y}", "{x} does not begin with {y}"),
    "ends": ("{x} eindigt op {y}", "{x} ends with {y}"),
    "not_ends": ("{x} eindigt niet op {y}", "{x} does not end with {y}"),
    "holds": ("{x} bevat {y}", "{x} contains {y}"),
    "not_holds": ("{x} bevat {y} niet", "{x} does not contain {y}"),
    "pattern": ("{x} past bij dit patroon: {y}", "{x} fits this pattern: {y}"),
    "not_pattern": ("{x} past niet bij dit patroon: {y}", "{x} does not fit this pattern: {y}"),
    "then": (", daarna ", ", then "),
    "any_text": ("willekeurige tekst (of niets)", "any text (or nothing)"),
    "sign": ("precies {n} teken", "exactly {n} character"),
    "signs": ("precies {n} tekens", "exactly {n} characters"),
    "any_case": (" (hoofdletters maken niet uit)", " (capitals make no difference)"),
    # values
    "reference": ("de peildatum", "the reference date"),
    "plus": ("{x} plus {y}", "{x} plus {y}"),
    "minus": ("{x} min {y}", "{x} minus {y}"),
    "times": ("{x} keer {y}", "{x} times {y}"),
    "lower": ("{x} in kleine letters", "{x} in lower case"),
    "upper": ("{x} in hoofdletters", "{x} in capitals"),
    "length": ("het aantal tekens van {x}", "the number of characters of {x}"),
    "or_else": ("{x} (of, als dat niet bekend is: {y})", "{x} (or, if that is not known: {y})"),
    "or_else_again": (
        "{y}; of, als ook dat niet bekend is: {z}",
        "{y}; or, if that is not known either: {z}",
    ),
    "empty": ("een lege tekst", "an empty text"),
    "day_count": (
        "het aantal dagen van {x} tot {y} (onder nul als {y} eerder is)",
        "the number of days from {x} to {y} (below zero if {y} is earlier)",
    ),
    "month_count": (
        "het aantal keer dat een nieuwe kalendermaand begint tussen {x} en {y} (onder nul als {y} eerder is)",
        "how often a new calendar month begins between {x} and {y} (below zero if {y} is earlier)",
    ),
    "year_count": (
        "het aantal keer dat een nieuw kalenderjaar begint tussen {x} en {y} (onder nul als {y} eerder is)",
        "how often a new calendar year begins between {x} and {y} (below zero if {y} is earlier)",
    ),
    "example": ("Voorbeeld: bij peildatum {day}", "Example: for reference date {day}"),
    # what an unknown field does
    "criterion_never": ("dan telt het record nooit mee", "the record never counts"),
    "criterion_always": ("dan telt het record hier altijd mee", "the record always counts here"),
    "criterion_depends": (
        "dan telt het record alleen mee als dit waar is:",
        "the record counts only if this is true:",
    ),
    "signal_never": ("dan krijgt het record dit signaal nooit", "the record never gets this signal"),
    "signal_always": ("dan krijgt het record dit signaal altijd", "the record always gets this signal"),
    "signal_depends": (
        "dan krijgt het record dit signaal alleen als dit waar is:",
        "the record gets this signal only if this is true:",
    ),
    "group_never": ("dan past het record nooit in deze groep", "the record never fits this group"),
    "group_always": ("dan past het record altijd in deze groep", "the record always fits this group"),
    "group_depends": (
        "dan past het record alleen in deze groep als dit waar is:",
        "the record fits this group only if this is true:",
    ),
    "rule_never": ("dan is het nooit een casus", "it is never a case"),
    "rule_always": ("dan is het altijd een casus", "it always is a case"),
    "rule_depends": (
        "dan is het alleen een casus als dit waar is:",
        "it is a case only if this is true:",
    ),
    "if_unknown": ("is {x} niet bekend, ", "if {x} is not known, "),
    "if_unknown_rest": ("{x} ({rest}): is dit niet bekend, ", "{x} ({rest}): if this is not known, "),
    # the match rule
    "it": ("het", "it"),
    "person": ("de persoon", "the person"),
    "address": ("het adres", "the address"),
    "enterprise": ("de onderneming", "the enterprise"),
    "partner": ("{it} komt voor bij {x}", "{it} is found with {x}"),
    "no_partner": ("{it} komt niet voor bij {x}", "{it} is not found with {x}"),
    "signal": ("{x} heeft dit signaal: {y}", "{x} has this signal: {y}"),
    "no_signal": ("{x} heeft dit signaal niet: {y}", "{x} does not have this signal: {y}"),
    "partners": (
        "het aantal organisaties waar {it} voorkomt",
        "the number of organisations {it} is found with",
    ),
    "n_partners": ("{it} komt voor bij {n}", "{it} is found with {n}"),
    "n_at_least": ("minstens {n} {o}", "at least {n} {o}"),
    "n_at_most": ("hoogstens {n} {o}", "at most {n} {o}"),
    "n_exactly": ("precies {n} {o}", "exactly {n} {o}"),
    "n_records": ("{x} heeft {n} van {it}", "{x} has {n} of {it}"),
    "records_of": ("het aantal records van {it} bij {x}", "the number of records of {it} with {x}"),
    "first_of": ("de eerste maand van ‘{y}’ bij {x}", "the first month of ‘{y}’ with {x}"),
    "last_of": ("de laatste maand van ‘{y}’ bij {x}", "the last month of ‘{y}’ with {x}"),
    "record": ("record", "record"),
    "organisation": ("organisatie", "organisation"),
    "organisations": ("organisaties", "organisations"),
    "any_partner": (
        "{it} komt voor bij minstens één van deze organisaties:",
        "{it} is found with at least one of these organisations:",
    ),
    "all_partners": (
        "{it} komt voor bij al deze organisaties:",
        "{it} is found with all of these organisations:",
    ),
    "or": ("of", "or"),
    "and": ("en", "and"),
    # comparison
    "records": ("records", "records"),
    "cases": ("casussen", "cases"),
    "change_same": (
        "De betekenis is gelijk: precies dezelfde {them} tellen mee.",
        "The meaning is the same: exactly the same {them} count.",
    ),
    "change_wider": (
        "Ruimer: wat eerst meetelde, telt nog steeds mee. Er kunnen {them} bij komen.",
        "Wider: whatever counted before still counts. More {them} may count.",
    ),
    "change_narrower": (
        "Strenger: er komt niets bij. Er kunnen {them} afvallen.",
        "Narrower: nothing new counts. Some {them} may no longer count.",
    ),
    "change_other": (
        "Anders: er kunnen {them} bij komen en er kunnen {them} afvallen.",
        "Changed: new {them} may count, and some may no longer count.",
    ),
    "part_added": ("Nieuw:", "New:"),
    "part_removed": ("Vervallen:", "Removed:"),
    "part_widened": ("Ruimer geworden:", "Made wider:"),
    "part_narrowed": ("Strenger geworden:", "Made narrower:"),
    "part_changed": ("Gewijzigd:", "Changed:"),
    "was": ("Eerst: {x}", "Before: {x}"),
    "is_now": ("Nu: {x}", "Now: {x}"),
}


def say(lang: Language, key: str, **facts: str | int) -> str:
    """The words for `key`, with the facts filled in."""
    text = WORDS[key][0 if lang == "nl" else 1]
    return text.format(**facts) if facts else text


def sentence(text: str) -> str:
    """With a capital at the start and a full stop at the end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((":", ".", ".)")) else text + "."


def number(value: Decimal, lang: Language, euro: bool = False) -> str:
    """`1.234,50` in Dutch, `1,234.50` in English. Four whole digits stand together, as in a year, unless euros."""
    if value == value.to_integral_value():
        plain = f"{abs(value):.0f}"
        grouped = f"{abs(value):,.0f}" if euro or len(plain) > 4 else plain
    else:
        places = max(2, -int(value.normalize().as_tuple().exponent)) if euro else _places(value)
        grouped = f"{abs(value):,.{places}f}"
    if lang == "nl":
        grouped = grouped.translate(str.maketrans(",.", ".,"))
    return ("-" if value < 0 else "") + ("€ " if euro else "") + grouped


def _places(value: Decimal) -> int:
    return -int(value.as_tuple().exponent)


def day(value: date, lang: Language) -> str:
    """`1 januari 2026`."""
    return f"{value.day} {_MONTHS[lang][value.month - 1]} {value.year}"


def quoted(text: str, lang: Language) -> str:
    """A text as it must stand in a record, with every invisible sign made visible."""
    if not text:
        return say(lang, "empty")
    shown = "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c)[0] == "C" else c for c in text)
    return f"“{shown}”"


def listed(items: Sequence[str], lang: Language, word: str = "or") -> str:
    """`a, b of c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {say(lang, word)} {items[-1]}"


def short_name(meaning: str) -> tuple[str, str]:
    """The first part of a meaning, to name a field by, and the rest: 'Laatste dag; leeg als …'."""
    whole = " ".join(meaning.split())
    parts = re.split(r"\s*[;:]\s+", whole, maxsplit=1)
    if len(parts) == 2 and len(parts[0]) > 2:
        return parts[0], parts[1].rstrip(".")
    return whole.rstrip("."), ""


def in_euros(meaning: str) -> bool:
    """Whether a meaning says that the number is an amount in euros."""
    return re.search(r"€|\beuro('s)?\b", meaning, re.IGNORECASE) is not None


def markdown_safe(text: str) -> str:
    """Signs that Markdown or HTML would read as markup, kept as signs."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", text)
