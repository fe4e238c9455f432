"""Writing the processing log: one entry per step, durable and under a signed checkpoint before the step counts.

An entry says nothing of who sat at the keyboard. That is the audit record: the details of the entry, which it holds
only a salted hash of. It refers to the span, can be read at the site alone, and goes at the end of its term
(docs/adr/0022-audit-records-are-details.md).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from lsi_match.base.errors import LsiError
from lsi_match.crypto.keys import Identity
from lsi_match.log.activities import activity_uri, party_uri
from lsi_match.log.entry import FOREIGN_PROCESSOR, FOREIGN_SPAN, PROCESSING_ACTIVITY, LogEntry
from lsi_match.log.steps import Step
from lsi_match.log.store import Log

SYSTEM = "lsi-match"


class Journal:
    """The log of one project, as the matcher writes it. Use it in a `with` block."""

    def __init__(self, log: Log, project: str, domain: str, identity: Identity) -> None:
        self._log = log
        self._project = project
        self._domain = domain
        self._identity = identity
        self._roots: dict[str, str] = {}
        self.trace_id = hashlib.sha256(f"{domain}/{project}".encode()).hexdigest()[:32]

    @classmethod
    def open(cls, path: Path, project: str, domain: str, identity: Identity) -> Journal:
        """The journal over the log at `path`, made with origin `<domain>/<project>` when absent."""
        log = Log.open(path) if path.exists() else Log.create(path, f"{domain}/{project}")
        return cls(log, project, domain, identity)

    @classmethod
    def existing(cls, path: Path, project: str, identity: Identity) -> Journal:
        """The journal over a log that is there, whose origin says the domain."""
        log = Log.open(path)
        return cls(log, project, log.origin.removesuffix(f"/{project}"), identity)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the log; nothing is written on closing."""
        self._log.close()

    def entries(self) -> list[LogEntry]:
        """Every entry, oldest first."""
        return [entry for _, entry in self._log.entries()]

    def record(
        self,
        step: Step,
        at: datetime,
        *,
        manifest: str,
        trace_id: str | None = None,
        span: str | None = None,
        parent: str | None = None,
        of: str | None = None,
        started: datetime | None = None,
        begun: bool = False,
        audit: bool = True,
        error: LsiError | None = None,
        facts: Mapping[str, str | int] | None = None,
    ) -> None:
        """Write one entry, and the audit record of it, and sign a checkpoint over them. On return it is on disk.

        Args:
            manifest: the digest under which the step ran.
            trace_id: of the round; steps outside a round share one trace per project.
            span: of this step, where a document names it already.
            parent: the span that led to this one, for example of the partner that made a drop. Without one it is,
                within a round, the span of its opening.
            of: the partner whose span `parent` is.
            started: when the step began; it ended `at`.
            begun: the step still has to be done. Another entry says that it was; without that one it broke off.
            audit: whether an audit record is kept.
            error: what refused the step; its name and text, which hold no personal data.
            facts: ours, written with the prefix `lsi.`: digests, counts, names of parties.
        """
        ours: dict[str, str | int | bool] = {f"lsi.{name}": value for name, value in (facts or {}).items()}
        if parent is not None and of is not None:
            ours |= {
                FOREIGN_SPAN: parent,
                FOREIGN_PROCESSOR: party_uri(self._domain, self._project, manifest, of),
            }
        if error is not None:
            ours |= {"exception.type": error.reason, "exception.message": str(error)[:1000]}
        status: Literal["Unset", "Ok", "Error"] = "Unset" if begun else "Ok"
        entry = LogEntry(
            trace_id=trace_id or self.trace_id,
            span_id=span or secrets.token_hex(8),
            parent_span_id=parent or self._root(trace_id),
            status=status if error is None else "Error",
            name=step.value,
            start_time=_milliseconds(started or at),
            end_time=_milliseconds(at),
            resource={"service.name": SYSTEM, "lsi.party": self._identity.name},
            attributes={
                PROCESSING_ACTIVITY: activity_uri(self._domain, self._project, manifest, step),
                "lsi.manifest": manifest,
                **ours,
            },
        )
        who = {"span_id": entry.span_id, "user": _user()} if audit else None
        self._log.append_and_sign([(entry, who)], self._identity.log_key, self._domain)

    def destroy_details(self, positions: Iterable[int]) -> None:
        """Destroy the audit records of these entries; what the log says of them stays."""
        self._log.destroy_details(positions)

    def _root(self, trace_id: str | None) -> str | None:
        """The span of the opening of the round that this trace is of; None for anything else."""
        if trace_id is None or trace_id in self._roots:
            return self._roots.get(trace_id or "")
        for entry in self._log.entries_with(trace_id):
            opened = entry.name == Step.OPEN_ROUND.value and entry.status == "Ok"
            if opened and entry.trace_id == trace_id:
                return self._roots.setdefault(trace_id, entry.span_id)
        return None


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
