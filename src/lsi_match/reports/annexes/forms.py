"""The forms of registers and of the DPIA, as models of our own: members, limits, and where each comes from.

Their published schemas are not used as they are: that of the algorithm register has types and limits that no validator knows,
the register of VWS has none. The tests hold what is made here against the rest of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lsi_match.base.errors import LsiError, all_wrong, problem

#: How the limits of the algorithm register are called: characters.
Short = Annotated[str, StringConstraints(max_length=100)]
Long = Annotated[str, StringConstraints(max_length=2500)]
Longest = Annotated[str, StringConstraints(max_length=5000)]
Link = Annotated[str, StringConstraints(max_length=500, pattern="^https://")]
Mailbox = Annotated[str, StringConstraints(max_length=500, pattern=r"^(https://\S+|[^@\s]+@[^@\s]+)$")]
Category = Literal["Hoog-risico AI-systeem", "Impactvolle algoritmes", "Overige algoritmes"]
Operation = Literal["Obtain", "Use", "Transform", "Organise", "Disclose", "Remove", "Store"]
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}$")]
Filled = Annotated[str, StringConstraints(min_length=1)]


class Part(BaseModel):
    """Nothing that is not declared. The description of a member that is required says where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def checked(form: type[Part], values: dict[str, Any], **told: str) -> dict[str, Any]:
    """The values as the form has them, without what is None.

    Args:
        told: facts for the message: the annex, the project, the party.

    Raises `AnnexIncompleteError`: what is missing by name, and each text that is too long with its length.
    """
    try:
        return form.model_validate(values).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        missing, wrong = [], []
        for one in error.errors(include_url=False):
            name = ".".join(map(str, one["loc"]))
            member = form.model_fields.get(str(one["loc"][0]))
            name += f" ({member.description})" if member and member.description else ""
            if one["type"] == "missing" or one["input"] in (None, "", (), []):
                missing.append(name)
            elif one["type"] == "string_too_long":
                wrong.append(f"{name}: {len(one['input'])} > {one['ctx']['max_length']}")
            else:
                wrong.append(name)
        problems = [problem("reports.annexes.missing", names=", ".join(missing))] if missing else []
        if wrong:
            problems.append(problem("reports.annexes.unfit", names=", ".join(wrong)))
        raise LsiError("AnnexIncompleteError", **told, **all_wrong(problems, " ")) from None


# algorithm register, publication standard 1.0 (MinBZK/Algoritmeregister, backend/app/schemas/config/v1_0.json)


class LawLink(Part):
    title: Short
    link: Link | None = None


class SourceLink(Part):
    title: Annotated[str, StringConstraints(max_length=500)]
    link: Link | None = None


class AlgorithmEntry(Part):
    name: Annotated[Short, Field(description="manifest: project.title")]
    description_short: Annotated[str, StringConstraints(max_length=350), Field(description="publication: shared.in_short")]  # fmt: skip
    organization: Annotated[Short, Field(description="publication: name")]
    category: tuple[Literal["Sociale zekerheid"], ...]
    status: Literal["In ontwikkeling", "In gebruik", "Buiten gebruik"]
    begin_date: Month | None
    end_date: Month | None
    contact_email: Annotated[Mailbox, Field(description="publication: contact, as a mailbox or https://…")]
    website: Link | None
    url: Link
    publication_category: Annotated[Category, Field(description="publication: category")]
    goal: Annotated[Long, Field(description="publication: shared.why")]
    proportionality: Long
    human_intervention: Annotated[Long, Field(description="publication: shared.human")]
    risks: Annotated[Long, Field(description="publication: shared.risks")]
    lawful_basis: Long
    lawful_basis_grouping: tuple[LawLink, ...]
    impacttoetsen: Long
    impacttoetsen_grouping: tuple[LawLink, ...]
    source_data: Annotated[Long, Field(description="publication: shared.data")]
    source_data_grouping: tuple[SourceLink, ...]
    methods_and_models: Annotated[Longest, Field(description="publication: shared.works")]
    provider: Annotated[str, StringConstraints(max_length=200)]
    source_id: Short
    lang: Literal["nld"] = "nld"
    standard_version: Literal["1.0"] = "1.0"


