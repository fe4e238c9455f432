"""The text that a controller signs for: all that the manifest says, in plain words, and what changed. The same for every controller.

The words are those of the explanation (`manifest_page.agreed`). An approval binds the digest of the text, beside that of the manifest.
Whoever has the manifest and the one before makes the text again with this program (`manifest statement`), and compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Approval
from lsi_match.reports.manifest_page import statement


def approval_text(manifest: Manifest, sentence: str, lang: Language, previous: Manifest | None) -> str:
    """What is signed for, as Markdown."""
    return statement(manifest, sentence, lang, previous).markdown


@dataclass(frozen=True)
class SignedText:
    """What a controller was shown when it signed, by the digest in its approval.

    Attributes:
        digest: of the text.
        previous: digest of the manifest that the text compares with; None for the first version.
        known: whether that manifest is here, without which the text cannot be made again.
        language: in which this program makes that very text; None when it makes another, or cannot.
    """

    digest: str
    previous: str | None
    known: bool
    language: Language | None


def signed_text(
    manifest: Manifest, statement: str, approval: Approval, previous: Manifest | None
) -> SignedText:
    """The text of an approval of `manifest`, compared with what this program shows.

    Args:
        previous: the manifest that the approval says the text compares with, if it is here.
    """
    known = approval.previous == (previous.digest if previous else None)
    languages: tuple[Language, ...] = ("nl", "en") if known else ()
    same = (
        lang
        for lang in languages
        if digest_of_bytes(approval_text(manifest, statement, lang, previous).encode()) == approval.text
    )
    return SignedText(approval.text, approval.previous, known, next(same, None))
