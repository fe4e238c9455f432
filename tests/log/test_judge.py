"""A log is judged again from the signed papers: what an entry says of them counts for nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from handmade import NOW, dimension, document, selection
from parties import Parties
from refusals import raises

from lsi_match.agreement.approvals import approve, withdraw
from lsi_match.agreement.justifications import justify
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.log import events
from lsi_match.log.entry import LogEntry
from lsi_match.log.judge import Judgement, judge_log
from lsi_match.log.note import SignedNote, cosign, verify_cosignature
from lsi_match.log.papers import papers_in
from lsi_match.log.policy import policy_of
from lsi_match.log.store import Log
from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import Reason
from lsi_match.protocol.trust_root import TrustRoot

NAMES = ("gemeente", "svb", "uwv")
NOTHING = "sha256:" + "0" * 64
REASON = "Deze groep is in dit register vaker aan de beurt, en daar is een reden voor."
REPORT = b'{"alerts": 2}'
TABLE = b'{"counts": 1}'


def report(given: bytes, table: bytes, manifest: Manifest) -> tuple[Any, str]:
    """A stand-in for the monitor: the report says itself how many alerts it has."""
    said = json.loads(given)
    promises = [SimpleNamespace(**one) for one in said.get("promises", ())]
    alerts, too_little = range(said["alerts"]), said.get("too_little", 0)
    found = SimpleNamespace(round=said.get("round", "r1"), alerts=alerts, promises=promises,
                            holds=lambda on_too_little: bool(alerts or (on_too_little and too_little)),
                            differences=said.get("differences", ()))  # fmt: skip
    return found, digest_of_bytes(given)


@dataclass
class Story:
    """A log as a matcher writes it that may have changed its program: any entry, whatever came before."""

    folder: Path
    change: Callable[[dict[str, Any]], object] = lambda _: None
    papers: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draft = document({name: [selection()] for name in NAMES})
        self.change(draft)
        self.parties = Parties(self.folder / "parties", draft)
        self.manifest = self.parties.manifest
        self.roots: tuple[TrustRoot, ...] = (self.parties.root,)
        self.at = NOW
        self.log = Log.create(self.folder / "log.sqlite", f"{self.manifest.matcher.domain}/proef")
        self.kept(self.manifest.canonical())

    def kept(self, data: bytes) -> str:
        digest = digest_of_bytes(data)
        self.papers[digest] = data
        return digest

    def write(self, event: events.Event, at: datetime | None = None) -> int:
        self.at += timedelta(minutes=1)
        moment = int((at or self.at).timestamp() * 1000)
        attributes = {events.MANIFEST: self.manifest.digest, **event.attributes()}
        entry = LogEntry(
            trace_id="0" * 31 + "1", span_id="0" * 15 + "1", status=event.status, name=event.step.value,
            start_time=moment, end_time=moment, attributes=attributes,
        )  # fmt: skip
        key, domain = self.parties.identities["matcher"].log_key, self.manifest.matcher.domain
        self.log.append_and_sign([(entry, None)], key, domain)
        return self.log.size - 1

    def agreed(self) -> None:
        self.write(events.TrustRootTakenIn(version=1, root=self.parties.root.digest, changed=NAMES))
        papers = {name: self.kept(data) for name, data in self.parties.papers.items()}
        self.write(events.ManifestRegistered(papers=papers))

    def opened(self, name: str = "r1", **changes: Any) -> None:
        opening = self.parties.opening(round=name, **changes)
        self.write(events.RoundOpened(round=name, opening=self.kept(opening)))

    def matched(self, name: str = "r1") -> None:
        self.write(events.GatesPassed(round=name))
        self.write(events.Matched(round=name, cases=3, subjects=NOTHING))

    def counted(self, told: int = 2, given: bytes = REPORT, name: str = "r1") -> str:
        findings, table = self.kept(given), self.kept(TABLE)
        counts = {"overview": NOTHING, "table": table, "findings": findings, "alerts": told, "too_little": 0}
        self.write(events.Counted(round=name, **counts))
        return findings

    def held(self, findings: str, controllers: tuple[str, ...] = NAMES) -> None:
        until = self.at + timedelta(days=3)
        self.write(
            events.Held(
                round="r1",
                findings=findings,
                alerts=2,
                until=until.replace(microsecond=0),
                controllers=controllers,
            )
        )

    def justified(self, about: str, *names: str, decision: Any = "release", **other: Any) -> None:
        papers = {}
        for name in names:
            said = {"round_id": "r1", "findings": about, "said": REASON} | other
            paper = justify(
                self.manifest,
                identity=self.parties.identities[name],
                decision=decision,
                at=self.at,
                **said,
            )
            papers[name] = self.kept(paper)
        self.write(
            events.Justified(
                round="r1", findings=about, papers=papers, decisions=dict.fromkeys(names, "release")
            )
        )

    def released(self, name: str = "r1", **more: Any) -> None:
        self.write(
            events.Released(
                round=name, cases=more.pop("cases", 3), releases=dict.fromkeys(NAMES, NOTHING), **more
            )
        )

    def judge(self) -> Judgement:
        return judge_log(self.log.path, self.manifest, Trust(self.roots), self.papers, report)

    def reasons(self) -> list[str]:
        found = self.judge().problems
        assert all(problem.text("nl") and problem.text("en") for problem in found)
        return [problem.reason for problem in found]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    made = Story(tmp_path)
    made.agreed()
    return made


def test_a_round_that_went_as_agreed_is_judged_to_be_so(story: Story) -> None:
    story.opened()
    story.matched()
    findings = story.counted()
    story.held(findings)
    story.justified(findings, *NAMES)
    story.matched()
    story.counted()
    story.released()
    found = story.judge()
    assert found.problems == ()
    assert found.judged == {
        "trust root": 1, "register manifest": 1, "open round": 1, "gates": 2, "count": 2, "hold": 1, "release": 1,
    }  # fmt: skip


def test_a_held_round_released_after_papers_of_no_digest_does_not_pass(story: Story) -> None:
    """Seen: one of three controllers "justified", with digests of nothing; the log verified."""
    story.opened()
    story.matched()
    findings = story.counted()
    story.held(findings, ("uwv",))
    story.write(
        events.Justified(round="r1", findings=findings, papers={"uwv": NOTHING}, decisions={"uwv": "release"})
    )
    story.released()
    assert story.reasons() == ["JudgedOtherwiseError", "PaperNotGivenError"]
    story.papers[NOTHING] = b"{}"
    assert story.reasons() == ["JudgedOtherwiseError", "ReleasedUnjustifiedError"]


@pytest.mark.parametrize(
    ("names", "other"),
    [
        (NAMES[:2], {}),
        (NAMES, {"round_id": "r2"}),
        (NAMES, {"findings": NOTHING}),
        (NAMES, {"decision": "change"}),
        ((*NAMES[:2], NAMES[1]), {}),
    ],
    ids=[
        "two of three",
        "of another round",
        "of another report",
        "asking for another manifest",
        "one of them twice",
    ],
)
def test_what_does_not_justify_this_report_releases_nothing(
    story: Story, names: tuple[str, ...], other: dict[str, Any]
) -> None:
    story.opened()
    story.matched()
    findings = story.counted()
    story.held(findings)
    story.justified(findings, *names, **other)
    story.released()
    assert story.reasons() == ["ReleasedUnjustifiedError"]


@pytest.mark.parametrize("passed_over", [0, 1])
def test_every_difference_of_a_report_is_justified_by_itself(story: Story, passed_over: int) -> None:
    differences = [f"sha256:{number:064x}" for number in range(2)]
    answers = {
        digest: Reason(**dict.fromkeys(("aim", "works", "lighter", "balance", "measure"), f"{REASON} {digest}"), review="2027-01-01")
        for digest in differences[passed_over:]
    }  # fmt: skip
    story.opened()
    story.matched()
    findings = story.counted(given=json.dumps({"alerts": 2, "differences": differences}).encode())
    story.held(findings)
    story.justified(findings, *NAMES, said=answers)
    story.released()
    assert story.reasons() == (["ReleasedUnjustifiedError"] if passed_over else [])


PROMISED = {"round": "r1", "difference": NOTHING, "said": dict.fromkeys(NAMES, REASON)}


@pytest.mark.parametrize(
    ("promised", "reasons"),
    [
        (PROMISED, []),
        (PROMISED | {"said": {**dict.fromkeys(NAMES, REASON), "uwv": "Wij doen niets."}}, ["JudgedOtherwiseError"]),
        (PROMISED | {"said": {"uwv": REASON}}, ["JudgedOtherwiseError"]),
        (PROMISED | {"round": "r0"}, ["JudgedOtherwiseError"]),
    ],
    ids=["as it was", "other words", "of some only", "of no round"],
)  # fmt: skip
def test_what_a_report_says_was_promised_is_what_the_papers_say(
    story: Story, promised: dict[str, Any], reasons: list[str]
) -> None:
    story.opened()
    story.matched()
    findings = story.counted()
    story.held(findings)
    story.justified(findings, *NAMES)
    story.released()
    story.opened("r2")
    story.matched("r2")
    said = {"round": "r2", "alerts": 0, "promises": [promised]}
    story.counted(told=0, given=json.dumps(said).encode(), name="r2")
    assert story.reasons() == reasons


def test_a_justification_that_came_after_the_release_does_not_count(story: Story) -> None:
    story.opened()
    story.matched()
    findings = story.counted()
    story.held(findings)
    story.released()
    story.justified(findings, *NAMES)
    assert story.reasons() == ["ReleasedUnjustifiedError"]


def test_alerts_are_those_of_the_report_and_not_those_of_the_entry(story: Story) -> None:
    story.opened()
    story.matched()
    story.counted(told=0)
    story.released()
    assert story.reasons() == ["JudgedOtherwiseError", "ReleasedUnjustifiedError"]


def test_a_held_round_that_is_counted_again_has_the_same_report(story: Story) -> None:
    """Or a held round is released under a report without alerts that nobody saw."""
    story.opened()
    story.matched()
    story.held(story.counted())
    story.matched()
    story.counted(told=0, given=b'{"alerts": 0}')
    story.released()
    assert "JudgedOtherwiseError" in story.reasons()


def test_a_release_without_gates_and_one_without_a_count_are_found(tmp_path: Path) -> None:
    story = Story(tmp_path, lambda draft: draft["monitor"].update(dimensions=[dimension()]))
    story.agreed()
    for name, steps in {"r1": (events.GatesPassed,), "r2": ()}.items():
        story.opened(name)
        for step in steps:
            story.write(step(round=name))
        story.write(events.Matched(round=name, cases=3, subjects=NOTHING))
        story.released(name)
    assert [problem.text("en").rpartition(": ")[2] for problem in story.judge().problems] == [
        "the round was not counted.",
        "no gate was checked before.",
    ]


def test_too_little_holds_where_the_manifest_says_so(tmp_path: Path) -> None:
    for number, (says, expected) in enumerate(((False, []), (True, ["ReleasedUnjustifiedError"]))):
        story = Story(
            tmp_path / str(number), lambda draft, says=says: draft["monitor"].update(hold_on_too_little=says)
        )  # type: ignore[misc]
        story.agreed()
        story.opened()
        story.matched()
        story.counted(told=0, given=b'{"alerts": 0, "too_little": 1}')
        story.released()
        assert story.reasons() == expected


def test_an_approval_that_is_not_there_or_was_withdrawn_is_found(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.write(events.TrustRootTakenIn(version=1, root=story.parties.root.digest, changed=NAMES))
    approvals = dict(story.parties.papers)
    mine = approvals.pop("uwv")
    story.write(
        events.ManifestRegistered(papers={name: story.kept(data) for name, data in approvals.items()})
    )
    story.opened()
    assert story.reasons() == ["JudgedOtherwiseError"] * 2
    story.write(events.PapersTakenIn(papers={"uwv": story.kept(mine)}))
    story.write(events.GatesPassed(round="r1"))
    assert len(story.reasons()) == 2
    gone = withdraw(story.manifest, story.parties.identities["svb"], REASON, story.at)
    story.write(events.PapersTakenIn(papers={"svb.withdrawal": story.kept(gone)}))
    story.write(events.GatesPassed(round="r1"))
    assert len(story.reasons()) == 3


def test_an_approval_signed_by_another_is_none(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.write(events.TrustRootTakenIn(version=1, root=story.parties.root.digest, changed=NAMES))
    other = story.parties.identities["gemeente"]
    forged = approve(story.manifest, replace(other, name="uwv"), NOW)
    papers = {**story.parties.papers, "uwv": forged}
    story.write(events.ManifestRegistered(papers={name: story.kept(data) for name, data in papers.items()}))
    assert story.reasons() == ["JudgedOtherwiseError"]


@pytest.mark.parametrize(
    "opening",
    [
        {"reference_date": "1990-01-01"},
        {"deadline": NOW + timedelta(days=300)},
        {"opened_at": NOW - timedelta(days=400), "deadline": NOW - timedelta(days=386)},
    ],
    ids=["long ago", "a year to deliver", "before the period"],
)
def test_gates_that_did_not_hold_are_found_whatever_the_log_says(
    story: Story, opening: dict[str, Any]
) -> None:
    story.opened(**opening)
    story.write(events.GatesPassed(round="r1"))
    assert story.reasons() == ["JudgedOtherwiseError"] * 2


def test_a_gate_is_judged_by_the_day_of_its_entry(story: Story) -> None:
    story.opened()
    story.write(events.GatesPassed(round="r1"), NOW + timedelta(days=300))
    assert story.reasons() == ["JudgedOtherwiseError"]


def test_more_rounds_than_agreed_are_found(tmp_path: Path) -> None:
    story = Story(tmp_path, lambda draft: draft["schedule"].update(rounds_at_most=1))
    story.agreed()
    story.opened("r1")
    assert story.reasons() == []
    story.opened("r2")
    assert story.reasons() == ["JudgedOtherwiseError"]


def test_more_cases_than_agreed_are_found(tmp_path: Path) -> None:
    story = Story(tmp_path, lambda draft: draft["release"].update(max_cases=10))
    story.agreed()
    story.opened()
    story.matched()
    story.counted(told=0, given=b'{"alerts": 0}')
    story.released(cases=11)
    assert story.reasons() == ["JudgedOtherwiseError"]


def test_an_opening_of_another_round_or_signer_is_found(story: Story) -> None:
    story.write(events.RoundOpened(round="r1", opening=story.kept(story.parties.opening(round="r2"))))
    altered = story.parties.opening(round="r3").replace(b'"sig":"', b'"sig":"AAAA')
    story.write(events.RoundOpened(round="r3", opening=story.kept(altered)))
    assert story.reasons() == ["JudgedOtherwiseError"] * 2


def test_a_release_is_handed_out_with_the_cosignatures_that_the_manifest_asks_for(tmp_path: Path) -> None:
    story = Story(tmp_path, lambda draft: draft["release"].update(cosignatures=2))
    story.agreed()
    story.opened()
    story.matched()
    story.counted(told=0, given=b'{"alerts": 0}')
    story.released(cosignatures=2)
    size, witnesses = story.log.size, policy_of(story.manifest).witnesses
    for name, expected in (("uwv", 1), ("svb", 0)):
        key = story.parties.identities[name].log_key
        line = cosign(str(story.log.checkpoint(size)), key, name, int(NOW.timestamp()))
        story.log.add_cosignature(size, line, witnesses[name])
        assert verify_cosignature(SignedNote.parse(str(story.log.checkpoint(size))), witnesses[name])
        if expected:
            story.write(events.HandedOut(round="r1", size=size, cosigners=("svb", "uwv")))
        assert len(story.reasons()) == expected


def test_a_release_that_asks_for_fewer_cosignatures_than_the_manifest_is_found(tmp_path: Path) -> None:
    story = Story(tmp_path, lambda draft: draft["release"].update(cosignatures=2))
    story.agreed()
    story.opened()
    story.matched()
    story.counted(told=0, given=b'{"alerts": 0}')
    story.released()
    assert story.reasons() == ["JudgedOtherwiseError"]


def test_every_paper_that_is_named_and_not_given_is_told_once(story: Story) -> None:
    story.opened()
    story.matched()
    story.counted()
    story.released()
    every = dict(story.papers)
    for digest in every:
        story.papers = {name: data for name, data in every.items() if name != digest}
        if digest == story.manifest.digest:
            assert "PaperNotGivenError" not in story.reasons()  # the reader has it, or it could judge nothing
            continue
        assert story.reasons().count("PaperNotGivenError") == 1, every[digest][:60]


def test_without_papers_only_what_the_manifest_decides_is_judged_and_that_is_told(story: Story) -> None:
    story.opened()
    story.matched()
    findings = story.counted()
    story.held(findings)
    story.released()
    assert story.judge().whole
    assert story.reasons() == ["ReleasedUnjustifiedError"]
    story.papers.clear()
    assert not story.judge().whole
    story.held(findings, ("uwv",))
    story.released(cases=10**9)
    for roots in (story.roots, ()):
        story.roots = roots
        assert story.reasons().count("JudgedOtherwiseError") == 2


def test_another_trust_root_than_that_of_the_reader_is_found(story: Story, tmp_path: Path) -> None:
    other = Parties(tmp_path / "other", document({name: [selection()] for name in NAMES}))
    found = judge_log(story.log.path, story.manifest, Trust((other.root,)), story.papers, report)
    assert found.problems[0].reason == "JudgedOtherwiseError"
    assert len(found.problems) == 2


def test_papers_are_read_from_folders_and_from_one_file(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    texts = list(story.papers.values())
    for number, data in enumerate(texts[:2]):
        (folder / f"{number}.json").write_bytes(data)
    together = tmp_path / "proef.12.papers.json"
    together.write_text(json.dumps([data.decode() for data in texts[2:]]))
    assert papers_in([folder, together]) == story.papers
    for wrong in ("{}", "[1]", "niets"):
        together.write_text(wrong)
        with raises("PapersUnreadableError"):
            papers_in([together])