# register of processing activities (Logius-standaarden/logboek-dataverwerkingen, media/rvva-openapi.json, v0.1)


class Assessed(Part):
    assessment: Link


class MeasureTaken(Part):
    measureType: Literal["Organisational", "Technical"]  # noqa: N815
    measure: Filled
    risks: tuple[Assessed, ...] = ()


class PersonalData(Part):
    categories: tuple[str, ...] = Field(min_length=1, description="manifest: accountability.data")
    retentionPeriod: Annotated[str, StringConstraints(pattern=r"^P\d+D$")]  # noqa: N815


class Recipient(Part):
    legalRole: Literal["JointDataControllers", "DataProcessor", "ThirdParty"]  # noqa: N815
    entityId: UUID  # noqa: N815


class ActivityVersion(Part):
    name: Filled
    purpose: Filled
    legalBasis: tuple[str, ...] = Field(min_length=1, description="manifest: accountability.legal_basis")  # noqa: N815
    dataSubjects: tuple[str, ...] = Field(min_length=1, description="manifest: accountability.subjects")  # noqa: N815
    personalData: PersonalData = Field(description="manifest: accountability.data")  # noqa: N815
    processingOptions: tuple[Operation, ...]  # noqa: N815
    measures: tuple[MeasureTaken, ...] = Field(min_length=1, description="manifest: accountability.security")
    recipients: tuple[Recipient, ...]
    version: int
    validFrom: datetime  # noqa: N815


# the register of VWS (minvws/nl-rdo-dataprocessing-register, src/cms/app/Import)


class VwsRecord(Part):
    """A record as it is imported. It has no schema; these are the members that its import reads."""

    Id: str
    Nummer: str
    Naam: Filled
    Versie: int
    Status: Literal["TerReview"] = "TerReview"
    AanmaakDatum: str
    LaatsteWijzigDatum: str
    Dienst: None = None
    VerdelingVerantwoordelijkheid: Annotated[
        Filled, Field(description="manifest: accountability.joint_controllers")
    ]
    Verantwoordelijken: tuple[dict[str, str], ...]
    Contactpersonen: tuple[dict[str, str], ...]
    Verwerkers: tuple[dict[str, str], ...]
    Ontvangers: tuple[dict[str, str], ...]
    Doelen: tuple[dict[str, str], ...] = Field(
        min_length=1, description="manifest: accountability.legal_basis"
    )
    Betrokkenen: tuple[dict[str, Any], ...] = Field(
        min_length=1, description="manifest: accountability.subjects, accountability.data"
    )
    Systemen: tuple[dict[str, str], ...]
    Opmerkingen: tuple[dict[str, str], ...] = ()
    Beveiliging: dict[str, Any] = Field(description="manifest: accountability.security")
    Besluitvorming: dict[str, Any]
    Doorgifte: dict[str, Any] = Field(description="manifest: accountability.transfers")


# the form of a DPIA (MinBZK/par-dpia-form, schemas/assessment-output.v2.schema.json, sources/dpia.yaml: urn:nl:dpia:3.0)


class DpiaFacts(Part):
    """What the annex of a DPIA cannot do without."""

    subjects: tuple[str, ...] = Field(min_length=1, description="manifest: accountability.subjects")
    data: tuple[str, ...] = Field(min_length=1, description="manifest: accountability.data")
    legal_basis: tuple[str, ...] = Field(min_length=1, description="manifest: accountability.legal_basis")
    transfers: Filled = Field(description="manifest: accountability.transfers")
    joint_controllers: Filled = Field(description="manifest: accountability.joint_controllers")
    what: Filled = Field(description="publication: shared.what")
    rights: Filled = Field(description="publication: rights")


class Answer(Part):
    """An answer to a task: text, or texts of a list to tick. What is yes or no is the text "true" or "false"."""

    value: str | tuple[str, ...]
    lastEditedAt: datetime  # noqa: N815


class Metadata(Part):
    """Without `completedTasks`: nothing in it is complete before people of the organisation say so."""

    urn: Literal["urn:nl:dpia:3.0"]
    createdAt: datetime  # noqa: N815


class DpiaAnnex(Part):
    metadata: Metadata
    #: By task; of a group that repeats, the answers of each time with its index.
    answers: dict[str, Answer | tuple[dict[str, Answer | int], ...]]
