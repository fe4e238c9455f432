"""What a table of a statistics office cannot be: every way to alter one, or to end a hold with nothing, is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from handmade import NOW
from manifest.test_office import draft
from pydantic import ValidationError

from lsi_match.manifest import Manifest
from lsi_match.protocol.documents import CellCounts, OfficeCounts
from lsi_match.protocol.office import CASE, REGISTER, SIGNAL, impossible, tables_of

MANIFEST = Manifest.model_validate(draft())
ASKED = tables_of(MANIFEST)
SENT: dict[str, tuple[int, ...]] = dict.fromkeys(ASKED, (2000, 1200, 804))
FIRST = next(iter(ASKED))
Tables = dict[str, dict[str, CellCounts]]


def tables() -> Tables:
    counts = (1000, 600, 400, 100)
    return {
        name: {one: {"een": count, "ander": count} for one, count in zip(columns, counts, strict=True)}
        for name, columns in ASKED.items()
    }


def judged(change: Callable[[Tables], object], sent: dict[str, tuple[int, ...]] | None = SENT) -> bool:
    assert MANIFEST.monitor.office is not None
    told = tables()
    change(told)
    return impossible(MANIFEST, MANIFEST.monitor.office, told, sent) is None


def column(name: str, **counts: int | None) -> Callable[[Tables], None]:
    return lambda told: told[FIRST][name].update(counts)


def withheld(*columns: str) -> Callable[[Tables], None]:
    def change(told: Tables) -> None:
        for table in told.values():
            for name in columns or table:
                table[name] = dict.fromkeys(table[name], None)

    return change


def hidden_between(told: Tables) -> None:
    told[FIRST]["lopend"]["een"] = None
    told[FIRST][SIGNAL] |= {"een": 1010, "ander": 0}


POSSIBLE: dict[str, Callable[[Tables], object]] = {
    "as it was": lambda told: None,
    "somebody unknown": lambda told: [one.update(unknown=0) for one in told[FIRST].values()],
    "a small number withheld": column(CASE, een=None),
    "a number withheld beside it": column(SIGNAL, een=None),
}
IMPOSSIBLE: dict[str, Callable[[Tables], object]] = {
    "nothing told": withheld(),
    "nothing told of a step": withheld(SIGNAL),
    "more than the register, behind a number that is withheld": hidden_between,
    "more in a case than with a signal": column(CASE, een=410),
    "unknown in a step only": column(SIGNAL, unknown=10),
    "somebody lost": column(REGISTER, een=900),
    "more than were delivered": column(SIGNAL, een=500),
    "a number that was not rounded": column(CASE, een=7),
    "a group that nobody asked for": column(CASE, marokko=10),
    "no group": lambda told: told[FIRST].update({CASE: {}}),
    "a table too few": lambda told: told.pop(FIRST),
    "a table too many": lambda told: told.update({"uwv.anders": told[FIRST]}),
    "no table": lambda told: told.clear(),
    "a step too few": lambda told: told[FIRST].pop(CASE),
    "a step too many": lambda told: told[FIRST].update({"gegrond": {"een": 0, "ander": 0}}),
}


def test_what_an_office_can_have_counted_is_taken() -> None:
    for what, change in POSSIBLE.items():
        assert judged(change), what
        assert judged(change, None), what


@pytest.mark.parametrize("lie", IMPOSSIBLE)
def test_what_it_cannot_have_counted_is_refused(lie: str) -> None:
    assert not judged(IMPOSSIBLE[lie])


def test_of_a_round_without_people_that_it_knows_no_table_is_taken() -> None:
    assert not judged(lambda told: None, {})


@pytest.mark.parametrize("count", [-10, 10.5, "tien", 10**12])
def test_a_count_is_a_whole_number(count: object) -> None:
    members = {
        "project": "proef",
        "manifest": MANIFEST.digest,
        "opening": MANIFEST.digest,
        "round": "r1",
        "partner": "svb",
    }
    with pytest.raises(ValidationError):
        OfficeCounts.model_validate({**members, "at": NOW, "tables": {FIRST: {CASE: {"een": count}}}})
