"""A partner's side of making the project key together: what it keeps between its words (`crypto.key_ceremony`).

projects/<project>/key-<epoch>/
    contribution.age     its bytes, sealed to itself; destroyed once the key is there
    reveal.json          what it revealed: under one set of commitments, once
    key-share.json       the key, sealed to itself, as `partner join` takes it
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.canonical import canonical_json
from lsi_match.base.errors import LsiError
from lsi_match.base.files import destroy, read_bytes, read_private, write_whole
from lsi_match.crypto.key_ceremony import Ceremony, RevealMissingError, commit, derive, draw, gather, reveal
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek
from lsi_match.partner.home import Home, make_key_share
from lsi_match.protocol.documents import KeyContribution, KeyReveal


@dataclass(frozen=True)
class KeyMaking:
    """One key being made at one partner."""

    home: Home
    ceremony: Ceremony

    @property
    def folder(self) -> Path:
        return self.home.project(self.ceremony.project) / f"key-{self.ceremony.epoch}"

    @property
    def _facts(self) -> dict[str, str | int]:
        return {
            "partner": self.home.name,
            "project": self.ceremony.project,
            "epoch": self.ceremony.epoch,
        }

    def commit(self, *, again: bool = False) -> bytes:
        """Draw a contribution, keep it sealed to ourselves, and return our signed commitment.

        Args:
            again: destroy what an earlier attempt left, the bytes that may have been revealed above all.

        Raises:
            CommittedAlreadyError: there is an attempt already.
            CeremonyStrangerError, CardsDifferError: see `crypto.key_ceremony.commit`.
        """
        identity = self.home.identity()
        contribution = draw(self.ceremony, self.home.name, secrets.token_bytes)
        document = commit(self.ceremony, contribution, identity)
        if self.folder.exists() and any(self.folder.iterdir()):
            if not again:
                raise LsiError("CommittedAlreadyError", **self._facts)
            for name in ("contribution.age", "reveal.json", "key-share.json"):
                destroy(self.folder / name)
        content = canonical_json(contribution.model_dump(mode="json"))
        write_whole(self.folder / "contribution.age", seal(content, str(identity.encryption.to_public())))
        return document

    def reveal(self, commitments: Iterable[bytes]) -> bytes:
        """Our signed reveal; asked again under the same commitments, the same bytes.

        Raises:
            NotCommittedError, RevealedAlreadyError: as named.
            CommitmentMissingError …: see `crypto.key_ceremony`.
        """
        transcript = gather(self.ceremony, commitments)
        contribution = self._contribution()
        file = self.folder / "reveal.json"
        if file.exists():
            document = read_bytes(file)
            earlier = peek(document, KeyReveal, what="reveal", party=self.home.name)
            if earlier.transcript != transcript.digest:
                raise LsiError("RevealedAlreadyError", **self._facts)
            return document
        document = reveal(self.ceremony, transcript, contribution, self.home.identity())
        write_whole(file, document)
        return document

    def derive(self, commitments: Iterable[bytes], reveals: Iterable[bytes]) -> tuple[ProjectKey, Path]:
        """The project key, and the file in which it is kept, sealed to ourselves. Our contribution is destroyed.

        Raises:
            NotCommittedError, RevealMissingError: we have not had our say.
            TranscriptDiffersError, RevealDiffersError …: see `crypto.key_ceremony`.
        """
        own = self._contribution()
        if not (self.folder / "reveal.json").exists():
            raise RevealMissingError(names=self.home.name)
        identity = self.home.identity()
        transcript = gather(self.ceremony, commitments)
        words = [read_bytes(self.folder / "reveal.json"), *reveals]
        key = derive(self.ceremony, transcript, words, own, identity)
        file = self.folder / "key-share.json"
        recipient = str(identity.encryption.to_public())
        write_whole(file, make_key_share(key, identity, identity.name, recipient), replace=True)
        destroy(self.folder / "contribution.age")
        return key, file

    def _contribution(self) -> KeyContribution:
        file = self.folder / "contribution.age"
        if not file.exists():
            raise LsiError("NotCommittedError", **self._facts)
        content = unseal(
            read_private(file), self.home.identity().encryption, what=file.name, party=self.home.name
        )
        return KeyContribution.model_validate_json(content)
