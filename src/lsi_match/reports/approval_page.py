"""The text that a controller signs for: what it takes responsibility for, in plain words. The same for every controller.

An approval binds its digest, beside that of the manifest. Whoever has the manifest and the one before makes the text
again with this program (`manifest statement`), and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import Language
from lsi_match.criteria.wording import markdown_safe as safe
from lsi_match.manifest import Characteristic, Manifest
from lsi_match.manifest.equality import undeclared, uses
from lsi_match.protocol.documents import Approval
from lsi_match.reports.manifest_page import KINDS, difference

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
        f"## {'Wat iedere deelnemer selecteert, en waarom' if nl else 'What each partner selects, and why'}",
        "",
        *_selections(manifest),
        "",
        f"## {'Wat met discriminatie te maken heeft' if nl else 'What has to do with discrimination'}",
        "",
        *_found(manifest, lang),
        "",
    ]
    if previous is None:
        lines += [f"## {'Dit is de eerste versie' if nl else 'This is the first version'}"]
    else:
        page = difference(previous, manifest, lang, names=(previous.digest, manifest.digest))
        lines += [f"#{line}" if line.startswith("#") else line for line in page.splitlines()]
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


def _selections(manifest: Manifest) -> Iterator[str]:
    for name, selection in manifest.selections():
        yield f"- **{safe(manifest.controllers[name].title)}**: {safe(selection.source)}"
        for rule in selection.criteria:
            yield f"  - `{rule.id}`: {safe(rule.rationale)}"


def _found(manifest: Manifest, lang: Language) -> Iterator[str]:
    """Every ground and proxy that counts, with its rationale, and each criterion, signal and value in which it does."""
    places: dict[str, list[str]] = {}
    for use in uses(manifest):
        places.setdefault(use.characteristic, []).append(use.place)
    for name, where in places.items():
        yield f"- {_told(manifest.characteristics[name], lang)} {'Telt mee in:' if lang == 'nl' else 'Counts in:'}"
        for place in dict.fromkeys(where):
            yield f"  - `{place}`"
    suspect = undeclared(manifest)
    for found in suspect:
        place = f"`{found.partner}.{found.selection}`"
        if lang == "nl":
            yield f"- {place} noemt het veld `{found.field}`. Dat lijkt te gaan over: {found.characteristic.nl}. Het manifest zegt daar niets over."
        else:
            yield f"- {place} names the field `{found.field}`. That seems to be about: {found.characteristic.en}. The manifest says nothing of it."
    if not places and not suspect:
        yield (
            "Er is niets gevonden: geen grond van discriminatie, en niets dat daar vaak mee samenhangt."
            if lang == "nl"
            else "Nothing was found: no ground of discrimination, and nothing that often goes together with one."
        )


def _told(characteristic: Characteristic, lang: Language) -> str:
    kind = KINDS[characteristic.kind][0 if lang == "nl" else 1]
    told = f"**{safe(characteristic.label)}** ({kind}). {safe(characteristic.rationale)}"
    if not characteristic.legal_basis:
        return told
    label = "Wettelijke rechtvaardiging" if lang == "nl" else "Legal justification"
    return f"{told} {label}: {safe(characteristic.legal_basis)}"
