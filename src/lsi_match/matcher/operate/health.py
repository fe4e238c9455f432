"""How a project is doing, for people: one line of advice per round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lsi_match.agreement.endings import End
from lsi_match.base.clock import minute
from lsi_match.base.errors import problem
from lsi_match.base.version import VERSION
from lsi_match.log.view import RoundView
from lsi_match.matcher.operate.agenda import RoundNow
from lsi_match.matcher.operate.alarms import UNREADABLE, Alarm, alarms
from lsi_match.matcher.operate.expected import NextOpening, ahead
from lsi_match.matcher.operate.observed_state import rounds_now
from lsi_match.matcher.site.site import Project
from lsi_match.protocol.trust_root import MATCHER


@dataclass(frozen=True)
class Advice:
    """A round: its state as in `log.view`, its last step, its refusals, and what it waits for in both languages."""

    round: str
    state: str
    last_step: str
    refusals: int
    nl: str
    en: str


def advice(project: Project, now: datetime) -> list[Advice]:
    """What every round waits for, and who has to do what."""
    view = project.view()
    known = {one.round: one for one in rounds_now(project, view)}
    done = problem("matcher.operate.done")
    found = [Advice(o.name, o.state, o.last_step, o.refusals, *done) for o in view.put_away.values()]
    for one in view.live.values():
        nl, en = _waits_for(project, one, known.get(one.name), now)
        if one.waits and one.release:
            least, beside = one.release.cosignatures, project.manifest().release.witness_cosignatures
            key = "matcher.operate.cosign_witnessed" if beside else "matcher.operate.cosign"
            nl, en = problem(key, least=least, beside=beside)
        found.append(Advice(one.name, one.state, one.last_step, one.refusals, nl, en))
    return found


def _waits_for(project: Project, one: RoundView, round_: RoundNow | None, now: datetime) -> tuple[str, str]:
    if round_ is None:
        return problem("matcher.operate.done")
    if round_.state == "released":
        return problem("matcher.operate.finish_release")
    if round_.held_until is not None:
        return problem("matcher.operate.justify", until=minute(round_.held_until))
    if round_.state == "refused":
        return problem("matcher.operate.mend", refusal=one.refusal)
    late = [name for name in one.expected(project.manifest().partners) if name not in round_.delivered]
    if late:
        key = "matcher.operate.drop_late" if now >= round_.deadline else "matcher.operate.drop_wanted"
        return problem(key, names=", ".join(late), deadline=minute(round_.deadline))
    return problem("matcher.operate.run_again" if round_.tried is not None else "matcher.operate.run_now")


@dataclass(frozen=True)
class Standing:
    """How a project stands: what is the matter, what each round waits for, when the next one opens, and what ends."""

    project: str
    alarms: list[Alarm]
    rounds: list[Advice]
    next: NextOpening | None
    ends: Sequence[End]
    #: Who → the version of the program that made what came of it last; `matcher` is the one that runs.
    programs: dict[str, str]


def status(project: Project, now: datetime) -> Standing:
    """How a project stands. Without a log and a manifest that can be read there is the alarm, and nothing more to say."""
    with project.reading() as one:
        coming = ahead(one, now)
        on = alarms(one, now, coming)
        if UNREADABLE & {alarm.name for alarm in on}:
            return Standing(one.id, on, [], None, [], {MATCHER: VERSION})
        programs = {MATCHER: VERSION, **dict(sorted(one.view().programs.items()))}
        return Standing(one.id, on, advice(one, now), coming.opening, coming.ends, programs)
