"""Beginning a project, at a party: who takes part with which keys, the project key, and the manifest that is to be signed.

One party, the leader, brings a draft (YAML) for all the others. Out of the public keys that everybody brought it composes the
first trust root. Once a party compared that, it makes the project key together with the partners of the draft, step by step at
each exchange (`partner.ceremony`). Then the leader completes the draft to a manifest.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lsi_match.agreement.signer import sign_root_as
from lsi_match.agreement.trust_root_draft import compose, renew
from lsi_match.agreement.trust_root_rules import RootMissingError, SignedRoot, sign_root
from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, read_text
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.crypto.key_ceremony import Ceremony, CommitmentMissingError, RevealMissingError
from lsi_match.crypto.keys import CARD, read_public_keys
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.partner.ceremony import KeyMaking
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.home import open_key_share_of_own
from lsi_match.protocol.documents import PublicKeys
from lsi_match.protocol.place_files import (
    COMMITMENT_SUFFIX,
    DRAFT_SUFFIX,
    PUBLIC_KEYS_SUFFIX,
    REVEAL_SUFFIX,
    ROOT_SUFFIX,
    shared_by,
)
from lsi_match.protocol.trust_root import MATCHER, Role, TrustRoot


class DraftMissingError(LsiError): ...


@dataclass(frozen=True)
class Beginning:
    """The beginning of one project at one party."""

    exchange: Exchange

    def keys(self) -> dict[str, PublicKeys]:
        """Party → the public keys that it brought under its own name; nobody compared them yet."""
        found = {}
        for file in self.exchange.files(PUBLIC_KEYS_SUFFIX):
            with suppress(LsiError):
                card = read_public_keys(read_bytes(file), file.name)
                if card.name == shared_by(self.exchange.project, file.name):
                    found[card.name] = card
        return found

    def draft_file(self) -> Path:
        """The draft that lies here; raises DraftMissingError, DraftsDifferError where it is none, or of two parties."""
        files = self.exchange.files(DRAFT_SUFFIX)
        if not files:
            raise DraftMissingError(project=self.exchange.project)
        if len(files) > 1:
            names = ", ".join(shared_by(self.exchange.project, file.name) or "-" for file in files)
            raise LsiError("DraftsDifferError", names=names)
        return files[0]

    def draft(self) -> dict[str, Any]:
        """What the draft says; raises as `draft_file`, or with the place of what is wrong in it."""
        file = self.draft_file()
        return dict(read_yaml(read_text(file), file.name))

    def compose_root(self, now: datetime) -> Path:
        """The first trust root, out of the keys that everybody brought, signed by this party and laid ready for all others.

        Raises:
            RootDraftError: of a party there are no keys yet.
        """
        draft, home = self.draft(), self.exchange.home
        parties = {name: (one["title"], one["oin"]) for name, one in draft["controllers"].items()}
        parties[MATCHER] = (draft["matcher"]["title"], draft["matcher"]["oin"])
        cards = {name: card for name, card in self.keys().items() if name in parties}
        root = compose(self.exchange.project, parties, cards, now)
        return self.exchange.put_shared("v1", ROOT_SUFFIX, sign_root(root, home.identity()))

    def compose_next(self, before: TrustRoot, now: datetime) -> Path:
        """The version of the trust root after `before`, with the keys as everybody brought them last, signed by this party and laid
        ready for all others; the own public keys go along.

        Raises:
            RootDraftError, WrongUseError: no trust root comes of it, or this party does not sign them.
        """
        home = self.exchange.home
        self.exchange.put_shared("", PUBLIC_KEYS_SUFFIX, read_bytes(home.folder / "keys" / CARD))
        root = renew(before, self.keys(), now)
        papers = sign_root_as(SignedRoot(root, ()), before, home.name, home.folder)
        return self.exchange.put_shared(f"v{root.version}", ROOT_SUFFIX, papers)

    def go_on(self, now: datetime) -> None:
        """What a draft that names this party asks of it: its public keys, and once it compared the trust root the next step of
        making the project key, as far as the others did theirs. Nothing where there is none to do.

        Raises:
            LsiError: a word of another does not hold (`crypto.key_ceremony`).
        """
        home = self.exchange.home
        try:
            if home.name in self.draft()["controllers"]:
                self.exchange.put_shared("", PUBLIC_KEYS_SUFFIX, read_bytes(home.folder / "keys" / CARD))
            making = self._making(now)
        except (DraftMissingError, RootMissingError, KeyError, TypeError, AttributeError):
            return  # no draft, or not so far
        epoch = str(making.ceremony.epoch)
        if home.name not in making.ceremony.cards or (making.folder / "key-share.json").exists():
            return
        words, told = (
            [read_bytes(file) for file in self.exchange.files(kind)]
            for kind in (COMMITMENT_SUFFIX, REVEAL_SUFFIX)
        )
        if not (making.folder / "contribution.age").exists():
            self.exchange.put_shared(epoch, COMMITMENT_SUFFIX, making.commit())
            return
        with suppress(CommitmentMissingError, RevealMissingError):  # the others did not have their say
            self.exchange.put_shared(epoch, REVEAL_SUFFIX, making.reveal(words))
            making.derive(words, told)

    def _making(self, now: datetime) -> KeyMaking:
        draft, root = self.draft(), self.exchange.home.trust(self.exchange.project, now).current
        partners = {}
        for name in draft["partners"]:
            party = root.organisations[name]
            signing_key = party.keys_for(Role.DELIVER)[0]
            partners[name] = PublicKeys(
                name=name, signing_key=signing_key, encryption_key=party.encryption_key
            )
        return KeyMaking(
            self.exchange.home, Ceremony(self.exchange.project, draft["pseudonyms"]["epoch"], partners)
        )

    def complete(self, now: datetime) -> Manifest:
        """The draft with the keys of the trust root and the check value of the project key that was made here.

        Raises:
            ProjectKeyNotMadeError: the others did not have their say yet.
            ValidationError: see `manifest.complete_draft`.
        """
        draft, home = self.draft(), self.exchange.home
        share = home.project(self.exchange.project) / f"key-{draft['pseudonyms']['epoch']}" / "key-share.json"
        if not share.exists():
            raise LsiError("ProjectKeyNotMadeError", project=self.exchange.project)
        root = home.trust(self.exchange.project, now).current
        keys = {}
        for name in (*draft["controllers"], MATCHER):
            party = root.organisations[name]
            role = Role.MATCH if name == MATCHER else Role.DELIVER
            keys[name] = {"signing_key": party.keys_for(role)[0], "encryption_key": party.encryption_key}
            if (logs := party.keys_for(Role.LOG)[0]) != keys[name]["signing_key"]:
                keys[name]["log_key"] = logs
        key = open_key_share_of_own(read_bytes(share), home.identity())
        return Manifest.from_draft(complete_draft(draft, keys, key.check_value))
