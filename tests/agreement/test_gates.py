"""Every gate: that it holds, and what makes it not hold. That one stops a run is shown in tests/chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from handmade import NOW, PROSE, dimension, document, manifest, selection
from parties import Parties

from lsi_match.agreement.approvals import acknowledge, advise, withdraw
from lsi_match.agreement.gates import Evidence, Gate, evaluate, evaluate_draft, require
from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.base.errors import LsiError
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.manifest import Manifest
from lsi_match.manifest.template import is_placeholder, template, text_values
from lsi_match.protocol.documents import Opening
from lsi_match.protocol.trust_root import TrustRoot

ROLES = ("datasteward", "casustafel")
Draft = dict[str, Any]


def parties(folder: Path, change: Callable[[Draft], object] = lambda _: None) -> Parties:
    draft = document()
    draft["work_instruction"]["acknowledged_by"] = list(ROLES)
    draft["monitor"]["dimensions"] = [dimension()]
    change(draft)
    return Parties(folder, draft)


def evidence(world: Parties, **changes: Any) -> Evidence:
    papers = dict(world.approvals)
    for name in world.manifest.controllers:
        papers[f"{name}.read"] = acknowledge(world.manifest, world.identities[name], ROLES, NOW)
    given = Evidence(
        papers=papers,
        now=NOW,
        trust=world.trust,
        opening=Opening(
            project=world.manifest.project.id, manifest=world.manifest.digest, round="r1", reference_date=NOW.date(),
            opened_at=NOW, deadline=NOW + timedelta(days=14), recipient=world.round_recipient, parts=1, trace_id="1" * 32,
        ),
        key_present=True,
    )  # fmt: skip
    return replace(given, **changes)


def closed(world: Parties, given: Evidence) -> dict[Gate, str]:
    """Gate → reason, of the gates that do not hold."""
    return {v.gate: v.error.reason for v in evaluate(world.manifest, given) if v.error}


def test_every_gate_holds_for_a_project_that_is_in_order(tmp_path: Path) -> None:
    world = parties(tmp_path)
    verdicts = evaluate(world.manifest, evidence(world))
    assert [verdict.gate for verdict in verdicts] == list(Gate)
    assert [verdict.error for verdict in verdicts] == [None] * len(Gate)
    require(world.manifest, evidence(world))


def test_without_a_round_its_gate_is_not_judged(tmp_path: Path) -> None:
    world = parties(tmp_path)
    judged = [v.gate for v in evaluate(world.manifest, evidence(world, opening=None))]
    assert judged == [gate for gate in Gate if gate is not Gate.ROUND]


def test_advice_of_an_fg_counts_as_a_paper_too(tmp_path: Path) -> None:
    """In place of what the manifest lacks; negative advice until the manifest answers it, and then no more."""
    unsaid = parties(tmp_path / "a", lambda draft: draft["dpo_advice"].pop("uwv"))
    given = evidence(unsaid)
    assert closed(unsaid, given)[Gate.DPO_ADVICE] == "DpoAdviceGateError"

    def with_advice(
        world: Parties, outcome: Literal["positive", "negative"], at: datetime = NOW
    ) -> dict[Gate, str]:
        paper = advise(
            world.manifest,
            world.identities["uwv"],
            outcome,
            "Let op de bewaartermijn; zij is langer dan nodig.",
            at,
        )
        before = evidence(world)
        return closed(world, replace(before, papers={**before.papers, "one": paper}))

    assert Gate.DPO_ADVICE not in with_advice(unsaid, "positive")
    assert with_advice(unsaid, "negative")[Gate.DPO_ADVICE] == "DpoAdviceUnansweredGateError"
    assert (
        with_advice(unsaid, "positive", NOW + timedelta(days=1))[Gate.DPO_ADVICE] == "DpoAdviceGateError"
    ), "of tomorrow"
    said = parties(tmp_path / "b")
    assert with_advice(said, "negative")[Gate.DPO_ADVICE] == "DpoAdviceUnansweredGateError", (
        "the paper counts above the manifest"
    )
    answer = {"outcome": "negative", "answer": "De termijn is korter gemaakt."}
    answered = parties(tmp_path / "c", lambda draft: draft["dpo_advice"]["uwv"].update(answer))
    assert Gate.DPO_ADVICE not in with_advice(answered, "negative"), "an FG vetoes nothing"
    paper = advise(
        said.manifest,
        said.identities["uwv"],
        "positive",
        "Tegen deze werkwijze is van mijn kant geen bezwaar.",
        NOW,
    )
    elsewhere = replace(given, papers={**given.papers, "one": paper})
    assert closed(unsaid, elsewhere)[Gate.DPO_ADVICE] == "DpoAdviceGateError", "it is about another manifest"


def ground(draft: Draft) -> None:
    """The date that a signal looks at has to do with age; every FG but one advised on that."""
    draft["characteristics"] = {
        "leeftijd": {
            "kind": "ground", "label": "Leeftijd", "legal_basis": "Art. 1 van een wet",
            "rationale": "Deze regeling geldt volgens de wet alleen voor mensen vanaf een bepaalde leeftijd, dus er is geen andere weg.",
        }
    }  # fmt: skip
    first = selection()
    first["fields"]["begin"]["characteristic"] = "leeftijd"
    draft["partners"]["uwv"]["selections"] = [first]
    for name, advice in draft["dpo_advice"].items():
        advice["characteristics"] = [] if name == "svb" else ["leeftijd"]


def goes_along(draft: Draft, use: str = "release") -> None:
    """A value that nobody gets to see, for that or for the match rule."""
    first = draft["partners"]["uwv"]["selections"][0]
    first["attributes"] = [
        {"id": "sinds", "field": "begin", "kind": "month", "use": use, "rationale": "Nodig."}
    ]


def names_months(draft: Draft) -> None:
    """The match rule looks at that value."""
    draft["match"]["rule"] += " AND uwv_sinds_last < peildatum"


def shows(draft: Draft) -> None:
    """One partner is to see it."""
    draft["release"]["to"]["svb"]["attributes_of"] = ["uwv"]


def advised(draft: Draft) -> None:
    """The same, and every FG advised on it."""
    ground(draft)
    draft["dpo_advice"]["svb"]["characteristics"] = ["leeftijd"]


def neighbourhood(draft: Draft) -> None:
    draft["project"]["type"] = "neighbourhood"


CLOSED: list[tuple[Callable[[Draft], object], Gate, str]] = [
    (lambda d: d.update(format="lsi-match/manifest/v1"), Gate.MANIFEST, "FormerVersionGateError"),
    (lambda d: d["basis"].update(purpose="TODO: hier komt nog een mooie tekst over het doel van dit project"), Gate.PLAN, "PlanGateError"),
    (lambda d: d["basis"].update(purpose=d["basis"]["necessity"]), Gate.PLAN, "PlanGateError"),
    (lambda d: d["basis"].update(purpose="doel doel doel doel doel doel doel doel doel doel"), Gate.PLAN, "PlanGateError"),
    (lambda d: d["project"].update(period={"first": "2020-01-01", "last": "2020-12-31"}), Gate.PERIOD, "PeriodGateError"),
    (lambda d: d["project"].update(period={"first": "2027-01-01", "last": "2027-12-31"}), Gate.PERIOD, "PeriodGateError"),
    (lambda d: d["dpia"].update(date="2027-01-01"), Gate.DPIA, "DpiaGateError"),
    (lambda d: d["dpo_advice"].pop("svb"), Gate.DPO_ADVICE, "DpoAdviceGateError"),
    (lambda d: d["dpo_advice"]["svb"].update(date="2027-01-01"), Gate.DPO_ADVICE, "DpoAdviceGateError"),
    (lambda d: d["dpo_advice"]["svb"].update(outcome="negative"), Gate.DPO_ADVICE, "DpoAdviceUnansweredGateError"),
    (ground, Gate.EQUAL_TREATMENT, "EqualTreatmentGateError"),
    (lambda d: (advised(d), d["characteristics"]["leeftijd"].update(legal_basis="Mag.")), Gate.PLAN, "PlanGateError"),
    (lambda d: (neighbourhood(d), d["monitor"].update(dimensions=[])), Gate.NEIGHBOURHOOD, "NeighbourhoodGateError"),
    (lambda d: (neighbourhood(d), d["monitor"]["dimensions"][0].update(role="legitimate")), Gate.NEIGHBOURHOOD, "NeighbourhoodGateError"),
    (lambda d: (neighbourhood(d), d["dpo_advice"]["svb"].update(date="2020-01-01")), Gate.NEIGHBOURHOOD, "NeighbourhoodGateError"),
    (lambda d: d["match"].update(rationale="Waarom dit samen een casus is"), Gate.PLAN, "PlanGateError"),
    (lambda d: d["project"].update(title="Titel zoals mensen het project noemen"), Gate.PLAN, "PlanGateError"),
    (lambda d: d["work_instruction"].update(digest="sha256:" + "0" * 64), Gate.PLAN, "PlanGateError"),
    (lambda d: d["release"].update(keep_days=d["retention"]["log_details_days"] + 1), Gate.BOUNDS, "TermsGateError"),
    (lambda d: d["release"].update(max_cases=1_000_000), Gate.BOUNDS, "CasesGateError"),
    (lambda d: d["schedule"].pop("rounds_at_most"), Gate.BOUNDS, "RoundsGateError"),
    (lambda d: goes_along(d), Gate.RELEASE, "UnseenGateError"),
    (lambda d: d["release"]["to"]["uwv"].update(attributes_of=["svb"]), Gate.RELEASE, "NothingToShowGateError"),
    (lambda d: (goes_along(d, "rule"), names_months(d), shows(d)), Gate.RELEASE, "NothingToShowGateError"),
    (lambda d: goes_along(d, "rule"), Gate.RELEASE, "UnusedGateError"),
    (lambda d: (goes_along(d, "both"), names_months(d)), Gate.RELEASE, "UnseenGateError"),
    (lambda d: d["match"].update(records_of=["svb"]), Gate.RELEASE, "UnusedGateError"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "gate", "reason"), CLOSED)
def test_what_closes_a_gate(
    tmp_path: Path, change: Callable[[Draft], object], gate: Gate, reason: str
) -> None:
    world = parties(tmp_path, change)
    given = evidence(world)
    # A round that was opened outside the period is not as agreed either.
    beside = {Gate.ROUND: "OpeningGateError"} if gate is Gate.PERIOD else {}
    assert closed(world, given) == {gate: reason} | beside
    with pytest.raises(LsiError) as stopped:
        require(world.manifest, given)
    assert stopped.value.reason == reason


def test_what_goes_along_may_be_shown_to_one_partner_alone(tmp_path: Path) -> None:
    world = parties(
        tmp_path, lambda d: (goes_along(d), d["release"]["to"]["svb"].update(attributes_of=["uwv"]))
    )
    assert closed(world, evidence(world)) == {}


def test_what_is_for_the_match_rule_need_not_be_shown(tmp_path: Path) -> None:
    def change(draft: Draft) -> None:
        goes_along(draft, "rule")
        names_months(draft)
        draft["match"]["records_of"] = ["svb"]
        draft["match"]["rule"] += " AND svb_records < 5"

    world = parties(tmp_path, change)
    assert closed(world, evidence(world)) == {}


def test_a_manifest_that_was_made_around_its_rules_is_found_when_it_is_judged(tmp_path: Path) -> None:
    world = parties(tmp_path)
    wide = world.manifest.model_copy(
        update={"release": world.manifest.release.model_copy(update={"keep_days": 10_000})}
    )
    (first, *_) = evaluate(wide, evidence(world))
    assert (first.gate, first.error and first.error.reason) == (Gate.MANIFEST, "ManifestAlteredError")


def test_a_negative_advice_that_was_answered_is_no_obstacle(tmp_path: Path) -> None:
    world = parties(tmp_path, lambda d: d["dpo_advice"]["svb"].update(outcome="negative", answer=PROSE))
    assert closed(world, evidence(world)) == {}


def test_a_ground_on_which_every_fg_advised_is_allowed_and_not_in_a_neighbourhood(tmp_path: Path) -> None:
    world = parties(tmp_path / "theme", advised)
    assert closed(world, evidence(world)) == {}
    world = parties(tmp_path / "wijk", lambda d: (advised(d), neighbourhood(d)))
    assert closed(world, evidence(world)) == {Gate.NEIGHBOURHOOD: "NeighbourhoodGateError"}


@pytest.mark.parametrize(
    ("roles", "missing"),
    [
        ({"gemeente": ROLES, "uwv": ROLES}, "svb"),
        ({"gemeente": ROLES[:1], "uwv": ROLES[:1], "svb": ROLES[:1]}, "the role casustafel"),
        ({}, "gemeente, uwv, svb, the role datasteward, the role casustafel"),
    ],
)
def test_the_work_instruction_is_read_everywhere_and_by_every_role(
    tmp_path: Path, roles: dict[str, tuple[str, ...]], missing: str
) -> None:
    world = parties(tmp_path)
    papers = dict(world.approvals)
    for name, read in roles.items():
        papers[f"{name}.read"] = acknowledge(world.manifest, world.identities[name], read, NOW)
    (verdict,) = [v for v in evaluate(world.manifest, evidence(world, papers=papers)) if v.error]
    assert verdict.gate is Gate.INSTRUCTION
    assert verdict.error is not None
    assert verdict.error.facts["missing"] == missing


def test_a_role_may_be_that_of_the_matching_site(tmp_path: Path) -> None:
    world = parties(tmp_path, lambda d: d["work_instruction"].update(acknowledged_by=[*ROLES, "beheerder"]))
    given = evidence(world)
    assert closed(world, given) == {Gate.INSTRUCTION: "InstructionGateError"}
    read = acknowledge(world.manifest, world.identities["matcher"], ("beheerder",), NOW)
    assert closed(world, replace(given, papers={**given.papers, "matcher": read})) == {}


def test_what_was_signed_closes_the_gate_of_approval(tmp_path: Path) -> None:
    world = parties(tmp_path)
    given = evidence(world)
    without = {name: paper for name, paper in given.papers.items() if name != "svb"}
    assert closed(world, replace(given, papers=without)) == {Gate.APPROVAL: "ApprovalsMissingError"}
    gone = withdraw(world.manifest, world.identities["svb"], "Het kan niet meer.", NOW)
    papers = {**given.papers, "w": gone}
    assert closed(world, replace(given, papers=papers)) == {Gate.APPROVAL: "ApprovalWithdrawnError"}
    early = replace(given, now=NOW - timedelta(days=1))
    assert closed(world, early)[Gate.APPROVAL] == "ApprovalInvalidError"


def test_other_keys_than_those_of_the_trust_root_close_the_gate_of_parties(tmp_path: Path) -> None:
    world = parties(tmp_path)
    given = evidence(world)

    def closed_by(root: TrustRoot, now: datetime = NOW) -> dict[Gate, str]:
        return closed(world, replace(given, now=now, trust=Trust((root,))))

    value = world.root.model_dump(mode="json")
    key = value["organisations"]["svb"]["keys"][0]
    split = [
        key | {"roles": ["root", "approve", "acknowledge"]},
        {"signing_key": "7" * 64, "roles": ["deliver"]},
    ]
    for change in ({"encryption_key": f"age1{7:058d}"}, {"oin": "7" * 20}, {"keys": split}):
        other = value["organisations"] | {"svb": value["organisations"]["svb"] | change}
        root = TrustRoot.model_validate(value | {"organisations": other})
        assert closed_by(root) == {Gate.PARTIES: "PartyKeyDiffersError"}
    foreign = TrustRoot.model_validate(value | {"project": "ander"})
    assert closed_by(foreign) == {Gate.PARTIES: "RootOtherProjectError"}
    short = TrustRoot.model_validate(value | {"expires_at": NOW.isoformat()})
    assert closed_by(short) == {Gate.PARTIES: "RootExpiredError"}
    stranger = {("ind" if name == "svb" else name): one for name, one in value["organisations"].items()}
    gone = TrustRoot.model_validate(value | {"organisations": stranger})
    assert closed_by(gone)[Gate.PARTIES] == "PartyUnknownError"


def test_a_round_of_another_manifest_or_without_its_key_closes_the_gate_of_the_round(tmp_path: Path) -> None:
    world = parties(tmp_path)
    given = evidence(world)
    assert given.opening is not None
    assert closed(world, replace(given, key_present=False)) == {Gate.ROUND: "RoundGateError"}
    older = given.opening.model_copy(update={"manifest": "sha256:" + "0" * 64})
    assert closed(world, replace(given, opening=older)) == {Gate.ROUND: "RoundGateError"}


def test_a_draft_is_judged_by_what_it_says_itself() -> None:
    """The gates about signatures wait; the others say of a draft what they will say of the manifest."""
    draft = manifest()
    day = date(2026, 6, 1)
    found = {verdict.gate: verdict.error for verdict in evaluate_draft(draft, day)}
    waiting = {Gate.APPROVAL, Gate.INSTRUCTION, Gate.PARTIES}
    assert {found[gate].reason for gate in waiting} == {"DraftGateError"}
    assert {error for gate, error in found.items() if gate not in waiting} == {None}
    late = {verdict.gate for verdict in evaluate_draft(draft, date(2027, 1, 1)) if verdict.error}
    assert late == waiting | {Gate.PERIOD}


# The gates that look at the document alone, at the ends of what they allow.

DAY = NOW.date()


def closed_in(change: Callable[[Draft], object], today: date = DAY) -> dict[Gate, str]:
    """Gate → reason, of the gates that a document does not pass by what it says itself."""
    draft = document()
    draft["monitor"]["dimensions"] = [dimension()]
    change(draft)
    judged = evaluate_draft(Manifest.model_validate(draft), today)
    return {v.gate: v.error.reason for v in judged if v.error and v.error.reason != "DraftGateError"}


def test_a_draft_is_judged_in_the_order_of_the_gates() -> None:
    judged = [verdict.gate for verdict in evaluate_draft(manifest(), DAY)]
    assert judged == [gate for gate in Gate if gate is not Gate.ROUND]


@pytest.mark.parametrize(
    ("words", "says_something"),
    [("een twee drie vier vijf zes zeven", False), ("een twee drie vier vijf zes zeven acht", True)],
)
def test_a_part_of_the_plan_has_eight_different_words(words: str, says_something: bool) -> None:
    assert (closed_in(lambda d: d["basis"].update(purpose=" ".join([words] * 4))) == {}) is says_something


@pytest.mark.parametrize(("law", "names_one"), [("Artikel 1", False), ("Artikel 1 Awgb", True)])
def test_a_ground_names_an_article_of_a_law(law: str, names_one: bool) -> None:
    def change(draft: Draft) -> None:
        advised(draft)
        draft["characteristics"]["leeftijd"]["legal_basis"] = law

    assert (closed_in(change) == {}) is names_one


def test_the_reason_for_a_ground_is_part_of_the_plan() -> None:
    def change(draft: Draft) -> None:
        advised(draft)
        draft["characteristics"]["leeftijd"]["rationale"] = draft["basis"]["purpose"]

    assert closed_in(change) == {Gate.PLAN: "PlanGateError"}


@pytest.mark.parametrize(
    ("today", "runs"),
    [("2025-12-31", False), ("2026-01-01", True), ("2026-12-31", True), ("2027-01-01", False)],
)
def test_a_project_runs_from_its_first_to_its_last_day(today: str, runs: bool) -> None:
    def change(draft: Draft) -> None:
        draft["dpia"]["date"] = "2025-01-01"
        for advice in draft["dpo_advice"].values():
            advice["date"] = "2025-01-01"

    assert (closed_in(change, date.fromisoformat(today)) == {}) is runs


@pytest.mark.parametrize(("days", "counts"), [(0, True), (1, False)])
def test_a_dpia_and_an_advice_count_from_their_day_on(days: int, counts: bool) -> None:
    day = (DAY + timedelta(days=days)).isoformat()
    assert (closed_in(lambda d: d["dpia"].update(date=day)) == {}) is counts
    assert (closed_in(lambda d: d["dpo_advice"]["svb"].update(date=day)) == {}) is counts


@pytest.mark.parametrize(("date_", "after"), [("2026-01-04", False), ("2026-01-05", True)])
def test_in_a_neighbourhood_an_advice_is_of_the_day_of_the_dpia_or_later(date_: str, after: bool) -> None:
    change = lambda d: (neighbourhood(d), d["dpo_advice"]["svb"].update(date=date_))  # noqa: E731
    assert (closed_in(change) == {}) is after
    assert closed_in(lambda d: d["dpo_advice"]["svb"].update(date=date_)) == {}, "a theme does not ask for it"


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_numbers_and_terms_may_be_as_large_as_what_bounds_them(more: int, fits: bool) -> None:
    """Three selections of at most 1,000 records, cases that are open as long as what answers people is kept."""

    def cases(draft: Draft) -> None:
        for partner in draft["partners"].values():
            partner["selections"][0]["volume"]["at_most"] = 1_000
        draft["release"]["max_cases"] = 3_000 + more

    def days(draft: Draft) -> None:
        draft["release"]["keep_days"] = 40 + more
        draft["retention"]["log_details_days"] = 40

    def together(draft: Draft) -> None:
        draft["pseudonyms"]["scheme"] = "v2"
        draft["partners"]["uwv"]["selections"][0]["volume"]["at_most"] = 1_000_000 + more

    assert (closed_in(cases) == {}) is fits
    assert (closed_in(days) == {}) is fits
    assert (closed_in(together) == {}) is fits


def test_an_opening_of_partners_that_evaluate_together_says_until_when_as_the_manifest_has_it(
    tmp_path: Path,
) -> None:
    world = parties(tmp_path, lambda d: d["pseudonyms"].update(scheme="v2"))
    given = evidence(world)
    assert given.opening is not None
    asks, answers = NOW + timedelta(days=14) / 3, NOW + 2 * timedelta(days=14) / 3
    good = given.opening.model_copy(update={"asks_until": asks, "answers_until": answers})
    assert closed(world, replace(given, opening=good)) == {}
    later = good.model_copy(update={"answers_until": answers + timedelta(hours=1)})
    for opening in (given.opening, later):
        assert closed(world, replace(given, opening=opening)) == {Gate.ROUND: "OpeningGateError"}
    alone = evidence(parties(tmp_path / "alone"))
    assert alone.opening is not None
    early = alone.opening.model_copy(update={"asks_until": asks, "answers_until": answers})
    assert Gate.ROUND in closed(parties(tmp_path / "other"), replace(alone, opening=early))


def test_every_attribute_for_the_rule_is_looked_at_by_it_at_either_end(tmp_path: Path) -> None:
    def change(draft: Draft, end: str) -> None:
        goes_along(draft, "rule")
        draft["match"]["rule"] += f" AND uwv_sinds_{end} < peildatum"

    assert closed_in(lambda d: change(d, "first")) == {}
    assert closed_in(lambda d: change(d, "last")) == {}


def test_the_gate_of_the_round_wants_its_own_project_and_a_key_that_is_known_to_be_there(
    tmp_path: Path,
) -> None:
    world = parties(tmp_path)
    given = evidence(world)
    assert given.opening is not None
    other = given.opening.model_copy(update={"project": "ander"})
    assert closed(world, replace(given, opening=other)) == {Gate.ROUND: "RoundGateError"}
    unknown = Evidence(papers=given.papers, now=given.now, trust=given.trust, opening=given.opening)
    assert closed(world, unknown) == {Gate.ROUND: "RoundGateError"}


def why(change: Callable[[Draft], object]) -> str:
    """The English text of the one gate that the document closes."""
    draft = document()
    draft["monitor"]["dimensions"] = [dimension()]
    change(draft)
    judged = evaluate_draft(Manifest.model_validate(draft), DAY)
    (error,) = [v.error for v in judged if v.error and v.error.reason != "DraftGateError"]
    return error.text("en")


def test_a_gate_says_in_both_languages_what_holds() -> None:
    texts = {gate.text(language) for gate in Gate for language in ("nl", "en")}
    assert len(texts) == 2 * len(Gate)
    assert all(texts)


def test_a_manifest_with_a_letter_that_looks_like_another_is_stopped_by_place() -> None:
    change = lambda d: d["controllers"]["svb"].update(title="Organisatie sv\u0431")  # noqa: E731
    assert closed_in(change) == {Gate.MANIFEST: "UnclearGateError"}
    assert "controllers.svb.title" in why(change)


def test_a_neighbourhood_is_told_which_monitor_it_lacks() -> None:
    """One that compares nothing; and one of which no selection has the fields."""
    none = why(lambda d: (neighbourhood(d), d["monitor"].update(dimensions=[])))
    assert "compares groups" in none

    def apart(draft: Draft) -> None:
        """A dimension of two fields that no selection has both."""
        neighbourhood(draft)
        for name, field in (("uwv", "een"), ("svb", "twee")):
            fields = draft["partners"][name]["selections"][0]["fields"]
            fields[field] = {"type": "boolean", "meaning": "Een van twee"}
        draft["monitor"]["dimensions"] = [dimension("een AND twee")]

    assert "can count" in why(apart)


def test_what_stands_for_a_ground_needs_no_advice_on_it() -> None:
    def change(draft: Draft) -> None:
        ground(draft)
        made = draft["characteristics"].pop("leeftijd") | {"kind": "proxy", "label": "Postcode"}
        draft["characteristics"]["postcode"] = made | {"legal_basis": None}
        draft["partners"]["uwv"]["selections"][0]["fields"]["begin"]["characteristic"] = "postcode"
        for advice in draft["dpo_advice"].values():
            advice["characteristics"] = []

    assert closed_in(change) == {}


def test_without_any_advice_there_is_none_on_a_ground_either() -> None:
    def change(draft: Draft) -> None:
        advised(draft)
        del draft["dpo_advice"]["svb"]

    closed_gates = {Gate.DPO_ADVICE: "DpoAdviceGateError", Gate.EQUAL_TREATMENT: "EqualTreatmentGateError"}
    assert closed_in(change) == closed_gates


def test_look_ups_over_the_term_of_kept_keys_are_bounded() -> None:
    def change(draft: Draft) -> None:
        draft["pseudonyms"] |= {"scheme": "v2", "round_keys": "until_subjects_destroyed"}
        draft["retention"] |= {"access_requests_a_day": 1000, "log_details_days": 3650}

    assert closed_in(change) == {Gate.BOUNDS: "LookUpsGateError"}
    assert "3650000" in why(change)


def test_a_part_that_says_nothing_is_named_once() -> None:
    texts = [text for _, text in text_values(read_yaml(template().decode(), "template.yaml"))]
    left = next(text for text in sorted(texts) if is_placeholder(text) and len(text) > 50)
    told = why(lambda d: d["basis"].update(purpose=left, necessity=left))
    assert told.count("basis.purpose") == told.count("basis.necessity") == 1


def test_criteria_that_together_single_out_a_number_are_stopped() -> None:
    def change(draft: Draft) -> None:
        (chosen,) = draft["partners"]["uwv"]["selections"]
        chosen["criteria"] += [
            {"id": "begin_van", "when": "soort LIKE '1234%'", "rationale": "Waarom dit nodig is."}
        ]
        chosen["signals"][0]["when"] = "soort LIKE '%5678'"

    assert closed_in(change) == {Gate.MANIFEST: "UnclearGateError"}
    assert "partners.uwv.selections.0.signals.0" in why(change)
