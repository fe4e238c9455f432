"""Made-up parties with real keys, who sign: a trust root, a manifest, its approvals, an opening."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from handmade import EARLIER, NOW, PROJECT, document, opening

from lsi_match.agreement.approvals import acknowledge, approve
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.crypto.keys import Identity, make_identity, make_round_key
from lsi_match.crypto.signing import sign
from lsi_match.manifest import Manifest, complete_draft
from lsi_match.protocol.documents import PublicKeys


@dataclass
class Parties:
    """Real keys for the parties of a draft, under `folder`; they hold no project key (`homes.Homes` do)."""

    folder: Path
    draft: dict[str, Any] = field(default_factory=document)

    def __post_init__(self) -> None:
        names = [*self.draft["controllers"], "matcher"]
        self.identities: dict[str, Identity] = {
            name: make_identity(name, self.folder / name / "keys") for name in names
        }
        parties = {name: (one["title"], one["oin"]) for name, one in self.draft["controllers"].items()}
        parties["matcher"] = (self.draft["matcher"]["title"], self.draft["matcher"]["oin"])
        cards = {name: PublicKeys.model_validate(one.card) for name, one in self.identities.items()}
        self.root = compose(PROJECT, parties, cards, EARLIER)
        self.trust = Trust((self.root,))
        self.round_secret, self.round_recipient = make_round_key()

    @property
    def key_check(self) -> str:
        """The check value of the project key."""
        return "0" * 32

    @cached_property
    def manifest(self) -> Manifest:
        cards = {name: identity.card for name, identity in self.identities.items()}
        return Manifest.model_validate(complete_draft(self.draft, cards, self.key_check))

    @cached_property
    def approvals(self) -> dict[str, bytes]:
        return {
            name: approve(self.manifest, self.identities[name], NOW) for name in self.manifest.controllers
        }

    @cached_property
    def papers(self) -> dict[str, bytes]:
        """The approvals, and that everybody read the work instruction."""
        roles = self.manifest.work_instruction.acknowledged_by
        read = {
            f"{name}.acknowledgement": acknowledge(self.manifest, self.identities[name], roles, NOW)
            for name in self.manifest.controllers
        }
        return {**self.approvals, **read}

    def opening(self, **changes: Any) -> bytes:
        """A signed opening."""
        made = opening(self.manifest, recipient=self.round_recipient, **changes)
        return sign(made, self.identities["matcher"])
