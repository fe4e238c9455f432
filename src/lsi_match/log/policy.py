"""Whose signatures count under a checkpoint, as a file: C2SP tlog-policy.

A policy names the keys of the log, the keys of the cosigners and the quorum of them. `policy_of` makes it from a
manifest and, where there is one, from the trust root; `Policy.check` is what a checkpoint has to pass. A checkpoint
that is signed with a key that was replaced does not pass, because that key is not in the policy any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from lsi_match.base.errors import LsiError, RefusedError
from lsi_match.crypto.keys import public_key
from lsi_match.log.note import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    NoteUnsignedError,
    SignedNote,
    VerifierKey,
    verify_cosignature,
    verify_note,
)
from lsi_match.manifest import Manifest
from lsi_match.protocol.trust_root import MATCHER, Role, TrustRoot

#: The quorum of nobody (tlog-policy, section "Defining the quorum").
NONE = "none"
ALL = "controllers"
OUTSIDE = "witnesses"
BOTH = "both"
_ED25519_HEX = 64


@dataclass(frozen=True)
class Policy:
    """The keys that count. `groups` holds per name the threshold and the members; `quorum` is a name or `none`."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey] = field(default_factory=dict)
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str = NONE

    def text(self) -> str:
        """The file (tlog-policy, section "Policy file syntax and structure")."""
        lines = [f"log {key}" for key in self.logs]
        lines += [f"witness {name} {key}" for name, key in self.witnesses.items()]
        lines += [f"group {name} {least} {' '.join(of)}" for name, (least, of) in self.groups.items()]
        return "\n".join([*lines, f"quorum {self.quorum}"]) + "\n"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy file. Raises `PolicyMalformedError`, `VerifierKeyMalformedError`."""
        reading = _Reading()
        for number, line in enumerate(text.split("\n"), 1):
            words = line.replace("\t", " ").split(" ")
            words = [word for word in words if word]
            if words and not words[0].startswith("#"):
                reading.line(number, words)
        if reading.quorum is None:
            raise LsiError("PolicyMalformedError", line=0, problem="no quorum")
        return cls(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)

    def check(self, note: str | SignedNote, origin: str | None = None) -> Checkpoint:
        """The checkpoint in `note`, once it is signed by the log and co-signed by the quorum.

        Raises:
            NoteUnsignedError, SignatureWrongError: not signed by a key of the log, or falsely.
            LogUnknownError: it is of another log than `origin`.
            QuorumMissingError: too few cosignatures.
        """
        signed = SignedNote.parse(note) if isinstance(note, str) else note
        verify_note(signed, self.logs)
        checkpoint = Checkpoint.parse(signed.text)
        if origin is not None and checkpoint.origin != origin:
            raise RefusedError("LogUnknownError", found=checkpoint.origin, origin=origin)
        seen = self.cosigners(signed)
        if not self.enough(seen):
            raise LsiError("QuorumMissingError", size=checkpoint.size, names=", ".join(sorted(seen)) or "-")
        return checkpoint

    def cosigners(self, signed: SignedNote) -> dict[str, int]:
        """Who co-signed, and when in seconds since 1970. Raises `SignatureWrongError` for a false line."""
        seen = {}
        for name, key in self.witnesses.items():
            try:
                seen[name] = verify_cosignature(signed, key)
            except NoteUnsignedError:
                continue
        return seen

    def cosigned_sizes(self, notes: Iterable[str]) -> dict[str, int]:
        """Cosigner → entries of the largest of these checkpoints that it co-signed; nobody who co-signed none.

        Raises `SignatureWrongError` for a false line.
        """
        found: dict[str, int] = {}
        for note in notes:
            signed = SignedNote.parse(note)
            size = Checkpoint.parse(signed.text).size
            for name in self.cosigners(signed):
                found[name] = max(size, found.get(name, 0))
        return dict(sorted(found.items()))

    def enough(self, seen: Collection[str]) -> bool:
        """Whether the quorum is among those who co-signed."""
        return self._holds(self.quorum, seen)

    def _holds(self, name: str, seen: Collection[str]) -> bool:
        if name == NONE or name in seen:
            return True
        least, members = self.groups.get(name, (1, ()))
        return sum(self._holds(member, seen) for member in members) >= least


class _Reading:
    """A policy file on its way: what was defined on the lines before."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def line(self, number: int, words: list[str]) -> None:
        def refuse(problem: str) -> LsiError:
            return LsiError("PolicyMalformedError", line=number, problem=problem)

        match words:
            case ["log", vkey] | ["log", vkey, _]:
                key = VerifierKey.parse(vkey)
                if key.algorithm != ED25519 or key in self.logs:
                    raise refuse("log key")
                self.logs.append(key)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                key = VerifierKey.parse(vkey)
                if (
                    key.algorithm != COSIGNATURE
                    or key.public_key in {one.public_key for one in self.witnesses.values()}
                    or self._taken(name)
                ):
                    raise refuse("witness")
                self.witnesses[name] = key
            case ["group", name, least, *members] if members:
                wanted = {"all": str(len(members)), "any": "1"}.get(least, least)
                if not (wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted) <= len(members)):
                    raise refuse("threshold")
                if self._taken(name) or len(set(members)) != len(members):
                    raise refuse("name twice")
                for member in members:
                    if member not in self.witnesses.keys() | self.groups.keys() or member in self._members:
                        raise refuse("member")
                self._members |= set(members)
                self.groups[name] = (int(wanted), tuple(members))
            case ["quorum", name] if self.quorum is None and (name == NONE or self._taken(name)):
                self.quorum = name
            case _:
                raise refuse("unknown line")

    def _taken(self, name: str) -> bool:
        return name == NONE or name in self.witnesses or name in self.groups


