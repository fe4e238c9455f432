"""Made-up parties that keep a home and the project key, and the mapping of their extracts."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handmade import NOW, PROJECT, selection
from parties import Parties

from lsi_match.agreement.trust_root_rules import sign_root
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.signing import peek
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import MANIFEST, Event, RoundOpened
from lsi_match.log.log_proof import proof_file, prove
from lsi_match.log.store import Log
from lsi_match.partner.extract.column_mapping import ColumnMapping, SelectionMapping
from lsi_match.partner.home import Home, make_key_share
from lsi_match.protocol.documents import Opening


@dataclass
class Homes(Parties):
    """Parties with homes under `folder`, which agreed to the draft once they `join`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.key = ProjectKey(PROJECT, 1, bytes(range(32)))

    @property
    def key_check(self) -> str:
        return self.key.check_value

    def home(self, name: str) -> Home:
        return Home(self.folder / name, name)

    def share(self, name: str, maker: str | None = None) -> bytes:
        """The project key, sealed to `name`."""
        made_by = self.identities[maker or next(iter(self.manifest.controllers))]
        recipient = self.manifest.controllers[name].encryption_key
        return make_key_share(self.key, made_by, name, recipient)

    def pin(self) -> None:
        """Every controller takes in the trust root, signed by all."""
        pile = [sign_root(self.root, self.identities[name]) for name in self.draft["controllers"]]
        for name in self.draft["controllers"]:
            self.home(name).add_roots(pile, self.root.digest, NOW)

    def logged(self, opening: bytes, log: str = "log.sqlite") -> Path:
        """An opening as it travels: its file, with the proof beside it that the log of the matcher has it."""
        return self.logged_as(opening, opening, log)

    def logged_as(self, honest: bytes, sent: bytes, log: str = "log.sqlite") -> Path:
        """As `logged`, of other bytes that the log tells as the opening `honest`."""
        said = peek(honest, Opening, what="opening", party="matcher")
        event = RoundOpened(round=said.round, opening=digest_of_bytes(sent))
        return self.recorded(sent, event, said.manifest, log)

    def recorded(self, document: bytes, event: Event, manifest: str, log: str = "log.sqlite") -> Path:
        """A document as it travels, with the proof of `event`. The entry is written whatever the log said before, as a
        matcher with a changed program can."""
        path, digest = self.folder / log, digest_of_bytes(document).removeprefix("sha256:")
        file = self.folder / "travelling" / f"{digest[:16]}.{log}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(document)
        domain = self.manifest.matcher.domain
        at = int(NOW.timestamp() * 1000)
        entry = LogEntry(
            trace_id="0" * 31 + "1",
            span_id="0" * 15 + "1",
            parent_span_id=None,
            status=event.status,
            name=event.step.value,
            start_time=at,
            end_time=at,
            resource={},
            attributes={MANIFEST: manifest, **event.attributes()},
        )
        with Log.open(path) if path.exists() else Log.create(path, f"{domain}/{PROJECT}") as opened:
            opened.append_and_sign([(entry, None)], self.identities["matcher"].log_key, domain)
            proof_file(file).write_text(prove(opened, opened.size - 1).text())
        return file

    def join(self) -> None:
        self.pin()
        for name in self.manifest.partners:
            self.home(name).join(self.manifest.canonical(), self.papers, self.share(name), NOW)


def mapping(selections: Dict[str, str], columns: Sequence[str] | None = None) -> ColumnMapping:
    """Selection → extract; fields and columns have the same names, the record id is in column `kenmerk`."""
    names = columns if columns is not None else tuple(selection()["fields"])
    return ColumnMapping(
        selections={
            id_: SelectionMapping(extract=file, record_id="kenmerk", columns={n: n for n in names})
            for id_, file in selections.items()
        }
    )
