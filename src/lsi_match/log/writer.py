"""Writing the processing log: one entry per step, durable and under a signed checkpoint before the step counts.

An entry says nothing of who sat at the keyboard. That is the audit record: the details of the entry, which it holds
only a salted hash of. It refers to the span, can be read at the site alone, and goes at the end of its term
(docs/adr/0022-audit-records-are-details.md).
"""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lsi_match.base import dry_run
from lsi_match.base.errors import LsiError
from lsi_match.base.version import VERSION
from lsi_match.crypto.keys import Identity
from lsi_match.log.activities import activity_uri, party_uri
from lsi_match.log.entry import FOREIGN_PROCESSOR, PROCESSING_ACTIVITY, LogEntry
from lsi_match.log.events import MANIFEST, PARTY, Event, Recorded
from lsi_match.log.follower import LogReader
from lsi_match.log.note import VerifierKey
from lsi_match.log.store import Log

SYSTEM = "lsi-match"


class LogWriter(LogReader):
    """The log of one project, as the matcher writes and reads it. Use it in a `with` block.

    Args:
        project, domain: of the matcher; together the origin of the log.
        identity: gives the keys of the matcher, asked for when something is written.
        keys: as `LogReader` takes them; the one of this identity among them that signs notes only is what signs the log.
    """

    def __init__(
        self,
        log: Log,
        project: str,
        domain: str,
        identity: Callable[[], Identity],
        keys: Callable[[], Iterable[VerifierKey]] = tuple,
    ) -> None:
        super().__init__(log, keys)
        self._project = project
        self._domain = domain
        self._load = identity
        self._loaded: Identity | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        project: str,
        domain: str,
        identity: Callable[[], Identity],
        keys: Callable[[], Iterable[VerifierKey]] = tuple,
    ) -> LogWriter:
        """The writer of the log at `path`, made with origin `<domain>/<project>` when absent."""
        log = Log.open(path) if path.exists() else Log.create(path, f"{domain}/{project}")
        return cls(log, project, domain, identity, keys)

    @classmethod
    def existing(
        cls,
        path: Path,
        project: str,
        identity: Callable[[], Identity],
        keys: Callable[[], Iterable[VerifierKey]] = tuple,
    ) -> LogWriter:
        """The writer of a log that is there, whose origin says the domain."""
        log = Log.open(path)
        return cls(log, project, log.origin.removesuffix(f"/{project}"), identity, keys)

    def close(self) -> None:
        """Close the log. What was learnt from it is kept, where something was written."""
        try:
            if self._loaded is not None:
                with suppress(LsiError, OSError):  # it can be made anew
                    self.keep(self._key, self.log.signs_as(self._domain))
        finally:
            super().close()

    @property
    def _identity(self) -> Identity:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        """What signs this log: of the keys that count, the one that signs nothing else. The same as long as the log is held open,
        whatever comes to lie in place of the manifest."""
        return self._identity.note_key({one.public_key for one in self._keys()})

    def record(
        self,
        event: Event,
        at: datetime,
        *,
        manifest: str,
        trace_id: str | None = None,
        span: str | None = None,
        parent: str | None = None,
        of: str | None = None,
        started: datetime | None = None,
        audit: bool = True,
    ) -> None:
        """Write one entry, and the audit record of it, and sign a checkpoint over them. On return it is on disk.

        Args:
            manifest: the digest under which the step ran.
            trace_id: of a round that is opened by this; by default that of the round of the event, or one of its own.
            span: of this step, where a document names it already.
            parent: the span that led to this one, for example of the partner that made a drop. Without one it is,
                within a round, the span of its opening.
            of: the partner whose span `parent` is.
            started: when the step began; it ended `at`.
            audit: whether an audit record is kept.

        Raises:
            StepOutOfPlaceError: the step does not fit how its round stands; nothing was written.
        """
        view = self.view
        round_ = view.round(getattr(event, "round", None) or "")
        foreign: dict[str, str | int | bool] = {}
        if parent is not None and of is not None:
            foreign = {FOREIGN_PROCESSOR: party_uri(self._domain, self._project, manifest, of)}
        entry = LogEntry(
            trace_id=trace_id or (round_.trace_id if round_ else secrets.token_hex(16)),
            span_id=span or secrets.token_hex(8),
            parent_span_id=parent or (round_.span_id if round_ else None),
            status=event.status,
            name=event.step.value,
            start_time=_milliseconds(started or at),
            end_time=_milliseconds(at),
            resource={"service.name": SYSTEM, "service.version": VERSION, PARTY: self._identity.name},
            attributes={
                PROCESSING_ACTIVITY: activity_uri(self._domain, self._project, manifest, event.step),
                MANIFEST: manifest,
                **event.attributes(),
                **foreign,
            },
        )
        view.check(Recorded(view.size, entry, event))
        dry_run.before("log", event.step.value)
        who = {"span_id": entry.span_id, "user": _user()} if audit else None
        self.log.append_and_sign([(entry, who)], self._key, self.log.signs_as(self._domain))

    def sign(self, name: str | None = None) -> str:
        """Sign the log as it is now, under this name or the one that it has; the note."""
        dry_run.before("sign", "checkpoint")
        return self.log.sign_checkpoint(self._key, name or self.log.signs_as(self._domain))


def _user() -> str:
    """The account that runs this, and for whom where `sudo` says so. By the system, not by a variable anybody can set."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER") if os.getuid() == 0 else None
    return f"{behind} ({name})" if behind else name


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
