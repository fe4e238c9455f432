"""The trust root: who may sign for whom in a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, read_folder, write_whole
from lsi_match.cli.console import as_json, done, language, say

if TYPE_CHECKING:
    from lsi_match.protocol.trust_root import TrustRoot

app = App(name="trust")


@app.command
def new(
    draft: Path,
    *,
    cards: Path,
    out: Path,
    certificates: Path | None = None,
    previous: Path | None = None,
    threshold: int | None = None,
    days: int = 365,
) -> None:
    """Make a version of the trust root out of cards, to be signed by the organisations in it.

    Args:
        draft: the manifest or its draft (YAML), for the names, titles and OINs of the parties.
        cards: folder with their cards. A further card UWV.approve.json is of a key for that role alone.
        out: the file to write; it must not exist yet.
        certificates: folder with UWV.pem for who approves and acknowledges with a certificate: the authority's.
        previous: folder with the signed versions so far; for the first version there is none.
        threshold: how many organisations must sign; more than half when left out.
        days: how long it stands.
    """
    from lsi_match.agreement.trust_root_draft import changes, compose
    from lsi_match.agreement.trust_root_rules import chain
    from lsi_match.cli.manifest import read_manifest
    from lsi_match.crypto.certificates import read_authority
    from lsi_match.crypto.keys import read_public_keys
    from lsi_match.protocol.trust_root import MATCHER

    document, _ = read_manifest(draft)
    project = document.project.id
    parties = {name: (one.title, one.oin) for name, one in document.controllers.items()}
    parties[MATCHER] = (document.matcher.title, document.matcher.oin)
    before = chain(read_folder(previous, "*.json").values(), project, utc_now()).current if previous else None
    root = compose(
        project,
        parties,
        {stem: read_public_keys(data, stem) for stem, data in read_folder(cards, "*.json").items()},
        utc_now(),
        authorities={
            stem: read_authority(data, stem)
            for stem, data in (read_folder(certificates, "*.pem") if certificates else {}).items()
        },
        previous=before,
        threshold=threshold,
        days=days,
    )
    write_whole(out, root.canonical())
    _show(root, changes(before, root), {"file": str(out)})


@app.command
def sign(root: Path, name: str, home: Path, *, out: Path) -> None:
    """Sign a version of the trust root as one of its organisations.

    Args:
        root: the version, as `trust new` wrote it.
        name: the organisation.
        out: folder for the signature: OUT/trust-root.VERSION.NAME.json. One that is there with another key stays in it.
    """
    from lsi_match.agreement.signer import sign_root_as
    from lsi_match.agreement.trust_root_draft import changes
    from lsi_match.agreement.trust_root_rules import (
        RootMissingError,
        SignedRoot,
        load_root,
        read_roots,
    )
    from lsi_match.agreement.trust_root_store import TrustStore

    document = load_root(read_bytes(root))
    try:
        before = TrustStore(home, document.project).roots(utc_now())[-1]
    except RootMissingError:
        before = None
    file = out / f"trust-root.{document.version}.{name}.json"
    made = read_roots([read_bytes(file)] if file.exists() else [])
    earlier = next((one for one in made if one.root == document), SignedRoot(document, ()))
    papers = sign_root_as(earlier, before, name, home)
    write_whole(file, papers, replace=True)
    _show(document, changes(before, document), {"signature": str(file)})
    if not as_json():
        done(f"\n{say('trust.statement')}\n{file}", {})


@app.command
def add(place: Path, papers: Path, *, pin: str | None = None) -> None:
    """Take in a signed trust root, at a partner or at the matching site. There is no way back to an older version.

    Revocation lists (.crl) in the folder are taken in too, for every project here; the folder may hold nothing else.

    Args:
        place: the home of a partner, or the matching site.
        papers: folder with the signed versions, and revocation lists of the authorities of certificates.
        pin: digest of the first version, compared with the others by another way; only needed for that one.
    """
    from lsi_match.agreement.trust_root_store import TrustStore
    from lsi_match.crypto.keys import CARD, read_public_keys
    from lsi_match.matcher.site.site import Site
    from lsi_match.partner.home import Home
    from lsi_match.protocol.trust_root import MATCHER

    file = place / "keys" / CARD
    name = read_public_keys(read_bytes(file), str(file)).name
    pile, lists = read_folder(papers, "*.json").values(), read_folder(papers, "*.crl")
    taker = Site(place) if name == MATCHER else Home(place, name)
    versions = [root.version for root in taker.add_roots(pile, pin, utc_now())] if pile or not lists else []
    new = sum(
        TrustStore(place, one.parent.name).keep_revocations(lists) for one in place.glob("projects/*/trust")
    )
    lines = [say("trust.taken_in", name=name, versions=versions)] if versions else []
    lines += [say("trust.lists", name=name, new=new)] if new else []
    done(lines or say("trust.nothing_new", name=name),
         {"party": name, "versions": versions, "revocation_lists": new})  # fmt: skip


@app.command
def check(papers: Path, *, pin: str | None = None) -> int:
    """Show the signed versions in a folder, who signed each, and whether they count. Status 1 when they do not yet.

    Args:
        papers: folder with the signed versions.
        pin: digest of the first version, compared with the others by another way.
    """
    from lsi_match.agreement.trust_root_rules import check_current, project_of, read_roots, walk
    from lsi_match.reports.trust_page import versions as versions_of

    pile = list(read_folder(papers, "*.json").values())
    project, versions = project_of(pile), read_roots(pile)
    error: LsiError | None = None
    try:
        counted = walk((), pile, project, pin or versions[0].root.digest, utc_now())
        check_current(counted[-1].root, utc_now())
    except LsiError as wrong:
        error = wrong
    signed, lines = list(versions_of(versions, language())), []
    for _, page, names in signed:
        lines += [page.markdown, say("trust.signed", names=names)]
    if error is not None:
        lines.append(error.text(language()))
    else:
        lines.append(say("trust.counts" if pin else "trust.counts_if"))
    document = {"project": project, "counts": error is None, "reason": error.reason if error else "",
                "text": error.text(language()) if error else "",
                "versions": [{"version": one.root.version, "digest": one.root.digest, "signed": names} for one, _, names in signed]}  # fmt: skip
    done(lines, document)
    return 1 if error else 0


@app.command
def show(place: Path, project: str, *, out: Path | None = None) -> int:
    """Show the trust root that a partner or the matching site goes by. Status 1 when it has expired.

    Args:
        place: the home of a partner, or the matching site.
        out: write the page to this file: .html, .md or .json.
    """
    from lsi_match.agreement.trust_root_draft import changes
    from lsi_match.agreement.trust_root_rules import check_current
    from lsi_match.agreement.trust_root_store import TrustStore

    roots = TrustStore(place, project).roots(utc_now())
    _show(roots[-1], changes(roots[-2] if len(roots) > 1 else None, roots[-1]), {}, out)
    check_current(roots[-1], utc_now())
    return 0


def _show(root: TrustRoot, changed: list[str], more: dict[str, str], out: Path | None = None) -> None:
    from lsi_match.reports.document import kind_of
    from lsi_match.reports.trust_page import trust_page

    page = trust_page(root, changed, language())
    if out is not None:
        write_whole(out, page.written(kind_of(out)), replace=True)
    document = {
        **more,
        "version": root.version,
        "digest": root.digest,
        "changed": changed,
        "parts": page.parts,
    }
    done(str(out) if out else page.markdown.rstrip(), document)
