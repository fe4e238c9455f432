"""Identities and the project key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_folder, write_whole
from lsi_match.base.validation import NAME
from lsi_match.cli.console import as_json, done, err, say, tell

if TYPE_CHECKING:
    from lsi_match.partner.ceremony import KeyMaking

app = App(name="keys")


@app.command
def make(
    name: str,
    home: Path,
    *,
    protect: bool = False,
    hybrid: bool | None = None,
    signer: str = "",
    module: str = "",
) -> None:
    """Make a signing and an encryption key for a party.

    Args:
        name: name of the party, as in the manifest.
        home: the party's own folder; keys come in HOME/keys, readable by its owner only.
        protect: put them behind a passphrase, which every command that uses them then needs.
        hybrid: what is sealed to it withstands a quantum computer too (age1pq1…); default: not where age is older than 1.3.
        signer: sign with a key that is in an HSM (hsm:NUMBER?label=TOKEN) or vault (hv:NAME) already.
        module: the PKCS #11 library of the HSM, for example /usr/lib/softhsm/libsofthsm2.so.
    """
    import re

    from lsi_match.crypto.age_keys import tools_open_hybrid
    from lsi_match.crypto.keys import make_identity, make_outside_identity
    from lsi_match.crypto.passphrase import ask_new

    if not re.fullmatch(NAME, name):
        raise wrong_use("cli.no_party_name")
    passphrase = ask_new(str(home / "keys" / "encryption.age")) if protect else None
    folder = home / "keys"
    hybrid = tools_open_hybrid() if hybrid is None else hybrid
    identity = (
        make_outside_identity(name, folder, signer, module, passphrase, hybrid=hybrid)
        if signer
        else make_identity(name, folder, passphrase, hybrid=hybrid)
    )
    card = folder / "card.json"
    tell("keys.made", {"card": str(card), **identity.card})


@app.command
def show(home: Path) -> None:
    """What keys there are: public keys and key ids, whether they are protected, file modes. Opens no private key.

    Args:
        home: the folder of a party, or of the matching site.
    """
    from lsi_match.crypto.keys import key_state

    state = key_state(home / "keys")
    yes, no = say("keys.yes"), say("keys.no")
    rows = [
        (say("keys.party"), state.card.name),
        (say("keys.public_signing"), state.card.signing_key),
        (say("keys.signing_id"), state.signing_key_id),
        (say("keys.public_encryption"), state.card.encryption_key),
        (say("keys.public_log"), state.card.log_key or no),
        (say("keys.signing_key"), state.signing),
        (say("keys.behind_passphrase"), yes if state.protected else no),
        *((say("keys.mode", file=file), mode) for file, mode in state.modes.items()),
    ]
    # As lines, since a key that is cut off cannot be compared.
    lines = [f"{label:<28}{value}" for label, value in rows]
    done(lines, {**vars(state), "card": state.card.model_dump()})
    for file in () if as_json() else state.readable_by_others:
        text = say("keys.readable", file=file)
        err.print(text, style="bold red")


@app.command
def card(name: str, home: Path) -> None:
    """Write the card anew, with all public keys of today: those made before a party had a key for the log lack that one.

    Args:
        name: the party.
        home: its folder; of the matching environment (matcher) the site.
    """
    from lsi_match.crypto.keys import load_identity, write_card

    identity = load_identity(name, home / "keys")
    file = write_card(identity, home / "keys")
    tell("keys.card", {"card": str(file), **identity.card})


@app.command
def protect(name: str, home: Path) -> None:
    """Put the keys of a party, made without one, behind a passphrase.

    Args:
        name: the party.
    """
    from lsi_match.crypto.keys import protect_identity
    from lsi_match.crypto.passphrase import ask_new

    protect_identity(name, home / "keys", ask_new(str(home / "keys" / "encryption.age")))
    tell("keys.protected", {"protected": str(home / "keys")})


@app.command
def project(name: str, home: Path, project_id: str, *, cards: Path, out: Path, epoch: int = 1) -> None:
    """Make the project key alone and seal it to every partner; prints the key check value for the manifest.

    Together is better, since then nobody picks it: see `keys commit`.

    Args:
        name: the partner that makes the key.
        cards: folder with the cards (JSON) of all partners, its own too. Not the matcher's: it never gets the key.
        out: folder for the sealed shares, one file per partner.
        epoch: number of this key; one higher at each rotation.
    """
    from lsi_match.crypto.keys import read_public_keys
    from lsi_match.crypto.project_key import ProjectKey
    from lsi_match.partner.home import Home, make_key_share

    identity = Home(home, name).identity()
    key = ProjectKey.make(project_id, epoch)
    for source, data in read_folder(cards, "*.json").items():
        card = read_public_keys(data, source)
        if card.name != "matcher":
            share = make_key_share(key, identity, card.name, card.encryption_key)
            write_whole(out / f"key-share.{card.name}.json", share)
    tell("keys.key_made", {"key_check": key.check_value, "shares": str(out)})


@app.command
def commit(
    name: str,
    home: Path,
    project_id: str,
    *,
    cards: Path,
    out: Path,
    epoch: int = 1,
    again: bool = False,
) -> None:
    """Make the project key together, 1 of 3: fix this partner's part of it, without telling it.

    Args:
        cards: folder with the cards (JSON) of all partners, checked with their owners by another way.
        out: folder for the commitment; everyone's commitments go to everyone.
        epoch: number of this key; one higher at each rotation.
        again: start over, all partners together; destroys the part of the earlier attempt.
    """

    document = _key_making(name, home, project_id, cards, epoch).commit(again=again)
    file = out / f"key-commitment.{name}.json"
    write_whole(file, document, replace=again)
    tell("keys.committed", {"commitment": str(file)})


@app.command
def reveal(
    name: str,
    home: Path,
    project_id: str,
    *,
    cards: Path,
    commitments: Path,
    out: Path,
    epoch: int = 1,
) -> None:
    """Make the project key together, 2 of 3: tell this partner's part to the others, once all have committed.

    Args:
        cards: folder with the cards (JSON) of all partners.
        commitments: folder with the commitments of all partners, its own too.
        out: folder for the reveal, sealed to the other partners.
        epoch: number of this key.
    """

    words = read_folder(commitments, "key-commitment.*.json").values()
    document = _key_making(name, home, project_id, cards, epoch).reveal(words)
    file = out / f"key-reveal.{name}.json"
    write_whole(file, document, replace=True)
    tell("keys.revealed", {"reveal": str(file)})


@app.command
def derive(
    name: str,
    home: Path,
    project_id: str,
    *,
    cards: Path,
    commitments: Path,
    reveals: Path,
    epoch: int = 1,
) -> None:
    """Make the project key together, 3 of 3: derive it; all partners print the same key check value.

    Args:
        home: its folder; the key is kept in it, sealed to this partner.
        cards: folder with the cards (JSON) of all partners.
        commitments: folder with the commitments of all partners.
        reveals: folder with the reveals of all partners.
        epoch: number of this key.
    """
    key, file = _key_making(name, home, project_id, cards, epoch).derive(
        read_folder(commitments, "key-commitment.*.json").values(),
        read_folder(reveals, "key-reveal.*.json").values(),
    )
    tell("keys.key_sealed", {"key_check": key.check_value, "key_share": str(file)})


@app.command
def share(name: str, home: Path, project_id: str, *, card: Path, out: Path) -> None:
    """Seal the project key that this partner has to a partner that joins. Check its card by another way first.

    Args:
        name: the partner that shares.
        card: card (JSON) of the partner that joins.
        out: folder for the sealed share.
    """
    from lsi_match.crypto.keys import read_public_keys
    from lsi_match.partner.home import Home, make_key_share

    own = Home(home, name)
    key = own.project_key(own.agreed_manifest(project_id, utc_now()))
    to = read_public_keys(read_bytes(card), str(card))
    if to.name == "matcher":  # the matching environment never gets the project key
        raise wrong_use("cli.not_to_matcher")
    file = out / f"key-share.{to.name}.json"
    write_whole(file, make_key_share(key, own.identity(), to.name, to.encryption_key))
    tell("keys.key_shared", {"key_check": key.check_value, "share": str(file)}, name=to.name)


def _key_making(name: str, home: Path, project_id: str, cards: Path, epoch: int) -> KeyMaking:
    """The key that `name` makes with the owners of `cards`; the matcher's card is left out."""
    from lsi_match.crypto.key_ceremony import Ceremony
    from lsi_match.crypto.keys import read_public_keys
    from lsi_match.partner.ceremony import KeyMaking
    from lsi_match.partner.home import Home

    read = [read_public_keys(data, source) for source, data in read_folder(cards, "*.json").items()]
    partners = {card.name: card for card in read if card.name != "matcher"}
    if len(read) > len(partners | {card.name: card for card in read}):
        raise wrong_use("cli.two_cards", cards=str(cards))
    return KeyMaking(Home(home, name), Ceremony(project_id, epoch, partners))
