"""The text that a controller signs for: all that the manifest says, in plain words, and what changed. The same for every controller.

The words are those of the explanation (`manifest_page.agreed`). An approval binds the digest of the text, beside that of the manifest.
Whoever has the manifest and the one before makes the text again with this program (`manifest statement`), and compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language
from lsi_match.criteria.wording import markdown_safe as safe
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Approval
from lsi_match.reports.manifest_page import agreed, difference

#: What stands in every approval (`agreement.approvals.STATEMENT`), in Dutch; the approval has it in English.
DUTCH = (
    "Wij hebben dit manifest en de werkinstructie gelezen. Als gezamenlijke verwerkingsverantwoordelijke is onze "
    "organisatie mede verantwoordelijk voor iedere selectie, koppeling en vrijgave die erin staat, en voor geen andere."
)


def approval_text(manifest: Manifest, statement: str, lang: Language, previous: Manifest | None) -> str:
    """What is signed for, as Markdown.

    Args:
        statement: the sentence that every approval has, in English.
        previous: the version that was agreed before; none for the first.
    """
    nl = lang == "nl"
    lines = [
        f"# {'Waarvoor u tekent' if nl else 'What you sign for'}: {safe(manifest.project.title)}",
        "",
        DUTCH if nl else statement,
        "",
        f"- Manifest: {manifest.digest}",
        f"- {'Werkinstructie' if nl else 'Work instruction'}: {manifest.work_instruction.digest}",
        "",
        agreed(manifest, lang).strip(),
        "",
        f"## {'Wat is veranderd sinds de vorige versie' if nl else 'What changed since the version before'}",
        "",
    ]
    if previous is None:
        lines += ["Dit is de eerste versie." if nl else "This is the first version."]
    else:
        page = difference(previous, manifest, lang, names=(previous.digest, manifest.digest))
        lines += [f"#{line}" if line.startswith("#") else line for line in page.splitlines()[2:]]
    return "\n".join(lines).rstrip() + "\n"


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
    made = {lang: approval_text(manifest, statement, lang, previous) for lang in languages}
    same = (lang for lang, text in made.items() if digest_of_bytes(text.encode()) == approval.text)
    return SignedText(approval.text, approval.previous, known, next(same, None))
