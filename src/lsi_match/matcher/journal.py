"""Writing the processing log: one entry per step, durable and under a signed checkpoint before the step counts."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from lsi_match.errors import LsiError
from lsi_match.protocol.activities import activity_uri
from lsi_match.protocol.log_entry import PROCESSING_ACTIVITY, LogEntry
from lsi_match.protocol.steps import Step
from lsi_match.trust.keys import Identity
from lsi_match.trust.log import Log

SYSTEM = "lsi-match"


class Journal:
    """The log of one project, as the matcher writes it. Use it in a `with` block."""

    def __init__(self, log: Log, project: str, domain: str, identity: Identity) -> None:
        self._log = log
        self._project = project
        self._domain = domain
        self._identity = identity
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
        parent: str | None = None,
        started: datetime | None = None,
        error: LsiError | None = None,
        facts: Mapping[str, str | int] | None = None,
    ) -> None:
        """Write one entry and sign a checkpoint over it. On return it is on disk.

        Args:
            manifest: the digest under which the step ran.
            trace_id: of the round; steps outside a round share one trace per project.
            parent: the span that led to this one, for example of the partner that made a drop.
            error: what refused the step; its name and text, which hold no personal data.
            facts: ours, written with the prefix `lsi.`: digests, counts, names of parties.
        """
        ours: dict[str, str | int | bool] = {f"lsi.{name}": value for name, value in (facts or {}).items()}
        if error is not None:
            ours |= {"exception.type": error.reason, "exception.message": str(error)[:1000]}
        entry = LogEntry(
            trace_id=trace_id or self.trace_id,
            span_id=secrets.token_hex(8),
            parent_span_id=parent,
            status="Ok" if error is None else "Error",
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
        self._log.append_and_sign([(entry, None)], self._identity.log_key, self._domain)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
