"""How a project stands: one projection of its log, which everything that asks about the past asks.

`ProjectView.apply` takes the entries one by one, in their order. What a step does to the state of its round is one table
(`TRANSITIONS`), with these rules:

1. A step that does not stand in the table for the state of its round is an error that names both; nothing changes.
2. Once a round was released, no step makes it unreleased.
3. What happens after a round ended (outcomes, openings, removal) changes no state.
4. A step that this version does not have changes nothing, and is told (`unknown`).

A view follows its log: it is kept with the size and the root it was made at, and goes on from there (`log.follower`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from lsi_match.agreement.trust_root_rules import FirstSeen
from lsi_match.base.errors import LsiError
from lsi_match.log import events
from lsi_match.log.entry import LogEntry
from lsi_match.log.events import Event, Recorded, read
from lsi_match.log.steps import Step

#: open; refused: its last run was; matched: a run found cases and did not end; held; released; destroyed: after its
#: release; abandoned: destroyed without one.
State = Literal["open", "refused", "matched", "held", "released", "destroyed", "abandoned"]
RUNNING: tuple[State, ...] = ("open", "refused", "matched", "held")
RELEASED: tuple[State, ...] = ("released", "destroyed")
OVER: tuple[State, ...] = ("destroyed", "abandoned")
_DAY = timedelta(days=1)
_ANY: tuple[State, ...] = (*RUNNING, "released", *OVER)
#: After so long without a word a round that is done with is put away: longer than anything told about it lies ready.
QUIET = timedelta(days=100)


def _stay(states: Iterable[State]) -> dict[State, State]:
    return {state: state for state in states}


def _count(of_a_day: dict[str, list[datetime]], name: str, at: datetime) -> None:
    """Add a moment of somebody to those of the day before it."""
    of_a_day[name] = [*(one for one in of_a_day.get(name, ()) if at - one < _DAY), at]


def _to(state: State, *before: State) -> dict[State, State]:
    return dict.fromkeys(before, state)


#: Goes on with a round: what was refused before is open again.
_GOES_ON: Mapping[State, State] = _stay(RUNNING) | _to("open", "refused")
_REFUSED: Mapping[State, State] = _to("refused", *RUNNING)
_LATER: Mapping[State, State] = _stay(("released", *OVER))

#: Step → state of its round before → state after. A step of a round that stands in no row here is out of place.
TRANSITIONS: Mapping[type[Event], Mapping[State, State]] = {
    # What partners evaluate together. That a secret is gone can be told at any time.
    events.EvaluationsAsked: _GOES_ON,
    events.EvaluationsRefused: _stay(_ANY),
    events.EvaluationsAnswered: _GOES_ON,
    events.EvaluatorsNamed: _GOES_ON,
    events.RoundKeysGone: _stay(_ANY),
    events.AccessAsked: _stay(_ANY),
    # Deliveries. A drop or a reminder can cross the end of a round.
    events.DropArrived: {**_GOES_ON, **_LATER},
    events.DropArrivalRefused: _stay(_ANY),
    events.Reminded: {**_GOES_ON, **_LATER},
    # A run. One that was killed is started again, also when it had released.
    events.GatesPassed: {**_GOES_ON, "released": "released"},
    events.GatesRefused: {**_REFUSED, "released": "released"},
    events.DropAccepted: _GOES_ON,
    events.DropRefused: _stay(RUNNING),
    events.DropsComplete: _GOES_ON,
    events.DropsIncomplete: _REFUSED,
    events.Matched: _to("matched", *RUNNING),
    events.MatchRefused: _REFUSED,
    events.Counted: _stay(("matched",)),
    events.CountRefused: _to("refused", "matched"),
    events.Held: _to("held", "matched"),
    # Controllers can still justify while a run ends.
    events.Justified: {**_GOES_ON, **_LATER},
    # The report comes out otherwise now, so that nothing that was held for it stays.
    events.OfficeCounted: _to("open", "held", "refused"),
    events.Released: _to("released", "matched"),
    # The end.
    events.DestructionBegun: _stay(_ANY),
    events.Destroyed: {**_to("abandoned", *RUNNING, "abandoned"), **_to("destroyed", *RELEASED)},
    # After a release, and after the end.
    events.HandedOut: _stay(RELEASED),
    events.OutcomeTakenIn: _stay(RELEASED),
    events.ReleaseOpened: _stay(RELEASED),
    events.ReleaseExpired: _stay(RELEASED),
    events.SubjectsDestroyed: _stay(OVER),
}
#: Steps that are no news of how a round stands: it was over, or released, long before.
_AFTERWARDS = (
    events.HandedOut,
    events.OutcomeTakenIn,
    events.ReleaseOpened,
    events.ReleaseExpired,
    events.SubjectsDestroyed,
    events.RoundKeysGone,
    events.AccessAsked,
)
#: Refusals of what one partner sent; any other refusal stops the run.
_OF_A_DROP = (events.DropArrivalRefused, events.DropRefused, events.EvaluationsRefused)


@dataclass(frozen=True)
class Mark:
    """Where an entry stands in the log, and when it was written."""

    position: int
    at: datetime


@dataclass(frozen=True)
class SubjectFile:
    """A file of data subjects that an entry names: `about` is `intake.<partner>`, `match` or `release.<partner>`."""

    mark: Mark
    round: str
    about: str
    digest: str


@dataclass(frozen=True)
class Arrival:
    """A drop that came in, accepted or refused, whose descriptor could be read."""

    mark: Mark
    partner: str
    drop: str
    accepted: bool


@dataclass(frozen=True)
class Delivery:
    """A drop that a run accepted."""

    mark: Mark
    drop: str
    rows: int


@dataclass(frozen=True)
class LookUp:
    """That a partner asked the evaluators of a round about one person."""

    mark: Mark
    partner: str


@dataclass
class Together:
    """What partners evaluated together in a round: partner → digest of its round keys, digest of its ask, how many identifiers
    that is of each kind, whom it answered, and the digest of its word that its secrets are gone. Then who may deliver; and asks
    about one person, by their digest."""

    keys: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)
    asked: dict[str, dict[str, int]] = field(default_factory=dict)
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    destroyed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    evaluators: str | None = None
    named: Mark | None = None
    partners: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    looked_up: dict[str, LookUp] = field(default_factory=dict)

    def answered(self, to: str) -> list[str]:
        """Who answered a partner."""
        return [one for one, others in self.answers.items() if to in others]

    def complete(self) -> tuple[str, ...]:
        """Who asked, and answered everybody else that asked."""
        return tuple(
            one for one in sorted(self.asks) if self.answers.get(one, {}).keys() >= self.asks.keys() - {one}
        )


@dataclass(frozen=True)
class Counts:
    """What a count that was not refused gave: digests of documents, and what it says of the round."""

    overview: str
    table: str | None
    findings: str | None
    like: tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """Why a round is held (the digest of the report), and until when it can be justified."""

    mark: Mark
    findings: str
    until: datetime


@dataclass(frozen=True)
class Release:
    """A release: partner → digest of its descriptor, and how many cosignatures it waits for."""

    mark: Mark
    manifest: str
    cases: int
    to: dict[str, str]
    cosignatures: int | None


@dataclass(frozen=True)
class HandOut:
    mark: Mark
    cosigners: tuple[str, ...]


@dataclass
class HoldRule:
    """What `log.holds` checks at a release: of the last count, the last hold, and what was said to its report."""

    alerts: bool = False
    findings: str = ""
    controllers: tuple[str, ...] = ()
    decisions: dict[str, str] = field(default_factory=dict)

    def breach(self) -> tuple[str, ...] | None:
        """Who did not justify the report; nobody where an alert was passed by; None when a release is in order."""
        if not self.findings:
            return () if self.alerts else None
        return tuple(one for one in self.controllers if self.decisions.get(one) != "release") or None


@dataclass(frozen=True)
class RoundSummary:
    """What is asked of every round there ever was. `ended`: when its key and drops were destroyed."""

    name: str
    state: State
    last_step: str
    refusals: int
    runs: int
    opened: datetime
    released: bool
    ended: datetime | None


@dataclass
class RoundView:
    """One round, as the log tells it."""

    name: str
    #: The place among the rounds that were opened, from 1.
    number: int
    trace_id: str
    #: The span of its opening, that others of the round come from.
    span_id: str
    #: The manifest under which it was opened.
    manifest: str
    opened: Mark
    #: When its last entry was written.
    last: datetime
    state: State = "open"
    last_step: str = Step.OPEN_ROUND.value
    refusals: int = 0
    #: The text of the last refusal.
    refusal: str = ""
    reminded: set[int] = field(default_factory=set)
    arrivals: list[Arrival] = field(default_factory=list)
    together: Together = field(default_factory=Together)
    #: Runs that were begun; when the last was tried, and whether it came to a hold or a refusal.
    runs: int = 0
    tried: Mark | None = None
    concluded: bool = False
    #: Partner → its drop in the last run.
    drops: dict[str, Delivery] = field(default_factory=dict)
    subject_files: list[SubjectFile] = field(default_factory=list)
    matched: Mark | None = None
    counts: Counts | None = None
    hold: Hold | None = None
    hold_rule: HoldRule = field(default_factory=HoldRule)
    #: Digests of the justifications that were taken in.
    justifications: set[str] = field(default_factory=set)
    #: Digest of the table of a statistics office.
    office: str | None = None
    #: Partner → digest of the drop that it counts; the round ends when another comes.
    counted_drops: dict[str, str] = field(default_factory=dict)
    release: Release | None = None
    #: Who had not justified when it was released; None when that was in order (`HoldRule.breach`).
    breach: tuple[str, ...] | None = None
    handed_out: HandOut | None = None
    #: Digest of a release → when it was removed; → when it was opened, each time.
    expired: dict[str, Mark] = field(default_factory=dict)
    openings: dict[str, list[Mark]] = field(default_factory=dict)
    #: Digests of the notices of those openings.
    notices: set[str] = field(default_factory=set)
    #: Partner → digest of its latest outcomes.
    outcomes: dict[str, str] = field(default_factory=dict)
    destruction_begun: Mark | None = None
    destroyed: Mark | None = None
    #: The manifest under which it was destroyed, which says how long the files of subjects are kept.
    destroyed_under: str = ""
    forgotten: Mark | None = None
    #: Positions of the last justification and of the last drop that came in.
    last_justified: int = -1
    last_arrival: int = -1

    @property
    def other_drops(self) -> bool:
        """Whether there are other drops by now than a statistics office counted."""
        return self.office is not None and self.counted_drops != {
            n: one.drop for n, one in self.drops.items()
        }

    @property
    def held(self) -> Hold | None:
        """What it is held for, as long as nothing was released and it is not over."""
        return None if self.has_release or self.over else self.hold

    @property
    def asks_change(self) -> bool:
        """Whether it is held, and a controller asked for another manifest instead of a release."""
        return self.held is not None and "change" in self.hold_rule.decisions.values()

    @property
    def has_release(self) -> bool:
        """Whether a release was made, handed out or not."""
        return self.state in RELEASED

    @property
    def over(self) -> bool:
        return self.state in OVER

    def expected(self, partners: Iterable[str]) -> tuple[str, ...]:
        """Of these partners, those of whom a drop can come: where they evaluate together, not those who were left out."""
        return tuple(one for one in partners if one not in self.together.left_out)

    @property
    def summary(self) -> RoundSummary:
        ended = self.destroyed.at if self.destroyed else None
        released = self.release is not None
        return RoundSummary(
            self.name, self.state, self.last_step, self.refusals, self.runs, self.opened.at, released, ended
        )

    def done_with(self, now: datetime) -> bool:
        """Whether it is over, nothing of it has a term any more, and nothing was heard of it for `QUIET`."""
        removed = self.release is None or self.expired.keys() >= set(self.release.to.values())
        forgotten = self.forgotten is not None or not self.subject_files
        return self.over and removed and forgotten and now - self.last > QUIET

    @property
    def waits(self) -> set[str]:
        """The partners whose release waits for cosignatures."""
        if self.release is None or self.release.cosignatures is None or self.handed_out is not None:
            return set()
        return {name for name, digest in self.release.to.items() if digest not in self.expired}


@dataclass
class Sharing:
    """One controller and one manifest: when it was given it first, and when something signed came back."""

    given: datetime | None = None
    answered: datetime | None = None


@dataclass
class ManifestView:
    """What came in about one manifest: digest → what it is (`uwv`, `uwv.withdrawal`), and how it was shared."""

    papers: dict[str, str] = field(default_factory=dict)
    sharing: dict[str, Sharing] = field(default_factory=dict)


@dataclass(frozen=True)
class Unknown:
    """Entries of a step that this version does not have: how many, and the first."""

    count: int
    first: int


@dataclass(frozen=True)
class Shut:
    """That a round could not be opened: when that was logged, which, and why, by name and in words."""

    at: datetime
    round: str
    reason: str
    message: str


@dataclass(frozen=True)
class Fork:
    """A checkpoint that contradicts the log: when it was reported, by whom, and its entries."""

    at: datetime
    partner: str
    size: int


@dataclass(frozen=True)
class Gap:
    """That entries were lost: where the log says so, and up to how many entries a checkpoint was signed before."""

    mark: Mark
    lost: int


@dataclass
class ProjectView:
    """A project, as the first `size` entries of its log tell it."""

    size: int = 0
    #: The time of the last entry.
    last: datetime | None = None
    #: The last time that a round could not be opened, until one was; and how often that was logged in all.
    shut: Shut | None = None
    refused_openings: int = 0
    #: When the first manifest was registered; the digest of the one that runs, which is the last.
    began: datetime | None = None
    running: str | None = None
    manifests: dict[str, ManifestView] = field(default_factory=dict)
    #: The manifest of every entry: from which position on it is which.
    under: list[tuple[int, str]] = field(default_factory=list)
    #: Version → digest of the trust roots that were taken in.
    roots: dict[int, str] = field(default_factory=dict)
    #: Digest of a signed paper → when it was seen first.
    papers: dict[str, FirstSeen] = field(default_factory=dict)
    #: The rounds that are not put away, and a summary of those that are; `rounds` has them all.
    live: dict[str, RoundView] = field(default_factory=dict)
    put_away: dict[str, RoundSummary] = field(default_factory=dict)
    #: Digest of what was put away, and how to get it back.
    away: str = ""
    get_back: Annotated[Callable[[], dict[str, RoundView]] | None, Field(exclude=True)] = field(
        default=None, compare=False, repr=False
    )
    #: Arrivals that are of no round that takes drops.
    arrivals: list[Arrival] = field(default_factory=list)
    #: Digests of access requests that were taken in.
    requests: set[str] = field(default_factory=set)
    #: Controller → when its access requests of the last day were answered, and when it last asked for more than it may.
    asked: dict[str, list[datetime]] = field(default_factory=dict)
    asked_too_often: dict[str, datetime] = field(default_factory=dict)
    first_checkpoint: datetime | None = None
    last_checkpoint: datetime | None = None
    #: The last entry that asks for cosignatures: a daily checkpoint, or a release that waits for them.
    asks: int = -1
    #: Which audit records were destroyed, as `log.audit_terms` writes that.
    details_destroyed: list[str] = field(default_factory=list)
    #: The last time that something could not be destroyed: when, and the text.
    retention_failed: tuple[datetime, str] | None = None
    #: Partner → when, in the day before the last, an entry was made of a paper that it signed and sent by itself.
    sent_alone: dict[str, list[datetime]] = field(default_factory=dict)
    #: Partner → when the log last said that its drops or papers are too many.
    too_many: dict[str, datetime] = field(default_factory=dict)
    #: The last entry that can make any round go otherwise: papers, or a manifest.
    last_agreement: int = -1
    unknown: dict[str, Unknown] = field(default_factory=dict)
    #: Partner → version of the program that made its last drop that came in; before 0.2 that was not said.
    programs: dict[str, str] = field(default_factory=dict)
    #: Entries that were lost, the last time; and digest of a checkpoint that contradicts this log → what was reported, until
    #: it was explained; of those that were, the most entries under one.
    gap: Gap | None = None
    forks: dict[str, Fork] = field(default_factory=dict)
    explained: int = 0

    @classmethod
    def of(cls, entries: Iterable[LogEntry]) -> ProjectView:
        """The view of a whole log. Raises what `apply` does."""
        view = cls()
        for position, entry in enumerate(entries):
            view.apply(position, entry)
        return view

    def apply(self, position: int, entry: LogEntry) -> Recorded:
        """Take in the next entry; the event in it.

        Raises:
            EventMalformedError: see `log.events.read`.
            StepOutOfPlaceError: see the rules of the module. Nothing was changed.
        """
        recorded = read(position, entry)
        self.take(recorded)
        return recorded

    def take(self, recorded: Recorded) -> None:
        """As `apply`, of an entry that was read."""
        event, mark = recorded.event, Mark(recorded.position, recorded.at)
        round_ = self._moved(recorded, mark)
        if round_ is not None:
            self._of_round(round_, recorded, mark)
        self._of_project(event, recorded, mark)
        self.size, self.last = recorded.position + 1, recorded.at
        if not self.under or self.under[-1][1] != recorded.manifest:
            self.under.append((recorded.position, recorded.manifest))

    def check(self, recorded: Recorded) -> State | None:
        """The state of the round of this event after it; None where it is about no round that was opened.

        Raises:
            StepOutOfPlaceError: the event does not fit how the round stands.
        """
        event, name = recorded.event, recorded.round
        before = None if name is None else self.round(name)
        if before is None and isinstance(event, events.RoundOpened):
            return "open"
        if name is None or (before is None and isinstance(event, events.GatesRefused)):
            return None  # of a round that could not be opened nothing else is told
        after = None if before is None else TRANSITIONS.get(type(event), {}).get(before.state)
        if after is None:
            state = "-" if before is None else before.state
            raise LsiError(
                "StepOutOfPlaceError",
                position=recorded.position,
                step=event.step.value,
                round=name,
                state=state,
            )
        return after

    def _moved(self, recorded: Recorded, mark: Mark) -> RoundView | None:
        """The round of the event, in the state after it; None when it is about no round that was opened."""
        after, event, name = self.check(recorded), recorded.event, recorded.round
        if after is None or name is None:
            return None
        if isinstance(event, events.RoundOpened):
            entry, number = recorded.entry, len(self.put_away) + len(self.live) + 1
            opened = RoundView(name, number, entry.trace_id, entry.span_id, recorded.manifest, mark, mark.at)
            return self.live.setdefault(name, opened)
        round_ = self.live[name]
        round_.last = mark.at
        if not isinstance(event, _AFTERWARDS):
            round_.last_step = event.step.value
        if isinstance(event, events.Refusal):
            round_.refusals += 1
            round_.refusal = event.message
            round_.concluded = round_.concluded or not isinstance(event, _OF_A_DROP)
        round_.state = after
        return round_

    def _of_round(self, round_: RoundView, recorded: Recorded, mark: Mark) -> None:
        """What the event says of its round, beside its state."""
        self._subject_files(round_, recorded.event, mark)
        match recorded.event:
            case events.Reminded(days=days):
                round_.reminded.add(days)
            case events.GatesPassed():
                round_.runs += 1
                round_.tried, round_.concluded = mark, False
                if not round_.has_release:
                    round_.drops = {}  # a run that starts again takes in every drop again
            case events.GatesRefused():
                round_.tried, round_.concluded = mark, True
            case events.DropArrived(partner=partner, drop=drop, program=program):
                self.programs[partner] = program or "0.1"
                round_.last_arrival = mark.position
                round_.arrivals.append(Arrival(mark, partner, drop, True))
            case events.DropArrivalRefused(partner=partner, drop=str(drop)):
                round_.arrivals.append(Arrival(mark, partner, drop, False))
            case events.EvaluationsAsked() as one:
                round_.together.keys[one.partner] = one.keys
                round_.together.asks[one.partner] = one.ask
                round_.together.asked[one.partner] = dict(one.asked)
            case events.EvaluationsRefused(partner=partner):
                round_.together.refused[partner] = round_.together.refused.get(partner, 0) + 1
                _count(self.sent_alone, partner, mark.at)
            case events.EvaluationsAnswered(partner=partner, to=to, answer=answer):
                round_.together.answers.setdefault(partner, {})[to] = answer
            case events.EvaluatorsNamed() as named if round_.together.named is None:
                round_.together.evaluators, round_.together.named = named.evaluators, mark
                round_.together.partners, round_.together.left_out = named.partners, named.left_out
            case events.RoundKeysGone(partner=partner, destroyed=digest):
                round_.together.destroyed[partner] = digest
            case events.AccessAsked(partner=partner, ask=digest):
                round_.together.looked_up.setdefault(digest, LookUp(mark, partner))
            case events.DropAccepted() as drop:
                round_.drops[drop.partner] = Delivery(mark, drop.drop, drop.rows)
            case events.Matched():
                round_.matched = mark
            case events.Counted() as counted:
                round_.counts = Counts(counted.overview, counted.table, counted.findings, counted.like or ())
                round_.hold_rule.alerts = bool(counted.alerts)
            case events.Held() as held:
                round_.hold = round_.hold or Hold(mark, held.findings, held.until)
                round_.hold_rule.findings = held.findings
                round_.hold_rule.controllers = held.controllers
                round_.concluded = True
            case events.Justified() as said:
                round_.justifications |= set(said.papers.values())
                round_.last_justified = mark.position
                if said.findings == round_.hold_rule.findings:
                    round_.hold_rule.decisions |= said.decisions
            case events.OfficeCounted() as told:
                _count(self.sent_alone, told.partner, mark.at)
                round_.office, round_.last_justified = told.office, mark.position
                round_.counted_drops = {name: one.drop for name, one in round_.drops.items()}
                round_.hold, round_.hold_rule, round_.justifications = None, HoldRule(), set()
            case events.Released() as made:
                round_.release = Release(
                    mark, recorded.manifest, made.cases, dict(made.releases), made.cosignatures
                )
                round_.breach = round_.hold_rule.breach()
                if made.cosignatures is not None:
                    self.asks = mark.position
            case events.HandedOut() as out:
                round_.handed_out = HandOut(mark, out.cosigners)
            case events.OutcomeTakenIn() as told:
                _count(self.sent_alone, told.partner, mark.at)
                round_.outcomes[told.partner] = told.outcome
            case events.DestructionBegun():
                round_.destruction_begun = mark
            case events.Destroyed() if round_.destroyed is None:
                round_.destroyed, round_.destroyed_under = mark, recorded.manifest
            case events.ReleaseOpened() as seen:
                round_.openings.setdefault(seen.release, []).append(mark)
                round_.notices.add(seen.opened)
            case events.ReleaseExpired() as gone:
                round_.expired.setdefault(gone.release, mark)
            case events.SubjectsDestroyed():
                round_.forgotten = mark
            case _:
                pass

    @staticmethod
    def _subject_files(round_: RoundView, event: Event, mark: Mark) -> None:
        """The files of data subjects that the event names, each once."""
        match event:
            case events.DropAccepted(partner=partner, subjects=str(digest)):
                named = {f"{event.step.value}.{partner}": digest}
            case events.Matched(subjects=str(digest)) | events.MatchRefused(subjects=str(digest)):
                named = {event.step.value: digest}
            case events.Released(subjects=digests):
                named = {f"{event.step.value}.{name}": digests[name] for name in sorted(digests)}
            case _:
                return
        known = {(one.about, one.digest) for one in round_.subject_files}
        for about, digest in named.items():
            if (about, digest) not in known:
                round_.subject_files.append(SubjectFile(mark, round_.name, about, digest))

    def _of_project(self, event: Event, recorded: Recorded, mark: Mark) -> None:
        """What the event says of the project."""
        match event:
            case events.RoundOpened():
                self.shut = None
            case events.UnknownStep(name=name):
                before = self.unknown.get(name, Unknown(0, mark.position))
                self.unknown[name] = Unknown(before.count + 1, before.first)
            case events.ManifestRegistered(papers=papers):
                self.began = self.began or mark.at
                self.running = recorded.manifest
                self._papers_about(recorded.manifest, papers, mark)
            case events.PapersTakenIn(papers=papers):
                self._papers_about(recorded.manifest, papers, mark)
                for name in papers:
                    _count(self.sent_alone, name.partition(".")[0], mark.at)
            case events.ManifestShared(to=names):
                for name in names:
                    one = self._manifest(recorded.manifest).sharing.setdefault(name, Sharing())
                    one.given = one.given or mark.at
            case events.TrustRootTakenIn(version=version, root=root):
                self.roots[version] = root
            case events.Justified(papers=papers):
                self._see(papers, mark)
                for name in papers:
                    _count(self.sent_alone, name, mark.at)
            case events.ReleaseOpened(partner=partner):
                _count(self.sent_alone, partner, mark.at)
            case events.GatesRefused(round=name) as refused if not self.has(name):
                self.shut = Shut(mark.at, name, refused.reason, refused.message)
                self.refused_openings += 1
            case events.DropArrivalRefused(partner=partner, reason=reason) if reason in events.TOO_MANY:
                self.too_many[partner] = mark.at
            case events.DropArrivalRefused(round=None, partner=partner, drop=str(drop)):
                self.arrivals.append(Arrival(mark, partner, drop, False))
            case events.AccessAnswered(partner=partner, request=request):
                self.requests.add(request)
                _count(self.asked, partner, mark.at)
                _count(self.sent_alone, partner, mark.at)
            case events.AccessRefused(partner=partner, reason=reason):
                _count(self.sent_alone, partner, mark.at)
                if reason == events.ACCESS_TOO_OFTEN:
                    self.asked_too_often[partner] = mark.at
            case events.Restored(lost=int(lost)):
                self.gap = Gap(mark, lost)
            case events.ForkReported(partner=partner, size=size, seen=seen):
                self.forks.setdefault(seen, Fork(mark.at, partner, size))
                _count(self.sent_alone, partner, mark.at)
            case events.ForkExplained():
                self.explained = max([self.explained, *(one.size for one in self.forks.values())])
                self.forks = {}
            case events.RetentionFailed(message=message):
                self.retention_failed = (mark.at, message)
            case events.CheckpointMade():
                self.first_checkpoint = self.first_checkpoint or mark.at
                self.last_checkpoint, self.asks = mark.at, mark.position
            case events.DetailsDestroyed(entries=entries):
                self.details_destroyed.append(entries)
            case _:
                pass

    def _manifest(self, digest: str) -> ManifestView:
        return self.manifests.setdefault(digest, ManifestView())

    def _papers_about(self, manifest: str, papers: Mapping[str, str], mark: Mark) -> None:
        about = self._manifest(manifest)
        for name, digest in papers.items():
            about.papers[digest] = name
            one = about.sharing.setdefault(name.partition(".")[0], Sharing())
            one.answered = one.answered or mark.at
        self._see(papers, mark)
        self.last_agreement = mark.position

    def _see(self, papers: Mapping[str, str], mark: Mark) -> None:
        version = max(self.roots, default=0)
        for digest in papers.values():
            self.papers.setdefault(digest, FirstSeen(version, mark.at))

    # what readers ask

    @property
    def rounds(self) -> dict[str, RoundView]:
        """Every round there ever was, in the order in which they were opened; what was put away is got back."""
        if self.put_away and self.get_back is not None:
            every = [*self.get_back().values(), *self.live.values()]
            self.live = {one.name: one for one in sorted(every, key=lambda one: one.number)}
            self.put_away, self.away = {}, ""
        return self.live

    def round(self, name: str) -> RoundView | None:
        """The round of that name; what was put away is got back when it is asked for."""
        return self.rounds[name] if name in self.put_away else self.live.get(name)

    def summaries(self) -> list[RoundSummary]:
        """Of every round, in the order in which they were opened, as far as they were put away those first."""
        return [*self.put_away.values(), *(one.summary for one in self.live.values())]

    def has(self, name: str) -> bool:
        """Whether a round of that name was ever opened."""
        return name in self.live or name in self.put_away

    def all_arrivals(self) -> list[Arrival]:
        """The drops that came in, but for those of rounds that were put away."""
        return [*self.arrivals, *(arrival for one in self.live.values() for arrival in one.arrivals)]

    def news(self, round_: RoundView) -> bool:
        """Whether something was taken in since the round was last tried, for it or for all. What was refused changes
        nothing: whoever sends rubbish could have a round run at every look."""
        if round_.tried is None:
            return False
        since = round_.last_justified
        if round_.state != "held":
            since = max(since, round_.last_arrival, self.last_agreement)
        return since > round_.tried.position

    def opened(self) -> dict[str, datetime]:
        """Round → when it was opened, of every round: those count for what the schedule allows, whatever came of them."""
        return {one.name: one.opened for one in self.summaries()}

    def spent(self, at_most: int | None) -> bool:
        """Whether so many rounds were opened as the manifest allows (`schedule.rounds_at_most`; None: any number)."""
        return at_most is not None and len(self.opened()) >= at_most

    @property
    def not_continued(self) -> int:
        """Up to how many entries there are signed checkpoints that this log says that it does not go on from; 0 where none."""
        return max(self.gap.lost if self.gap else 0, self.explained)

    def like(self, name: str, rows: Mapping[str, int], smallest: int) -> list[str]:
        """The released rounds of which the drops are those of the round `name`, but for fewer records than a small cell.

        Whoever has a round run twice, the second time with one record more, learns from the difference what the others
        know of that one person. So a round that is like an earlier one is logged as such, and shown to the FG.

        Args:
            rows: partner → records in its drop of the round.
            smallest: the smallest cell that is shown (`monitor.smallest_cell`).
        """
        found = [
            (one.release.mark.position, one.name)
            for one in self.rounds.values()
            if one.release is not None
            and one.name != name
            and one.drops.keys() == rows.keys()
            and all(abs(drop.rows - rows[partner]) < smallest for partner, drop in one.drops.items())
        ]
        return [like for _, like in sorted(found)]

    def waiting(self) -> dict[str, datetime]:
        """The rounds whose release waits for cosignatures, each with when it was made."""
        return {
            one.name: one.release.mark.at
            for one in self.live.values()
            if one.release is not None and one.waits
        }

    def withdrawals(self) -> dict[str, str]:
        """Digest → what it is, of the withdrawals about the manifest that runs."""
        about = self.manifests.get(self.running or "", ManifestView())
        return {digest: name for digest, name in about.papers.items() if ".withdrawal" in name}
