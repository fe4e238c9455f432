"""Identities and the project key."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from lsi_match.cli.console import Json, done, say

app = App(help="Make identities; make and share the project key.")


@app.command
def make(name: str, home: Path, *, json: Json = False) -> None:
    """Make a signing and an encryption key for a party.

    Parameters
    ----------
    name: name of the party, as in the manifest.
    home: the party's own folder; keys come in HOME/keys, readable by its owner only.
    """
    from lsi_match.trust.keys import make_identity

    identity = make_identity(name, home / "keys")
    card = home / "keys" / "card.json"
    done(say(f"Sleutels gemaakt. Geef {card} aan de projectleider en de beheerder van de koppelomgeving.",
             f"Keys made. Give {card} to the project leader and to the operator of the matching environment."),
         {"card": str(card), **identity.card}, json)  # fmt: skip


@app.command
def project(
    name: str, home: Path, project_id: str, *, cards: Path, out: Path, epoch: int = 1, json: Json = False
) -> None:
    """Make the project key and seal it to every partner; prints the key check value for the manifest.

    Parameters
    ----------
    name: the partner that makes the key.
    home: its folder.
    project_id: id of the project.
    cards: folder with the cards (JSON) of all partners, its own too. Not the matcher's: it never gets the key.
    out: folder for the sealed shares, one file per partner.
    epoch: number of this key; one higher at each rotation.
    """
    from lsi_match.cli.console import read_folder
    from lsi_match.files import write_whole
    from lsi_match.partner.home import Home, make_key_share
    from lsi_match.trust.keys import read_card
    from lsi_match.trust.project_key import ProjectKey

    identity = Home(home, name).identity()
    key = ProjectKey.make(project_id, epoch)
    for source, data in read_folder(cards, "*.json").items():
        card = read_card(data, source)
        if card.name != "matcher":
            share = make_key_share(key, identity, card.name, card.encryption_key)
            write_whole(out / f"key-share.{card.name}.json", share)
    done(say(f"Projectsleutel gemaakt en verzegeld in {out}. Controlewaarde voor het manifest: {key.check_value}",
             f"Project key made and sealed in {out}. Key check value for the manifest: {key.check_value}"),
         {"key_check": key.check_value, "shares": str(out)}, json)  # fmt: skip
