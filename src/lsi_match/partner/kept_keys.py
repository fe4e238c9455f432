"""What a partner keeps of a round in which partners evaluated together, so that people can be looked up in it afterwards, where
the manifest says so (`round_keys: until_subjects_destroyed`).

    projects/<project>/evaluation/<round>/kept.json   from the ask on: until when, the manifest, the own signed round keys; once
                                                      the evaluators are named, the public keys of each of them
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from lsi_match.agreement.approvals import load_manifest
from lsi_match.base.canonical import canonical_json
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.crypto.evaluation import Evaluation, PublicRound


@dataclass(frozen=True)
class KeptKeys:
    """What the secrets of a round are kept with. Nothing of it is secret.

    Attributes:
        until: when the secrets are destroyed: as long after the deadline as files of data subjects are kept.
        own: the signed round keys of this partner.
        keys: evaluator → its public keys; nobody until they are named with this partner among them.
    """

    round: str
    until: datetime
    manifest: str
    own: str
    keys: Mapping[str, PublicRound] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> KeptKeys | None:
        """What is kept of the round with this folder; None where its keys go with it."""
        if not (folder / _FILE).exists():
            return None
        said = json.loads(read_bytes(folder / _FILE))
        said["until"] = datetime.fromisoformat(said["until"])
        said["keys"] = {name: PublicRound(**one) for name, one in said["keys"].items()}
        return cls(**said)

    def write(self, folder: Path) -> None:
        write_whole(
            folder / _FILE, canonical_json(asdict(self) | {"until": self.until.isoformat()}), replace=True
        )

    @property
    def epoch(self) -> int:
        """Of the project key of that round."""
        return load_manifest(self.manifest.encode()).pseudonyms.epoch

    @property
    def about_one(self) -> Evaluation:
        """What is evaluated for a request about one person."""
        return Evaluation.of(load_manifest(self.manifest.encode()), self.round).about_one()


_FILE = "kept.json"


def folder_of(project: Path) -> Path:
    """Where the folders of rounds are, in that of a project."""
    return project / "evaluation"


def kept_rounds(project: Path) -> dict[str, KeptKeys]:
    """Round → what is kept of it, of those in which people can be looked up: the secrets are here."""
    found = {one.parent.name: KeptKeys.of(one.parent) for one in folder_of(project).glob("*/keys.age")}
    return {name: one for name, one in found.items() if one and one.keys}
