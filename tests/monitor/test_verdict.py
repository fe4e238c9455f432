"""One verdict from all comparisons: nothing is calm that is not shown to be small."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.findings import Findings, Verdict
from lsi_match.monitor.heterogeneity import heterogeneity
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import Answer, Kind, State, conclude
from lsi_match.reports.monitor_report import report

GROUP = {"id": "group", "label": "Groep", "groups": {"A": "groep A", "B": "groep B"}}
KIND = {"id": "kind", "label": "Soort", "role": "legitimate", "groups": {"x": "soort X", "y": "soort Y"}}
CALM = ("U hoeft nu niets te doen", "Er is geen actie nodig")


def table(
    *stages: dict[str, Any], dimensions: tuple[dict[str, Any], ...] = (GROUP,), **changes: Any
) -> CountsTable:
    """A reference, and steps that each stand beside the one before. A stage is its counts, or a whole stage."""
    made: list[dict[str, Any]] = []
    for at, stage in enumerate(stages):
        whole = stage if "counts" in stage else {"counts": stage}
        before = [made[at - 1]["id"]] if at else []
        plain = {
            "id": f"s{at}",
            "label": f"stap {at}",
            "kind": "selection" if at else "reference",
            "against": before,
        }
        made.append(plain | whole)
    return CountsTable.model_validate({"title": "t", "dimensions": dimensions, "stages": made} | changes)


def opposite() -> CountsTable:
    start = {f"{group}|{kind}": 10_000 for group, kind in product("AB", "xy")}
    return table(start, {"A|x": 900, "B|x": 300, "A|y": 300, "B|y": 900}, dimensions=(GROUP, KIND))


def hidden() -> CountsTable:
    """Crude 0.86, and 2.0 within each kind: B is mostly of the kind that is selected often."""
    start = {"A|x": 13_530, "A|y": 6_470, "B|x": 2_000, "B|y": 18_000}
    return table(start, {"A|x": 541, "A|y": 2_588, "B|x": 40, "B|y": 3_600}, dimensions=(GROUP, KIND))


def first_page(of: CountsTable) -> str:
    return report(of, analyse(of), "nl").first.replace("\\", "")


def test_opposite_strata_are_an_alert_and_named() -> None:
    found = analyse(opposite())
    assert all(f.verdict is Verdict.WITHIN for f in found.findings)
    given_kind = next(c for c in found.conditionals if c.group == "A")
    assert given_kind.differs
    assert given_kind.reverses
    assert {s.level: s.verdict for s in given_kind.strata} == {"x": Verdict.OVER, "y": Verdict.UNDER}
    said = conclude(found)
    assert said.state is State.ALERT
    assert found.alert
    assert {(row.group, row.level) for row in said.alerts} == {("A", "x"), ("B", "y")}
    page = first_page(opposite())
    assert "soort X" in page
    assert "soort Y" in page
    assert not any(calm in page for calm in CALM)


def test_a_difference_hidden_in_the_whole_is_an_alert() -> None:
    found = analyse(hidden())
    crude = next(f for f in found.findings if f.group == "A")
    assert crude.ratio.value == pytest.approx(0.86, abs=0.005)
    assert crude.verdict is Verdict.WITHIN
    assert next(c for c in found.conditionals if c.group == "A").verdict is Verdict.OVER
    assert found.alert
    assert {row.kind for row in conclude(found).alerts if row.group == "A"} >= {Kind.HELD_EQUAL, Kind.STRATUM}


def test_less_often_harms_where_the_step_is_good_for_people() -> None:
    counts = ({"A": 10_000, "B": 10_000}, {"A": 3400, "B": 5000})
    burden, benefit = (
        table(counts[0], {"counts": counts[1], "direction": way, "label": "toegelaten"})
        for way in ("burden", "benefit")
    )
    assert [row.group for row in conclude(analyse(burden)).alerts] == ["B"]
    assert [row.group for row in conclude(analyse(benefit)).alerts] == ["A"]
    page = first_page(benefit)
    assert "groep A" in page.split("##")[1]


#: Dawson, The "Unusual Episode" Data Revisited, Journal of Statistics Education 3 (1995): aboard the Titanic, and saved.
TITANIC = {
    "m|1": (180, 62), "m|2": (179, 25), "m|3": (510, 88), "m|c": (862, 192),
    "f|1": (145, 141), "f|2": (106, 93), "f|3": (196, 90), "f|c": (23, 20),
}  # fmt: skip


def test_the_group_that_others_are_compared_with_is_warned_of_as_well() -> None:
    """Nobody is left out of the verdict by being called the yardstick."""
    sex = {"id": "group", "label": "Geslacht", "baseline": "m", "groups": {"m": "mannen", "f": "vrouwen"}}
    classes = {"id": "kind", "label": "Klasse", "role": "legitimate", "groups": dict(zip("123c", "123c", strict=True))}  # fmt: skip
    aboard, saved = ({cell: both[at] for cell, both in TITANIC.items()} for at in (0, 1))
    found = table(aboard, {"counts": saved, "direction": "benefit"}, dimensions=(sex, classes))
    (first, *_) = conclude(analyse(found)).alerts
    assert (first.group, first.others, first.harms) == ("m", "f", True)
    assert analyse(found).alert
    said = short(found)
    assert "0,29 keer" in said["Wat valt op"]
    assert said["Voor wie"] == "mannen, vergeleken met vrouwen."


def test_the_group_that_others_are_compared_with_has_to_be_worse_off_than_each_of_them() -> None:
    """One group that is hit seldom says little of the yardstick; all of them do."""
    groups = {"id": "group", "label": "Groep", "baseline": "a", "groups": {name: name for name in "abc"}}
    start = dict.fromkeys("abc", 10_000)

    def verdict(**hit: int) -> tuple[bool, list[str]]:
        said = conclude(analyse(table(start, hit, dimensions=(groups,))))
        return bool(said.alerts), [row.group for row in said.alerts]

    assert verdict(a=1_000, b=300, c=980) == (False, [])
    assert verdict(a=1_000, b=300, c=500) == (True, ["a"])


def test_what_may_alert_has_its_part_of_the_chance_of_a_false_alert() -> None:
    """Of two groups beside a third each may alert, and the third: three, as without a third that the others are put beside."""
    start, hit = dict.fromkeys("abc", 10_000), dict.fromkeys("abc", 1_000)
    plain = {"id": "group", "label": "Groep", "groups": {name: name for name in "abc"}}
    without, beside = (
        analyse(table(start, hit, dimensions=(one,))) for one in (plain, {**plain, "baseline": "a"})
    )
    assert without.comparisons == beside.comparisons == 3
    assert without.confidence == beside.confidence


def test_what_is_large_and_harms_nobody_of_the_group_is_told_with_its_number() -> None:
    said = short(table({"A": 10_000, "B": 10_000, "C": 10_000}, {"A": 300, "B": 1_000, "C": 1_000},
                       dimensions=({**GROUP, "baseline": "B", "groups": {"A": "groep A", "B": "groep B", "C": "groep C"}},)))  # fmt: skip
    assert "0,30 keer zo vaak" in said["Wat valt op"]
    assert said["Wat te doen"].startswith("dit is niet in het nadeel van deze groep")


def test_those_of_whom_the_group_is_unknown_are_a_group_of_their_own_and_keep_the_others_from_calm() -> None:
    three = GROUP | {"groups": {"A": "groep A", "B": "groep B", "unknown": "onbekend"}}
    many = table(
        {"A": 40_000, "B": 40_000, "unknown": 20_000},
        {"A": 500, "B": 500, "unknown": 3000},
        dimensions=(three,),
    )
    found = analyse(many)
    by_group = {f.group: f for f in found.findings}
    assert by_group["unknown"].verdict is Verdict.OVER
    assert by_group["A"].worst is not None
    # All unknown people who were selected of A: 3,500 of 43,000; all others of B: 500 of 57,000.
    assert by_group["A"].worst.high == pytest.approx((3500 / 43_000) / (500 / 57_000), rel=1e-5)
    assert found.alert
    few = table(
        {"A": 400_000, "B": 400_000, "unknown": 300},
        {"A": 50_000, "B": 50_000, "unknown": 37},
        dimensions=(three,),
    )
    assert {f.group: f.verdict for f in analyse(few).findings if f.group != "unknown"} == {
        "A": Verdict.WITHIN, "B": Verdict.WITHIN,
    }  # fmt: skip


def test_more_than_there_were_is_impossible_and_not_calm() -> None:
    of = table({"A": 1000, "B": 100_000}, {"A": 1200, "B": 20_000})
    assert next(f for f in analyse(of).findings if f.group == "A").verdict is Verdict.IMPOSSIBLE
    assert conclude(analyse(of)).state is not State.CALM
    assert not any(calm in first_page(of) for calm in CALM)


def test_a_proven_difference_is_never_called_too_little_data() -> None:
    of = table({"A": 11_162, "B": 88_838}, {"A": 700, "B": 7300})
    one = next(f for f in analyse(of).findings if f.group == "A")
    assert one.ratio.high is not None
    assert one.ratio.high < 1
    assert one.verdict is Verdict.LESS
    said = conclude(analyse(of))
    assert {row.answer for row in said.rows} == {Answer.UNSURE}
    assert said.state is State.LOOK
    assert "te weinig gegevens" not in first_page(of).lower()


cells = st.tuples(st.integers(0, 4000), st.floats(0, 1.05))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(cells, min_size=8, max_size=8),
    st.sampled_from(["burden", "benefit"]),
    st.booleans(),
    st.sampled_from([1, 1000]),
)
def test_nothing_is_calm_unless_every_row_is_shown_to_be_small(
    drawn: list[tuple[int, float]], way: str, blind: bool, times: int
) -> None:
    groups = {"A": "A", "B": "B", "unknown": "onbekend"} if blind else {"A": "A", "B": "B"}
    names = [f"{group}|{kind}" for group, kind in product(groups, "xy")]
    start = {name: n * times for name, (n, _) in zip(names, drawn, strict=False)}
    end = {name: round(n * times * share) for name, (n, share) in zip(names, drawn, strict=False)}
    of = table(start, {"counts": end, "direction": way}, dimensions=(GROUP | {"groups": groups}, KIND))
    found = analyse(of)
    said, page = conclude(found), first_page(of)
    calm = any(text in page for text in CALM)
    assert calm == (said.state is State.CALM)
    if calm:
        _shows_everything(found)
    for row in (*found.findings, *(s for c in found.conditionals for s in c.strata)):
        if row.ratio.value is not None and row.ratio.low is not None:
            assert row.ratio.low <= row.ratio.value <= (row.ratio.high or float("inf"))
    assert found.alert == bool(said.alerts)


def _shows_everything(found: Findings) -> None:
    rows = [f.verdict for f in found.findings]
    rows += [c.verdict for c in found.conditionals if not c.decides]
    rows += [s.verdict for c in found.conditionals for s in c.strata]
    assert set(rows) == {Verdict.WITHIN}
    assert not any(c.differs or c.reverses for c in found.conditionals)


def test_calm_is_possible() -> None:
    start = {f"{group}|{kind}": 400_000 for group, kind in product("AB", "xy")}
    of = table(start, dict.fromkeys(start, 40_000), dimensions=(GROUP, KIND))
    assert conclude(analyse(of)).state is State.CALM
    assert any(calm in first_page(of) for calm in CALM)


@pytest.mark.parametrize("share", [0.01, 0.3])
@pytest.mark.parametrize("chance", [0.05, 0.01])
def test_strata_that_are_alike_are_called_different_no_more_often_than_the_chance(
    share: float, chance: float
) -> None:
    rng = np.random.default_rng(4)
    totals = np.array([[2000, 5000], [800, 3000], [5000, 1000]])
    draws = [
        rng.binomial(totals, [[share * 2, share], [share, share / 2], [share, share / 2]])
        for _ in range(4000)
    ]
    found = [
        heterogeneity(
            [(int(a), int(n), int(b), int(m)) for (a, b), (n, m) in zip(drawn, totals, strict=True)]
        )
        for drawn in draws
    ]
    error = 3 * (chance * (1 - chance) / len(found)) ** 0.5
    assert np.mean([one.differs < chance for one in found]) <= chance + error
    assert np.mean([one.reverses < chance for one in found]) <= chance + error


def test_the_tests_of_strata_are_as_published() -> None:
    """Gail and Simon (1985), table 1: with two strata, 2.71 is met by chance in 5%; with four, 5.43."""
    from lsi_match.monitor.heterogeneity import _one_way

    assert _one_way(2.71, 2) == pytest.approx(0.05, abs=0.0005)
    assert _one_way(5.43, 4) == pytest.approx(0.05, abs=0.0005)


def half_unknown() -> CountsTable:
    """Of A, 41% have no known distance, and of B 10%; of those who have one, A is selected 1.44 times as often."""
    return table(
        {"A": 100_000, "B": 200_000},
        {"counts": {"A": 8_496, "B": 18_000}, "criterion": "afstand", "kind": "criterion"},
        {
            "counts": {"A": 41_000, "B": 20_000},
            "criterion": "afstand",
            "kind": "missing",
            "id": "m",
            "against": ["s0"],
        },
    )


def test_who_has_no_known_value_is_counted_and_every_ratio_is_given_of_those_who_have_one_too() -> None:
    found = analyse(half_unknown())
    all_of_a = next(f for f in found.findings if f.group == "A")
    assert all_of_a.ratio.value == pytest.approx(0.944, abs=0.001)
    assert all_of_a.verdict is Verdict.WITHIN
    known = next(one for one in found.known_only if one.group == "A")
    assert known.ratio.value == pytest.approx(1.44, abs=0.001)
    assert known.verdict is Verdict.OVER
    gap = next(one for one in found.missing if one.group == "A")
    assert (gap.count, gap.reference_count, gap.blind) == (41_000, 100_000, True)
    assert not next(one for one in found.missing if one.group == "B").blind
    assert [(row.kind, row.group) for row in conclude(found).alerts] == [(Kind.KNOWN_ONLY, "A")]
    page = first_page(half_unknown())
    assert "Van 41,0% van groep A is afstand niet bekend (van de anderen 10,0%)" in page
    assert "1,44 keer" in page


def test_a_criterion_that_is_blind_to_a_large_part_of_a_group_is_never_calm() -> None:
    stages = half_unknown().model_dump()["stages"]
    stages[0]["counts"] = stages[2]["counts"] = {"A": 200_000, "B": 200_000}
    stages[1]["counts"], stages[2]["counts"] = {"A": 20_000, "B": 20_000}, {"A": 60_000, "B": 60_000}
    said = conclude(analyse(table(*stages)))
    assert {row.answer for row in said.rows if row.kind is not Kind.BLIND} == {Answer.SMALL}
    assert said.state is State.LOOK


def test_who_got_through_without_a_known_value_is_not_counted_among_those_with_one() -> None:
    stages = half_unknown().model_dump()["stages"]
    through = {
        "id": "m2",
        "label": "m2",
        "kind": "missing",
        "criterion": "afstand",
        "against": ["s1"],
        "counts": {"A": 2596, "B": 0},
    }
    found = analyse(table(*stages, through))
    assert next(one for one in found.known_only if one.group == "A").ratio.value == pytest.approx(
        1.0, abs=0.001
    )
    assert {one.against for one in found.missing} == {"s0"}


def test_findings_of_before_are_still_read() -> None:
    """A document as the first version wrote it: no directions, no strata, and an alert that looked at the whole only."""
    now = analyse(opposite()).model_dump(mode="json")
    for name in ("where", "known_only", "missing"):
        del now[name]
    for one in now["findings"]:
        del one["direction"], one["worst"]
    for one in now["conditionals"]:
        del one["direction"], one["strata"], one["differs"], one["reverses"]
    before = Findings.model_validate(now | {"format": "lsi-match/monitor-findings/v1", "alert": False})
    assert before.format.endswith("v1")
    assert not before.alert
    assert conclude(before).state is State.CALM


def short(of: CountsTable) -> dict[str, str]:
    """What the first page says under “In short”: head → sentence."""
    lines = [line[2:].split(": ", 1) for line in first_page(of).splitlines() if line.startswith("- ")]
    return dict(map(tuple, lines[:4]))


#: Bickel, Hammel and O'Connell, Science 187 (1975) 398-404: applicants and admissions at Berkeley in 1973, six departments.
BERKELEY = {
    "A|a": (108, 89), "A|b": (25, 17), "A|c": (593, 202), "A|d": (375, 131), "A|e": (393, 94), "A|f": (341, 24),
    "B|a": (825, 512), "B|b": (560, 353), "B|c": (325, 120), "B|d": (417, 138), "B|e": (191, 53), "B|f": (373, 22),
}  # fmt: skip


def berkeley() -> CountsTable:
    women = {"id": "group", "label": "Geslacht", "baseline": "B", "groups": {"A": "vrouwen", "B": "mannen"}}
    department = {"id": "kind", "label": "Afdeling", "role": "legitimate",
                  "groups": {name: f"afdeling {name}" for name in "abcdef"}}  # fmt: skip
    admitted = {"counts": {cell: n for cell, (_, n) in BERKELEY.items()}, "direction": "benefit"}
    start = {cell: n for cell, (n, _) in BERKELEY.items()}
    return table(start, admitted, dimensions=(women, department))


def test_what_holding_a_characteristic_equal_leaves_stands_in_the_first_sentence() -> None:
    said = short(berkeley())
    assert "0,68 keer" in said["Wat valt op"]
    assert "met afdeling gelijk gehouden 1,06 keer" in said["Wat valt op"]
    assert "van 0,86 (afdeling e) tot 1,33 (afdeling a)" in said["Wat valt op"]
    assert "of afdeling een goede reden is" in said["Wat te doen"]


def test_a_hidden_difference_comes_before_the_crude_number_that_it_explains() -> None:
    said = short(hidden())
    assert said["Wat valt op"].startswith("van “stap 0” naar “stap 1” komt een groep 2,00 keer")
    assert said["Voor wie"] == "groep A, vergeleken met de anderen."


def test_what_stands_out_and_how_sure_are_on_one_scale() -> None:
    said = short(table({"A": 2000, "B": 5000}, {"counts": {"A": 680, "B": 2500}, "direction": "benefit"}))
    assert "0,68 keer" in said["Wat valt op"]
    assert "hoogstens 0,73 keer" in said["Hoe zeker"]
    more = short(table({"A": 2000, "B": 5000}, {"A": 680, "B": 500}))
    assert "3,40 keer" in more["Wat valt op"]
    assert "minstens 3,02 keer" in more["Hoe zeker"]


def test_for_whom_names_each_group_once_and_where() -> None:
    said = short(opposite())
    assert (
        said["Voor wie"] == "groep A (binnen soort X) en groep B (binnen soort Y), vergeleken met de anderen."
    )
    assert "van 0,33 (soort Y) tot 3,00 (soort X)" in said["Wat valt op"]
