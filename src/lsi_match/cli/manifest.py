"""Drafting, checking and signing the manifest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_folder, read_text, write_whole
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.cli.console import as_json, done, language, out, print_json, say, tell

if TYPE_CHECKING:
    from datetime import datetime

    from lsi_match.agreement.gates import Evidence
    from lsi_match.crypto.certificates import Certified
    from lsi_match.crypto.keys import Identity
    from lsi_match.log.view import Sharing
    from lsi_match.manifest import Manifest
    from lsi_match.reports.approval_page import SignedText
    from lsi_match.reports.document import Document

app = App(name="manifest")


@app.command
def complete(draft: Path, *, cards: Path, key_check: str, out: Path) -> None:
    """Fill the parties' public keys and the key check value into a draft; writes the manifest to be signed.

    Args:
        draft: the draft (YAML).
        cards: folder with the cards of every controller and of the matcher.
        key_check: printed by `keys derive`, or by `keys project`.
        out: the manifest, as canonical JSON.
    """
    from lsi_match.crypto.keys import read_public_keys
    from lsi_match.library.manifests import read_draft

    found = [read_public_keys(data, source) for source, data in read_folder(cards, "*.json").items()]
    manifest = read_draft(draft, {c.name: c.model_dump() for c in found}, key_check)
    write_whole(out, manifest.canonical())
    tell("manifest.complete", {"manifest": str(out), "digest": manifest.digest})


@app.command
def check(manifest: Path) -> None:
    """Check a manifest or a draft, and show its digest and what each partner selects.

    Args:
        manifest: the manifest (canonical JSON, from `manifest complete`) or the draft (YAML).
    """
    from lsi_match.cli.power import describe_power, foreseen
    from lsi_match.manifest.equality import undeclared

    document, digest = read_manifest(manifest)
    criteria: dict[str, Any] = {
        f"{partner}.{selection.id}": [rule.when for rule in selection.criteria]
        for partner, selection in document.selections()
    }
    if as_json():
        print_json(
            {
                "digest": digest,
                "project": document.project.id,
                "criteria": criteria,
                "cosignatures": document.release.cosignatures,
                "words": _plain(document),
                "not_accounted_for": document.accountability.missing(),
                "undeclared": [f"{u.partner}.{u.selection}.{u.field}" for u in undeclared(document)],
                "power": [vars(one) for one in foreseen(document)],
            }
        )
        return
    out.print(f"{document.project.title}\n{digest or say('manifest.draft')}\n")
    for partner, selection in document.selections():
        out.print(f"{partner}.{selection.id} ({selection.source})", style="bold")
        for rule in selection.criteria:
            out.print(f"  {rule.id}: {rule.when}\n    {rule.rationale}")
    for found in undeclared(document):
        label = getattr(found.characteristic, language())
        mind = say("manifest.undeclared", **{**vars(found), "label": label})
        out.print(mind, style="yellow")
    if missing := document.accountability.missing():
        out.print(say("manifest.unaccounted", missing=missing), style="yellow")
    if not document.release.cosignatures:
        out.print(say("manifest.not_cosigned"), style="yellow")
    if words := _plain(document):
        out.print(say("manifest.words", words=len(words)))
        out.print(f"  {words[0]}", markup=False)
    out.print(f"\nmatch: {document.match.rule}\n  {document.match.rationale}")
    for line in describe_power(foreseen(document)):
        out.print(line)


def _plain(document: Manifest) -> list[str]:
    """What could be plainer in the texts of a manifest that people read."""
    from lsi_match.reports.plain_words import advice

    texts = {f"basis.{name}": text for name, text in document.basis}
    texts |= {f"characteristics.{name}": one.rationale for name, one in document.characteristics.items()}
    for partner, selection in document.selections():
        texts |= {f"{partner}.{selection.id}.{rule.id}": rule.rationale for rule in selection.criteria}
    return advice(texts, language())


@app.command
def explain(manifest: Path, *, partner: str | None = None, out: Path | None = None) -> None:
    """Tell a manifest, or a draft of one, in plain words: why, who, what is selected, what a case is, who sees what.

    Args:
        manifest: the manifest (canonical JSON) or the draft (YAML).
        partner: of what is selected, this partner's part only.
        out: write the page to this file: .html, .md or .json.
    """
    from lsi_match.reports.manifest_page import explained

    document, digest = read_manifest(manifest, partner)
    _show(explained(document, language(), digest=digest, partner=partner), out)


@app.command
def diff(old: Path, new: Path, *, out: Path | None = None) -> None:
    """Tell what changed between two manifests or drafts: criteria by what they mean, the rest as it stands.

    Args:
        old: the manifest or draft as it was.
        new: as it will be.
        out: write the page to this file: .html, .md or .json.
    """
    from lsi_match.reports.manifest_page import difference

    (was, old_digest), (now, new_digest) = read_manifest(old), read_manifest(new)
    names = [digest or file.name for digest, file in ((old_digest, old), (new_digest, new))]
    _show(difference(was, now, language(), names=(names[0], names[1])), out)


@app.command
def sql(
    manifest: Path,
    *,
    partner: str,
    dialect: str,
    selection: str | None = None,
    reference_date: str | None = None,
    counts: bool = False,
    out: Path | None = None,
) -> None:
    """Give the query that selects a partner's records in its own database, from the same parse that runs here.

    Args:
        manifest: the manifest (canonical JSON) or the draft (YAML).
        partner: whose selection.
        dialect: the database: oracle, teradata, tsql, postgres, spark …
        selection: one selection; without it all of the partner's.
        reference_date: the reference date (yyyy-mm-dd); without it the query has a parameter.
        counts: the query that counts what each criterion leaves, to compare with what 'partner prepare' tells.
        out: write the query to this file.
    """
    from lsi_match.cli.console import out as terminal
    from lsi_match.manifest.query import statement

    document, digest = read_manifest(manifest, partner)
    day = _day(reference_date) if reference_date else None
    wanted = [selection] if selection else [one.id for one in document.partners[partner].selections]
    between = "\nGO\n\n" if dialect == "tsql" else "\n"
    queries = between.join(
        statement(document, partner, name, dialect, day, language(), counts=counts) for name in wanted
    )
    if digest is None:
        queries = queries.replace(document.digest, say("manifest.not_signed"))
    if out is not None:
        write_whole(out, queries.encode(), replace=True)
    if as_json():
        print_json({"text": queries, "file": str(out) if out else None})
    else:
        terminal.print(str(out) if out else queries, end="\n" if out else "")


@app.command
def columns(manifest: Path, *, partner: str, part: Path | None = None, row: int = 1) -> None:
    """Show the columns of a drop of a partner, in order; of an opened part, also what one row says.

    Args:
        manifest: the manifest (canonical JSON) or the draft (YAML).
        partner: whose drop.
        part: a part of a drop, opened (age --decrypt).
        row: which of its rows, from 1 on.
    """
    from lsi_match.protocol.columns import drop_columns, row_of, row_width

    document, _ = read_manifest(manifest, partner)
    found = drop_columns(document, document.partners[partner])
    cells = row_of(read_bytes(part), document, document.partners[partner], row) if part else {}
    if as_json():
        told = [{"name": one.name, "type": one.type, "width": one.width} for one in found]
        print_json({"columns": told, "width": row_width(found), "row": cells or None})
        return
    for one in found:
        out.print(f"{one.name:<32} {one.type:<8} {one.width:>3}  {cells.get(one.name, '')}".rstrip())
    out.print(say("manifest.row_width", found=row_width(found)))


@app.command
def new(draft: Path) -> None:
    """Write a commented template of a manifest, to be filled in.

    Args:
        draft: the file to write (YAML); it must not exist yet.
    """
    from lsi_match.manifest.template import template

    write_whole(draft, template())
    tell("manifest.draft_made", {"draft": str(draft)})


def read_manifest(file: Path, partner: str | None = None) -> tuple[Manifest, str | None]:
    """A manifest, in which `partner` is one, with its digest; or a draft, whose keys are still blank, without one."""
    from lsi_match.library import manifests

    read = manifests.Manifest.read(file)
    if partner is not None and partner not in read.partners:
        raise wrong_use("cli.other_partner", known=", ".join(read.partners), partner=partner)
    return read.document, read.digest


def _show(page: Document, out: Path | None) -> None:
    """A document on the terminal, as JSON, or in a file, as the end of its name says."""
    from rich.markdown import Markdown

    from lsi_match.cli.console import out as terminal
    from lsi_match.reports.document import kind_of

    if out is not None:
        write_whole(out, page.written(kind_of(out)), replace=True)
    if as_json():
        print_json({"text": page.markdown, "parts": page.parts, "file": str(out) if out else None})
    elif out is not None:
        done(str(out), {})
    elif terminal.is_terminal:
        terminal.print(Markdown(page.markdown))
    else:
        terminal.print(page.markdown, end="")


@app.command
def share(manifest: Path, *, site: Path, out: Path, to: list[str] | None = None) -> None:
    """Hand a manifest to its controllers to be signed, and log who was given it.

    Args:
        site: the matching site, whose log keeps it.
        out: folder to write OUT/NAME/manifest.json into, for each controller.
        to: a controller; once per controller. All of them when left out.
    """
    from lsi_match.matcher.site.share_manifest import share as shared
    from lsi_match.matcher.site.site import Site

    canonical = read_bytes(manifest)
    document = shared(Site(site), canonical, to or (), utc_now())
    names = list(dict.fromkeys(to)) if to else list(document.controllers)
    for name in names:
        write_whole(out / name / "manifest.json", canonical, replace=True)
    tell("manifest.given", {"digest": document.digest, "to": names, "out": str(out)})


@app.command
def statement(manifest: Path, *, previous: Path | None = None, out: Path | None = None) -> None:
    """Show the text that controllers sign for: all that the manifest says, in plain words, and what changes.

    Args:
        manifest: the manifest (canonical JSON), or the draft (YAML) to see the text beforehand.
        previous: the version that was agreed before; left out for the first.
        out: write the text to this file: .html, .md or .json.
    """
    from lsi_match.agreement.approvals import STATEMENT, load_manifest
    from lsi_match.reports.manifest_page import statement as made

    before = load_manifest(read_bytes(previous)) if previous else None
    document, digest = read_manifest(manifest)
    text = made(document, STATEMENT, language(), before)
    if digest is None:
        told = say("manifest.not_to_be_signed")
        text = replace(text, source=text.source.replace(document.digest, told))
    _show(text, out)


def signing(
    manifest: Path, name: str, home: Path, role: str, chain: Path | None, key: Path | None
) -> tuple[Manifest, Identity | Certified, datetime]:
    """What is signed, by whom (`agreement.signer`), and when."""
    from lsi_match.agreement.approvals import load_manifest
    from lsi_match.agreement.signer import signer
    from lsi_match.protocol.trust_root import Role

    document, now = load_manifest(read_bytes(manifest)), utc_now()
    return document, signer(document, name, home, Role(role), now, chain, key), now


@app.command
def sign(
    manifest: Path,
    name: str,
    home: Path,
    *,
    out: Path,
    previous: Path | None = None,
    chain: Path | None = None,
    key: Path | None = None,
) -> None:
    """Sign a manifest as one of its controllers. Shows what is signed for; its digest is part of what is signed.

    Args:
        name: the controller.
        out: folder for the approval, OUT/NAME.json, and what was signed for, OUT/NAME.md.
        previous: the version to compare with; when left out, the one that this home takes part in, if any.
    """
    from lsi_match.partner.approving import approve_as
    from lsi_match.partner.home import Home

    document, identity, now = signing(manifest, name, home, "approve", chain, key)
    before = read_manifest(previous)[0] if previous else None
    signed = approve_as(Home(home, name), document, identity, language(), now, before)
    text = signed.text.markdown.encode()
    write_whole(out / f"{name}.md", text, replace=True)
    write_whole(out / f"{name}.json", signed.paper, replace=True)
    title, digest = document.controllers[name].title, digest_of_bytes(text)
    if not as_json():
        _show(signed.text, None)
    said = {"approval": str(out / f"{name}.json"), "digest": document.digest, "text": digest, "previous": signed.previous}  # fmt: skip
    tell("manifest.signed", said, title=title)


@app.command
def publication(
    manifest: Path, name: str, home: Path, *, sheet: Path, out: Path, chain: Path | None = None,
    key: Path | None = None,
) -> None:  # fmt: skip
    """Sign what your organisation makes public about the project, for the public pages (`publish`).

    It counts for this manifest only, and a later one takes its place.

    Args:
        name: the controller.
        sheet: what is made public (YAML), see publication-sheet.schema.json.
        out: folder for the paper: OUT/NAME.publication.json.
    """
    from lsi_match.agreement.approvals import make_public
    from lsi_match.protocol.publication import Sheet

    document, identity, now = signing(manifest, name, home, "approve", chain, key)
    written = parse_yaml(read_text(sheet), sheet.name, Sheet)
    file = out / f"{name}.publication.json"
    write_whole(file, make_public(document, identity, written, now), replace=True)
    tell("manifest.publication", {"file": str(file)})


@app.command
def withdraw(
    manifest: Path,
    name: str,
    home: Path,
    *,
    reason: str,
    out: Path,
    chain: Path | None = None,
    key: Path | None = None,
) -> None:
    """Withdraw the approval of a controller. From then on nothing happens under this manifest.

    Args:
        name: the controller.
        home: its folder. Its own copy of the project, if it is there, learns of it at once.
        reason: why; all parties can read it. No personal data.
        out: folder for the withdrawal: OUT/NAME.withdrawal.json. Send it to the others and to the matching site.
    """
    from lsi_match.agreement.approvals import withdraw as made
    from lsi_match.partner.home import Home

    document, identity, now = signing(manifest, name, home, "approve", chain, key)
    paper, file, own = (
        made(document, identity, reason, now),
        out / f"{name}.withdrawal.json",
        Home(home, name),
    )
    write_whole(file, paper, replace=True)
    if own.takes_part(document):
        own.ingest({name: paper}, document.project.id, now)
    tell("manifest.withdrawn", {"withdrawal": str(file), "digest": document.digest}, name=name)


@app.command
def advise(
    manifest: Path,
    name: str,
    home: Path,
    *,
    outcome: Literal["positive", "negative"],
    text: Path,
    out: Path,
    chain: Path | None = None,
    key: Path | None = None,
) -> None:
    """Sign what the FG (DPO) of a controller advises about this manifest. A negative advice has to be answered in the manifest.

    Args:
        name: the controller.
        home: the folder of its FG, with a key that the trust root names to advise; or that of the controller.
        outcome: positive or negative.
        text: file with the advice (UTF-8); all parties can read it. No personal data.
        out: folder for the advice: OUT/NAME.advice.json. Send it to the others and to the matching site.
    """
    from lsi_match.agreement.approvals import advise as made

    document, identity, now = signing(manifest, name, home, "advise", chain, key)
    file = out / f"{name}.advice.json"
    write_whole(file, made(document, identity, outcome, read_text(text).strip(), now), replace=True)
    said = {"advice": str(file), "outcome": outcome, "digest": document.digest}
    tell("manifest.advice", said, name=name)


@app.command
def acknowledge(
    manifest: Path,
    name: str,
    home: Path,
    *,
    instruction: Path,
    role: list[str],
    out: Path,
    chain: Path | None = None,
    key: Path | None = None,
) -> None:
    """Say that everybody in these roles of your organisation has read the work instruction.

    Args:
        name: the controller, or matcher.
        home: its folder (for the matcher: that of the site).
        instruction: the work instruction as it was read; it has to be the one that the manifest names.
        role: a role, as the manifest names it; once per role.
        out: folder for the acknowledgement: OUT/NAME.acknowledgement.json.
    """
    from lsi_match.partner.approving import acknowledge_as

    document, identity, now = signing(manifest, name, home, "acknowledge", chain, key)
    paper = acknowledge_as(document, identity, read_bytes(instruction), role, now)
    file = out / f"{name}.acknowledgement.json"
    write_whole(file, paper, replace=True)
    tell("manifest.acknowledged", {"acknowledgement": str(file), "roles": role}, name=name)


@app.command
def status(
    manifest: Path,
    *,
    papers: Path | None = None,
    trust: Path | None = None,
    site: Path | None = None,
    previous: Path | None = None,
    on: str | None = None,
) -> int:
    """Show what still blocks a project: every gate, whether it holds, and who has to do what.

    Of each approval it says whether the text that was signed is the one that this program shows. Ends with exit status 1 while a gate does not hold.

    Args:
        manifest: the manifest (canonical JSON), or a draft (YAML): then what the document alone tells.
        papers: folder with what was signed: approvals, acknowledgements, withdrawals.
        trust: folder with the signed versions of the trust root, and revocation lists (.crl); who signed is judged by it.
        site: a matching site, instead of both: its own papers and trust root.
        previous: the manifest that approvals compare with, when it is not in the site.
        on: of a draft: judge it as on this day (yyyy-mm-dd) instead of today.
    """
    from lsi_match.agreement.gates import Evidence, evaluate, evaluate_draft
    from lsi_match.agreement.trust_root_rules import chain
    from lsi_match.matcher.site.share_manifest import evidence_about
    from lsi_match.matcher.site.site import Site

    document, digest = read_manifest(manifest)
    shared: dict[str, Sharing] = {}
    signed: dict[str, SignedText] = {}
    if digest is None:
        verdicts = evaluate_draft(document, _day(on) if on else document.schedule.day(utc_now()))
    else:
        if site is not None:
            evidence = evidence_about(Site(site), document, utc_now())
            shared = _shared(site, document)
        elif trust is not None:
            roots, lists = (read_folder(trust, f"*.{suffix}").values() for suffix in ("json", "crl"))
            known = chain(roots, document.project.id, utc_now(), lists)
            evidence = Evidence(read_folder(papers, "*.json") if papers else {}, utc_now(), known)
        else:
            raise wrong_use("cli.site_or_trust")
        verdicts = evaluate(document, evidence)
        signed = _signed_texts(document, evidence, site, previous)
    if as_json():
        print_json({"digest": digest, "gates": [
            {"gate": v.gate.value, "holds": v.error is None, "reason": v.error.reason if v.error else "",
             "text": v.error.text(language()) if v.error else ""} for v in verdicts],
            "texts": {name: vars(one) for name, one in signed.items()},
            "shared": {name: vars(one) for name, one in shared.items()}})  # fmt: skip
    else:
        known_by = digest or say("manifest.without_keys")
        out.print(f"{document.project.title}\n{known_by}\n")
        for verdict in verdicts:
            holds = verdict.error is None
            label = verdict.gate.text(language())
            mark = say("manifest.yes") if holds else say("manifest.no")
            out.print(f"{mark}  {label}", style="" if holds else "bold")
            if verdict.error is not None:
                out.print(f"     {verdict.error.text(language())}")
        if signed:
            out.print(say("manifest.texts"))
        for name, text in signed.items():
            out.print(f"  {name}: {_told(text)}")
        if shared:
            out.print(say("manifest.shared"))
        for name, one in shared.items():
            given = one.given.date() if one.given else "-"
            back = one.answered.date() if one.answered else say("manifest.nothing_yet")
            out.print(say("manifest.sharing", name=name, given=given, back=back))
    return 1 if any(verdict.error for verdict in verdicts) else 0


def _signed_texts(
    document: Manifest, evidence: Evidence, site: Path | None, previous: Path | None
) -> dict[str, SignedText]:
    """Controller that approved → what it was shown, compared with what this program shows."""
    from lsi_match.agreement.approvals import STATEMENT, load_manifest, read_agreement
    from lsi_match.matcher.site.site import Project, Site
    from lsi_match.reports.approval_page import signed_text

    given = load_manifest(read_bytes(previous)) if previous else None
    kept = Project(Site(site), document.project.id) if site else None
    found = {}
    agreed = read_agreement(document, evidence.papers, evidence.now, evidence.trust)
    for name, approval in agreed.approvals.items():
        before = given if given and given.digest == approval.previous else None
        if before is None and kept and approval.previous and kept.has(approval.previous):
            before = kept.manifest_of(approval.previous)
        found[name] = signed_text(document, STATEMENT, approval, before)
    return found


def _told(text: SignedText) -> str:
    if text.language is not None:
        return say(f"manifest.own_text_{text.language}")
    if not text.known:
        return say("manifest.unknown_text", previous=text.previous)
    return say("manifest.other_text", digest=text.digest)


def _day(text: str) -> date:

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong_use("cli.no_date", text=text) from None


def _shared(site: Path, document: Manifest) -> dict[str, Sharing]:
    """Of every controller, whether it was given this manifest and answered; by the log of the site."""
    from lsi_match.log.follower import LogReader
    from lsi_match.log.view import ManifestView, Sharing

    log = site / "projects" / document.project.id / "log.sqlite"
    if not log.exists():
        return {}
    with LogReader.open(log) as opened:
        found = opened.view.manifests.get(document.digest, ManifestView()).sharing
    return {name: found.get(name, Sharing()) for name in document.controllers}
