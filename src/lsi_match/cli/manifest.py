"""Drafting, checking and signing the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from lsi_match.cli.console import Json, done, print_json, say

if TYPE_CHECKING:
    from lsi_match.protocol.manifest import Manifest

app = App(help="Check, complete, digest and sign a manifest.")


@app.command
def complete(draft: Path, *, cards: Path, key_check: str, out: Path, json: Json = False) -> None:
    """Fill the parties' public keys and the key check value into a draft; writes the manifest to be signed.

    Args:
        draft: the draft (YAML).
        cards: folder with the cards of every controller and of the matcher.
        key_check: printed by `keys project`.
        out: the manifest, as canonical JSON.
    """
    from pydantic import ValidationError

    from lsi_match.cli.console import read_folder
    from lsi_match.files import read_text, write_whole
    from lsi_match.protocol.manifest import Manifest, complete_draft
    from lsi_match.protocol.yaml_text import describe_errors, read_yaml
    from lsi_match.trust.keys import read_card

    found = [read_card(data, source) for source, data in read_folder(cards, "*.json").items()]
    text = read_text(draft)
    document = complete_draft(read_yaml(text, draft.name), {c.name: c.model_dump() for c in found}, key_check)
    try:
        manifest = Manifest.from_draft(document)
    except ValidationError as error:
        raise describe_errors(error, text, draft.name) from None
    write_whole(out, manifest.canonical())
    done(say(f"Manifest compleet: {out}\nKenmerk: {manifest.digest}", f"Manifest complete: {out}\nDigest: {manifest.digest}"),
         {"manifest": str(out), "digest": manifest.digest}, json)  # fmt: skip


@app.command
def check(manifest: Path, *, json: Json = False) -> None:
    """Check a manifest as it would be signed, and show its digest and what each partner selects.

    Args:
        manifest: the manifest (canonical JSON, from `manifest complete`).
    """
    from lsi_match.cli.console import out
    from lsi_match.files import read_bytes
    from lsi_match.trust.agreement import load_manifest

    document = load_manifest(read_bytes(manifest))
    criteria: dict[str, Any] = {
        f"{partner}.{selection.id}": [rule.when for rule in selection.criteria]
        for partner, selection in document.selections()
    }
    if json:
        print_json({"digest": document.digest, "project": document.project.id, "criteria": criteria})
        return
    out.print(f"{document.project.title}\n{document.digest}\n", markup=False, soft_wrap=True)
    for partner, selection in document.selections():
        out.print(
            f"{partner}.{selection.id} ({selection.source})", style="bold", markup=False, soft_wrap=True
        )
        for rule in selection.criteria:
            out.print(f"  {rule.id}: {rule.when}\n    {rule.rationale}", markup=False, soft_wrap=True)
    out.print(f"\nmatch: {document.match.rule}\n  {document.match.rationale}", markup=False, soft_wrap=True)


@app.command
def sign(manifest: Path, name: str, home: Path, *, out: Path, json: Json = False) -> None:
    """Sign a manifest as one of its controllers.

    Args:
        manifest: the manifest (canonical JSON).
        name: the controller.
        home: its folder.
        out: folder for the approval: OUT/NAME.json.
    """
    from lsi_match.files import read_bytes, write_whole
    from lsi_match.matcher.site import utc_now
    from lsi_match.partner.home import Home
    from lsi_match.trust.agreement import STATEMENT, approve, load_manifest

    document, identity = load_manifest(read_bytes(manifest)), Home(home, name).identity()
    _must_be_party(document, name, identity.card["signing_key"], home)
    write_whole(out / f"{name}.json", approve(document, identity, utc_now()), replace=True)
    title = document.controllers[name].title
    done(say(f"Ondertekend namens {title}: {document.digest}", f"Signed for {title}: {document.digest}")
         + f"\n{STATEMENT}", {"approval": str(out / f"{name}.json"), "digest": document.digest}, json)  # fmt: skip


@app.command
def withdraw(manifest: Path, name: str, home: Path, *, reason: str, out: Path, json: Json = False) -> None:
    """Withdraw the approval of a controller. From then on nothing happens under this manifest.

    Args:
        manifest: the manifest (canonical JSON).
        name: the controller.
        home: its folder. Its own copy of the project, if it is there, learns of it at once.
        reason: why; all parties can read it. No personal data.
        out: folder for the withdrawal: OUT/NAME.withdrawal.json. Send it to the others and to the matching site.
    """
    from lsi_match.files import read_bytes, write_whole
    from lsi_match.matcher.site import utc_now
    from lsi_match.partner.home import Home
    from lsi_match.trust.agreement import load_manifest
    from lsi_match.trust.agreement import withdraw as made

    document, own = load_manifest(read_bytes(manifest)), Home(home, name)
    _must_be_party(document, name, own.identity().card["signing_key"], home)
    paper = made(document, own.identity(), reason, utc_now())
    write_whole(out / f"{name}.withdrawal.json", paper, replace=True)
    own.take_in({name: paper}, document.project.id)
    done(say(f"Goedkeuring van {name} ingetrokken: {out / f'{name}.withdrawal.json'}. Stuur dit aan de anderen en aan de koppelomgeving.",
             f"Approval of {name} withdrawn: {out / f'{name}.withdrawal.json'}. Send it to the others and to the matching site."),
         {"withdrawal": str(out / f"{name}.withdrawal.json"), "digest": document.digest}, json)  # fmt: skip


@app.command
def acknowledge(
    manifest: Path,
    name: str,
    home: Path,
    *,
    instruction: Path,
    role: list[str],
    out: Path,
    json: Json = False,
) -> None:
    """Say that everybody in these roles of your organisation has read the work instruction.

    Args:
        manifest: the manifest (canonical JSON).
        name: the controller, or matcher.
        home: its folder (for the matcher: that of the site).
        instruction: the work instruction as it was read; it has to be the one that the manifest names.
        role: a role, as the manifest names it; once per role.
        out: folder for the acknowledgement: OUT/NAME.acknowledgement.json.
    """
    from lsi_match.errors import WrongUseError
    from lsi_match.files import read_bytes, write_whole
    from lsi_match.matcher.site import utc_now
    from lsi_match.protocol.canonical import digest_of_bytes
    from lsi_match.trust.agreement import acknowledge as made
    from lsi_match.trust.agreement import load_manifest
    from lsi_match.trust.keys import load_identity

    document = load_manifest(read_bytes(manifest))
    identity = load_identity(name, home / "keys")
    _must_be_party(document, name, identity.card["signing_key"], home)
    if digest_of_bytes(read_bytes(instruction)) != document.work_instruction.digest:
        raise WrongUseError(problem=f"{instruction} is not the work instruction that the manifest names")
    strange = sorted(set(role) - set(document.work_instruction.acknowledged_by))
    if strange:
        known = ", ".join(document.work_instruction.acknowledged_by)
        raise WrongUseError(problem=f"the manifest names the roles {known}, not {', '.join(strange)}")
    file = out / f"{name}.acknowledgement.json"
    write_whole(file, made(document, identity, tuple(role), utc_now()), replace=True)
    done(say(f"Gelezen, namens {name}, door: {', '.join(role)}. Bevestiging: {file}",
             f"Read, at {name}, by: {', '.join(role)}. Acknowledgement: {file}"),
         {"acknowledgement": str(file), "roles": role}, json)  # fmt: skip


@app.command
def status(
    manifest: Path, *, papers: Path | None = None, site: Path | None = None, json: Json = False
) -> None:
    """Show what still blocks a project: every gate, whether it holds, and who has to do what.

    Ends with exit status 1 while a gate does not hold.

    Args:
        manifest: the manifest (canonical JSON).
        papers: folder with what was signed: approvals, acknowledgements, withdrawals.
        site: a matching site; its own papers are used, and the keys in the manifest are compared with those registered.
    """
    from lsi_match.cli.console import language, out, read_folder
    from lsi_match.files import read_bytes
    from lsi_match.matcher.gates import Evidence, evaluate
    from lsi_match.matcher.site import Site, utc_now
    from lsi_match.trust.agreement import load_manifest

    document = load_manifest(read_bytes(manifest))
    if site is not None:
        evidence = Site(site).project(document.project.id).evidence(utc_now())
    else:
        evidence = Evidence(read_folder(papers, "*.json") if papers else {}, utc_now())
    verdicts = evaluate(document, evidence)
    if json:
        print_json({"digest": document.digest, "gates": [
            {"gate": v.gate.value, "holds": v.error is None, "reason": v.error.reason if v.error else "",
             "text": v.error.text(language()) if v.error else ""} for v in verdicts]})  # fmt: skip
    else:
        out.print(f"{document.project.title}\n{document.digest}\n", markup=False, soft_wrap=True)
        for verdict in verdicts:
            holds = verdict.error is None
            label = say(verdict.gate.dutch, verdict.gate.english)
            mark = say("ja ", "yes") if holds else say("nee", "no ")
            out.print(f"{mark}  {label}", style="" if holds else "bold", markup=False, soft_wrap=True)
            if verdict.error is not None:
                out.print(f"     {verdict.error.text(language())}", markup=False, soft_wrap=True)
    if any(verdict.error for verdict in verdicts):
        raise SystemExit(1)


def _must_be_party(manifest: Manifest, name: str, signing_key: str, home: Path) -> None:
    from lsi_match.errors import WrongUseError
    from lsi_match.trust.agreement import MATCHER

    party = manifest.matcher if name == MATCHER else manifest.controllers.get(name)
    if party is None or party.signing_key != signing_key:
        raise WrongUseError(problem=f"the manifest does not name {name} with the key in {home}")