def origin_of(manifest: Manifest) -> str:
    """The origin of the project's log: `<domain of the matcher>/<project>`."""
    return f"{manifest.matcher.domain}/{manifest.project.id}"


def _names(manifest: Manifest, key: str) -> tuple[VerifierKey, VerifierKey]:
    """A key of the matcher under its two names: the domain, as logs have it that earlier versions began, and the origin of the
    log, as C2SP asks (tlog-checkpoint, section "Note text"): what others take a log by."""
    public = public_key(key)
    return VerifierKey.of(manifest.matcher.domain, public), VerifierKey.of(origin_of(manifest), public)


def log_keys(manifest: Manifest, roots: Iterable[TrustRoot] = ()) -> tuple[VerifierKey, ...]:
    """The keys that the matcher signs its log with, and those it had before: each once, in the order of the roots, under
    both names.

    Args:
        roots: every version of the trust root, oldest first; without any the keys that the manifest names.
    """
    named = [
        key
        for root in roots
        if MATCHER in root.organisations
        for key in root.organisations[MATCHER].keys_for(Role.LOG)
    ]
    # The last time that a key is named counts.
    stated = [manifest.matcher.signing_key, manifest.matcher.note_key]
    latest_first = dict.fromkeys(reversed(named or stated))
    return tuple(name for key in reversed(latest_first) for name in _names(manifest, key))


def policy_of(manifest: Manifest, root: TrustRoot | None = None, *, quorum: int | None = 0) -> Policy:
    """The policy of a project: the matcher's keys, and as cosigners every controller with an Ed25519 key and the witnesses
    from outside that the manifest names.

    With a trust root, the keys are those that it names for notes (role `log`; where there is none, those for papers), else
    those of the manifest. Until the manifest names the key for notes that the trust root does, that for papers counts too.
    A controller without a key for notes whose key for papers is of another kind (an HSM with ECDSA) cannot co-sign: the format
    knows Ed25519 only.

    Args:
        quorum: how many controllers have to have co-signed, beside as many witnesses as the manifest asks; None: all
            controllers; 0: nobody.
    """

    def keys(name: str, stated: str) -> list[str]:
        party = None if root is None else root.organisations.get(name)
        known = [stated] if party is None else [*party.keys_for(Role.LOG)]
        if party is not None and stated in (*party.keys_for(Role.MATCH), *party.keys_for(Role.DELIVER)):
            known.insert(0, stated)
        return [key for key in dict.fromkeys(known) if len(key) == _ED25519_HEX]

    logs = tuple(name for key in keys(MATCHER, manifest.matcher.note_key) for name in _names(manifest, key))
    witnesses = {
        name: VerifierKey.of(name, public_key(found[0]), COSIGNATURE)
        for name, party in manifest.controllers.items()
        if (found := keys(name, party.note_key))
    }
    outside = {name: VerifierKey.parse(key) for name, key in manifest.release.witnesses.items()}
    every = witnesses | outside
    least, beside = len(witnesses) if quorum is None else quorum, manifest.release.witness_cosignatures
    if least == 0:
        return Policy(logs, every)
    groups = {ALL: (least, tuple(witnesses))}
    if not beside:
        return Policy(logs, every, groups, ALL)
    return Policy(logs, every, groups | {OUTSIDE: (beside, tuple(outside)), BOTH: (2, (ALL, OUTSIDE))}, BOTH)


def release_policy(manifest: Manifest, root: TrustRoot | None = None) -> Policy:
    """Whose signatures a checkpoint must have before a release in it is handed out, and opened."""
    return policy_of(manifest, root, quorum=manifest.release.cosignatures)
