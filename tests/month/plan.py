"""What people do in the weeks of a project, by chance and a seed; and what should come of it, in a few simple rules.

The rules here know nothing of the program: they are the promises of the manifest, for a reader to check.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from handmade import BSNS

PARTNERS = ("a", "b", "c", "d", "e", "f", "g", "h")
#: Days of a round on which partners deliver, and on how many of the days before the deadline they are reminded.
DAYS = (0, 2, 3)
DEADLINE_DAYS, REMIND_DAYS = 5, 2
#: Terms of the manifest, in days.
KEEP_DAYS, SUBJECTS_DAYS, HOLD_DAYS = 12, 20, 4

How = Literal["on time", "twice", "broken", "garbage first", "another's first", "late", "never"]
Decision = Literal["release", "not all", "change"]
_HOW: dict[How, int] = {
    "on time": 10, "twice": 3, "broken": 2, "garbage first": 2, "another's first": 1, "late": 2, "never": 1,
}  # fmt: skip
_DECISIONS: dict[Decision, int] = {"release": 3, "not all": 1, "change": 1}


@dataclass(frozen=True)
class Week:
    """One round: how each partner delivers, on which day, and what the controllers say when it is held."""

    how: dict[str, How]
    day: dict[str, int]
    decision: Decision


@dataclass(frozen=True)
class Plan:
    """The weeks of a project. `holds`: whether its monitor holds every round. `when_late`: as in the manifest."""

    seed: int
    partners: tuple[str, ...]
    weeks: tuple[Week, ...]
    holds: bool
    when_late: Literal["proceed", "refuse"]


def plan(seed: int, weeks: int = 5, partners: tuple[str, ...] = PARTNERS, holds: bool | None = None) -> Plan:
    chance = random.Random(seed)
    drawn = chance.random() < 0.5
    when_late: Literal["proceed", "refuse"] = "proceed" if chance.random() < 0.75 else "refuse"
    return Plan(
        seed,
        partners,
        tuple(
            Week(
                {name: chance.choices(list(_HOW), list(_HOW.values()))[0] for name in partners},
                {name: chance.choice(DAYS) for name in partners},
                chance.choices(list(_DECISIONS), list(_DECISIONS.values()))[0],
            )
            for _ in range(weeks)
        ),
        drawn if holds is None else holds,
        when_late,
    )


@dataclass(frozen=True)
class Outcome:
    """What should come of a round.

    `cases` is the number of cases in the release of each partner that delivered, 0 for one that did not; None when
    nothing is released. `accepted` is who has a receipt for a drop that came in, `refused` who is told of how many
    refusals.
    """

    state: Literal["destroyed", "abandoned"]
    held: bool
    cases: dict[str, int] | None
    accepted: frozenset[str]
    refused: dict[str, int]


def bsns(partners: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Who is in the register of a partner: the same people every week."""
    return BSNS[: 3 + partners.index(name) % 3]


def outcome(plan: Plan, week: Week) -> Outcome:
    accepted = frozenset(name for name, how in week.how.items() if how not in ("late", "never"))
    enough = len(accepted) >= (2 if plan.when_late == "proceed" else len(plan.partners))
    released = enough and (not plan.holds or week.decision == "release")
    everywhere = [bsn for name in accepted for bsn in bsns(plan.partners, name)]
    cases = {
        name: sum(everywhere.count(bsn) >= 2 for bsn in bsns(plan.partners, name)) if name in accepted else 0
        for name in plan.partners
    }
    bad = ("broken", "garbage first", "another's first")
    return Outcome(
        "destroyed" if released else "abandoned",
        enough and plan.holds,
        cases if released else None,
        accepted,
        {name: int(week.how[name] in bad) for name in plan.partners},
    )
