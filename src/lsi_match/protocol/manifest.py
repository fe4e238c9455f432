"""The manifest: the one document that every controller signs and that alone decides what a run does.

Its identity is the SHA-256 of its canonical JSON. The models hold structure and the rules that can be seen
from the document itself; whether it may run today (approvals, advice, period) is decided by the gates. Every field
has a description in Dutch and English (`both`), which editors show through `schemas/manifest.schema.json`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lsi_match.protocol.canonical import canonical_json, digest_of_bytes
from lsi_match.protocol.complaints import DIGEST, DOMAIN, KEY_CHECK, NAME, OIN, PROJECT_ID, UnfitError
from lsi_match.protocol.criteria import REFERENCE_DATE, CriterionError, FieldType, Predicate, parse_predicate
from lsi_match.protocol.equality import CharacteristicKind, known_characteristics, special_groups, uses
from lsi_match.protocol.identifiers import (
    ADDRESS_PARTS,
    UNIT_OF,
    IdentifierForm,
    IdentifierKind,
    Unit,
)
from lsi_match.protocol.person_keys import PERSON_KEYS
from lsi_match.protocol.signing_key import Ed25519Key, SigningKey


def _readable(text: str) -> str:
    """Refuse characters that a reader cannot see: control, direction and zero-width characters."""
    if any(unicodedata.category(c) in ("Cc", "Cf") and c != "\n" for c in text):
        raise UnfitError(
            "hier staat een teken dat niet te zien is; typ de tekst opnieuw",
            "a character that cannot be seen",
        )
    return text


def both(nl: str, en: str) -> str:
    """The description of a field in both languages, as editors show it."""
    return f"{nl}\n\n{en}"


#: `date`, for fields that are called date themselves.
Day = date
Name = Annotated[str, StringConstraints(pattern=NAME)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True), AfterValidator(_readable)
]
Prose = Annotated[
    str, StringConstraints(min_length=40, max_length=10000, strip_whitespace=True), AfterValidator(_readable)
]
Identity = Annotated[str, StringConstraints(pattern=PROJECT_ID, max_length=63)]
EncryptionKey = Annotated[str, StringConstraints(pattern=r"^age1[0-9a-z]{58}$")]
Digest = Annotated[str, StringConstraints(pattern=DIGEST)]

#: Signals of one partner travel as bits of one number, and so are the criteria counted that a record meets.
MAX_SIGNALS = 62
MAX_CRITERIA = 50
#: A group cell travels as one byte (`protocol.cells`), of which 255 says that nothing is known.
MAX_CELLS = 256
MAX_DIMENSIONS = 4
#: What lies beyond it is no amount, and no number that every reader of JSON keeps exactly.
MAX_EDGE = 10**12
UNKNOWN_GROUP = 255
#: The group of a record of which nothing is known in a dimension.
UNKNOWN = "unknown"
#: Position of "no value" in an attribute column.
NO_VALUE = 65535
#: Columns that are made from a record beside its fields, and columns of matching and release beside the partners':
#: a field, partner or signal of the same name would stand in their place.
RESERVED_FIELDS = frozenset({REFERENCE_DATE, "record_id", "signals", "group"})
#: `matcher` in the trust root; `none` and `controllers` in the policy of a log (C2SP tlog-policy); `unknown` in its entries.
RESERVED_PARTIES = frozenset({"matcher", "none", "controllers", "unknown"})
RESERVED_COLUMNS = frozenset(
    {"subject", "cell", "case_id", "reference", "selection", "record_id", REFERENCE_DATE}
)
#: Kind of attribute → the types of the fields it can be made from.
ATTRIBUTE_TYPES = {
    "listed": {FieldType.TEXT, FieldType.INTEGER},
    "boolean": {FieldType.BOOLEAN},
    "band": {FieldType.INTEGER, FieldType.DECIMAL},
    "month": {FieldType.DATE},
}


#: Dutch, English, and the member of the document that lists them.
_KINDS = {
    "criterion": ("het criterium", "criteria"),
    "signal": ("het signaal", "signals"),
    "attribute": ("het kenmerk", "attributes"),
    "identifier": ("het nummer", "identifiers"),
    "selection": ("de selectie", "selections"),
    "group": ("de groep", "groups"),
    "dimension": ("de indeling", "dimensions"),
    "column of the match rule": ("de kolom van de koppelregel", ""),
}


def _no_twins(what: str, names: list[Any]) -> None:
    twins = sorted({str(name) for name in names if names.count(name) > 1})
    if twins:
        nl, member = _KINDS[what]
        where = (member, len(names) - 1 - names[::-1].index(twins[0])) if member else ()
        raise UnfitError(
            f"{nl} '{twins[0]}' komt twee keer voor", f"the {what} '{twins[0]}' is named twice", *where
        )


def _parsed(when: str, fields: Mapping[str, FieldType], *path: str | int) -> Predicate:
    """A predicate of this document, that stands at `path`."""
    try:
        return parse_predicate(when, fields)
    except CriterionError as error:
        raise UnfitError.by(error, *path) from None


class Document(BaseModel):
    """Base of every part: nothing that is not declared, nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
            raise UnfitError(
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
                raise UnfitError(
                    f"{kind} hoort niet bij {self.unit}",
                    f"a {self.unit} is not identified by {kind}",
                    "identifiers",
                )
        unknown = set(self.person_keys) - PERSON_KEYS.keys()
        if unknown:
            names = ", ".join(sorted(unknown))
            raise UnfitError(
                f"onbekende persoonssleutels: {names}", f"unknown person keys: {names}", "person_keys"
            )
        if self.person_keys and self.unit is not Unit.PERSON:
            raise UnfitError(
                "persoonssleutels zijn er alleen voor personen", "person keys are for persons", "person_keys"
            )
        if not self.kinds:
            raise UnfitError(
                "noem minstens één nummer of persoonssleutel", "name at least one identifier or person key"
            )
        if len(set(self.kinds)) != len(self.kinds):
            raise UnfitError(
                "een nummer of persoonssleutel komt twee keer voor", "an identifier is named twice"
            )
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of pseudonym, in the order of the columns of a drop."""
        return tuple(k.value for k in self.identifiers) + tuple(f"pk_{name}" for name in self.person_keys)


class Characteristic(Document):
    """A ground of discrimination, or what often goes together with one, that fields of this project have to do with."""

    kind: CharacteristicKind = Field(
        description=both(
            "ground: grond van discriminatie. proxy: hangt vaak met zo'n grond samen.",
            "ground: a ground of discrimination. proxy: often goes together with one.",
        )
    )
    label: Text = Field(description=both("Hoe mensen het noemen.", "What people call it."))
    rationale: Prose = Field(
        description=both(
            "Waarom dit kenmerk toch wordt gebruikt, en wat het voor groepen betekent.",
            "Why this is used all the same, and what it means for groups.",
        )
    )
    legal_basis: Text | None = Field(
        default=None,
        description=both(
            "Wettelijke rechtvaardiging. Verplicht als een discriminatiegrond helpt selecteren; iedere FG adviseert erover.",
            "Legal justification. Required when a ground of discrimination helps select; every DPO advises on it.",
        ),
    )


class SourceField(Document):
    """A field of a partner's register that criteria may look at."""

    type: FieldType = Field(
        description=both(
            "Soort: text (tekst), integer (geheel getal), decimal (bedrag), date (datum) of boolean (ja of nee).",
            "Type: text, integer, decimal, date or boolean.",
        )
    )
    meaning: Text = Field(
        description=both("Wat er in het veld staat, in gewone taal.", "What the field holds, in plain words.")
    )
    characteristic: Name | None = Field(
        default=None,
        description=both(
            "Naam onder 'characteristics', als het veld met een discriminatiegrond te maken heeft.",
            "Name under 'characteristics', when the field has to do with a ground of discrimination.",
        ),
    )


class Rule(Document):
    """A predicate with an id and a reason."""

    id: Name = Field(description=both("Korte naam van het criterium.", "Short name of the criterion."))
    when: Text = Field(
        description=both(
            "Voorwaarde waaraan een record moet voldoen (docs/criteria.md).",
            "Condition that a record has to meet (docs/criteria.md).",
        )
    )
    rationale: Text = Field(
        description=both("Waarom dit criterium nodig is.", "Why this criterion is needed.")
    )


class Signal(Document):
    """Why a partner has a record in mind: a coded value, true when its predicate is."""

    id: Name = Field(description=both("Korte naam van het signaal.", "Short name of the signal."))
    when: Text = Field(
        description=both(
            "Voorwaarde waarbij een record dit signaal krijgt.",
            "Condition under which a record carries this signal.",
        )
    )
    label: Text = Field(
        description=both(
            "Wat een lezer van een casus te zien krijgt.", "What a reader of a case gets to see."
        )
    )


class IdentifierSource(Document):
    """From which fields an identifier is made. An address names up to four, in the order of `ADDRESS_PARTS`."""

    kind: IdentifierKind = Field(
        description=both(
            "Soort nummer, uit 'subject.identifiers'.", "Kind of identifier, of 'subject.identifiers'."
        )
    )
    fields: tuple[Name, ...] = Field(
        min_length=1,
        max_length=4,
        description=both(
            "Veld met het nummer; voor een adres postcode, huisnummer, huisletter en toevoeging.",
            "Field that holds it; for an address postcode, house number, house letter and addition.",
        ),
    )
    form: IdentifierForm = Field(
        default=IdentifierForm.PLAIN,
        description=both(
            "plain: zoals het is. loonheffing: het BSN of RSIN uit een loonheffingennummer.",
            "plain: as it is. loonheffing: the BSN or RSIN in a loonheffingennummer.",
        ),
    )


class Attribute(Document):
    """A value that goes along with a case: listed values, yes/no, bands, or whole months. Never free text."""

    id: Name = Field(description=both("Korte naam van wat meegaat.", "Short name of what goes along."))
    field: Name = Field(description=both("Veld waar het uit komt.", "Field that it comes from."))
    kind: Literal["listed", "boolean", "band", "month"] = Field(
        description=both(
            "listed: vaste waarden. boolean: ja of nee. band: klassen. month: jaar en maand. Nooit vrije tekst.",
            "listed: fixed values. boolean: yes or no. band: classes. month: year and month. Never free text.",
        )
    )
    values: tuple[Text, ...] = Field(
        default=(),
        description=both(
            "Bij listed: de waarden die mogen voorkomen.", "With listed: the values that may occur."
        ),
    )
    edges: tuple[Annotated[int, Field(ge=-MAX_EDGE, le=MAX_EDGE)], ...] = Field(
        default=(),
        description=both(
            "Bij band: de grenzen van de klassen, oplopend.",
            "With band: the edges of the classes, ascending.",
        ),
    )
    use: Literal["release", "rule", "both"] = Field(
        default="release",
        description=both(
            "release: om te tonen. rule: alleen voor de koppelregel, nooit te zien. both: allebei. Voor de regel: alleen month.",
            "release: to be shown. rule: for the match rule only, never shown. both: for both. For the rule: month only.",
        ),
    )
    rationale: Text = Field(description=both("Waarom dit mee moet.", "Why this has to go along."))

    @model_validator(mode="after")
    def _complete(self) -> Attribute:
        if (self.kind == "listed") != bool(self.values) or (self.kind == "band") != bool(self.edges):
            raise UnfitError(
                "bij listed horen 'values', bij band 'edges', bij de andere geen van beide",
                "listed attributes give 'values', bands give 'edges', others neither",
            )
        if len(self.values) > 500 or len(self.edges) > 50 or list(self.edges) != sorted(set(self.edges)):
            raise UnfitError(
                "hoogstens 500 waarden; hoogstens 50 grenzen, elk groter dan de vorige",
                "at most 500 values; at most 50 edges, each larger than the one before",
            )
        if self.for_rule and self.kind != "month":
            raise UnfitError(
                "de koppelregel kijkt van wat meegaat alleen naar maanden: 'use' is hier release",
                "of what goes along the match rule looks at months only: 'use' is release here",
                "use",
            )
        return self

    @property
    def shown(self) -> bool:
        """Whether it may be in a release."""
        return self.use != "rule"

    @property
    def for_rule(self) -> bool:
        """Whether the match rule may look at it."""
        return self.use != "release"

    def labels(self) -> tuple[str, ...]:
        """The label of every position an attribute column may hold (months are counted, not listed)."""
        if self.kind == "listed":
            return self.values
        if self.kind == "boolean":
            return ("nee", "ja")
        if self.kind == "band":
            inner = [f"{low} tot {high}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
            return (f"minder dan {self.edges[0]}", *inner, f"{self.edges[-1]} of meer")
        return ()

    def label(self, position: int) -> str:
        """The label of one position; a month is `yyyy-mm`, counted from year 0."""
        if position == NO_VALUE:
            return ""
        return (
            f"{position // 12:04d}-{position % 12 + 1:02d}"
            if self.kind == "month"
            else self.labels()[position]
        )


class Volume(Document):
    """How many records a selection is expected to deliver. Outside it the drop is refused."""

    at_least: int = Field(
        ge=0, description=both("Verwacht aantal records: minstens.", "Expected number of records: at least.")
    )
    at_most: int = Field(
        gt=0,
        le=20_000_000,
        description=both("Verwacht aantal records: hoogstens.", "Expected number of records: at most."),
    )

    @model_validator(mode="after")
    def _in_order(self) -> Volume:
        if self.at_most < self.at_least:
            raise UnfitError("at_most is kleiner dan at_least", "at_most is less than at_least", "at_most")
        return self


class Selection(Document):
    """What one partner selects from one register."""

    id: Name = Field(description=both("Korte naam van de selectie.", "Short name of the selection."))
    source: Text = Field(
        description=both("Register waaruit wordt geselecteerd.", "Register that is selected from.")
    )
    fields: dict[Name, SourceField] = Field(
        min_length=1,
        description=both(
            "Velden van het register die dit manifest gebruikt; geen andere.",
            "Fields of the register that this manifest uses, and no others.",
        ),
    )
    identifiers: tuple[IdentifierSource, ...] = Field(
        default=(),
        description=both("Uit welke velden elk nummer komt.", "From which fields each identifier is made."),
    )
    person: dict[
        Literal["given_name", "surname", "birth_date", "postcode", "house_number", "street", "place"], Name
    ] = Field(
        default_factory=dict,
        description=both("Velden voor persoonssleutels.", "Fields that person keys are made from."),
    )
    criteria: tuple[Rule, ...] = Field(
        min_length=1,
        max_length=MAX_CRITERIA,
        description=both(
            "Criteria: een record moet aan alle voldoen.", "Criteria: a record has to meet all of them."
        ),
    )
    signals: tuple[Signal, ...] = Field(
        min_length=1,
        description=both(
            "Signalen: een record zonder signaal wordt niet geleverd.",
            "Signals: a record without one is not delivered.",
        ),
    )
    attributes: tuple[Attribute, ...] = Field(
        default=(), description=both("Wat er verder meegaat.", "What else goes along.")
    )
    volume: Volume = Field(
        description=both(
            "Verwacht aantal records; daarbuiten wordt niets geleverd.",
            "Expected number of records; outside it nothing is delivered.",
        )
    )

    @property
    def field_types(self) -> dict[str, FieldType]:
        return {name: field.type for name, field in self.fields.items()}

    def predicates(self) -> dict[str, Predicate]:
        """Criterion id → parsed predicate, in order."""
        types = self.field_types
        return {r.id: _parsed(r.when, types, "criteria", i, "when") for i, r in enumerate(self.criteria)}

    def signal_predicates(self) -> dict[str, Predicate]:
        """Signal id → parsed predicate, in order."""
        types = self.field_types
        return {s.id: _parsed(s.when, types, "signals", i, "when") for i, s in enumerate(self.signals)}

    @model_validator(mode="after")
    def _consistent(self) -> Selection:
        for name in self.fields:
            if name in RESERVED_FIELDS or name.startswith("attribute_"):
                raise UnfitError(
                    f"een veld kan niet '{name}' heten: die naam heeft een eigen betekenis",
                    f"a field cannot be called '{name}', which has a meaning of its own",
                    "fields",
                    name,
                )
        _no_twins("criterion", [rule.id for rule in self.criteria])
        _no_twins("signal", [signal.id for signal in self.signals])
        _no_twins("attribute", [attribute.id for attribute in self.attributes])
        _no_twins("identifier", [source.kind for source in self.identifiers])
        used = [name for source in self.identifiers for name in source.fields] + list(self.person.values())
        used += [attribute.field for attribute in self.attributes]
        for name in used:
            if name not in self.fields:
                raise UnfitError(
                    f"het veld '{name}' wordt gebruikt, en staat niet onder 'fields'",
                    f"the field '{name}' is used but not declared",
                )
        for attribute in self.attributes:
            if self.fields[attribute.field].type not in ATTRIBUTE_TYPES[attribute.kind]:
                raise UnfitError(
                    f"'{attribute.id}' is {attribute.kind}, en daar past de soort van het veld niet bij",
                    f"the attribute '{attribute.id}' is {attribute.kind}, and the type of its field does not fit",
                    "attributes",
                    self.attributes.index(attribute),
                )
        for source in self.identifiers:
            if source.kind is IdentifierKind.ADDRESS:
                if len(source.fields) < 2:
                    parts = ", ".join(ADDRESS_PARTS)
                    raise UnfitError(
                        f"een adres wordt gemaakt van {parts} (de laatste twee mogen ontbreken)",
                        f"an address is made from {parts} (the last two may be absent)",
                        "identifiers",
                    )
            elif len(source.fields) != 1:
                raise UnfitError(
                    f"{source.kind} komt uit één veld", f"{source.kind} is made from one field", "identifiers"
                )
            if source.form is IdentifierForm.LOONHEFFING and source.kind not in (
                IdentifierKind.BSN,
                IdentifierKind.RSIN,
            ):
                raise UnfitError(
                    "form 'loonheffing' geeft een bsn of een rsin",
                    "form 'loonheffing' gives a bsn or an rsin",
                    "identifiers",
                )
        if not self.identifiers and not self.person:
            raise UnfitError(
                "een selectie heeft nummers nodig, of velden voor persoonssleutels",
                "a selection needs identifiers or fields for person keys",
            )
        self.predicates()
        self.signal_predicates()
        return self


class Partner(Document):
    """What one organisation selects. Its name is the name of its controller."""

    selections: tuple[Selection, ...] = Field(
        min_length=1,
        max_length=50,
        description=both("Wat deze organisatie selecteert.", "What this organisation selects."),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Partner:
        _no_twins("selection", [selection.id for selection in self.selections])
        _no_twins("signal", [signal.id for signal in self.signals])
        if len(self.signals) > MAX_SIGNALS:
            raise UnfitError(
                f"een deelnemer heeft hoogstens {MAX_SIGNALS} signalen",
                f"a partner has at most {MAX_SIGNALS} signals",
            )
        for one in self.attributes:
            if any(other.id == one.id and other.labels() != one.labels() for other in self.attributes):
                raise UnfitError(
                    f"'{one.id}' heeft in twee selecties verschillende waarden",
                    f"the attribute '{one.id}' has different values in two selections",
                )
            if any(other.id == one.id and other.use != one.use for other in self.attributes):
                raise UnfitError(
                    f"'{one.id}' is in twee selecties voor iets anders bedoeld ('use')",
                    f"the attribute '{one.id}' has a different 'use' in two selections",
                )
        return self

    @property
    def signals(self) -> tuple[Signal, ...]:
        """All signals, in the order of their bits in a drop."""
        return tuple(signal for selection in self.selections for signal in selection.signals)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(attribute for selection in self.selections for attribute in selection.attributes)

    @property
    def attribute_ids(self) -> tuple[str, ...]:
        """The attribute columns of a drop, in order, each once."""
        return tuple(dict.fromkeys(attribute.id for attribute in self.attributes))

    @property
    def shown_attribute_ids(self) -> tuple[str, ...]:
        """Those of them that may be in a release."""
        return tuple(dict.fromkeys(attribute.id for attribute in self.attributes if attribute.shown))

    @property
    def rule_attribute_ids(self) -> tuple[str, ...]:
        """Those of them that the match rule may look at."""
        return tuple(dict.fromkeys(attribute.id for attribute in self.attributes if attribute.for_rule))


class Match(Document):
    """Which subjects are cases: a predicate over the columns of `Manifest.match_fields`."""

    rule: Text = Field(
        description=both(
            "Wanneer het een casus is (docs/criteria.md, 'The match rule').",
            "When it is a case (docs/criteria.md, 'The match rule').",
        )
    )
    records_of: tuple[Name, ...] = Field(
        default=(),
        description=both(
            "Deelnemers van wie de regel naar het aantal records kijkt, als <deelnemer>_records.",
            "Partners of whom the rule looks at the number of records, as <partner>_records.",
        ),
    )
    rationale: Text = Field(description=both("Waarom dat een casus is.", "Why that is a case."))


class Show(Document):
    """What one recipient sees of the others in a case. Nothing that is not named here."""

    signals_of: tuple[Name, ...] = Field(
        default=(),
        description=both("Deelnemers van wie de signalen te zien zijn.", "Partners whose signals are shown."),
    )
    attributes_of: tuple[Name, ...] = Field(
        default=(),
        description=both(
            "Deelnemers van wie te zien is wat er verder meeging.",
            "Partners of whom is shown what else went along.",
        ),
    )


class Release(Document):
    """What leaves the matching environment, and for how long."""

    max_cases: int = Field(
        gt=0,
        le=1_000_000,
        description=both(
            "Hoogstens zoveel casussen; bij meer wordt niets vrijgegeven.",
            "At most so many cases; with more nothing is released.",
        ),
    )
    to: dict[Name, Show] = Field(
        description=both(
            "Voor iedere deelnemer: wat die van de anderen ziet.",
            "For every partner: what it sees of the others.",
        )
    )
    keep_days: int = Field(
        gt=0,
        le=3650,
        description=both(
            "Zoveel dagen na de vrijgave zijn casussen te openen.",
            "For so many days after release cases can be opened.",
        ),
    )
    cosignatures: int = Field(
        default=0,
        ge=0,
        description=both(
            "Zoveel verwerkingsverantwoordelijken ondertekenen eerst het logboek waar de vrijgave in staat; 0: niet wachten.",
            "So many controllers co-sign the log that has the release before it is handed out; 0: no waiting.",
        ),
    )


class Group(Document):
    """A group of a dimension: a record belongs to the first whose predicate is true."""

    id: Name = Field(description=both("Korte naam van de groep.", "Short name of the group."))
    when: Text = Field(
        description=both(
            "Voorwaarde; een record telt in de eerste groep die past.",
            "Condition; a record counts in the first group that fits.",
        )
    )
    label: Text = Field(description=both("Hoe de groep in rapporten heet.", "What reports call the group."))


class Dimension(Document):
    """One way of dividing people into groups that the monitor counts by."""

    id: Name = Field(description=both("Korte naam van deze indeling.", "Short name of this dimension."))
    label: Text = Field(
        description=both("Hoe deze indeling in rapporten heet.", "What reports call this dimension.")
    )
    role: Literal["protected", "legitimate"] = Field(
        default="protected",
        description=both(
            "protected: deze groepen worden vergeleken. legitimate: daarbinnen worden de andere vergeleken.",
            "protected: these groups are compared. legitimate: the others are compared within these.",
        ),
    )
    groups: tuple[Group, ...] = Field(
        min_length=2,
        max_length=MAX_CELLS - 2,
        description=both("De groepen, in volgorde.", "The groups, in order."),
    )
    baseline: Name | None = Field(
        default=None,
        description=both(
            "Groep waarmee de andere worden vergeleken; zonder: elke groep met alle andere samen.",
            "Group that the others are compared with; without it: each group with all others together.",
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Dimension:
        names = [group.id for group in self.groups]
        _no_twins("group", names)
        if UNKNOWN in names:
            raise UnfitError(
                f"een groep kan niet '{UNKNOWN}' heten: die naam heeft een eigen betekenis",
                f"a group cannot be called '{UNKNOWN}', which has a meaning of its own",
                "groups",
                names.index(UNKNOWN),
                "id",
            )
        if self.baseline is not None and self.baseline not in names:
            raise UnfitError(
                f"'{self.baseline}' is geen groep van '{self.id}'",
                f"the baseline '{self.baseline}' is no group of '{self.id}'",
                "baseline",
            )
        return self


class Reference(Document):
    """A published table that selections are compared with, in place of each partner's register."""

    source: Text = Field(description=both("Waar de tabel vandaan komt.", "Where the table is from."))
    counts: dict[str, Annotated[int, Field(ge=0, le=1_000_000_000)]] = Field(
        description=both(
            "Aantal per cel: de groep van iedere indeling, met `|` ertussen.",
            "Count per cell: the group of each dimension, with `|` between.",
        )
    )
    sampled: bool = Field(
        default=False,
        description=both("De aantallen komen uit een steekproef.", "The counts are from a sample."),
    )
    rounded_to: int = Field(
        default=1,
        ge=1,
        le=1000,
        description=both(
            "Eenheid waarop de aantallen zijn afgerond.", "Unit to which the counts are rounded."
        ),
    )


class Monitor(Document):
    """What is counted per group at every stage, with what it is compared, and when a run is held."""

    dimensions: tuple[Dimension, ...] = Field(
        default=(),
        max_length=MAX_DIMENSIONS,
        description=both(
            "Indelingen in groepen waarnaar de monitor kijkt.",
            "The ways of dividing people into groups that the monitor looks at.",
        ),
    )
    reference: Literal["register"] | Reference = Field(
        default="register",
        description=both(
            "Waarmee wordt vergeleken: register (het hele register van de deelnemer) of een gepubliceerde tabel.",
            "What is compared with: register (the partner's whole register) or a published table.",
        ),
    )
    tolerance: float = Field(
        default=1.25,
        gt=1,
        le=10,
        description=both(
            "Verhouding tot waar een verschil wordt aanvaard.", "Ratio up to which a difference is accepted."
        ),
    )
    confidence: float = Field(
        default=0.95,
        ge=0.8,
        le=0.999,
        description=both("Zekerheid van het hele rapport.", "Confidence of the whole report."),
    )
    looks: int = Field(
        default=12,
        ge=1,
        le=1000,
        description=both(
            "Aantal rondes dat samen die zekerheid deelt.", "Rounds that share that confidence."
        ),
    )
    smallest_cell: int = Field(
        default=10,
        ge=2,
        le=1000,
        description=both("Kleinste aantal dat wordt getoond.", "Smallest number that is shown."),
    )
    hold_on_too_little: bool = Field(
        default=False,
        description=both(
            "Ook aanhouden als er te weinig gegevens zijn om iets te zeggen.",
            "Hold as well where there is too little data to say anything.",
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Monitor:
        _no_twins("dimension", [dimension.id for dimension in self.dimensions])
        if prod(len(dimension.groups) + 1 for dimension in self.dimensions) > MAX_CELLS:
            raise UnfitError(
                f"de groepen van alle indelingen, met onbekend erbij, geven meer dan {MAX_CELLS} combinaties",
                f"the groups of all dimensions, with unknown, make more than {MAX_CELLS} combinations",
                "dimensions",
            )
        if isinstance(self.reference, Reference):
            cells = {"|".join(cell) for cell in product(*([g.id for g in d.groups] for d in self.dimensions))}
            if self.reference.counts.keys() != cells:
                wanted = ", ".join(sorted(cells))
                raise UnfitError(
                    f"de tabel geeft een aantal voor elk van {wanted}",
                    f"the reference gives a count for each of {wanted}",
                    "reference",
                    "counts",
                )
        return self


class Schedule(Document):
    """When rounds open, how long partners have, and what happens when one is late.

    `opens` has the five fields of cron, read in `timezone`; without it rounds are opened by hand. A round opened so
    is called after its day, which is its reference date too. `remind_days` are days before the deadline.
    """

    when_late: Literal["wait", "proceed", "refuse"] = Field(
        default="wait",
        description=both(
            "Als een deelnemer te laat is. wait: wachten. proceed: na de uiterste dag zonder hem door. refuse: de ronde vervalt.",
            "When a partner is late. wait: wait. proceed: go on without it after the deadline. refuse: give the round up.",
        ),
    )
    deadline_days: int = Field(
        gt=0,
        le=365,
        description=both(
            "Zoveel dagen na opening moet er geleverd zijn.", "Drops are due so many days after opening."
        ),
    )
    opens: Text | None = Field(
        default=None,
        description=both(
            'Wanneer rondes vanzelf opengaan, als cron: "0 6 1 * *" is de eerste van de maand om zes uur. Zonder: met de hand.',
            'When rounds open by themselves, as cron: "0 6 1 * *" is the first of the month at six. Without it: by hand.',
        ),
    )
    timezone: Text = Field(
        default="Europe/Amsterdam", description=both("Tijdzone van 'opens'.", "Time zone of 'opens'.")
    )
    rounds_at_most: int | None = Field(
        default=None,
        gt=0,
        description=both(
            "Zoveel rondes worden er hoogstens vrijgegeven. Twee rondes met één record verschil vertellen iets over één persoon.",
            "So many rounds are released at most. Two rounds that differ in one record tell about one person.",
        ),
    )
    remind_days: tuple[Annotated[int, Field(ge=0, le=365)], ...] = Field(
        default=(),
        max_length=5,
        description=both(
            "Zoveel dagen voor de uiterste dag gaat er een herinnering uit.",
            "So many days before the deadline a reminder goes out.",
        ),
    )

    @model_validator(mode="after")
    def _keeps_time(self) -> Schedule:
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UnfitError(
                f"tijdzone {self.timezone!r} bestaat niet",
                f"timezone {self.timezone!r} is not known",
                "timezone",
            ) from None
        if any(days >= self.deadline_days for days in self.remind_days):
            raise UnfitError(
                "remind_days: een herinnering komt na de opening, dus onder deadline_days",
                "remind_days: a reminder comes after the opening, so under deadline_days",
                "remind_days",
            )
        if self.opens is not None:
            try:
                fires = list(islice(CronSim(self.opens, datetime(2026, 1, 1, tzinfo=zone)), 60))
            except CronSimError:
                raise UnfitError(
                    f"opens {self.opens!r} is geen cron-tekst van vijf velden",
                    f"opens {self.opens!r} is no cron expression of five fields",
                    "opens",
                ) from None
            days = [fire.date() for fire in fires]
            if not days or len(set(days)) < len(days):
                raise UnfitError(
                    "opens: rondes gaan hoogstens een keer per dag open, en ooit wel",
                    "opens: rounds open at most once a day, and do open",
                    "opens",
                )
        return self

    def last_opening(self, now: datetime) -> datetime | None:
        """The latest moment up to `now` at which a round was to open; None when rounds are opened by hand."""
        if self.opens is None:
            return None
        here = now.astimezone(ZoneInfo(self.timezone)) + timedelta(seconds=1)
        return next(CronSim(self.opens, here, reverse=True), None)


class Retention(Document):
    """How long what is not destroyed with the round is kept."""

    log_details_days: int = Field(
        gt=0,
        le=3650,
        description=both(
            "Zoveel dagen na een ronde blijft bewaard wat nodig is om mensen te antwoorden die vragen wat er met hun gegevens is gedaan.",
            "For so many days after a round is kept what is needed to answer people who ask what happened to their data.",
        ),
    )
    hold_days: int = Field(
        gt=0,
        le=365,
        description=both(
            "Zoveel dagen mag een aangehouden ronde wachten op een rechtvaardiging; daarna wordt alles vernietigd.",
            "For so many days a held round may wait for a justification; after that everything is destroyed.",
        ),
    )


class Manifest(Document):
    """The signed agreement of one project: purpose, criteria, rules, limits."""

    format: Literal["lsi-match/manifest/v1"] = Field(
        description=both("Soort en versie van dit document.", "Kind and version of this document.")
    )
    project: Project = Field(description=both("Welk project dit is.", "What project this is."))
    basis: Basis = Field(
        description=both(
            "Het projectplan: waarom dit mag, in hele zinnen.",
            "The project plan: why this may be done, in full sentences.",
        )
    )
    controllers: dict[Name, Controller] = Field(
        min_length=2,
        description=both(
            "Wie samen verantwoordelijk zijn (art. 26 AVG). Zij tekenen allemaal.",
            "Who is responsible together (art. 26 GDPR). All of them sign.",
        ),
    )
    matcher: Matcher = Field(description=both("De koppelomgeving.", "The matching environment."))
    dpia: Dpia = Field(description=both("De DPIA (art. 35 AVG).", "The DPIA (art. 35 GDPR)."))
    dpo_advice: dict[Name, Advice] = Field(
        description=both(
            "Het advies van de FG van iedere organisatie.", "The advice of the DPO of every organisation."
        )
    )
    work_instruction: WorkInstruction = Field(
        description=both(
            "De werkinstructie, en wie haar moet lezen.", "The work instruction, and who has to read it."
        )
    )
    characteristics: dict[Name, Characteristic] = Field(
        default_factory=dict,
        description=both(
            "Wat in dit project met discriminatie te maken heeft, en waarom het toch mag. Velden verwijzen ernaar.",
            "What in this project has to do with discrimination, and why it may be used. Fields refer to it.",
        ),
    )
    pseudonyms: Pseudonyms = Field(
        description=both("Hoe nummers worden vervangen.", "How identifiers are replaced.")
    )
    subject: Subject = Field(description=both("Waar een casus over gaat.", "What a case is about."))
    partners: dict[Name, Partner] = Field(
        min_length=2,
        max_length=64,
        description=both(
            "Wie levert, en wat. Namen zijn die onder 'controllers'.",
            "Who delivers, and what. Names are those under 'controllers'.",
        ),
    )
    match: Match = Field(description=both("Wanneer het een casus is.", "When it is a case."))
    release: Release = Field(description=both("Wie wat te zien krijgt.", "Who gets to see what."))
    monitor: Monitor = Field(
        default=Monitor(),
        description=both(
            "Wat per groep wordt geteld, en wanneer een ronde wordt aangehouden.",
            "What is counted per group, and when a round is held.",
        ),
    )
    schedule: Schedule = Field(description=both("Wanneer rondes lopen.", "When rounds run."))
    retention: Retention = Field(description=both("Bewaartermijnen.", "Terms of retention."))

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        for where, names in (
            ("partners", self.partners),
            ("dpo_advice", self.dpo_advice),
            ("release.to", self.release.to),
        ):
            strangers = sorted(set(names) - self.controllers.keys())
            if strangers:
                who = ", ".join(strangers)
                raise UnfitError(
                    f"{where} noemt {who}, en die staat niet onder 'controllers'",
                    f"{where} names {who}, not a controller",
                    *where.split("."),
                    strangers[0],
                )
        self._no_reserved_names()
        self._no_shared_keys()
        # C2SP tlog-cosignature knows Ed25519 only.
        able = sum(":" not in c.signing_key for c in self.controllers.values())
        if self.release.cosignatures > able:
            raise UnfitError(
                f"release.cosignatures vraagt meer dan de {able} partijen die kunnen medeondertekenen",
                f"release.cosignatures is more than the {able} controllers that can co-sign",
                "release",
                "cosignatures",
            )
        missing = sorted(self.partners.keys() - self.release.to.keys())
        if missing:
            who = ", ".join(missing)
            raise UnfitError(
                f"release.to zegt niets over {who}", f"release.to says nothing about {who}", "release", "to"
            )
        for recipient, show in self.release.to.items():
            for other in (*show.signals_of, *show.attributes_of):
                if other not in self.partners or other == recipient:
                    raise UnfitError(
                        f"release.to.{recipient} noemt '{other}', en dat is geen andere deelnemer",
                        f"release.to.{recipient} names '{other}', not another partner",
                        "release",
                        "to",
                        recipient,
                    )
        for partner, selection in self.selections():
            self._linkable(partner, selection)
        for name in self.match.records_of:
            if name not in self.partners:
                raise UnfitError(
                    f"match.records_of noemt '{name}', en dat is geen deelnemer",
                    f"match.records_of names '{name}', not a partner",
                    "match",
                    "records_of",
                )
        columns = [name for name, _ in self._match_columns()]
        _no_twins("column of the match rule", columns)
        for name in columns:
            if name in RESERVED_COLUMNS:
                raise UnfitError(
                    f"een deelnemer of signaal kan niet de kolom '{name}' geven: die naam heeft een eigen betekenis",
                    f"a partner or signal cannot give the column '{name}', which has a meaning of its own",
                    "partners",
                )
        self.match_predicate()
        for _, selection in self.selections():
            self.group_predicates(selection)
        self._characteristics_declared()
        for found in special_groups(self):
            raise UnfitError(
                f"monitor.dimensions.{found.dimension} kijkt naar '{found.word}', en dat gaat over {found.known.nl}: "
                f"gegevens onder art. {found.known.special} AVG worden nooit per persoon geteld",
                f"monitor.dimensions.{found.dimension} looks at '{found.word}', which has to do with {found.known.en}: "
                f"data under art. {found.known.special} GDPR is never counted per person",
                "monitor",
                "dimensions",
                [one.id for one in self.monitor.dimensions].index(found.dimension),
            )
        return self

    def _no_reserved_names(self) -> None:
        """Under these names others are meant: a controller called so would sign for them, or count as having signed."""
        for name in sorted(RESERVED_PARTIES & self.controllers.keys()):
            raise UnfitError(
                f"een partij kan niet '{name}' heten: die naam heeft een eigen betekenis",
                f"a party cannot be called '{name}', which has a meaning of its own",
                "controllers",
                name,
            )

    def _no_shared_keys(self) -> None:
        """Whoever has the key of another party signs, or reads, in its name."""
        owners: dict[str, str] = {}
        numbers: dict[str, str] = {}
        for name, party in [*self.controllers.items(), ("matcher", self.matcher)]:
            at = ("controllers", name) if isinstance(party, Controller) else ("matcher",)
            for key in (party.signing_key, party.encryption_key):
                if (other := owners.setdefault(key, name)) != name:
                    raise UnfitError(
                        f"{other} en {name} hebben dezelfde sleutel; ieder maakt een eigen",
                        f"two parties have the same key, {other} and {name}; each makes its own",
                        *at,
                    )
            if isinstance(party, Controller) and (other := numbers.setdefault(party.oin, name)) != name:
                raise UnfitError(
                    f"{other} en {name} hebben hetzelfde OIN",
                    f"two controllers have the same OIN, {other} and {name}",
                    *at,
                    "oin",
                )

    def _characteristics_declared(self) -> None:
        declared = {f.characteristic for _, s in self.selections() for f in s.fields.values()} - {None}
        advised = {name for advice in self.dpo_advice.values() for name in advice.characteristics}
        for name in sorted(map(str, declared | advised)):
            if name not in self.characteristics:
                raise UnfitError(
                    f"het kenmerk '{name}' wordt genoemd, en 'characteristics' legt het niet uit",
                    f"the characteristic '{name}' is named, and 'characteristics' does not explain it",
                    "characteristics",
                )
        known = known_characteristics()
        for name, characteristic in self.characteristics.items():
            if name in known and known[name].kind is not characteristic.kind:
                raise UnfitError(
                    f"het kenmerk '{name}' is een {known[name].kind}, geen {characteristic.kind}",
                    f"the characteristic '{name}' is a {known[name].kind}, not a {characteristic.kind}",
                    "characteristics",
                    name,
                    "kind",
                )
        for use in uses(self):
            characteristic = self.characteristics[use.characteristic]
            if characteristic.kind is CharacteristicKind.GROUND and not characteristic.legal_basis:
                raise UnfitError(
                    f"{use.place} kijkt naar '{use.field}', een grond van discriminatie ({characteristic.label}): "
                    f"characteristics.{use.characteristic} heeft een wettelijke rechtvaardiging nodig ('legal_basis')",
                    f"{use.place} looks at '{use.field}', a ground of discrimination ({characteristic.label}): "
                    f"characteristics.{use.characteristic} needs a 'legal_basis'",
                    "characteristics",
                    use.characteristic,
                )

    def _linkable(self, partner: str, selection: Selection) -> None:
        at = ("partners", partner, "selections", self.partners[partner].selections.index(selection))
        for source in selection.identifiers:
            if source.kind not in self.subject.identifiers:
                raise UnfitError(
                    f"{partner}.{selection.id} levert {source.kind}, en dat staat niet bij 'subject'",
                    f"{partner}.{selection.id} delivers {source.kind}, which the subject does not use",
                    *at,
                    "identifiers",
                )
        if not selection.identifiers and not self.subject.person_keys:
            raise UnfitError(
                f"{partner}.{selection.id} levert niets waarop gekoppeld kan worden",
                f"{partner}.{selection.id} delivers nothing that can link",
                *at,
            )
        if selection.person and not self.subject.person_keys:
            raise UnfitError(
                f"{partner}.{selection.id} geeft velden voor persoonssleutels, en die staan niet bij 'subject'",
                f"{partner}.{selection.id} gives fields for person keys, which the subject does not use",
                *at,
                "person",
            )

    def selections(self) -> Iterator[tuple[str, Selection]]:
        """Every partner name with each of its selections, in order."""
        for name, partner in self.partners.items():
            for selection in partner.selections:
                yield name, selection

    @cached_property
    def match_fields(self) -> dict[str, FieldType]:
        """The columns a match rule may name: `partners`, `<partner>`, `<partner>_<signal>`; `<partner>_records` of
        those in `match.records_of`; `<partner>_<attribute>_first` and `_last` of attributes for the rule."""
        return dict(self._match_columns())

    def _match_columns(self) -> Iterator[tuple[str, FieldType]]:
        yield "partners", FieldType.INTEGER
        for name, partner in self.partners.items():
            yield name, FieldType.BOOLEAN
            for signal in partner.signals:
                yield f"{name}_{signal.id}", FieldType.BOOLEAN
            for attribute in partner.rule_attribute_ids:
                yield f"{name}_{attribute}_first", FieldType.DATE
                yield f"{name}_{attribute}_last", FieldType.DATE
        for name in self.match.records_of:
            yield f"{name}_records", FieldType.INTEGER

    def match_predicate(self) -> Predicate:
        """The parsed match rule."""
        return _parsed(self.match.rule, self.match_fields, "match", "rule")

    def group_predicates(self, selection: Selection) -> dict[str, dict[str, Predicate]]:
        """Dimension → group → predicate, of the dimensions of which the selection has every field."""
        every_field = {k: v for _, s in self.selections() for k, v in s.field_types.items()}
        found = {}
        for number, dimension in enumerate(self.monitor.dimensions):
            at = ("monitor", "dimensions", number, "groups")
            parsed = [_parsed(g.when, every_field, *at, i, "when") for i, g in enumerate(dimension.groups)]
            if {field for predicate in parsed for field in predicate.fields} <= selection.fields.keys():
                found[dimension.id] = {
                    group.id: _parsed(group.when, selection.field_types, *at, i, "when")
                    for i, group in enumerate(dimension.groups)
                }
        return found

    def canonical(self) -> bytes:
        """The RFC 8785 bytes that are signed: what the document says, and nothing that a later version adds."""
        return canonical_json(self.model_dump(mode="json", exclude_unset=True))

    @classmethod
    def from_draft(cls, document: Any) -> Manifest:
        """A manifest to be signed, with everything that the draft left to a default written out."""
        return cls.model_validate(cls.model_validate(document).model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """The identity of this manifest."""
        return digest_of_bytes(self.canonical())


def complete_draft(draft: Any, cards: Mapping[str, Mapping[str, str]], key_check: str) -> Any:
    """A draft with what only exists once parties have made their keys.

    Args:
        draft: the plain value of a manifest without public keys and key check value.
        cards: party name (`matcher` for the matcher) → `signing_key`, `encryption_key`.
        key_check: of the project key.
    """

    def keyed(name: str, party: Any) -> Any:
        keys = {k: v for k, v in cards.get(name, {}).items() if k in ("signing_key", "encryption_key")}
        return {**party, **keys} if isinstance(party, Mapping) else party

    # What is absent or of the wrong kind stays so, for the model to complain about in its place.
    if not isinstance(draft, Mapping):
        return draft
    complete = dict(draft)
    if isinstance(draft.get("controllers"), Mapping):
        complete["controllers"] = {name: keyed(name, party) for name, party in draft["controllers"].items()}
    if isinstance(draft.get("pseudonyms"), Mapping):
        complete["pseudonyms"] = {**draft["pseudonyms"], "key_check": key_check}
    return complete | ({"matcher": keyed("matcher", draft["matcher"])} if "matcher" in draft else {})


def blank_keys(draft: Any) -> tuple[dict[str, dict[str, str]], str]:
    """Keys that are nobody's, for `complete_draft`: a draft can be read and explained before anybody made keys."""
    controllers = draft.get("controllers") if isinstance(draft, Mapping) else None
    names = [*(controllers if isinstance(controllers, Mapping) else ()), "matcher"]
    return {
        str(name): {"signing_key": f"{i:064x}", "encryption_key": f"age1{i:058d}"}
        for i, name in enumerate(names, start=1)
    }, "0" * 32
