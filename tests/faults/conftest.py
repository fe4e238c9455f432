"""A weekly project of three partners, in a folder that can be put back as it was; and the process that looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from end_state import end_state
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Operation
from operation import weekly as start
from site_process import Kill, SiteProcess

from lsi_match.transport.endpoints import open_endpoint


@dataclass
class Weekly:
    """`operation` as it was before the look of a phase; `put_back` makes it so again."""

    operation: Operation
    process: SiteProcess
    saved: Path
    at: dict[str, datetime] = field(default_factory=dict)
    #: Of each phase that was asked for: the end that it comes to, and what its look said.
    _unharmed: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)

    def save(self, phase: str, at: datetime) -> None:
        self.at[phase] = at
        shutil.copytree(self.operation.folder, self.saved / phase, symlinks=True)

    def put_back(self, phase: str) -> None:
        """The same folder, emptied and filled: it may be one that something is mounted on."""
        folder = self.operation.folder
        for old in folder.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(self.saved / phase, folder, symlinks=True, dirs_exist_ok=True)
        self.operation.clock.to(self.at[phase])

    def look(
        self, later: timedelta = timedelta(0), kill: Kill | None = None, *, doubt: bool = False, **limits: int
    ) -> dict[str, Any]:
        """A look, so long after the moment of the clock."""
        self.operation.clock.to(self.operation.clock.now + later)
        return self.process.look(
            self.operation.world.site.folder, self.operation.clock.now, kill, doubt=doubt, **limits
        )

    def unharmed(self, phase: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The end that a phase comes to when nothing goes wrong, and what its look said."""
        if phase not in self._unharmed:
            self.put_back(phase)
            seen = self.look()
            self._unharmed[phase] = self.end(), seen
        return self._unharmed[phase]

    def end(self) -> dict[str, Any]:
        """Two more looks, as a schedule gives them; how things stand then."""
        for _ in range(2):
            seen = self.look(timedelta(minutes=20))
            assert not any(one["troubles"] for one in seen["projects"]), seen
        found = end_state(self.operation)
        found["half-written"] = []  # goes after a day, which test_retention shows
        found["lying"] = [one for one in found["lying"] if not one.rpartition("/")[2].startswith(".")]
        found["keys"] = [one for one in found["keys"] if not one.endswith(("lock", ".tmp"))]
        return found


def weekly(folder: Path, process: SiteProcess, saved: Path) -> Weekly:
    """Phases: `open` (nothing is there yet), `run` (everybody delivered, one of them twice, and garbage came along),
    `expire` (a month later)."""
    operation = start(folder, remind_days=[2], when_late="proceed")
    made = Weekly(operation, process, saved)
    made.save("open", MONDAY)
    made.look()
    operation.clock.to(MONDAY + timedelta(hours=1))
    for name in PARTNERS:
        operation.deliver(name, ROUND)
    operation.send("uwv", operation.prepare("uwv", ROUND))
    with open_endpoint(operation.places["svb"]) as there:
        there.give("in", f"{PROJECT}.{ROUND}.svb.0000000000000000.drop.json", b'{"no": "drop"}')
    made.save("run", operation.clock.now)
    made.look()
    made.save("expire", operation.clock.now + timedelta(days=31))
    return made


@pytest.fixture(scope="session")
def process() -> Iterator[SiteProcess]:
    with SiteProcess() as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, process: SiteProcess) -> Weekly:
    return weekly(tmp_path_factory.mktemp("weekly"), process, tmp_path_factory.mktemp("saved"))
