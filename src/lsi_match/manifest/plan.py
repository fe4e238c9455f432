"""The project plan: which project this is, why it may be done, who is responsible, and what they were advised."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lsi_match.base.validation import DOMAIN, OIN, RuleViolation
from lsi_match.manifest.base import (
    Day,
    Digest,
    Document,
    EncryptionKey,
    Identity,
    Name,
    Prose,
    Text,
    both,
)
from lsi_match.manifest.signing_key import Ed25519Key, SigningKey


class Organisation(Document):
    """A party with keys: a controller, or the matcher."""

    title: Text = Field(
        description=both("Volledige naam van de organisatie.", "Full name of the organisation.")
    )
    oin: Annotated[str, StringConstraints(pattern=OIN)] = Field(
        description=both(
            "Organisatie-identificatienummer: 20 cijfers, tussen aanhalingstekens.",
            "Organisation identification number: 20 digits, in quotes.",
        )
    )
    signing_key: SigningKey = Field(
        description=both(
            "Openbare sleutel om mee te ondertekenen. Vul niets in: 'manifest complete' doet het.",
            "Public signing key: Ed25519 as hex, or ecdsa-sha2-nistp256: and hex. Leave it out: 'manifest complete' fills it in.",
        )
    )
    encryption_key: EncryptionKey = Field(
        description=both(
            "Openbare sleutel om aan te versleutelen (age). Vul niets in: 'manifest complete' doet het.",
            "Public key to encrypt to (age). Leave it out: 'manifest complete' fills it in.",
        )
    )


class Controller(Organisation):
    """A joint controller (art. 26 AVG)."""

    dpo_contact: Text = Field(
        description=both(
            "Hoe de FG van deze organisatie te bereiken is.",
            "How the DPO of this organisation can be reached.",
        )
    )


class Matcher(Organisation):
    """The matching environment. `domain` names its logs: `<domain>/<project>`; their checkpoints are Ed25519."""

    signing_key: Ed25519Key = Field(
        description=both(
            "Openbare Ed25519-sleutel. Vul niets in: 'manifest complete' doet het.",
            "Public Ed25519 key, as hex. Leave it out: 'manifest complete' fills it in.",
        )
    )
    domain: Annotated[str, StringConstraints(pattern=DOMAIN)] = Field(
        description=both(
            "Domeinnaam waaronder het logboek van dit project bekend is.",
            "Domain name under which the log of this project is known.",
        )
    )


class Period(Document):
    """First and last day on which a round may run."""

    first: date = Field(description=both("Eerste dag (jjjj-mm-dd).", "First day (yyyy-mm-dd)."))
    last: date = Field(
        description=both("Laatste dag (jjjj-mm-dd); die telt mee.", "Last day (yyyy-mm-dd), which counts.")
    )

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.last < self.first:
            raise RuleViolation(
                "de laatste dag ligt vóór de eerste", "the last day lies before the first", "last"
            )
        return self


class Project(Document):
    """What project this is."""

    id: Identity = Field(
        description=both(
            "Korte naam; verandert nooit. Kleine letters, cijfers en streepjes.",
            "Short name, which never changes. Lower-case letters, digits and hyphens.",
        )
    )
    title: Text = Field(
        description=both("Naam zoals mensen het project noemen.", "What people call the project.")
    )
    type: Literal["theme", "neighbourhood"] = Field(
        description=both(
            "theme: themaproject. neighbourhood: wijkgerichte aanpak, die meer waarborgen vraagt.",
            "theme, or neighbourhood: which needs more safeguards.",
        )
    )
    place: Text = Field(description=both("Plaats of gebied.", "Place or area."))
    period: Period = Field(description=both("Wanneer er rondes mogen draaien.", "When rounds may run."))
    leader: Text = Field(
        description=both(
            "Wie het project leidt: een rol, geen persoonsnaam.",
            "Who leads the project: a role, no name of a person.",
        )
    )


class Basis(Document):
    """The parts of the project plan that the study of 2024 asks for; each in full sentences."""

    legal_basis: Prose = Field(
        description=both(
            "Grondslag: op welke wet en welk artikel het project rust.",
            "Legal basis: the law and article that the project rests on.",
        )
    )
    purpose: Prose = Field(
        description=both("Doel: waarvoor wel, en waarvoor niet.", "Purpose: what for, and what not for.")
    )
    necessity: Prose = Field(
        description=both(
            "Noodzaak: waarom het niet kan zonder deze gegevens bij elkaar te leggen.",
            "Necessity: why it cannot be done without putting these data together.",
        )
    )
    proportionality: Prose = Field(
        description=both(
            "Proportionaliteit: waarom de inbreuk past bij wat het oplevert.",
            "Proportionality: why the intrusion fits what it yields.",
        )
    )
    subsidiarity: Prose = Field(
        description=both(
            "Subsidiariteit: waarom het niet lichter kan.", "Subsidiarity: why nothing lighter will do."
        )
    )
    intrusion: Prose = Field(
        description=both(
            "Mate van inbreuk: wie het raakt, ook wie niets verkeerd deed.",
            "Intrusion: whom it touches, those who did nothing wrong as well.",
        )
    )
    personal_data: Prose = Field(
        description=both(
            "Gevolgen voor de bescherming van persoonsgegevens.",
            "Consequences for the protection of personal data.",
        )
    )
    equal_treatment: Prose = Field(
        description=both(
            "Gevolgen voor gelijke behandeling, en wat daartegen wordt gedaan.",
            "Consequences for equal treatment, and what is done about them.",
        )
    )


class Dpia(Document):
    """The data protection impact assessment (art. 35 AVG)."""

    reference: Text = Field(
        description=both("Kenmerk, of waar hij te vinden is.", "Reference, or where it can be found.")
    )
    date: Day = Field(description=both("Datum van de DPIA (jjjj-mm-dd).", "Date of the DPIA (yyyy-mm-dd)."))


class Advice(Document):
    """The advice of one controller's DPO, and what was done with it."""

    date: Day = Field(
        description=both("Datum van het advies (jjjj-mm-dd).", "Date of the advice (yyyy-mm-dd).")
    )
    outcome: Literal["positive", "negative"] = Field(
        description=both(
            "positive: positief advies. negative: negatief advies; dan is een antwoord nodig.",
            "positive, or negative: then an answer is needed.",
        )
    )
    reference: Text = Field(
        description=both(
            "Kenmerk, of waar het advies te vinden is.", "Reference, or where the advice can be found."
        )
    )
    answer: Text | None = Field(
        default=None,
        description=both(
            "Wat er met het advies is gedaan. Verplicht na een negatief advies.",
            "What was done with the advice. Required after a negative one.",
        ),
    )
    characteristics: tuple[Name, ...] = Field(
        default=(),
        description=both(
            "Discriminatiegronden waar dit advies over gaat, met hun naam onder 'characteristics'.",
            "Grounds of discrimination that this advice is about, by their name under 'characteristics'.",
        ),
    )


class WorkInstruction(Document):
    """How people work with what comes out; every approval names its digest."""

    title: Text = Field(description=both("Titel van de werkinstructie.", "Title of the work instruction."))
    digest: Digest = Field(
        description=both(
            "Vingerafdruk van het bestand: sha256: en de uitkomst van 'sha256sum werkinstructie.md'.",
            "Fingerprint of the file: sha256: and what 'sha256sum werkinstructie.md' gives.",
        )
    )
    acknowledged_by: tuple[Text, ...] = Field(
        min_length=1,
        description=both(
            "Rollen die moeten bevestigen dat zij haar hebben gelezen.",
            "Roles that have to confirm that they read it.",
        ),
    )
