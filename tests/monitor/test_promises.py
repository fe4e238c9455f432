"""The next report opens with whether what was promised worked, and says so only where both intervals show it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.monitor.analyse import analyse
from lsi_match.monitor.promises import Effect
from lsi_match.monitor.round_findings import Answered, RoundFindings
from lsi_match.monitor.table import CountsTable
from lsi_match.monitor.verdict import conclude
from lsi_match.protocol.documents import Justification, Reason
from lsi_match.reports.monitor_report import report

WHO = {"A": 20_000, "B": 20_000}
TEXT = "Wij vragen eerst een loonstrook op voordat iemand wordt bekeken."
OTHER = "Over een half jaar kijken wij of de grens van het criterium hoger kan."
MADE_UP = "Verzonnen: van de casussen van deze groep bleek eerder een op de drie terecht."


def table(*stages: dict[str, Any], groups: str = "AB") -> CountsTable:
    """A population, and the steps after it."""
    made = [
        {"id": f"s{at}", "label": f"stap {at}", "kind": "selection" if at else "reference", "against": ["s0"][:at]}
        | (stage if "counts" in stage else {"counts": stage})
        for at, stage in enumerate(stages)
    ]  # fmt: skip
    one = {"id": "group", "label": "Groep", "groups": {group: f"groep {group}" for group in groups}}
    return CountsTable.model_validate({"title": "t", "dimensions": [one], "stages": made})


def found(counts: dict[str, int], start: dict[str, int] = WHO, name: str = "r1") -> RoundFindings:
    made = table(start, counts)
    return RoundFindings(
        project="p",
        manifest=digest_of_bytes(b""),
        round=name,
        table=digest_of_bytes(b""),
        findings=analyse(made),
    )


def said(to: RoundFindings, **measures: str | None) -> Answered:
    """Controllers that promised a measure for every difference, or asked for another manifest (None)."""
    papers = {}
    for name, measure in measures.items():
        why = {
            "aim": MADE_UP,
            "works": MADE_UP,
            "lighter": MADE_UP,
            "balance": MADE_UP,
            "review": date(2027, 5, 1),
        }
        reasons = {digest: Reason(**why, measure=measure) for digest in to.differences} if measure else {}
        papers[name] = Justification(
            project="p", manifest=to.manifest, controller=name, at=datetime(2026, 11, 1, tzinfo=UTC), round=to.round,
            findings=digest_of_bytes(to.written()), decision="release" if measure else "change",
            **({"reasons": reasons} if measure else {"reason": OTHER}),
        )  # fmt: skip
    return Answered(to, papers)


BEFORE = {"A": 900, "B": 300}
NOW = {
    "the same": ({"A": 905, "B": 310}, Effect.STILL),
    "gone": ({"A": 2_000, "B": 2_000}, Effect.GONE),
    "the other way": ({"A": 300, "B": 900}, Effect.GONE),
    "smaller, and still an alert": ({"A": 3_200, "B": 2_000}, Effect.SMALLER),
    "larger": ({"A": 2_000, "B": 200}, Effect.LARGER),
    "nobody stands out, of too few": ({"A": 4, "B": 2}, Effect.UNKNOWN),
    "nobody at all": ({"A": 0, "B": 0}, Effect.UNKNOWN),
}


@pytest.mark.parametrize(("counts", "effect"), NOW.values(), ids=NOW)
def test_whether_it_worked_rests_on_both_intervals(counts: dict[str, int], effect: Effect) -> None:
    answered, now = said(found(BEFORE), uwv=TEXT), found(counts, name="r2")
    promises = answered.promises(conclude(now.findings).rows)
    told = now.model_copy(update={"promises": promises}).followed
    # B is less often selected than A, which is no harm to it: one difference.
    assert [(one.promise.then.group, one.effect) for one in told] == [("A", effect)]
    for lang, heading in (("nl", "Heeft gewerkt wat was toegezegd?"), ("en", "Did what was promised work?")):
        page = report(table(WHO, counts), now.findings, lang, told).first  # type: ignore[arg-type]
        assert page.splitlines()[2].strip() == heading or heading in "".join(page.splitlines()[:4])
        assert TEXT in page.replace("\n", " ")


def test_a_promise_is_followed_where_its_step_is_gone_and_who_promised_what_is_told() -> None:
    step = {"id": "p.s.income", "label": "income", "kind": "criterion", "counts": BEFORE}
    last = {"id": "p.s.(signaal)", "label": "signal", "kind": "selection", "counts": {"A": 300, "B": 101}}
    whole = {"id": "p.s", "label": "register", "kind": "reference", "counts": WHO}
    first = table(whole, step | {"against": ["p.s"]}, last | {"against": ["p.s"]})
    then = found(BEFORE).model_copy(update={"findings": analyse(first)})
    now = table(whole, last | {"against": ["p.s"], "counts": {"A": 2_000, "B": 2_000}})
    rows = conclude(analyse(now)).rows
    (one,) = said(then, uwv=TEXT, svb=TEXT, ind=None).promises(rows)
    assert (one.then.stage, one.then.against) == ("p.s.(signaal)", "p.s")
    assert one.said == {"ind": OTHER, "svb": TEXT, "uwv": TEXT}
    assert one.review == date(2027, 5, 1)
    told = found(BEFORE).model_copy(update={"promises": (one,), "findings": analyse(now)}).followed
    assert [each.effect for each in told] == [Effect.GONE]
    page = " ".join(report(now, analyse(now), "en", told).first.split())
    assert page.count("Promised by") == 2
    assert "svb, uwv" in page
    assert "2027-05-01" in page


def test_what_is_not_compared_any_more_is_not_said_to_have_worked() -> None:
    then = found(BEFORE)
    now = table({"C": 9_000, "D": 9_000}, {"C": 900, "D": 900}, groups="CD")
    promises = said(then, uwv=TEXT).promises(conclude(analyse(now)).rows)
    told = then.model_copy(update={"promises": promises, "findings": analyse(now)}).followed
    assert [one.effect for one in told] == [Effect.UNKNOWN]
    assert "Dat is nog niet te zeggen" in report(now, analyse(now), "nl", told).first


def test_a_report_of_a_round_after_none_that_was_held_is_as_it_was() -> None:
    plain = found(BEFORE)
    assert b"promises" not in plain.written()
    assert RoundFindings.model_validate_json(plain.written()) == plain
    promises = said(plain, uwv=TEXT).promises(conclude(plain.findings).rows)
    more = plain.model_copy(update={"promises": promises})
    assert RoundFindings.model_validate_json(more.written()) == more
