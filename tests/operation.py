"""A project that runs by itself, for tests: three or more partners with registers of their own and places, and a
clock that is told the time. Nothing but files at the places passes between partners and site."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import handmade
import steps_process
import yaml_out

from lsi_match.crypto.keys import make_identity, write_card
from lsi_match.demo.world import World
from lsi_match.matcher.operate.reconcile import ReconcileResult, reconcile
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site.site import Project, Site
from lsi_match.partner import transfer
from lsi_match.partner.deliver import deliver
from lsi_match.partner.prepare import prepare
from lsi_match.partner.release.open import open_release
from lsi_match.transport.endpoints import EndpointSettings, open_endpoint, set_up

ROOT = Path(__file__).parents[1]
#: Runs are processes of their own, forked from one that loaded the program and never had data.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["steps_process", "homes"])
PROJECT = handmade.PROJECT
#: Of the project that opens a round every Monday (`weekly`), and its first round.
PARTNERS = ("gemeente", "svb", "uwv")
MONDAY = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
ROUND = "2026-06-08"


@dataclass
class Clock:
    """The time, in whole milliseconds; `now` is moved by hand."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def to(self, moment: datetime) -> None:
        self.now = moment


@dataclass
class Operation:
    """The project `proef` with `partners`, each delivering at a place of its own."""

    folder: Path
    partners: tuple[str, ...]
    places: dict[str, EndpointSettings]
    clock: Clock = field(default_factory=lambda: Clock(datetime(2026, 6, 1, 3, 0, tzinfo=UTC)))
    schedule: dict[str, Any] = field(default_factory=dict)
    release: dict[str, Any] = field(default_factory=dict)
    #: Changes to other sections of the manifest, by section.
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: False: there are keys and places, and nothing was agreed.
    agreed: bool = True
    project_id: str = PROJECT
    #: Makes its world, from folder, config, extracts and clock.
    world_of: Callable[[Path, Path, Path, Clock], World] = World

    def __post_init__(self) -> None:
        config, extracts = self.folder / "config", self.folder / "extracts"
        draft = handmade.document({name: [handmade.selection()] for name in self.partners})
        draft["project"]["id"] = self.project_id
        draft["schedule"] |= self.schedule
        draft["release"] |= self.release
        draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
        for name, members in self.sections.items():
            draft[name] |= members
        for keyed in (*draft["controllers"].values(), draft["matcher"]):
            del keyed["signing_key"], keyed["encryption_key"]
        del draft["pseudonyms"]["key_check"]
        columns = {name: name for name in handmade.selection()["fields"]}
        yaml_out.write(config / "manifest.yaml", draft)
        for position, name in enumerate(self.partners):
            mapping = {"extract": f"{name}.csv", "record_id": "kenmerk", "columns": columns}
            yaml_out.write(config / "mappings" / f"{name}.yaml", {"selections": {"lijst": mapping}})
            rows = [self._row(name, bsn) for bsn in handmade.BSNS[: 3 + position % 3]]
            handmade.write_csv(extracts / f"{name}.csv", rows)
        self.world = self.world_of(self.folder / "world", config, extracts, self.clock)
        if self.agreed:
            self.world.make_keys()
            manifest = self.world.complete(self.world.make_project_key())
            self.world.agree(manifest, self.world.approve(manifest))
        else:
            Site.make(self.world.site.folder)
            for name in self.partners:
                make_identity(name, self.world.home(name).folder / "keys")
        delivery = {
            name: json.loads(self.places[name].model_dump_json(exclude_none=True)) for name in self.places
        }
        folder = self.world.site.folder / "projects" / self.project_id
        yaml_out.write(folder / "delivery.yaml", {"partners": delivery})
        for place in self.places.values():
            set_up(place)

    @staticmethod
    def _row(partner: str, bsn: str) -> dict[str, str]:
        return {
            "kenmerk": f"{partner}-{bsn[-3:]}", "nummer": bsn, "bedrag": "150", "begin": "2026-05-01",
            "soort": "A", "actief": "ja",
        }  # fmt: skip

    def copy(self, to: Path) -> Operation:
        """The same in another folder, with a clock of its own, to be changed at will."""
        shutil.copytree(self.folder, to)
        copied = copy(self)
        copied.folder = to
        copied.clock = Clock(self.clock.now)
        copied.places = folders(to, self.partners)
        copied.world = World(to / "world", to / "config", to / "extracts", copied.clock)
        delivery = {
            name: json.loads(one.model_dump_json(exclude_none=True)) for name, one in copied.places.items()
        }
        yaml_out.write(copied.project.folder / "delivery.yaml", {"partners": delivery})
        for place in copied.places.values():
            set_up(place)
        return copied

    def name_log_keys(self) -> None:
        """Everybody gets a card with a key for the log, the site by its upgrade, and a trust root and manifest name them."""
        for partner in self.partners:
            home = self.world.home(partner)
            write_card(home.identity(), home.folder / "keys")
        self.world.renew_trust()
        manifest = self.world.complete(self.project.manifest().pseudonyms.key_check)
        self.world.agree(manifest, self.world.approve(manifest))

    def run_here(self, round_id: str) -> None:
        """Open a round, deliver for it and run it, all in this process."""
        self.world.open_round(round_id)
        opening = (self.project.round_folder(round_id) / "opening.json").read_bytes()
        for partner in self.partners:
            self.world.prepare(partner, opening)
        run = Run(self.project, round_id, self.clock)
        try:
            for step in ("gates", "intake", "match", "count", "release", "destroy"):
                getattr(run, step)()
        finally:
            run.close()

    @property
    def project(self) -> Project:
        return self.world.project

    def reconcile(self, kill_after: str | None = None) -> ReconcileResult:
        """One look by the site; the run is a process of its own, killed after the step `kill_after`."""
        return reconcile(
            self.project, self.clock, lambda project, round_id: self.run(project, round_id, kill_after),
            clock_is_right=True,
        )  # fmt: skip

    def run(self, project: Project, round_id: str, kill_after: str | None = None) -> dict[str, object]:
        """The steps of a run in a process of its own, at the time of this clock, without Prefect."""
        ours, theirs = PROCESSES.Pipe(duplex=False)
        arguments = (theirs, project.site.folder, project.id, round_id, self.clock.now, kill_after)
        process = PROCESSES.Process(target=steps_process.run_steps, args=arguments)
        process.start()
        theirs.close()
        try:
            outcome: dict[str, object] | None = ours.recv()
        except EOFError:
            outcome = None
        process.join()
        return outcome or {"state": "broken", "status": process.exitcode}

    # what partners do

    def fetch(self, partner: str) -> list[str]:
        """Fetch what lies ready for `partner`; the names of what is new."""
        return [file.name for file in transfer.fetch(self.places[partner], self._mail(partner)).files]

    def _mail(self, partner: str) -> Path:
        return self.folder / "mail" / partner

    def opening(self, partner: str, round_id: str) -> Path:
        return self._mail(partner) / f"{self.project_id}.{round_id}.opening.json"

    def prepare(self, partner: str, round_id: str) -> Path:
        """Make a drop for a round whose opening was fetched; its descriptor."""
        return prepare(
            self.world.home(partner),
            self.opening(partner, round_id),
            self.world.mapping(partner),
            self.world.extracts,
            self.folder / "outgoing" / partner,
            self.project_id,
            self.clock(),
        ).file

    def send(self, partner: str, drop: Path) -> None:
        transfer.send(self.world.home(partner), drop, self.places[partner])

    def deliver(self, partner: str, round_id: str) -> Path:
        """Fetch, prepare and send; the drop's descriptor."""
        self.fetch(partner)
        drop = self.prepare(partner, round_id)
        self.send(partner, drop)
        return drop

    def deliver_all(self, partner: str) -> int:
        """What `partner deliver` does; the number of rounds for which a drop was brought."""
        seen = deliver(
            self.world.home(partner), self.project_id, self.places[partner], self.world.mapping(partner),
            self.world.extracts, self.folder / "delivering" / partner, self.clock(),
        )  # fmt: skip
        assert not seen.problems, seen.problems
        return len(seen.sent)

    def lying(self, partner: str, side: Any = "in") -> list[str]:
        with open_endpoint(self.places[partner]) as there:
            return sorted(there.listing(side))

    def cases(self, partner: str, round_id: str) -> int | None:
        """The number of cases in the release that `partner` fetched; None when there is none."""
        self.fetch(partner)
        file = self._mail(partner) / f"{self.project_id}.{round_id}.{partner}.release.json"
        if not file.exists():
            return None
        return open_release(self.world.home(partner), file, self.project_id, self.clock())[0].cases

    def state(self, round_id: str) -> str:
        found = self.project.view().rounds.get(round_id)
        return found.state if found else "absent"


def weekly(folder: Path, sections: dict[str, dict[str, Any]] | None = None, **schedule: Any) -> Operation:
    """A project of three partners with folders for places, whose first round is about to open: it is Monday."""
    made = Operation(
        folder,
        PARTNERS,
        folders(folder, PARTNERS),
        schedule={"opens": "0 6 * * 1", "deadline_days": 5, **schedule},
        sections=sections or {},
    )
    made.clock.to(MONDAY)
    return made


def folders(folder: Path, partners: tuple[str, ...]) -> dict[str, EndpointSettings]:
    """A plain folder as the place of each partner."""
    return {name: EndpointSettings(url=str(folder / "places" / name)) for name in partners}


def execute(code: str, *arguments: object) -> int | None:
    """The exit status of `python -c code arguments`, as `subprocess` tells it, of a process that need not load the program."""
    process = PROCESSES.Process(target=steps_process.execute, args=(code, tuple(map(str, arguments))))
    process.start()
    process.join()
    return process.exitcode


def days(number: float) -> timedelta:
    return timedelta(days=number)
