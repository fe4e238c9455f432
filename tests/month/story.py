"""A month of a project, played: partners deliver, controllers decide, the site looks, and is killed now and then."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import handmade
import pytest
from end_state import end_state
from month.plan import (
    DAYS,
    DEADLINE_DAYS,
    HOLD_DAYS,
    KEEP_DAYS,
    REMIND_DAYS,
    SUBJECTS_DAYS,
    Outcome,
    Plan,
    bsns,
    outcome,
)
from operation import MONDAY, PROJECT, Clock, Operation, days, folders
from site_process import Kill, SiteProcess

from lsi_match.agreement.justifications import justify
from lsi_match.base.errors import LsiError
from lsi_match.crypto.certificates import Certified
from lsi_match.crypto.keys import Identity
from lsi_match.demo.world import World, reasons_for
from lsi_match.log.policy import log_keys
from lsi_match.log.verify import verify_log
from lsi_match.matcher.site.site import Site
from lsi_match.monitor.round_findings import checked_findings
from lsi_match.partner import transfer
from lsi_match.partner.receipts import check_receipt
from lsi_match.transport.endpoints import EndpointSettings, open_endpoint

HOUR = timedelta(hours=1)
REASON = "Wie ouder is, heeft vaker een laag inkomen; de toeslag is juist daarvoor bedoeld."
#: Up to so many effects a look with a run has, about.
_EFFECTS = 500


def opens(number: int) -> datetime:
    """When the round of a week opens: at six in the morning, in summer and in winter."""
    return (MONDAY.astimezone(ZoneInfo("Europe/Amsterdam")) + timedelta(weeks=number)).astimezone(UTC)


@dataclass
class People:
    """The partners of a project, who do what `plan` says at a site; `problems` is what was not as it should be."""

    plan: Plan
    folder: Path
    places: dict[str, EndpointSettings] = field(default_factory=dict)
    project_id: str = PROJECT
    clock: Clock = field(default_factory=lambda: Clock(MONDAY - days(7)))
    world_of: Callable[[Path, Path, Path, Clock], World] = World
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = self.plan
        last = opens(len(plan.weeks) - 1)
        monitor: dict[str, Any] = {"dimensions": [handmade.dimension()], "hold_on_too_little": True}
        self.operation = Operation(
            self.folder,
            plan.partners,
            folders(self.folder, plan.partners) | self.places,
            clock=self.clock,
            schedule={
                "opens": "0 6 * * 1", "deadline_days": DEADLINE_DAYS, "remind_days": [REMIND_DAYS],
                "when_late": plan.when_late,
            },
            sections={
                "monitor": monitor if plan.holds else {},
                "release": {"keep_days": KEEP_DAYS},
                "project": {"period": {"first": "2020-01-01", "last": (last + days(6)).date().isoformat()}},
                "retention": {"log_details_days": SUBJECTS_DAYS, "hold_days": HOLD_DAYS},
            },
            project_id=self.project_id,
            world_of=self.world_of,
        )  # fmt: skip
        self.cases: dict[str, dict[str, int]] = {}
        #: Of which round a partner has how many receipts of drops that came in; and those that were looked at.
        self.receipts: Counter[tuple[str, str]] = Counter()
        self._checked: set[Path] = set()

    # what they do

    def deliver(self, number: int, day: int) -> None:
        """Whoever delivers on this day of a round does."""
        week = self.plan.weeks[number]
        for name in self.plan.partners:
            if week.day[name] == day:
                self._deliver(name, week.how[name], _round(number))

    def try_too_late(self, number: int) -> None:
        for name, how in self.plan.weeks[number].how.items():
            if how == "late":
                self._too_late(name, _round(number))

    def _deliver(self, name: str, how: str, round_id: str) -> None:
        if how in ("late", "never"):
            self.operation.fetch(name)
            return
        operation = self.operation
        if how == "garbage first":
            with open_endpoint(operation.places[name]) as there:
                there.give(
                    "in", f"{self.project_id}.{round_id}.{name}.0000000000000000.drop.json", b'{"no": "drop"}'
                )
        elif how == "another's first":
            other = next(one for one in self.plan.partners if one != name)
            operation.fetch(other)
            strange = operation.prepare(other, round_id)
            with open_endpoint(operation.places[name]) as there:
                for file in sorted(
                    strange.parent.glob(f"{strange.name.removesuffix('.drop.json')}.*"),
                    key=lambda f: f.suffix == ".json",
                ):
                    there.give("in", file.name, file)
        drop = operation.deliver(name, round_id)
        if how == "twice":
            operation.send(name, drop)
        elif how == "broken":
            with open_endpoint(operation.places[name]) as there:
                part = next(drop.parent.glob(f"{drop.name.removesuffix('.drop.json')}.part-*.age"))
                there.give("in", part.name, part.read_bytes()[:-1])

    def answer(self, number: int) -> None:
        """Whoever finds a refusal of a broken drop delivers anew; whoever finds a report of a held round decides."""
        operation, week, round_id = self.operation, self.plan.weeks[number], _round(number)
        for name in self.plan.partners:
            new = operation.fetch(name)
            if week.how[name] == "twice" and any(".receipt" in one for one in new):
                # and once more when it was long taken in
                for drop in (operation.folder / "outgoing" / name).glob(
                    f"{self.project_id}.{round_id}.{name}.*.drop.json"
                ):
                    operation.send(name, drop)
            if week.how[name] == "broken" and any(one.endswith(".refused.json") for one in new):
                operation.deliver(name, round_id)
            if any(one.endswith(f".{round_id}.report.json") for one in new):
                self._decide(name, week.decision, round_id)

    def _decide(self, name: str, decision: str, round_id: str) -> None:
        operation, mail = self.operation, self.operation.folder / "mail" / name
        if decision == "not all" and name == self.plan.partners[-1]:
            return
        manifest, stem = operation.project.manifest(), f"{self.project_id}.{round_id}"
        report, counts = ((mail / f"{stem}.{what}.json").read_bytes() for what in ("report", "counts"))
        found, digest = checked_findings(report, counts, manifest)
        says = "change" if decision == "change" and name == self.plan.partners[1] else "release"
        said = REASON if says == "change" else reasons_for(found, REASON, operation.clock().date()) or REASON
        paper = justify(manifest, round_id, digest, self.signer(name), says, said, operation.clock())  # type: ignore[arg-type]
        file = mail / f"{name}.justification.json"
        file.write_bytes(paper)
        transfer.send(operation.world.home(name), file, operation.places[name])

    def signer(self, name: str) -> Identity | Certified:
        """Who signs for a partner what it decides."""
        return self.operation.world.home(name).identity()

    def _too_late(self, name: str, round_id: str) -> None:
        with pytest.raises(LsiError) as refused:
            self.operation.prepare(name, round_id)
        if refused.value.reason != "RoundClosedError":
            self.problems.append(f"{round_id} {name}: a late drop was refused for {refused.value.reason}")

    def open(self, number: int) -> None:
        """Every partner opens its release, while it may."""
        round_id = _round(number)
        opened = {name: self.operation.cases(name, round_id) for name in self.plan.partners}
        self.cases[round_id] = {name: cases for name, cases in opened.items() if cases is not None}
        for name in self.plan.partners:
            found = {
                file
                for file in (self.operation.folder / "mail" / name).glob("*.receipt.tlog-proof")
                if file not in self._checked and self._made_here(name, file)
            }
            self._checked |= found
            for file in found:
                home, now = self.operation.world.home(name), self.operation.clock()
                one = check_receipt(home, self.project_id, file, now)
                self.receipts[one.round, name] += one.refused is None

    # what should have come of it

    def compare(self) -> None:
        operation = self.operation
        for number, week in enumerate(self.plan.weeks):
            self._compare_round(_round(number), outcome(self.plan, week))
        end = end_state(operation)
        self.same("logged twice", end["twice"], [])
        self.same("log verifies", self._verified(), [])
        for name in ("keys", "half-written", "subjects"):
            left = [
                one
                for one in end[name]
                if not one.endswith(("opening.json", "opening.tlog-proof", "report.tlog-proof", "lock"))
                and "/reminders/" not in one
            ]
            self.same(f"left: {name}", left, [])
        lying = [
            one for one in end["lying"] if not one.startswith("proofs/") and not one.endswith("reason.json")
        ]
        self.same("left at the site", lying, [])
        for side, there in end["places"].items():
            kept = (
                (".receipt.tlog-proof", ".refused.json", ".log-part.json", ".log-tail.json")
                if side.endswith("out")
                else ()
            )
            self.same(f"left at {side}", [one for one in there if not one.endswith(kept)], [])

    def _compare_round(self, round_id: str, expected: Outcome) -> None:
        operation = self.operation
        self.same(f"{round_id} state", operation.state(round_id), expected.state)
        self.same(f"{round_id} cases", self.cases[round_id] or None, expected.cases)
        entries = [e for e in operation.project.entries() if e.attributes.get("lsi.round") == round_id]
        self.same(f"{round_id} held", any(e.name == "hold" for e in entries), expected.held)
        accepted = {e.attributes["lsi.partner"] for e in entries if e.name == "arrive" and e.status == "Ok"}
        self.same(f"{round_id} accepted", accepted, set(expected.accepted))
        proof = operation.project.folder / "proofs" / f"{self.project_id}.{round_id}.destroy.tlog-proof"
        self.same(f"{round_id} proof of destruction", proof.exists(), True)
        for name in self.plan.partners:
            own = self.receipts[round_id, name]
            self.same(f"{round_id} receipts of {name}", own, int(name in expected.accepted))

    def _made_here(self, name: str, file: Path) -> bool:
        """Whether a receipt is about a drop that this partner made: garbage in its place has a receipt too."""
        digest = file.name.split(".")[2]
        return self.operation.world.home(name).round_of_drop(self.project_id, digest) is not None

    def _verified(self) -> list[str]:
        project = self.operation.project
        manifest = project.manifest()
        keys = log_keys(manifest, project.trust(self.operation.clock()).roots)
        return verify_log(project.log_file, keys).texts("en")  # type: ignore[attr-defined]

    def same(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.problems.append(f"{self.project_id} {what}: {found}, and should be {expected}")

    def date(self, at: datetime) -> None:
        """Give what a killed process left behind the time of this clock: its term begins there."""
        site = self.operation.project.folder
        for file in (*site.rglob(".*.tmp"), *site.rglob("*.making"), *site.rglob("inbox/*/*")):
            if file.lstat().st_mtime > at.timestamp():
                os.utime(file, (at.timestamp(), at.timestamp()))


@dataclass
class Story:
    """Projects at one site that live through the same weeks; `problems` is what was not as it should be."""

    people: Sequence[People]
    process: SiteProcess
    kills: float = 0.5
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        first = self.people[0]
        self.weeks, self.clock = len(first.plan.weeks), first.clock
        self.site: Site = first.operation.world.site
        self.problems = first.problems
        self.chance = random.Random(first.plan.seed + 1)

    def play(self) -> list[str]:
        """Play it to the end of every term; what was not as it should be."""
        for number in range(self.weeks):
            self._before(number)
            self._week(number)
        last = opens(self.weeks)
        for later in (HOLD_DAYS, KEEP_DAYS + HOLD_DAYS, SUBJECTS_DAYS + HOLD_DAYS + 8):
            self._until_done(last + days(later))
            self._look(last + days(later + 1.5), killed=False)
        for each in self.people:
            each.compare()
        return [problem for each in self.people for problem in each.problems]

    def _before(self, number: int) -> None:
        """What happens before the round of a week opens: here nothing."""

    def _week(self, number: int) -> None:
        opened = opens(number)
        self._until_done(opened)
        for day in DAYS:
            at = opened + days(day) + HOUR
            self.clock.to(at)
            for each in self.people:
                each.deliver(number, day)
            self._look(at)
            self._look(at + HOUR, killed=False)
            for each in self.people:
                each.answer(number)
        after = opened + days(DEADLINE_DAYS) + HOUR
        self.clock.to(after)
        for each in self.people:
            each.try_too_late(number)
        self._until_done(after)
        for each in self.people:
            each.answer(number)
        self._until_done(after + 4 * HOUR)
        for each in self.people:
            each.open(number)

    def _until_done(self, at: datetime) -> None:
        """The site looks; where it was killed, again, as often as it takes."""
        while self._look(at, killed=at.minute < 30):
            at += HOUR / 4

    def _look(self, at: datetime, killed: bool = True) -> bool:
        """The site looks; sometimes it is killed at some point, and whether it was."""
        self.clock.to(at)
        kill = None
        if killed and self.chance.random() < self.kills:
            number = int((_EFFECTS * len(self.people)) ** self.chance.random())
            kill = Kill(self.chance.choice(("look", "run", "machine")), number)
        said = self.process.look(self.site.folder, at, kill)
        projects = said.get("projects", [])
        done = [one for project in projects for one in project["done"]]
        outcomes = [one["outcome"] for one in done]
        hit = "killed" in said or "broken" in outcomes
        runs = sum(one["task"] in ("Run", "ReleaseHeld") for one in done)
        self.seen += Counter(looks=1, kills=int(hit), runs=runs)
        told = [one for project in projects for one in (*project["troubles"], *project["not_destroyed"])]
        if not hit and said["failed"] and not told:
            told = [f"failed without a reason: {outcomes}"]
        self.problems += [f"{at:%m-%d %H}: {one}" for one in told]
        for each in self.people:
            each.date(at)
        return hit


def _round(number: int) -> str:
    """The round of a week."""
    return opens(number).date().isoformat()


def registers(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Who is in whose register, for a test that the model and the operation mean the same."""
    return {name: bsns(plan.partners, name) for name in plan.partners}
