"""What a case is about, through what records come together, and how numbers are replaced."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lsi_match.base.validation import KEY_CHECK, RuleViolation
from lsi_match.criteria.parse import Unit
from lsi_match.manifest.base import Document, Name
from lsi_match.manifest.identifiers import UNIT_OF, IdentifierKind
from lsi_match.manifest.person_keys import FALSE_LINKS, PERSON_KEYS


class Pseudonyms(Document):
    """Which pseudonyms the drops of this project hold: made by each partner with a key that all share (`v1`), or by all
    partners together, so that nobody can test a guess alone (`v2`). Then `round_keys` says when their keys of a round are
    destroyed: with the round, or when the files of data subjects are, so that until then people can be looked up."""

    scheme: Literal["v1", "v2"] = "v1"
    round_keys: Literal["destroyed_with_round", "until_subjects_destroyed"] | None = None
    epoch: int = Field(ge=1, le=9999)
    key_check: Annotated[str, StringConstraints(pattern=KEY_CHECK)]

    @property
    def together(self) -> bool:
        """Whether partners evaluate them together (docs/protocol.md 11)."""
        return self.scheme == "v2"

    @property
    def keeps_keys(self) -> bool:
        """Whether partners keep their keys of a round after it."""
        return self.round_keys == "until_subjects_destroyed"

    @property
    def traceable(self) -> bool:
        """Whether somebody can be looked up in a round that is over."""
        return self.keeps_keys or not self.together

    @model_validator(mode="after")
    def _keys_of_rounds(self) -> Pseudonyms:
        if self.round_keys and not self.together:
            raise RuleViolation.because("manifest.round_keys", "round_keys")
        return self


class Subject(Document):
    """What a case is about, and through which identifiers records come together."""

    unit: Unit
    identifiers: tuple[IdentifierKind, ...] = ()
    person_keys: tuple[Name, ...] = ()
    false_links: float = Field(default=FALSE_LINKS, gt=0, le=0.1)

    @model_validator(mode="after")
    def _fits(self) -> Subject:
        for kind in self.identifiers:
            if UNIT_OF[kind] is not self.unit:
                raise RuleViolation.because(
                    "manifest.other_identifier", "identifiers", kind=kind, unit=self.unit
                )
        unknown = set(self.person_keys) - PERSON_KEYS.keys()
        if unknown:
            names = ", ".join(sorted(unknown))
            raise RuleViolation.because("manifest.unknown_person_keys", "person_keys", names=names)
        if self.person_keys and self.unit is not Unit.PERSON:
            raise RuleViolation.because("manifest.person_keys_of_others", "person_keys")
        if not self.kinds:
            raise RuleViolation.because("manifest.nothing_to_link")
        if len(set(self.kinds)) != len(self.kinds):
            raise RuleViolation.because("manifest.identifier_twice")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of pseudonym, in the order of the columns of a drop."""
        return tuple(k.value for k in self.identifiers) + tuple(f"pk_{name}" for name in self.person_keys)
