"""Where a party keeps what was signed about the manifest that runs: one file for each paper, none ever replaced.

What an earlier and a later paper of one party say together is for `agreement.read_agreement`. If a file gave way to
the next of its kind, whoever hands in an old paper once more could undo a newer one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsi_match.agreement.approvals import paper_name
from lsi_match.base.files import read_bytes, write_whole


@dataclass(frozen=True)
class StatementStore:
    """The folder: `uwv.json`, `uwv.withdrawal.json`; a further paper of a kind is `uwv.withdrawal.2.json`."""

    folder: Path

    def papers(self) -> dict[str, bytes]:
        """All of them, as `read_agreement` takes them."""
        return {file.stem: read_bytes(file) for file in sorted(self.folder.glob("*.json"))}

    def add(self, papers: Iterable[bytes]) -> None:
        """Keep these beside the others; one that is there already stays the one that it is."""
        for data in papers:
            file = self.folder / f"{paper_name(data)}.json"
            number = 1
            while file.exists() and read_bytes(file) != data:
                number += 1
                file = self.folder / f"{paper_name(data)}.{number}.json"
            write_whole(file, data, replace=True)
