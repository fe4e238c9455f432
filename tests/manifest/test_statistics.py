"""A statistics partner in a manifest: it tells groups and nothing else, is watched and not selected by, and signers read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pytest
from handmade import PARTNERS, PROSE, dimension, document, selection
from manifest.test_office import GROUND, needs_a_law_and_advice
from pydantic import ValidationError

from lsi_match.manifest import Manifest
from lsi_match.manifest.query import statement
from lsi_match.protocol.columns import GROUP, SELECTION, drop_columns
from lsi_match.reports.manifest_page import explained

NAME = "bureau"
Change = Callable[[dict[str, Any]], object]


def with_bureau(value: dict[str, Any]) -> dict[str, Any]:
    """The same with a bureau that tells of everybody where they were born: a special category, perhaps."""
    value["controllers"][NAME] = {
        "title": "Bureau dat telt", "oin": f"{88:020d}", "dpo_contact": "fg@bureau.example",
        "signing_key": f"{88:064x}", "encryption_key": f"age1{88:058d}",
    }  # fmt: skip
    value["dpo_advice"][NAME] = {"date": "2026-01-06", "outcome": "positive", "reference": "FG-bureau"}
    field = {"type": "text", "meaning": "Waar iemand geboren is", "characteristic": "etniciteit"}
    own = {
        "id": "bevolking",
        "source": "Bevolking naar herkomst",
        "fields": {"nummer": {"type": "text", "meaning": "Burgerservicenummer"}, "land": field},
        "identifiers": [{"kind": "bsn", "fields": ["nummer"]}],
        "volume": {"at_least": 1, "at_most": 1000},
    }
    value["partners"][NAME] = {"selections": [own]}
    groups = [
        {"id": "nl", "when": "land = 'NL'", "label": "Nederland"},
        {"id": "buiten", "when": "land = 'BU'", "label": "Buiten Nederland"},
    ]
    watched = {"id": "etniciteit", "label": "Etniciteit", "groups": groups, "baseline": "nl"}
    value["monitor"]["statistics"] = {"partner": NAME, "dimensions": [watched]}
    value["characteristics"] = {"etniciteit": GROUND}
    for advice in value["dpo_advice"].values():
        advice["characteristics"] = ["etniciteit"]
    return value


def draft(**changes: Any) -> dict[str, Any]:
    to = {name: {"signals_of": [one for one in PARTNERS if one != name]} for name in PARTNERS}
    return with_bureau(document(dimensions=[dimension()], release=to, **changes))


def own(value: dict[str, Any]) -> dict[str, Any]:
    return value["partners"][NAME]["selections"][0]  # type: ignore[no-any-return]


def test_a_special_category_may_be_watched_by_a_partner_with_a_law_and_the_advice_of_every_dpo() -> None:
    needs_a_law_and_advice(draft(), draft())


def _field_elsewhere(part: str, one: dict[str, Any]) -> Change:
    """A partner that selects looks at what may only be counted by, in this part of its selection."""

    def change(value: dict[str, Any]) -> None:
        of = value["partners"]["uwv"]["selections"][0]
        of["fields"]["soort"]["characteristic"] = "etniciteit"
        of.setdefault(part, []).append(one)

    return change


CRITERION = {"id": "land", "when": "land = 'BU'", "rationale": PROSE}
SIGNAL = {"id": "land", "when": "land = 'BU'", "label": "Dit mag niet"}
ATTRIBUTE = {"id": "land", "field": "land", "kind": "listed", "values": ["BU"], "rationale": PROSE}
AT_UWV = {"id": "soorten", "when": "soort = 'x'"}
ONLY_COUNTED = "may only be counted by"
WRONG: dict[str, tuple[Change, str]] = {
    "a criterion": (lambda v: own(v).update(criteria=[CRITERION]), ONLY_COUNTED),
    "a signal": (lambda v: own(v).update(signals=[SIGNAL]), ONLY_COUNTED),
    "an attribute": (lambda v: own(v).update(attributes=[ATTRIBUTE]), ONLY_COUNTED),
    "a criterion over something else": (
        lambda v: own(v).update(criteria=[CRITERION | {"when": "nummer IS NOT NULL"}]),
        "delivers groups only",
    ),
    "two extracts": (lambda v: v["partners"][NAME]["selections"].append(own(v) | {"id": "twee"}), "delivers groups only"),
    "a criterion of another": (_field_elsewhere("criteria", AT_UWV | {"rationale": PROSE}), ONLY_COUNTED),
    "a signal of another": (_field_elsewhere("signals", AT_UWV | {"label": "Soort x"}), ONLY_COUNTED),
    "an attribute of another": (
        _field_elsewhere("attributes", ATTRIBUTE | {"field": "soort", "values": ["x"]}),
        ONLY_COUNTED,
    ),
    "the match rule": (lambda v: v["match"].update(rule=f"{NAME} AND partners >= 2"), NAME),
    "its number of records": (lambda v: v["match"].update(records_of=[NAME]), "match.records_of names"),
    "shown to another": (lambda v: v["release"]["to"]["uwv"]["signals_of"].append(NAME), "not another partner"),
    "a release": (lambda v: v["release"]["to"].update({NAME: {}}), "gets no release"),
    "nobody to count": (
        lambda v: [v["partners"].pop(one) for one in ("uwv", "svb")] and v["release"].update(to={"gemeente": {}}),
        "at least two partners that select",
    ),
    "no partner": (
        lambda v: v["monitor"]["statistics"].update(partner="cbs") or v["release"]["to"].update({NAME: {}}),
        "is no partner",
    ),
    "no explanation": (lambda v: v["monitor"]["statistics"]["dimensions"][0].update(id="afkomst"), "does not explain it"),
    "a field of which nothing is said": (lambda v: own(v)["fields"]["land"].pop("characteristic"), "at no others"),
    "no fields": (lambda v: own(v)["fields"].update({"plaats": own(v)["fields"].pop("land")}), "land"),
    "another number": (
        lambda v: [v["subject"].update(identifiers=["bsn", "v_number"]), own(v)["identifiers"][0].update(kind="v_number")],
        "under one number: bsn",
    ),
    "no groups of the others": (lambda v: v["monitor"].update(dimensions=[]), "counts beside the monitor"),
    "the same dimension twice": (
        lambda v: v["monitor"]["dimensions"].append(dimension(id_="etniciteit") | {"label": "Nog een"}),
        "named twice",
    ),
    "nothing that selects at another": (
        lambda v: v["partners"]["uwv"]["selections"][0].update(criteria=[], signals=[]),
        "at least one criterion and one signal",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_manifest_that_lets_it_do_more_than_count_is_refused(what: str) -> None:
    change, told = WRONG[what]
    value = draft()
    change(value)
    with pytest.raises(ValidationError, match=told):
        Manifest.model_validate(value)


def test_without_a_statistics_partner_every_selection_selects() -> None:
    value = document({"uwv": [selection()], "svb": [selection(criteria=[], signals=[])]})
    with pytest.raises(ValidationError, match="at least one criterion and one signal"):
        Manifest.model_validate(value)
    assert b"statistics" not in Manifest.from_draft(document(dimensions=[dimension()])).canonical()


def test_a_row_of_it_has_one_number_and_a_group_and_nothing_that_could_be_released() -> None:
    manifest = Manifest.model_validate(draft(identifiers=("bsn", "v_number")))
    columns = drop_columns(manifest, manifest.partners[NAME])
    assert [column.name for column in columns] == ["bsn", SELECTION, GROUP]
    assert NAME not in manifest.match_fields


def test_its_query_gives_everybody_and_counts_them() -> None:
    manifest = Manifest.model_validate(draft())
    given = statement(manifest, NAME, "bevolking", "duckdb", date(2026, 6, 1))
    counted = statement(manifest, NAME, "bevolking", "duckdb", date(2026, 6, 1), counts=True)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE bevolking AS SELECT 'a' AS record_id, '1' AS nummer, NULL AS land UNION ALL VALUES ('b', '2', 'NL')"
        )
        assert sorted(con.execute(given).fetchall()) == [("a", "1", None), ("b", "2", "NL")]
        assert con.execute(counted).fetchall() == [(2, 2)]


def test_who_signs_reads_what_it_delivers_why_and_that_it_selects_nobody() -> None:
    manifest = Manifest.model_validate(draft())
    page = explained(manifest, "nl").markdown.replace("\\", "")
    own_part = page.split("### Bureau dat telt: Bevolking naar herkomst")[1].split("\n##")[0]
    for told in (
        "Deze deelnemer selecteert niemand",
        "het bepaalt geen casus, gaat met geen vrijgave mee, en niemand krijgt het te zien",
        "Nederland (`nl`) (waarmee wordt vergeleken)",
        "‘Waar iemand geboren is’ is “BU”",
        f"Waarom: {PROSE}",
        "Wettelijke rechtvaardiging: Art. 41 van de CBS-wet",
        "Heeft te maken met: Etnische afkomst",
    ):
        assert told in own_part
    assert "al deze criteria" not in own_part
    assert "Er wordt alleen naar geteld" in page
    assert "De groepen die Bureau dat telt levert, tellen ook mee: Etniciteit" in page
    assert "This partner selects nobody" in explained(manifest, "en").markdown
    assert explained(manifest, "nl", partner="uwv").markdown.count("selecteert niemand") == 0
