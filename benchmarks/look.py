"""What a look, and what is told of a project, costs with a long log: against the same with a short one, in the same run.

The log is that of a project with a round every week: its rounds are over, what had a term is gone, and of each round its
opening and its documents are still there. There is nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from lsi_match.base.files import write_whole
from lsi_match.crypto.signing import sign
from lsi_match.demo.world import World, configs_folder
from lsi_match.log import events
from lsi_match.log.events import Event
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.expected import next_opening
from lsi_match.matcher.operate.health import advice
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.reconcile import reconcile
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.documents import Opening

SHORT, LONG = 100, 10_000
BEGAN = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
#: So often each is done; the quickest counts.
TURNS = 15


def look(place: Path) -> dict[str, tuple[float, float]]:
    """Name → seconds of processor with the long log, and with the short one."""
    kinds: dict[str, Callable[[Project, datetime], object]] = {
        "look.10000": lambda project, now: reconcile(project, lambda: now, _no_run, clock_is_right=True),
        "look.status": _status,
        "look.alarms": alarms,
        "look.metrics": lambda project, now: metrics(project.site, now),
    }
    made = {size: _project(place / str(size), size) for size in (SHORT, LONG)}
    found = {name: dict.fromkeys(made, float("inf")) for name in kinds}
    for _ in range(TURNS):
        for size, (project, now) in made.items():
            for name, work in kinds.items():
                start = time.process_time()
                work(project, now)
                found[name][size] = min(found[name][size], time.process_time() - start)
    return {name: (seconds[LONG], seconds[SHORT]) for name, seconds in found.items()}


def _status(project: Project, now: datetime) -> None:
    with project.reading() as opened:
        alarms(opened, now)
        advice(opened, now)
        next_opening(opened, now)


def _no_run(project: Project, round_id: str) -> dict[str, object]:
    raise AssertionError("there was nothing to do")


def _project(place: Path, size: int) -> tuple[Project, datetime]:
    """A project whose log has `size` entries, and a moment at which a look has nothing to do."""
    now = [BEGAN]
    world = World(place, configs_folder() / "samenloop", place, lambda: now[0])
    world.make_keys()
    age(world, size, now)
    later = now[0] + timedelta(days=400)
    for _ in range(2):
        reconcile(world.project, lambda: later, _no_run, clock_is_right=True)
    return world.project, later + timedelta(minutes=5)


def age(world: World, size: int, now: list[datetime]) -> None:
    """Agree on a project, and live week after week by the clock `now`, until its log has `size` entries."""
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.draft["schedule"] = {**world.draft.get("schedule", {}), "opens": None}
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    age_log(world, size, now)


def age_log(world: World, size: int, now: list[datetime]) -> None:
    """As `age`, of a project that was agreed on."""
    manifest = world.project.manifest()
    with world.project.writer() as log:
        # The benchmark is about reading: the disk need not be waited for.
        log.log._connection.execute("PRAGMA synchronous = OFF")
        for at, event, trace in _weeks(world, now[0]):
            if log.view.size >= size - 2:
                break
            now[0] = at
            if isinstance(event, events.RoundOpened):
                _keep_round(world, event.round, at, trace)
            log.record(event, at, manifest=manifest.digest, audit=False, trace_id=trace or None)


def _digest(*words: object) -> str:
    return "sha256:" + sha256(repr(words).encode()).hexdigest()


def _keep_round(world: World, name: str, at: datetime, trace: str) -> None:
    """What stays of a round that is over."""
    manifest, project = world.project.manifest(), world.project
    opening = Opening(
        project=project.id, manifest=manifest.digest, round=name, reference_date="2026-01-01", opened_at=at,
        deadline=at + timedelta(days=5), recipient="age1" + "q" * 58, parts=1, trace_id=trace,
    )  # fmt: skip
    data = sign(opening, project.site.identity())
    write_whole(project.round_folder(name) / "opening.json", data)
    for number in range(8):
        project.keep(f"{name} {number}".encode())


def entries_of_a_week(partners: int) -> int:
    """How many of them `_weeks` makes."""
    return 4 * partners + 16


def _weeks(world: World, began: datetime) -> Iterator[tuple[datetime, Event, str]]:
    """When, what, and of an opening its trace; without end. Each week is over before the next."""
    partners, number = world.partners, 0
    while True:
        at, name = began + timedelta(weeks=number), f"w{number}"
        number += 1
        releases = {partner: _digest(name, "release", partner) for partner in partners}
        yield (
            at,
            events.RoundOpened(round=name, opening=_digest(name)),
            sha256(name.encode()).hexdigest()[:32],
        )
        steps: list[Event] = [
            *(events.DropArrived(round=name, partner=p, drop=_digest(name, p)) for p in partners),
            events.GatesPassed(round=name),
            *(
                events.DropAccepted(
                    round=name, partner=p, drop=_digest(name, p), rows=1000 * number, parts=1,
                    subjects=_digest(name, p, "subjects"),
                )
                for p in partners
            ),
            events.DropsComplete(round=name, drops=len(partners), late=()),
            events.Matched(round=name, cases=10, subjects=_digest(name, "subjects")),
            events.Counted(
                round=name, overview=_digest(name, "o"), table=_digest(name, "t"), findings=_digest(name, "f"),
                alerts=0, too_little=0,
            ),
            events.Released(
                round=name, cases=10, releases=releases,
                subjects={p: _digest(name, p, "released") for p in partners},
            ),
            events.DestructionBegun(round=name),
            events.Destroyed(round=name, files=10),
            *(
                events.ReleaseOpened(round=name, partner=p, release=releases[p], opened=_digest(name, p, "n"), opened_at=at)
                for p in partners
            ),
            *(events.ReleaseExpired(round=name, partner=p, release=releases[p]) for p in partners),
            events.SubjectsDestroyed(round=name, files=2 * len(partners) + 1, due=at),
            *(events.CheckpointMade(asked=tuple(partners)) for _ in range(7)),
        ]  # fmt: skip
        for event in steps:
            yield at, event, ""
