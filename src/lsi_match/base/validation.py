"""What does not fit in a document, in Dutch and English, for people who do not know what a pattern or a model is.

Rules of our own raise `RuleViolation`, which has both texts and the place. What pydantic finds by itself is told from the type
of its complaint; it has English texts of its own, which stay where they are plain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language, LsiError, problem

#: Forms of texts that documents use, and the names of what they are in words.
NAME = r"^[a-z][a-z0-9_]{0,62}$"
PROJECT_ID = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
DOMAIN = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"
OIN = r"^[0-9]{20}$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
KEY_CHECK = r"^[0-9a-f]{32}$"
_FORMS = {
    NAME: "name",
    PROJECT_ID: "project_id",
    DOMAIN: "domain",
    OIN: "oin",
    DIGEST: "digest",
    KEY_CHECK: "key_check",
}


def two_readings(number: str) -> tuple[str, str] | None:
    """What `10.000` can mean: ten with three decimals, or, as the Dutch write it, ten thousand; both as they can be read in
    one way. None for other texts."""
    if not re.fullmatch(r"[-+]?[1-9]\d{0,2}\.\d{3}", number):
        return None
    small = number.rstrip("0").rstrip(".")
    return small if small != number else number + "0", number.replace(".", "")


class Closed(BaseModel):
    """A model with nothing that is not declared, and nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # built when first used


class RuleViolation(ValueError):  # noqa: N818
    """A rule of a document that does not hold. `path` leads from the part that has the rule to the place."""

    def __init__(self, nl: str, en: str, *path: str | int) -> None:
        super().__init__(en)
        self.nl, self.en, self.path = nl, en, path

    @classmethod
    def because(cls, key: str, /, *path: str | int, **facts: object) -> RuleViolation:
        """What does not hold, by its text (`base.errors.problem`)."""
        return cls(*problem(key, **facts), *path)

    @classmethod
    def by(cls, error: LsiError, *path: str | int) -> RuleViolation:
        """An error that has both texts already."""
        return cls(error.text("nl"), error.text("en"), *path)


def _told(kind: str, ctx: Mapping[str, Any]) -> tuple[str, str] | None:
    """What pydantic's `kind` of error is in words; None where it is for its own text to say."""
    if kind in ("literal_error", "enum"):
        choices = str(ctx["expected"])
        return problem("base.choose", choices=choices, choices_nl=choices.replace(" or ", " of "))
    if kind == "string_pattern_mismatch":
        form = str(ctx["pattern"])
        return problem(f"base.form_{_FORMS.get(form, 'other')}", form=form)
    texts = catalogue(Path(__file__).with_suffix(".toml")).get(kind)
    return (texts["nl"].format(**ctx), texts["en"].format(**ctx)) if texts else None


def validation_message(error: ErrorDetails) -> tuple[tuple[str | int, ...], dict[Language, str]]:
    """Where one error of a `ValidationError` is, from the whole document, and what it says."""
    ctx = error.get("ctx") or {}
    rule = ctx.get("error")
    if isinstance(rule, RuleViolation):
        return (*error["loc"], *rule.path), {"nl": rule.nl, "en": rule.en}
    own = error["msg"].removeprefix("Value error, ")
    nl, en = _told(error["type"], ctx) or (own, own)
    return error["loc"], {"nl": nl, "en": en}
