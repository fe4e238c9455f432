"""What a case is about, through what records come together, and how numbers are replaced."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lsi_match.base.validation import KEY_CHECK, RuleViolation
from lsi_match.criteria.unit import Unit
from lsi_match.manifest.base import Document, Name, both
from lsi_match.manifest.identifiers import UNIT_OF, IdentifierKind
from lsi_match.manifest.person_keys import PERSON_KEYS


class Pseudonyms(Document):
    """Which pseudonyms the drops of this project hold."""

    scheme: Literal["v1"] = Field(
        default="v1",
        description=both(
            "Hoe pseudoniemen worden gemaakt (docs/protocol.md).",
            "How pseudonyms are made (docs/protocol.md).",
        ),
    )
    epoch: int = Field(
        ge=1,
        le=9999,
        description=both(
            "Nummer van de projectsleutel; één hoger bij een nieuwe sleutel.",
            "Number of the project key; one more with a new key.",
        ),
    )
    key_check: Annotated[str, StringConstraints(pattern=KEY_CHECK)] = Field(
        description=both(
            "Controlewaarde van de projectsleutel. Vul niets in: 'manifest complete' doet het.",
            "Check value of the project key. Leave it out: 'manifest complete' fills it in.",
        )
    )


class Subject(Document):
    """What a case is about, and through which identifiers records come together."""

    unit: Unit = Field(
        description=both(
            "Waar een casus over gaat: person, address of enterprise.",
            "What a case is about: person, address or enterprise.",
        )
    )
    identifiers: tuple[IdentifierKind, ...] = Field(
        default=(),
        description=both(
            "Nummers waarop records bij elkaar komen.", "Identifiers through which records come together."
        ),
    )
    person_keys: tuple[Name, ...] = Field(
        default=(),
        description=both(
            "Persoonssleutels uit naam, geboortedatum en adres, voor mensen zonder gedeeld nummer (docs/person-keys.md).",
            "Person keys made from name, birth date and address, for people without a shared number (docs/person-keys.md).",
        ),
    )

    @model_validator(mode="after")
    def _fits(self) -> Subject:
        for kind in self.identifiers:
            if UNIT_OF[kind] is not self.unit:
                raise RuleViolation(
                    f"{kind} hoort niet bij {self.unit}",
                    f"a {self.unit} is not identified by {kind}",
                    "identifiers",
                )
        unknown = set(self.person_keys) - PERSON_KEYS.keys()
        if unknown:
            names = ", ".join(sorted(unknown))
            raise RuleViolation(
                f"onbekende persoonssleutels: {names}", f"unknown person keys: {names}", "person_keys"
            )
        if self.person_keys and self.unit is not Unit.PERSON:
            raise RuleViolation(
                "persoonssleutels zijn er alleen voor personen", "person keys are for persons", "person_keys"
            )
        if not self.kinds:
            raise RuleViolation(
                "noem minstens één nummer of persoonssleutel", "name at least one identifier or person key"
            )
        if len(set(self.kinds)) != len(self.kinds):
            raise RuleViolation(
                "een nummer of persoonssleutel komt twee keer voor", "an identifier is named twice"
            )
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of pseudonym, in the order of the columns of a drop."""
        return tuple(k.value for k in self.identifiers) + tuple(f"pk_{name}" for name in self.person_keys)
