"""What the operator of a matching site sets up."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from lsi_match.cli.console import Json, done, read_folder, say

app = App(help="Set up a matching site and take in signed manifests.")


@app.command
def init(site: Path, *, json: Json = False) -> None:
    """Make a matching site: a folder with keys of its own.

    Parameters
    ----------
    site: the folder. Put it on an encrypted disk, readable by one user.
    """
    from lsi_match.matcher.site import Site

    card = Site.make(site).folder / "keys" / "card.json"
    done(say(f"Koppelomgeving gemaakt: {site}. Geef {card} aan de projectleider.",
             f"Matching site made: {site}. Give {card} to the project leader."), {"card": str(card)}, json)  # fmt: skip


@app.command
def register(site: Path, cards: Path, *, json: Json = False) -> None:
    """Register the public keys of the controllers. Check them with their owners by another way first.

    Parameters
    ----------
    site: the matching site.
    cards: folder with their cards (JSON).
    """
    from lsi_match.matcher.site import Site

    names = [
        Site(site).register(data, name)
        for name, data in read_folder(cards, "*.json").items()
        if name != "matcher"
    ]
    done(
        say(f"Aangemeld: {', '.join(names)}", f"Registered: {', '.join(names)}"), {"registered": names}, json
    )


@app.command
def accept(site: Path, manifest: Path, *, approvals: Path, json: Json = False) -> None:
    """Take in a manifest that every controller signed.

    Parameters
    ----------
    site: the matching site.
    manifest: the manifest (canonical JSON).
    approvals: folder with the approval of every controller.
    """
    from lsi_match.files import read_bytes
    from lsi_match.matcher.site import Site, utc_now

    project = Site(site).accept(read_bytes(manifest), read_folder(approvals, "*.json"), utc_now())
    done(say(f"Project {project.id} is vastgelegd. Inbox per deelnemer: {project.folder / 'inbox'}",
             f"Project {project.id} is registered. Inbox per partner: {project.folder / 'inbox'}"),
         {"project": project.id, "inbox": str(project.folder / "inbox")}, json)  # fmt: skip
