"""Run a round at a matching site, without Prefect. Needs `lsi-match[matcher]`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from lsi_match.base.clock import utc_now
from lsi_match.library.logs import Log
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site import site as sites

STEPS = ("gates", "intake", "match", "count", "release", "destroy")


class Site:
    """A matching site. Every method raises LsiError: what is wrong, where, and what to do.

    `lsi-match match run` gives each run a process of its own, which ends with what it held in memory. Here that is up
    to you.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def projects(self) -> tuple[str, ...]:
        """The names of the projects."""
        return tuple(one.id for one in sites.Site(self.folder).projects())

    def log(self, project: str) -> Log:
        """The log of a project."""
        return Log(self._project(project).log_file)

    def open_round(self, project: str, round_id: str, reference_date: date | None = None) -> Path:
        """Open a round: the file of its signed opening, for the partners. Its reference date follows from the rule of the
        manifest, where none is given."""
        given = reference_date.isoformat() if reference_date else None
        return open_round(self._project(project), round_id, given, utc_now())

    def run(self, project: str, round_id: str) -> dict[str, Any]:
        """Run a round with the drops in the inbox: gates, intake, match, count, release, destroy. What came of it: `cases`.

        Each step is in the log before it counts. A round that was released already is only finished.
        """
        run = Run(self._project(project), round_id, utc_now, ExecutionConfig.of_site(self.folder))
        try:
            for step in STEPS[STEPS.index("release") :] if run.released and not run.ended else STEPS:
                getattr(run, step)()
            return run.summary()
        finally:
            run.close()

    def _project(self, name: str) -> sites.Project:
        return sites.Site(self.folder).project(name)
