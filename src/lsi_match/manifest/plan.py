"""The project plan: which project this is, why it may be done, who is responsible, and what they were advised."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lsi_match.base.validation import DOMAIN, OIN, RuleViolation
from lsi_match.manifest.base import Day, Digest, Document, EncryptionKey, Name, ProjectId, Prose, Text
from lsi_match.manifest.signing_key import Ed25519Key, SigningKey


class Organisation(Document):
    """A party with keys: a controller, or the matcher."""

    title: Text
    oin: Annotated[str, StringConstraints(pattern=OIN)]
    signing_key: SigningKey
    encryption_key: EncryptionKey
    log_key: Ed25519Key | None = Field(default=None, exclude_if=lambda key: key is None)

    @property
    def note_key(self) -> str:
        """What signs its notes of the log; where no key is named for that, the one that signs papers."""
        return self.log_key or self.signing_key


class Controller(Organisation):
    """A joint controller (art. 26 AVG)."""

    dpo_contact: Text


class Matcher(Organisation):
    """The matching environment. `domain` names its logs: `<domain>/<project>`; their checkpoints are Ed25519."""

    signing_key: Ed25519Key
    domain: Annotated[str, StringConstraints(pattern=DOMAIN)]


class Period(Document):
    """First and last day on which a round may run."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.last < self.first:
            raise RuleViolation.because("manifest.last_day", "last")
        return self


class Project(Document):
    """What project this is."""

    id: ProjectId
    title: Text
    type: Literal["theme", "neighbourhood"]
    place: Text
    period: Period
    leader: Text


class Basis(Document):
    """The parts of the project plan that the study of 2024 asks for; each in full sentences."""

    legal_basis: Prose
    purpose: Prose
    necessity: Prose
    proportionality: Prose
    subsidiarity: Prose
    intrusion: Prose
    personal_data: Prose
    equal_treatment: Prose


class Paper(Document):
    """A document that stands elsewhere."""

    reference: Text
    date: Day


class Dpia(Paper):
    """The data protection impact assessment (art. 35 AVG)."""


class Advice(Document):
    """The advice of one controller's DPO, and what was done with it."""

    date: Day
    outcome: Literal["positive", "negative"]
    reference: Text
    answer: Text | None = None
    characteristics: tuple[Name, ...] = ()
    sample: bool = Field(default=False, exclude_if=lambda advised: not advised)


class WorkInstruction(Document):
    """How people work with what comes out; every approval names its digest."""

    title: Text
    digest: Digest
    acknowledged_by: tuple[Text, ...] = Field(min_length=1)
