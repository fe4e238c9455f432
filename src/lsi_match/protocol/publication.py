"""What a controller makes public about a project, in its own words: signed apart from the manifest, since texts for
people change more often than agreements, and lapsing with that version of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lsi_match.base.validation import RuleViolation
from lsi_match.manifest import Document, Prose, Text
from lsi_match.protocol.documents import SignedStatement

#: A page that everybody can open. No spaces, quotes or brackets.
Address = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~%!$&()*+,;=:@/?#-]*)?$", max_length=500)]  # fmt: skip


class Source(Document):
    """A law or an assessment: where to read it, or why that is not public."""

    title: Text
    address: Address | None = None
    not_public: Text | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Source:
        if (self.address is None) == (self.not_public is None):
            raise RuleViolation.because("protocol.address_or_not_public")
        return self


class ShownRule(Document):
    """How much of one criterion is made public: all of it as it was signed, a text in its place, or nothing and why."""

    show: Literal["full", "short", "withheld"]
    text: Text | None = Field(None, description="Of a short one: what everybody may read.")
    reason: Text | None = Field(None, description="Of a withheld one: why.")

    @model_validator(mode="after")
    def _complete(self) -> ShownRule:
        if (self.text is not None) != (self.show == "short"):
            raise RuleViolation.because("protocol.text_of_short", "text")
        if (self.reason is not None) != (self.show == "withheld"):
            raise RuleViolation.because("protocol.reason_of_withheld", "reason")
        return self


class Shared(Document):
    """The texts that all organisations of a project have in common. They are published once all of them signed the same.

    Attributes:
        in_short: what it is, in two or three sentences, as the algorithm register shows it first.
        why: what it is for, and what people notice of it.
        works: how it works, in short.
        case: when something becomes a case.
        data: which data are used.
    """

    in_short: Text | None = None
    what: Prose
    why: Prose | None = None
    works: Prose | None = None
    case: Prose | None = None
    data: Prose | None = None
    happens: Prose
    human: Prose
    risks: Prose


class Sheet(Document):
    """What one organisation writes, in a YAML file, before it is signed.

    Attributes:
        name: of the organisation, as the list TOOI of the government has it.
        contact: a mailbox or page where everybody can ask; not of one person.
        category: as the national algorithm register divides them.
        sources: the registers that its data come from.
        rights: how somebody uses the rights of articles 15 to 22 GDPR here.
        criteria: `<selection>.<criterion>` → how much of it is public; every criterion of this organisation.
    """

    name: Text | None = None
    contact: Text
    page: Address | None = None
    category: Literal["high_risk", "impactful", "other"]
    rights: Prose
    laws: tuple[Source, ...] = Field(min_length=1, max_length=50)
    sources: tuple[Source, ...] = Field((), max_length=50)
    assessments: tuple[Source, ...] = Field(min_length=1, max_length=50)
    criteria: dict[Text, ShownRule] = Field(default_factory=dict)
    shared: Shared


class Publication(SignedStatement):
    """A sheet, signed."""

    format: Literal["lsi-match/publication/v1"] = "lsi-match/publication/v1"
    sheet: Sheet
