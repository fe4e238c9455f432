"""What an organisation has to be able to show of the processing (art. 5, 26, 28, 30, 32, 35 and 44 AVG), in terms that registers know.

A manifest may leave any of it out; `manifest check` says what is missing. What is made for a register from a manifest that
lacks what the register asks is refused, with its name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language
from lsi_match.base.validation import RuleViolation
from lsi_match.manifest.base import Document, Text
from lsi_match.manifest.plan import Paper

#: Terms of the W3C Data Privacy Vocabulary 2.1, with how people call them.
_TERMS: Mapping[str, Mapping[str, dict[Language, str]]] = catalogue(
    Path(__file__).with_name("data") / "dpv.toml"
)


def term(kind: str, name: str, lang: Language) -> str:
    """A term, as people call it: `term("data", "BirthDate", "nl")` is "geboortedatum"."""
    return _TERMS[kind][name][lang]


def _known(kind: str) -> AfterValidator:
    def known(name: str) -> str:
        if name not in _TERMS[kind]:
            raise RuleViolation.because("manifest.no_term", terms=", ".join(_TERMS[kind]))
        return name

    return AfterValidator(known)


def _listed(kind: str) -> Any:
    return Field(json_schema_extra={"enum": list(_TERMS[kind])})


LegalBasis = Annotated[str, _known("legal_basis"), _listed("legal_basis")]
DataCategory = Annotated[str, _known("data"), _listed("data")]
SubjectCategory = Annotated[str, _known("subjects"), _listed("subjects")]


class Measure(Document):
    """A measure of security (art. 32 AVG) beside those that this program takes."""

    kind: Literal["organisational", "technical"]
    text: Text


class Transfers(Document):
    """Whether data go outside the European Union (art. 44 AVG), and what protects them there; or why they do not."""

    outside_eu: bool
    text: Text


class Accountability(Document):
    """All of it; every part can be left out."""

    joint_controllers: Paper | None = None
    processor: Paper | None = None
    legal_basis: tuple[LegalBasis, ...] = ()
    data: tuple[DataCategory, ...] = ()
    subjects: tuple[SubjectCategory, ...] = ()
    security: tuple[Measure, ...] = ()
    transfers: Transfers | None = None
    assessment: Paper | None = None
    log_contact: Text | None = None

    def missing(self) -> list[str]:
        """The names of the parts that are left out."""
        return [name for name, value in self if not value]
