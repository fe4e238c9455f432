"""Drafting, checking and signing the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cyclopts import App

from lsi_match.cli.console import Json, done, print_json, say

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
    from lsi_match.errors import WrongUseError
    from lsi_match.files import read_bytes, write_whole
    from lsi_match.matcher.site import utc_now
    from lsi_match.partner.home import Home
    from lsi_match.trust.agreement import STATEMENT, approve, load_manifest

    document = load_manifest(read_bytes(manifest))
    identity = Home(home, name).identity()
    controller = document.controllers.get(name)
    if controller is None or controller.signing_key != identity.card["signing_key"]:
        raise WrongUseError(problem=f"the manifest does not name {name} with the key in {home}")
    write_whole(out / f"{name}.json", approve(document, identity, utc_now()))
    done(say(f"Ondertekend namens {controller.title}: {document.digest}", f"Signed for {controller.title}: {document.digest}")
         + f"\n{STATEMENT}", {"approval": str(out / f"{name}.json"), "digest": document.digest}, json)  # fmt: skip
