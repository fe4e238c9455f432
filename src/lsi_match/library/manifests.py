"""Read a manifest: what it says, what changed, the queries of partners, and what still blocks it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from lsi_match.agreement.approvals import load_manifest
from lsi_match.agreement.gates import Evidence, GateVerdict, evaluate, evaluate_draft
from lsi_match.agreement.trust_root_rules import chain
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import Language
from lsi_match.base.files import read_bytes, read_folder, read_text
from lsi_match.base.yaml_positions import describe_errors, read_yaml
from lsi_match.manifest import Manifest as Document
from lsi_match.manifest import blank_keys, complete_draft
from lsi_match.manifest.query import statement
from lsi_match.reports.manifest_page import difference, explained


class Manifest:
    """A manifest, or a draft of one.

    Attributes:
        document: every part of it, as docs/manifest.md names them.
        digest: what identifies it, `sha256:…`; None for a draft.
    """

    def __init__(self, document: Document, digest: str | None) -> None:
        self.document = document
        self.digest = digest

    @classmethod
    def read(cls, file: str | Path) -> Manifest:
        """The manifest in a file: canonical JSON, or a draft (.yaml).

        Raises:
            LsiError: it cannot be read; of a draft every fault with its line and column.
        """
        path = Path(file)
        if path.suffix in (".yaml", ".yml"):
            return cls(read_draft(path), None)
        document = load_manifest(read_bytes(path))
        return cls(document, document.digest)

    @cached_property
    def partners(self) -> tuple[str, ...]:
        """The names of the partners."""
        return tuple(self.document.partners)

    def explain(self, language: Language = "nl", partner: str | None = None) -> str:
        """The manifest in plain words (Markdown); with `partner`, of what is selected that partner's part only."""
        return explained(self.document, language, digest=self.digest, partner=partner).markdown

    def diff(self, new: Manifest, language: Language = "nl") -> str:
        """What changed from this manifest to `new` (Markdown): criteria by what they mean, the rest as it stands."""
        names = (self.digest or "1", new.digest or "2")
        return difference(self.document, new.document, language, names=names).markdown

    def sql(
        self,
        partner: str,
        selection: str,
        dialect: str,
        reference_date: date | None = None,
        language: Language = "nl",
    ) -> str:
        """The query that selects a partner's records in its own database; without a date it has a parameter.

        Raises:
            LsiError: no such partner or selection, or a database that is not known.
        """
        return statement(self.document, partner, selection, dialect, reference_date, language)


def check(
    manifest: Manifest, *, statements: str | Path | None = None, trust: str | Path | None = None
) -> list[GateVerdict]:
    """Every gate (`gate`) of a manifest: what does not hold (`error`, None when it holds) and who has to do what.

    Args:
        manifest: a manifest; of a draft, what the document alone tells.
        statements: folder with what was signed: approvals, acknowledgements, withdrawals.
        trust: folder with the signed versions of the trust root; needed unless it is a draft.

    Raises:
        LsiError: a folder is not there, or the trust root is not in order.
    """
    now = utc_now()
    if manifest.digest is None:
        return evaluate_draft(manifest.document, manifest.document.schedule.day(now))
    signed, roots = (read_folder(Path(one), "*.json") if one else {} for one in (statements, trust))
    known = chain(roots.values(), manifest.document.project.id, now)
    return evaluate(manifest.document, Evidence(signed, now, known))


def read_draft(
    draft: Path, cards: Mapping[str, Mapping[str, str]] | None = None, key_check: str = ""
) -> Document:
    """A draft (YAML) with these keys, or with blank ones; every fault by its line and column."""
    return draft_of(read_text(draft), draft.name, cards, key_check)


def draft_of(
    text: str, name: str, cards: Mapping[str, Mapping[str, str]] | None = None, key_check: str = ""
) -> Document:
    """`read_draft` of a text that is called `name`."""
    value = read_yaml(text, name)
    if cards is None:
        cards, key_check = blank_keys(value)
    try:
        return Document.from_draft(complete_draft(value, cards, key_check))
    except ValidationError as error:
        raise describe_errors(error, text, name) from None
