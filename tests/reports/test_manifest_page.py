"""A manifest in plain words, and what changed between two: everything that was agreed is told, and nothing twice."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from handmade import PROSE, document, selection

from lsi_match.base.errors import Language
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.cli.main import run
from lsi_match.manifest import Manifest, blank_keys, complete_draft
from lsi_match.reports.manifest_page import difference, explained

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = ("oud", "nieuw")


def example(name: str) -> Manifest:
    draft = read_yaml((CONFIGS / name / "manifest.yaml").read_text(), name)
    return Manifest.from_draft(complete_draft(draft, *blank_keys(draft)))


@pytest.mark.parametrize("lang", ["nl", "en"])
@pytest.mark.parametrize("name", ["samenloop", "wijk", "febrl4"])
def test_everything_that_was_agreed_is_told(name: str, lang: Language) -> None:
    manifest = example(name)
    page = explained(manifest, lang, digest="sha256:kenmerk").markdown.replace("\\", "")
    for _, text in manifest.basis:
        assert text in page
    for controller in manifest.controllers.values():
        assert controller.title in page
    for characteristic in manifest.characteristics.values():
        assert characteristic.rationale in page
    for _, chosen in manifest.selections():
        assert chosen.source in page
        for rule in chosen.criteria:
            assert rule.rationale in page
        groups = [group for dimension in manifest.monitor.dimensions for group in dimension.groups]
        for told in (*chosen.signals, *groups):
            assert told.label in page
        for attribute in chosen.attributes:
            assert attribute.rationale in page
    for told in (manifest.match.rationale, manifest.work_instruction.title, "sha256:kenmerk"):
        assert told in page


def test_who_can_test_guesses_is_told_and_when_numbers_come_near_the_population() -> None:
    draft = document()
    assert "kan dat" in explained(Manifest.model_validate(draft), "nl").markdown
    draft["pseudonyms"]["scheme"] = "v2"
    draft["schedule"]["rounds_at_most"] = 89  # of 100,000 numbers
    page = explained(Manifest.model_validate(draft), "nl").markdown
    assert "niemand, ook niet alle anderen samen" in page
    assert "bijna zoveel nummers" not in page
    draft["schedule"]["rounds_at_most"] = 90
    assert "- Organisatie uwv: 9.000.000" in explained(Manifest.model_validate(draft), "nl").markdown


def test_a_release_that_waits_for_cosignatures_is_told_and_no_other() -> None:
    draft = document()
    assert "medeondertekend" not in explained(Manifest.model_validate(draft), "nl").markdown
    draft["release"]["cosignatures"] = 2
    assert "als 2 partijen het logboek" in explained(Manifest.model_validate(draft), "nl").markdown


def for_the_rule() -> Manifest:
    month = {
        "id": "sinds",
        "field": "begin",
        "kind": "month",
        "use": "rule",
        "rationale": "Wie kort geleden begon.",
    }
    partners = {"uwv": [selection(attributes=[month])], "svb": [selection()]}
    draft = document(partners, rule="svb_records >= 2 AND date_diff('month', uwv_sinds_last, peildatum) <= 6")
    draft["match"]["records_of"] = ["svb"]
    return Manifest.model_validate(draft)


def test_what_the_match_rule_counts_and_dates_is_told_where_it_is_signed() -> None:
    page = explained(for_the_rule(), "nl").markdown.replace("\\", "")
    assert (
        "Alleen voor de koppelregel, dus de koppelomgeving kan dit lezen; niemand krijgt het te zien."
        "\n  - Waarom: Wie kort geleden begon." in page
    )
    assert "Organisatie svb heeft minstens 2 records van de persoon." in page
    assert (
        "Is de laatste maand van ‘Begindatum’ bij Organisatie uwv niet bekend, dan is het nooit een casus."
        in page
    )
    page = explained(for_the_rule(), "en").markdown.replace("\\", "")
    assert "For the match rule only, so the matching environment can read it; nobody gets to see it." in page
    assert "If the last month of ‘Begindatum’ with Organisatie uwv is not known, it is never a case." in page


def test_a_month_that_comes_to_be_shown_is_told_as_a_change() -> None:
    old = for_the_rule()
    draft = old.model_dump(mode="json")
    draft["partners"]["uwv"]["selections"][0]["attributes"][0]["use"] = "both"
    draft["match"]["rule"] = draft["match"]["rule"].replace("2", "1")
    told = difference(old, Manifest.model_validate(draft), "nl", names=NAMES).markdown
    assert "use" in told
    assert "both" in told
    assert "Ruimer" in told
    assert "minstens 1 record van de persoon" in told


def test_no_sql_and_no_name_of_a_field_stands_in_the_part_for_readers() -> None:
    page = (
        explained(example("samenloop"), "nl")
        .markdown.split("## Wat iedere deelnemer")[1]
        .split("## Toezicht")[0]
    )
    for word in (" AND ", " OR ", " IS NULL", "date_diff", "opgegeven_inkomen", "laatste_loonmaand"):
        assert word not in page


def test_of_one_partner_only_its_own_selections_are_told() -> None:
    page = explained(example("samenloop"), "nl", partner="svb").markdown
    assert "Aanvullende inkomensvoorziening ouderen" in page
    assert "Uitkeringen WW, WIA en ZW" not in page
    assert "Wanneer het een casus is" in page


def test_a_field_that_betrays_a_ground_is_pointed_out() -> None:
    fields = selection()["fields"] | {"nationaliteit": {"type": "text", "meaning": "Iets"}}
    first = selection(fields=fields)
    first["criteria"] = [{"id": "x", "when": "nationaliteit = 'x'", "rationale": "Zomaar."}]
    value = document({"gemeente": [first], "uwv": [selection()], "svb": [selection()]})
    page = explained(Manifest.model_validate(value), "nl").markdown
    assert "`gemeente.lijst` noemt het veld `nationaliteit`" in page


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    old = document()
    new = copy.deepcopy(old)
    change(new)
    return difference(Manifest.model_validate(old), Manifest.model_validate(new), "nl", names=NAMES).markdown


def first(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["partners"]["gemeente"]["selections"][0]
    return found


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (lambda v: first(v)["criteria"][0].update(when="NOT (NOT actief)"), "gemeente.lijst.criteria.lopend", "betekenis is gelijk"),
        (lambda v: first(v)["signals"][0].update(when="bedrag >= 50"), "gemeente.lijst.signals.hoog", "Ruimer"),
        (lambda v: first(v)["signals"][0].update(when="bedrag >= 500"), "gemeente.lijst.signals.hoog", "Strenger"),
        (lambda v: first(v)["criteria"].append({"id": "x", "when": "bedrag > 1", "rationale": "R."}), "gemeente.lijst.criteria.x", "minder records"),
        (lambda v: v["match"].update(rule="partners >= 3"), "match.rule", "Strenger"),
    ],
)  # fmt: skip
def test_a_changed_predicate_is_told_by_what_it_means(
    change: Callable[[dict[str, Any]], object], place: str, words: str
) -> None:
    page = changed(change)
    assert f"- `{place}`: " in page
    line = page.split(f"- `{place}`: ")[1].split("\n- ")[0]
    assert words.lower() in line.lower()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda v: v["release"].update(max_cases=99), "- `release.max_cases`: was 10000"),
        (lambda v: first(v)["criteria"][0].update(rationale="Anders."), "selections.lijst.criteria.lopend.rationale`: was Alleen"),
        (lambda v: first(v)["volume"].update(at_most=5), "- `partners.gemeente.selections.lijst.volume.at_most`: was 100000"),
        (lambda v: v["monitor"].update(smallest_cell=7), "- `monitor.smallest_cell`: was 5"),
        (lambda v: v["dpia"].update(reference="Nieuw"), "- `dpia.reference`: was "),
        (lambda v: v["project"].update(title="Andere titel"), "- `project.title`: was "),
    ],
)  # fmt: skip
def test_everything_else_is_told_as_it_stood_and_stands(
    change: Callable[[dict[str, Any]], object], line: str
) -> None:
    assert line in changed(change)


@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        (lambda v: v["release"].update(max_cases=99), "Hoogstens zoveel casussen; bij meer wordt niets vrijgegeven."),
        (lambda v: first(v)["volume"].update(at_most=5), "Verwacht aantal records: hoogstens."),
        (lambda v: v["dpo_advice"]["svb"].update(reference="X"), "Kenmerk, of waar het advies te vinden is."),
        (lambda v: first(v)["fields"]["soort"].update(meaning="X"), "Wat er in het veld staat, in gewone taal."),
        (lambda v: v["monitor"].update(tolerance=2), "Verhouding tot waar een verschil wordt aanvaard."),
    ],
)  # fmt: skip
def test_what_a_changed_member_is_for_is_told(
    change: Callable[[dict[str, Any]], object], meaning: str
) -> None:
    assert f"Wat dit is: {meaning}" in changed(change)


def proxy(value: dict[str, Any]) -> None:
    """A field that a signal looks at turns out to have to do with income."""
    value["characteristics"] = {"inkomen": {"kind": "proxy", "label": "Inkomen", "rationale": PROSE}}
    first(value)["fields"]["bedrag"]["characteristic"] = "inkomen"


def test_a_proxy_that_comes_is_told_with_its_reason_and_every_place() -> None:
    page = changed(proxy)
    part = page.split("## Wat met discriminatie te maken heeft\n")[1].split("\n## ")[0]
    assert f"**Inkomen** (hangt vaak samen met zo'n grond): nieuw. {PROSE}" in part
    assert "Telt nu ook mee in: gemeente.lijst.signals.hoog" in part


def test_a_criterion_that_looks_at_a_proxy_or_no_longer_does_says_so() -> None:
    value = document()
    proxy(value)
    old = Manifest.model_validate(value)
    first(value)["criteria"][0]["when"] = "actief AND bedrag > 5"
    new = Manifest.model_validate(value)
    there, back = (difference(*pair, "nl", names=NAMES).markdown for pair in ((old, new), (new, old)))
    line = there.split("- `gemeente.lijst.criteria.lopend`: ")[1].split("\n- ")[0]
    assert "Kijkt naar: Inkomen (hangt vaak samen met een grond van discriminatie)." in line
    assert "Telt nu ook mee in: gemeente.lijst.criteria.lopend" in there
    assert "Telt niet meer mee in: gemeente.lijst.criteria.lopend" in back


def test_a_field_that_comes_to_betray_a_ground_is_pointed_out_in_what_changes() -> None:
    page = changed(lambda v: first(v)["fields"].update(herkomst={"type": "text", "meaning": "Land"}))
    assert "`gemeente.lijst` noemt het veld `herkomst`" in page


def test_no_change_is_no_change() -> None:
    assert changed(lambda _: None).endswith("Er verandert niets.\n")
    page = difference(example("wijk"), example("wijk"), "en", names=NAMES).markdown
    assert page.endswith("Nothing changes.\n")


def test_a_page_is_written_as_html_markdown_and_values_with_the_same_words(tmp_path: Path) -> None:
    made = {}
    for kind in ("html", "md", "json"):
        file = tmp_path / f"page.{kind}"
        assert run(["manifest", "explain", str(CONFIGS / "wijk" / "manifest.yaml"), "--out", str(file)]) == 0
        made[kind] = file.read_text("utf-8")
    words = re.findall(r"\w+", made["md"].replace("\\", ""))
    assert re.findall(r"\w+", unescape(re.sub(r"<[^>]+>", " ", made["html"].split("<main>")[1]))) == words

    def told(value: object) -> str:
        if isinstance(value, dict):
            return " ".join(map(told, (one for name, one in value.items() if name != "level")))
        return " ".join(map(told, value)) if isinstance(value, list) else str(value)

    assert re.findall(r"\w+", told(json.loads(made["json"])["parts"])) == words
    assert run(["manifest", "explain", str(CONFIGS / "wijk" / "manifest.yaml"), "--out", "page.docx"]) == 2
