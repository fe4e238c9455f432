"""The metrics of a site, by the rules of Prometheus and in its text form: times as seconds since 1970, counters, sizes.

They hold names of projects and partners, counts and times; nothing of a drop or a person. What there is not (a hold, a next
opening) is absent. Rules for alerts, and a dashboard, stand in deploy/prometheus.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lsi_match.base.errors import LsiError
from lsi_match.base.version import VERSION
from lsi_match.matcher.operate.alarms import NAMES, alarms
from lsi_match.matcher.operate.expected import ahead
from lsi_match.matcher.operate.observed_state import last_reconciled, rounds_now
from lsi_match.matcher.operate.retention import due
from lsi_match.matcher.site.checkpoint import cosigned
from lsi_match.matcher.site.site import Project, Site


@dataclass(eq=False)
class _Site:
    """The metrics of a site, as a collector of Prometheus' client: made anew each time that it is asked."""

    site: Site
    now: datetime
    families: dict[str, GaugeMetricFamily | CounterMetricFamily] = field(default_factory=dict)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        self._set(_BUILD, 1, version=VERSION)
        self._set(_FREE, shutil.disk_usage(self.site.folder).free)
        for one in self.site.projects():
            with one.reading() as project:
                self._project(project)
        return self.families.values()

    def _set(
        self,
        metric: tuple[type[GaugeMetricFamily | CounterMetricFamily], str, str],
        value: float | datetime | None,
        **labels: str,
    ) -> None:
        """One sample; a time is told in seconds since 1970, and what is None is absent."""
        kind, name_, text = metric
        family = self.families.get(name_)
        if family is None:
            family = self.families[name_] = kind(f"lsi_match_{name_}", text, labels=tuple(labels))
        if value is not None:
            number = value.timestamp() if isinstance(value, datetime) else value
            family.add_metric([*labels.values()], number)

    def _project(self, project: Project) -> None:
        now, id_ = self.now, project.id
        coming = ahead(project, now)
        on = {one.name for one in alarms(project, now, coming)}
        for name in NAMES:
            self._set(_ALARM, name in on, project=id_, name=name)
        looks = last_reconciled(project)
        self._set(_DONE_AT, looks.at, project=id_)
        self._set(_LOOK_TOOK, looks.seconds, project=id_)
        try:
            view, ongoing, manifest = project.view(), rounds_now(project, project.view()), project.manifest()
        except LsiError:
            return  # the alarm `log` or `manifest` is on
        states = view.summaries()
        for state, count in Counter(one.state for one in states).items():
            self._set(_ROUNDS, count, project=id_, state=state)
        self._set(_RUNS, sum(one.runs for one in states), project=id_, outcome="begun")
        self._set(_RUNS, sum(one.released for one in states), project=id_, outcome="released")
        self._set(_REFUSALS, sum(one.refusals for one in states), project=id_, of="rounds")
        self._set(_REFUSALS, view.refused_openings, project=id_, of="openings")
        self._set(_ENTRIES, view.size, project=id_)
        self._set(_LOG_BYTES, project.log_file.stat().st_size, project=id_)
        self._set(_LAST_ENTRY, view.last, project=id_)
        self._set(_CHECKPOINT, view.last_checkpoint, project=id_)
        took = [
            (one.release.mark.at, one.release.mark.at - one.tried.at)
            for one in view.live.values()
            if one.release and one.tried and one.tried.at <= one.release.mark.at
        ]
        self._set(_RUN_TOOK, max(took)[1].total_seconds() if took else None, project=id_)
        for partner in manifest.partners:
            missing = [
                one.deadline for one in ongoing if partner not in one.delivered and one.held_until is None
            ]
            self._set(_DEADLINE, min(missing, default=None), project=id_, partner=partner)
        self._set(_WAITS, min(view.waiting().values(), default=None), project=id_)
        with suppress(LsiError):
            for partner, so_far in cosigned(project, now).items():
                self._set(_COSIGNED, so_far.at, project=id_, partner=partner)
                self._set(_UNSIGNED, so_far.waits_since, project=id_, partner=partner)
        self._set(_OPENS, coming.opening.at if coming.opening else None, project=id_)
        for end in coming.ends:
            self._set(_ENDS, end.at, project=id_, what=end.what, name=end.name, who=",".join(end.who))
        with suppress(LsiError, OSError):
            self._set(_OVERDUE, len(due(project, now)), project=id_)


_GAUGE, _COUNTER = GaugeMetricFamily, CounterMetricFamily
_BUILD = _GAUGE, "build_info", "Always 1; which version this is"
_FREE = _GAUGE, "disk_free_bytes", "Room that is left on the disk of the site"
_ALARM = _GAUGE, "alarm", "1 for every alarm that is on, by its name in the operator's guide"
_DONE_AT = _GAUGE, "last_done_timestamp_seconds", "When a look last came to its end"
_LOOK_TOOK = (
    _GAUGE,
    "last_look_duration_seconds",
    "How long the last look at the project took, with the runs in it",
)
_ROUNDS = _GAUGE, "rounds", "Rounds by state"
_RUNS = _COUNTER, "runs", "Runs that were begun since the project began, and that ended in a release"
_REFUSALS = _COUNTER, "refusals", "Refused drops and runs, and openings of rounds, since the project began"
_ENTRIES = _GAUGE, "log_entries", "Entries of the log"
_LOG_BYTES = _GAUGE, "log_size_bytes", "Size of the file of the log"
_LAST_ENTRY = (
    _GAUGE,
    "last_entry_timestamp_seconds",
    "When the last entry of the log was written, which is signed with it",
)
_CHECKPOINT = (
    _GAUGE,
    "last_checkpoint_timestamp_seconds",
    "When cosignatures were last asked for by a daily checkpoint",
)
_RUN_TOOK = _GAUGE, "last_run_duration_seconds", "How long the last run took that ended in a release"
_DEADLINE = (
    _GAUGE,
    "drop_deadline_timestamp_seconds",
    "By when the drop is due that is due first and is not there; absent when none is missing",
)
_WAITS = (
    _GAUGE,
    "release_waits_since_timestamp_seconds",
    "Since when the release waits that waits longest for cosignatures; absent when none does",
)
_COSIGNED = _GAUGE, "cosigned_timestamp_seconds", "When a controller last co-signed; absent when it never did"
_UNSIGNED = (
    _GAUGE,
    "cosignature_waits_since_timestamp_seconds",
    "When the first entry was written that a controller is to co-sign and did not; absent when there is none",
)
_OPENS = (
    _GAUGE,
    "next_opening_timestamp_seconds",
    "When the next round opens by itself; absent when none is to come",
)
_ENDS = (
    _GAUGE,
    "ends_timestamp_seconds",
    "When something ends by itself: trust root, authority, certificate, revocation list, period, dpia, rounds, hold, cosignatures, release",
)
_OVERDUE = _GAUGE, "destruction_overdue", "Things that are past their term and not destroyed yet"


def metrics(site: Site, now: datetime) -> bytes:
    """The metrics of a site in the text form of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_Site(site, now))
    return generate_latest(registry)
