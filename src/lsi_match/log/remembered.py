"""The newest checkpoint of a log that a party verified. Every proof that comes in has to fit it, and moves it forward.

    <file>             the checkpoint, as the signed note that stated it
    <file>.hashes      the hashes of the entries under it, one after the other
    <file>.evidence/   two signed notes for each contradiction, and what it came with

1. With nothing remembered, what the matcher signed is believed.
2. An older checkpoint has to state the root over the first so many of the entries that are remembered.
3. A newer one has to come with what gives the root over the first so many of its entries (`log.log_proof`), and that has to
   be the one that is remembered. Then it is remembered in the place of the older one.
4. What contradicts is refused, and kept: two notes under the signature of one matcher that cannot both be true.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base import dry_run
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.base.files import locked, private_folder, read_bytes, read_text, write_whole
from lsi_match.log.events import Recorded, read
from lsi_match.log.log_proof import MAX_SIZE, LogProof, Since
from lsi_match.log.note import Checkpoint
from lsi_match.log.policy import Policy


class ProofRefusedError(LsiError): ...


class SplitViewError(LsiError): ...


class ConsistencyMissingError(LsiError): ...


@dataclass(frozen=True)
class RememberedLog:
    """What is remembered in `file`; see the text of the module."""

    file: Path

    @classmethod
    def of_party(cls, home: Path, project: str) -> RememberedLog:
        """What a party with the folder `home` remembers of the log of a project."""
        return cls(home / "projects" / project / "log-seen")

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint; None when nothing is remembered. Raises `RememberedUnreadableError`."""
        if not self.file.exists():
            return None
        try:
            return Checkpoint.of_note(read_text(self.file))
        except LsiError:
            raise LsiError("RememberedUnreadableError", file=str(self.file)) from None

    def recorded(self, proof: Path, policy: Policy, origin: str) -> Recorded:
        """What the log says at the entry that `proof` is of. Every document that travels with a proof is held against this.

        Raises:
            ProofMissingError, ProofRefusedError: no proof, or none that holds by `policy` and is of the log `origin`.
            SplitViewError, ConsistencyMissingError: it does not go on from what is remembered, or does not show it.
        """
        if not proof.is_file():
            raise LsiError("ProofMissingError", file=proof.name)
        return self.recorded_in(read_bytes(proof, MAX_SIZE), proof.name, policy, origin)

    def recorded_in(self, proof: bytes, name: str, policy: Policy, origin: str) -> Recorded:
        """As `recorded`, of a proof that came in the file `name` together with its document."""
        try:
            parsed = LogProof.parse(proof.decode())
            recorded = read(parsed.index, parsed.check(policy, origin))
        except UnicodeDecodeError:
            raise ProofRefusedError(file=name, problem="ProofMalformedError") from None
        except LsiError as problem:
            raise ProofRefusedError(file=name, problem=problem.reason) from None
        self.take(parsed.checkpoint, parsed.since)
        return recorded

    def take(self, note: str, since: Since = Since(b"")) -> None:  # noqa: B008 (frozen)
        """Hold a checkpoint, whose signatures were verified, against what is remembered; remember it when it is newer.

        Args:
            since: about its entries, where anything is known of them.

        Raises:
            SplitViewError, ConsistencyMissingError, RememberedOtherLogError: then nothing is remembered.
        """
        given = Checkpoint.of_note(note)
        with self._alone():
            kept = self.checkpoint
            if kept is not None:
                self._compare(kept, given, note, since)
            if (
                dry_run.is_on()
            ):  # nobody else sees what is remembered: what comes after it is tried out as well
                return
            hashes = since.whole(self._hashes(kept) if kept else b"")
            if kept is None or given.size > kept.size:
                # The hashes first: those of more entries than the note states are hashes of its entries too.
                write_whole(self._hashes_file, hashes, replace=True)
                write_whole(self.file, note.encode(), replace=True)
            elif hashes and given.size == kept.size:
                write_whole(self._hashes_file, hashes, replace=True)

    def begins_with(self, size: int, root: bytes) -> bool:
        """Whether the first `size` entries that are remembered give this root, as far as that can be told."""
        kept = self.checkpoint
        hashes = self._hashes(kept) if kept is not None and kept.size >= size else b""
        return not hashes or Since(hashes).root(size) == root

    def put_aside(self) -> None:
        """Begin to remember anew, after a person acknowledged that the log says by itself that entries were lost; what was
        remembered stays beside it."""
        with self._alone():
            kept = self.checkpoint
            for file in (self._hashes_file, self.file) if kept is not None else ():
                if file.exists():
                    file.rename(file.with_name(f"{file.name}.before-gap-{kept.size if kept else 0}"))

    def _compare(self, kept: Checkpoint, given: Checkpoint, note: str, since: Since) -> None:
        if kept.origin != given.origin:
            raise LsiError("RememberedOtherLogError", remembered=kept.origin, origin=given.origin)
        if given.size > kept.size:
            expected, found = kept.root, since.root(kept.size) if since.hashes else None
        else:
            expected = given.root
            found = kept.root if given.size == kept.size else Since(self._hashes(kept)).root(given.size)
        if found is None:
            raise ConsistencyMissingError(given=given.size, remembered=kept.size)
        if found != expected:
            where = self._keep_evidence(note, since)
            raise SplitViewError(given=given.size, remembered=kept.size, folder=str(where))

    def _keep_evidence(self, note: str, since: Since) -> Path:
        """Keep what contradicts beside what it contradicts; the folder."""
        folder = self._beside(".evidence") / digest_of_bytes(note.encode()).removeprefix("sha256:")[:16]
        if dry_run.is_on():
            return folder
        private_folder(folder)
        kept: Mapping[str, bytes] = {
            "seen.checkpoint": read_bytes(self.file),
            "seen.hashes": read_bytes(self._hashes_file) if self._hashes_file.exists() else b"",
            "given.checkpoint": note.encode(),
            "given.hashes": since.encoded(),
        }
        for name, data in kept.items():
            write_whole(folder / name, data, replace=True)
        return folder

    def _hashes(self, kept: Checkpoint) -> bytes:
        """The hashes of the entries under the checkpoint that is remembered; none where they are not here."""
        if not self._hashes_file.exists():
            return b""
        hashes = read_bytes(self._hashes_file)
        return hashes if Since(hashes).root(kept.size) == kept.root else b""

    @property
    def _hashes_file(self) -> Path:
        return self._beside(".hashes")

    def _beside(self, ending: str) -> Path:
        return self.file.with_name(self.file.name + ending)

    def _alone(self) -> AbstractContextManager[None]:
        """One process at a time, or an older checkpoint could take the place of a newer one."""
        private_folder(self.file.parent)
        return locked(self._beside(".lock"))


def require_stated(proof: str, stated: Mapping[str, tuple[object, object]]) -> None:
    """That an entry says what the document with this proof does, by the name of its file: name → what each of them says.

    Raises `ProofRefusedError` with the name of the first that differs.
    """
    for what, (found, expected) in stated.items():
        if found != expected:
            raise ProofRefusedError(file=proof, problem=what)
