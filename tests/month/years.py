"""Years of a project, lived through week by week: what a month has (`month.story`), and what only years bring.

| when | what |
| --- | --- |
| at the start | the log has years behind it already, of rounds that are over (`benchmarks.look.age_log`); parties have no key for the log |
| each 45 weeks | the trust root is renewed, two months before it ends |
| at a third | the site is upgraded; parties get a key for the log, with a new trust root and a new manifest |
| at two thirds | the disk of the site is lost; it comes back from a backup of a week ago and from the places |
| in autumn and spring | the clock goes back and forward, and rounds open at six all the same |
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from month.story import Story, opens
from operation import MONDAY, days

from benchmarks.look import age_log, entries_of_a_week
from lsi_match.crypto.keys import Identity
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.backup import back_up, unpack
from lsi_match.matcher.operate.restore import restore
from lsi_match.matcher.operate.upgrade import check, upgrade

RENEWED = 45


@contextmanager
def without_log_keys() -> Iterator[None]:
    """Cards are those of before there were keys for the log."""
    whole = Identity.card.fget  # type: ignore[attr-defined]
    lacking = property(lambda self: {k: v for k, v in whole(self).items() if k != "log_key"})
    with patch.object(Identity, "card", lacking):
        yield


@dataclass
class Years(Story):
    """As `Story`, with `behind` years in its log before its first week."""

    behind: float = 0

    def __post_init__(self) -> None:
        with without_log_keys():
            super().__post_init__()
        clock = self.operation.clock
        if self.behind:
            weeks = int(52 * self.behind)
            now = [MONDAY - timedelta(weeks=weeks)]
            age_log(self.operation.world, weeks * entries_of_a_week(len(self.plan.partners)), now)
            clock.to(max(clock(), now[0]))
        self.entries = self.operation.project.view().size
        self._backup = Path(self.folder) / "backup.tar"

    def _before(self, number: int) -> None:
        weeks, op = len(self.plan.weeks), self.operation
        op.clock.to(max(op.clock(), opens(number) - days(0.5)))
        if number == weeks // 3:
            self._upgrade()
        elif number and number % RENEWED == 0:
            op.world.renew_trust()
        if number == 2 * weeks // 3 - 1:
            back_up(op.world.site, self._backup, op.clock())
        if number == 2 * weeks // 3:
            self._lose_the_disk()
        ending = [
            one.en for one in alarms(op.project, op.clock()) if one.name == "ends" and "Trust root" in one.en
        ]
        self._same(f"week {number} trust root", ending, [])

    def _upgrade(self) -> None:
        world, now = self.operation.world, self.operation.clock
        upgrade(world.site, now)
        self.operation.name_log_keys()
        self._same("upgraded", check(world.site, now()), [])
        self.seen["upgrades"] += 1

    def _lose_the_disk(self) -> None:
        site, before = self.operation.world.site, self.operation.project.view().size
        rounds = {name: one.state for name, one in self.operation.project.view().rounds.items()}
        shutil.rmtree(site.folder)
        unpack(self._backup, site.folder)
        (outcome,) = restore(site, (), self.operation.clock())
        self._same("entries after the restore", outcome.entries, before)
        self._same("lost", (outcome.lost, outcome.forks, outcome.closed), (None, (), ()))
        after = {name: one.state for name, one in self.operation.project.view().rounds.items()}
        self._same("rounds after the restore", after, rounds)
        self.seen["restores"] += 1

    def figures(self) -> dict[str, float]:
        """What there is at the end: entries, files and MiB of the site and of a place."""
        place = Path(self.operation.places[self.plan.partners[0]].url)
        sizes = {
            name: [file.lstat().st_size for file in folder.rglob("*") if file.is_file()]
            for name, folder in (("site", self.operation.world.site.folder), ("place", place))
        }
        found = {
            "entries": float(self.operation.project.view().size),
            "lived": float(self.operation.project.view().size - self.entries),
        }
        for name, all_of_them in sizes.items():
            found |= {
                f"{name} files": float(len(all_of_them)),
                f"{name} MiB": round(sum(all_of_them) / 2**20, 1),
            }
        return found
