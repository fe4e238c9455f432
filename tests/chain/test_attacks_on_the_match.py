"""What a partner may try through what it delivers, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from handmade import BSNS, document, selection, write_csv
from operation import Operation, folders
from pydantic import ValidationError

from lsi_match.log.events import refused_for
from lsi_match.manifest import Manifest
from lsi_match.matcher.engine.engine import Engine

from .test_small_worlds import PARTNERS, Record, matched, released

SQL = "x'); DROP TABLE record; --"


def test_a_number_of_the_neighbour_on_an_own_record_does_not_join_two_people() -> None:
    """SVB puts its own client's BSN (1) and the neighbour's v-number (7) on one record; the neighbour has BSN 2."""
    world = [
        Record("gemeente", (1, None), True, False),
        Record("uwv", (2, 7), True, False),
        Record("gemeente", (None, 7), True, False),
        Record("svb", (1, 7), True, False),
    ]
    found = matched(world)
    assert found.counts()["ambiguous_records"] == 1, "what hung on the neighbour's number alone is set aside"
    for case in released(found).values():
        assert not {0, 1} <= case, "two BSNs are two people"
        assert 2 not in case
    told = found.release("svb").to_pylist()
    assert [(row["gemeente"], row["uwv"]) for row in told] in ([], [(True, False)]), (
        "of the neighbour SVB is told nothing"
    )


def test_records_of_neighbours_tell_no_more_than_the_rule_of_a_case_allows() -> None:
    """SVB delivers the whole street. Of those that only one other knows with no signal the rule asks for, it hears nothing."""
    street = [Record("svb", (number, None), True, True) for number in range(6)]
    others = [
        Record("gemeente", (1, None), True, False),
        Record("uwv", (2, None), False, True),
        Record("uwv", (3, None), True, False),
    ]
    found = matched([*street, *others])
    rows = found.release("svb").to_pylist()
    assert [int.from_bytes(row["reference"][12:], "big") for row in rows] == [3], (
        "UWV has a high amount of 3 alone"
    )


@pytest.mark.parametrize(
    "name", [SQL, 'x"', "x y", "Select", "x;", "--", "partners", "subject", "cell", "case_id"]
)
def test_a_partner_or_signal_cannot_be_called_like_sql(name: str) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(document({name: [selection()], "uwv": [selection()]}, rule="partners >= 2"))
    if name not in ("partners", "subject", "cell", "case_id"):
        signals = [{"id": name, "when": "bedrag >= 100", "label": "Hoog"}]
        with pytest.raises(ValidationError):
            Manifest.model_validate(
                document(
                    {"gemeente": [selection(signals=signals)], "uwv": [selection()]}, rule="partners >= 2"
                )
            )


def test_names_that_sql_knows_are_names() -> None:
    names = ("select", "order", "record")
    partners = {name: [selection()] for name in names}
    manifest = Manifest.model_validate(document(partners, rule="partners >= 2 AND order_hoog"))
    engine = Engine(manifest)
    engine.match()
    assert engine.counts()["cases"] == 0
    assert {name: engine.released(name).num_rows for name in names} == dict.fromkeys(names, 0)
    engine.close()


@pytest.mark.parametrize("called", [SQL, "*", "999990019"])
def test_sql_in_values_and_in_file_names_is_text_from_extract_to_release(tmp_path: Path, called: str) -> None:
    """Numbers, own references and values that read as SQL; an extract and a file in the inbox that are called so."""
    op = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS))
    config, extracts = op.folder / "config" / "mappings" / "uwv.yaml", op.folder / "extracts"
    named = "uwv'; DROP TABLE source; --.csv"
    (extracts / "uwv.csv").unlink()
    config.write_text(config.read_text().replace("uwv.csv", json.dumps(named)))
    row = {"bedrag": "150", "begin": "2026-05-01", "actief": "ja"}
    numbers = (BSNS[0], SQL, f"{BSNS[1]}' OR '1'='1", BSNS[1])
    write_csv(extracts / named, [
        {"kenmerk": f"{number} {SQL}", "nummer": one, "soort": SQL, **row} for number, one in enumerate(numbers)
    ])  # fmt: skip
    inbox = op.project.folder / "inbox" / "uwv"
    inbox.mkdir(parents=True, exist_ok=True)
    strange = inbox / f"{called}.drop.json"
    strange.write_bytes(b"{}")
    op.run_here("r1")

    found = op.world.open("uwv", "r1")
    assert sorted(found.get_column("record_id")) == [f"0 {SQL}", f"3 {SQL}"], (
        "the numbers that are none match nothing"
    )
    assert found.select("gemeente", "svb").row(0) == (True, True)
    assert op.world.open("gemeente", "r1").height == len(BSNS[:3])
    refused = [entry for entry in op.project.entries() if refused_for(entry)]
    said = [str(entry.attributes) for entry in op.project.entries()]
    assert not any(SQL in one or strange.name in one for one in said), "what somebody typed is not logged"
    assert [entry.name for entry in refused] == ["intake"]
    reasons = list((op.project.folder / "quarantine" / "uwv").glob("r1.*/reason.json"))
    assert [strange.name in json.loads(file.read_bytes())["nl"] for file in reasons] == [True], (
        "whoever called it so finds it"
    )
