"""What does not fit in a document, in Dutch and English, for people who do not know what a pattern or a model is.

Rules of our own raise `RuleViolation`, which has both texts and the place. What pydantic finds by itself is told from the type
of its complaint; it has English texts of its own, which stay where they are plain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from lsi_match.base.errors import Language, LsiError

#: Forms of texts that documents use, and what they are in words.
NAME = r"^[a-z][a-z0-9_]{0,62}$"
PROJECT_ID = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
DOMAIN = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"
OIN = r"^\d{20}$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
KEY_CHECK = r"^[0-9a-f]{32}$"
_FORMS = {
    NAME: ("alleen kleine letters, cijfers en _, beginnend met een letter, hoogstens 63 tekens",
           "lower-case letters, digits and _ only, beginning with a letter, at most 63 characters"),
    PROJECT_ID: ("alleen kleine letters en cijfers, met losse streepjes ertussen, beginnend met een letter",
                 "lower-case letters and digits only, with single hyphens between them, beginning with a letter"),
    DOMAIN: ("een domeinnaam zoals koppeling.example", "a domain name such as koppeling.example"),
    OIN: ("20 cijfers, tussen aanhalingstekens", "20 digits, in quotes"),
    DIGEST: ("sha256: en daarachter 64 tekens (0-9 en a-f), zoals sha256sum ze geeft",
             "sha256: followed by 64 characters (0-9 and a-f), as sha256sum gives them"),
    KEY_CHECK: ("de controlewaarde van 32 tekens die 'keys project' toont", "the check value of 32 characters that 'keys project' shows"),
}  # fmt: skip


class RuleViolation(ValueError):  # noqa: N818
    """A rule of a document that does not hold. `path` leads from the part that has the rule to the place."""

    def __init__(self, nl: str, en: str, *path: str | int) -> None:
        super().__init__(en)
        self.nl, self.en, self.path = nl, en, path

    @classmethod
    def by(cls, error: LsiError, *path: str | int) -> RuleViolation:
        """An error that has both texts already."""
        return cls(error.text("nl"), error.text("en"), *path)


Told = Callable[[Mapping[str, Any]], tuple[str, str]]


def _plain(nl: str, en: str) -> Told:
    return lambda ctx: (nl.format(**ctx), en.format(**ctx))


def _choice(ctx: Mapping[str, Any]) -> tuple[str, str]:
    choices = str(ctx["expected"])
    return f"kies uit {choices.replace(' or ', ' of ')}", f"choose {choices}"


def _form(ctx: Mapping[str, Any]) -> tuple[str, str]:
    pattern = str(ctx["pattern"])
    return _FORMS.get(
        pattern, (f"dit heeft niet de vorm {pattern}", f"this does not have the form {pattern}")
    )


_DATE = _plain(
    "hier hoort een datum te staan die bestaat (jjjj-mm-dd)", "a date that exists is needed here (yyyy-mm-dd)"
)
_PART = _plain(
    "hier horen onderdelen met een naam te staan (naam: waarde)",
    "parts with a name are needed here (name: value)",
)
_LIST = _plain("hier hoort een lijst te staan", "a list is needed here")
_WHOLE = _plain("hier hoort een geheel getal te staan", "a whole number is needed here")
_NUMBER = _plain("hier hoort een getal te staan", "a number is needed here")
_YES_NO = _plain("hier hoort true of false te staan", "true or false is needed here")
_TOLD: dict[str, Told] = {
    "missing": _plain("dit ontbreekt", "this is missing"),
    "extra_forbidden": _plain(
        "dit onderdeel bestaat niet; kijk of de naam goed is gespeld en op de goede plaats staat",
        "there is no such part; check that its name is spelled right and in the right place",
    ),
    "string_type": _plain(
        "hier hoort tekst te staan; zet cijfers, ja en nee tussen aanhalingstekens",
        "a text is needed here; put digits, yes and no in quotes",
    ),
    "string_too_short": _plain("te kort: minstens {min_length} tekens", "too short: at least {min_length} characters"),
    "string_too_long": _plain("te lang: hoogstens {max_length} tekens", "too long: at most {max_length} characters"),
    "string_pattern_mismatch": _form,
    "literal_error": _choice,
    "enum": _choice,
    "greater_than": _plain("dit moet meer zijn dan {gt}", "this has to be more than {gt}"),
    "greater_than_equal": _plain("dit moet minstens {ge} zijn", "this has to be at least {ge}"),
    "less_than": _plain("dit moet minder zijn dan {lt}", "this has to be less than {lt}"),
    "less_than_equal": _plain("dit mag hoogstens {le} zijn", "this is at most {le}"),
    "too_short": _plain(
        "hier horen er minstens {min_length} te staan, en het zijn er {actual_length}",
        "at least {min_length} are needed here, and there are {actual_length}",
    ),
    "too_long": _plain("hier mogen er hoogstens {max_length} staan", "at most {max_length} may stand here"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _YES_NO),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), _PART),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _DATE
    ),
}  # fmt: skip


def validation_message(error: ErrorDetails) -> tuple[tuple[str | int, ...], dict[Language, str]]:
    """Where one error of a `ValidationError` is, from the whole document, and what it says."""
    ctx = error.get("ctx") or {}
    rule = ctx.get("error")
    if isinstance(rule, RuleViolation):
        return (*error["loc"], *rule.path), {"nl": rule.nl, "en": rule.en}
    known = _TOLD.get(error["type"])
    nl, en = known(ctx) if known else (message := error["msg"].removeprefix("Value error, "), message)
    return error["loc"], {"nl": nl, "en": en}
