"""Years of projects at one site, lived through week by week: what a month has (`month.story`), and what only years bring.

| when | what |
| --- | --- |
| at the start | each log has years behind it already, of rounds that are over (`benchmarks.look.age_log`); parties have no key for the log |
| each week | the authority of the certificate with which one partner of the first project signs tells what it revoked |
| each 45 weeks, and halfway | trust roots are renewed, two months before they end; that certificate, and a manifest with a new DPIA |
| at a third | the site is upgraded; parties get a key for the log, with a new trust root and a new manifest |
| at two thirds | the disk of the site is lost; it comes back from a backup of a week ago and from the places |
| in autumn and spring | the clock goes back and forward, and rounds open at six all the same |
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from unittest.mock import patch

from authorities import Issued, issue, revocation_list
from month.plan import Plan
from month.story import HOUR, People, Story, opens
from operation import MONDAY, Clock, days
from site_process import SiteProcess

from benchmarks.look import age_log, entries_of_a_week
from lsi_match.agreement.approvals import STATEMENT, acknowledge, approve
from lsi_match.agreement.trust_root_draft import compose
from lsi_match.agreement.trust_root_store import TrustStore
from lsi_match.crypto.certificates import Certified, read_authority, read_chain
from lsi_match.crypto.keys import Identity, make_identity
from lsi_match.demo import world
from lsi_match.demo.world import World
from lsi_match.log.view import OVER
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.backup import back_up, unpack
from lsi_match.matcher.operate.restore import restore
from lsi_match.matcher.operate.upgrade import check, upgrade
from lsi_match.matcher.site.site import Site
from lsi_match.reports.approval_page import approval_text

RENEWED = 45


@contextmanager
def without_log_keys() -> Iterator[None]:
    """Cards are those of before there were keys for the log."""
    whole = Identity.card.fget  # type: ignore[attr-defined]
    lacking = property(lambda self: {k: v for k, v in whole(self).items() if k != "log_key"})
    with patch.object(Identity, "card", lacking):
        yield


class Town(World):
    """A project at a site that others may have projects at; `certified`, if anybody, signs with a certificate.

    Args:
        at: the site; when left out, one of its own.
    """

    def __init__(
        self, folder: Path, config: Path, extracts: Path, clock: Clock, *, at: Site | None, certified: str
    ) -> None:
        self._at, self._certified = at, certified
        self._authority = issue(authority=True, first=MONDAY - days(3650), last=MONDAY + days(3650))
        super().__init__(folder, config, extracts, clock)

    @property
    def site(self) -> Site:
        return self._at or super().site

    def make_keys(self) -> None:
        if self._at is None:
            super().make_keys()
            return
        for name in self.controllers:
            make_identity(name, self.home(name).folder / "keys")
        self.renew_trust()

    def renew_trust(self, *arguments: object, **named: object) -> object:  # type: ignore[override]
        authority = read_authority(self._authority.pem, "authority")
        by = partial(compose, authorities={self._certified: authority} if self._certified else {})
        with patch.object(world, "compose", by):
            return super().renew_trust(*arguments, **named)  # type: ignore[arg-type]

    def tell_revoked(self) -> None:
        """The authority revoked nothing; everybody has its list."""
        made = revocation_list(self._authority, made=self.clock() - HOUR, ends=self.clock() + days(8))
        for folder in (self.site.folder, *(self.home(name).folder for name in self.controllers)):
            TrustStore(folder, self.project_id).keep_revocations({"list.crl": made})

    def approve(self, manifest: Manifest) -> dict[str, bytes]:
        """As `World.approve`; who signs with a certificate has a new one, for a year."""
        papers, name, now = super().approve(manifest), self._certified, self.clock()
        if name:
            own: Issued = self._authority.issue(
                oins=[manifest.controllers[name].oin], first=now - HOUR, last=now + days(366)
            )
            self.certificate = Certified(name, own.key, read_chain(own.pem, "certificate"))  # type: ignore[arg-type]
            self.tell_revoked()
            text = approval_text(manifest, STATEMENT, "nl", None)
            papers[name] = approve(manifest, self.certificate, now, text=text)
            roles = manifest.work_instruction.acknowledged_by
            papers[f"{name}.acknowledgement"] = acknowledge(manifest, self.certificate, roles, now)
        return papers

    def renew(self, number: int) -> None:
        """A next trust root, and a next manifest, with another DPIA."""
        self.renew_trust()
        self.draft["dpia"] = {"reference": f"DPIA-{number}", "date": self.clock().date().isoformat()}
        manifest = self.complete(self.project.manifest().pseudonyms.key_check)
        self.agree(manifest, self.approve(manifest))


class Neighbours(People):
    """Partners of a project in a `Town`."""

    @property
    def town(self) -> Town:
        found = self.operation.world
        assert isinstance(found, Town)
        return found

    def signer(self, name: str) -> Identity | Certified:
        return self.town.certificate if name == self.town._certified else super().signer(name)


def neighbours(plans: Sequence[Plan], folder: Path, behind: float) -> list[Neighbours]:
    """Partners of a project for each plan, at one site; with so many years in each log before the first week."""
    found: list[Neighbours] = []
    for number, plan in enumerate(plans):
        town = partial(
            Town,
            at=found[0].operation.world.site if found else None,
            certified="" if found else plan.partners[0],
        )
        clock = found[0].clock if found else Clock(MONDAY - days(7))
        with without_log_keys():
            name = f"proef-{number}"
            made = Neighbours(plan, folder / name, project_id=name, clock=clock, world_of=town)
        if behind:
            weeks = int(52 * behind)
            age_log(
                made.town, weeks * entries_of_a_week(len(plan.partners)), [MONDAY - timedelta(weeks=weeks)]
            )
        found.append(made)
    return found


@dataclass
class Years(Story):
    """As `Story`, of `neighbours`."""

    people: list[Neighbours]

    def __post_init__(self) -> None:
        super().__post_init__()
        last = [each.operation.project.view().last or self.clock() for each in self.people]
        self.clock.to(max(self.clock(), *last))
        self.entries = self._sizes()
        self._backup = self.site.folder.parent / "backup.tar"

    def _sizes(self) -> list[int]:
        return [each.operation.project.view().size for each in self.people]

    def _before(self, number: int) -> None:
        self.clock.to(max(self.clock(), opens(number) - days(0.5)))
        if number == self.weeks // 3:
            self._upgrade()
        elif number and (number % RENEWED == 0 or number == self.weeks // 2):
            for each in self.people:
                each.town.renew(number)
            self.seen["renewals"] += 1
        if number == 2 * self.weeks // 3 - 1:
            back_up(self.site, self._backup, self.clock())
        if number == 2 * self.weeks // 3:
            self._lose_the_disk()
        for each in self.people:
            each.town.tell_revoked()  # a restore brings back no list that came after the backup
            on = alarms(each.operation.project, self.clock())
            ending = [one.en for one in on if one.name == "ends" and "Trust root" in one.en]
            each.same(f"week {number} trust root", ending, [])

    def _upgrade(self) -> None:
        upgrade(self.site, self.clock)
        for each in self.people:
            each.operation.name_log_keys()
        left = [one for one in check(self.site, self.clock()) if one.what != "held"]
        self.people[0].same("upgraded", left, [])
        self.seen["upgrades"] += 1

    def _lose_the_disk(self) -> None:
        """Nothing of the logs is lost; a round that was still held has lost its key, and is ended."""
        before, rounds = self._sizes(), self._rounds()
        going_on = [[name for name, state in one.items() if state not in OVER] for one in rounds]
        shutil.rmtree(self.site.folder)
        unpack(self._backup, self.site.folder)
        outcomes = restore(self.site, (), self.clock())
        for each, outcome, size, left in zip(self.people, outcomes, before, going_on, strict=True):
            each.same(
                "entries after the restore", (outcome.project, outcome.entries), (each.project_id, size)
            )
            found = outcome.lost, outcome.forks, sorted(outcome.closed)
            each.same("lost", found, (None, (), sorted(left)))
        ended = [one | dict.fromkeys(left, "abandoned") for one, left in zip(rounds, going_on, strict=True)]
        self.people[0].same("rounds after the restore", self._rounds(), ended)
        self.seen["restores"] += 1

    def _rounds(self) -> list[dict[str, str]]:
        views = [each.operation.project.view() for each in self.people]
        return [{name: one.state for name, one in view.rounds.items()} for view in views]

    def figures(self) -> dict[str, float]:
        """What there is at the end: entries, files and MiB of the site and of the places of a project, and of one of them."""
        own, number = self.people[0], len(self.people)
        place = Path(own.operation.places[own.plan.partners[0]].url)
        found = {
            "entries": sum(self._sizes()) / number,
            "lived": (sum(self._sizes()) - sum(self.entries)) / number,
        }
        for name, folder, among in (("site", self.site.folder, number), ("place", place, 1)):
            sizes = [file.lstat().st_size for file in folder.rglob("*") if file.is_file()]
            found |= {
                f"{name} files": len(sizes) / among,
                f"{name} MiB": round(sum(sizes) / 2**20 / among, 2),
            }
        return found


def years(
    folder: Path, process: SiteProcess, plans: Sequence[Plan], behind: float, kills: float = 0.1
) -> Years:
    """`Years` of a project for each plan, at one site."""
    return Years(neighbours(plans, folder, behind), process, kills)
