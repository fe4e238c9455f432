"""The public pages: every address of the log leads to one, they say what was signed and logged, and nothing small."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import handmade
import numpy as np
import pytest
import yaml_out
from axe_playwright_python.sync_playwright import Axe
from browser import chromium
from hypothesis import example, given, settings
from hypothesis import strategies as st
from logged import DIGEST, WHY, entry, of_round, opened, ran
from operation import PARTNERS, ROUND, Operation, days, folders
from playwright.sync_api import Page
from pydantic import ValidationError
from refusals import raises
from scipy.optimize import Bounds, LinearConstraint, milp

from lsi_match.agreement.approvals import (
    ApprovalInvalidError,
    make_public,
    sign_statement,
)
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.cli.main import run
from lsi_match.crypto.signing import peek
from lsi_match.log import events
from lsi_match.log.entry import PROCESSING_ACTIVITY
from lsi_match.log.events import Event, Recorded, read
from lsi_match.manifest import Manifest, Office, Sample, Statistics
from lsi_match.manifest.equality import CharacteristicKind
from lsi_match.manifest.selection import Characteristic
from lsi_match.matcher.operate.publish import publish
from lsi_match.matcher.site.checkpoint import make_checkpoint
from lsi_match.protocol.documents import OutcomeCounts
from lsi_match.protocol.place_files import papers_beside
from lsi_match.protocol.publication import Publication, Sheet
from lsi_match.protocol.withhold import blur
from lsi_match.reports import renderer
from lsi_match.reports.public import pages as module
from lsi_match.reports.public.facts import ProjectFacts, Version
from lsi_match.reports.public.measures import Effect, effects
from lsi_match.reports.public.results import Year, at_least, per_year

TEXTS = Path(module.__file__).with_name("texts.toml")
SMALLEST = 10


class Links(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.lang = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "html":
            self.lang = found["lang"] or ""
        if tag == "a":
            self.links.append(found["href"] or "")
        if found.get("id"):
            assert found["id"] not in self.anchors, f"{found['id']} stands twice"
            self.anchors.add(str(found["id"]))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """A project of which one round was run."""
    folder = tmp_path_factory.mktemp("site")
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS))
    made.clock.to(datetime(2026, 6, 8, 4, tzinfo=UTC))
    made.run_here(ROUND)
    return made


@pytest.fixture(scope="module")
def public(project: Operation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "public"
    publish([project.project], out, project.clock())
    return out


def html(public: Path) -> list[Path]:
    return sorted(public.rglob("*.html"))


def test_every_address_in_the_log_leads_to_a_place_on_a_page(project: Operation, public: Path) -> None:
    domain = project.project.manifest().matcher.domain
    for one in project.project.entries():
        address, _, anchor = str(one.attributes[PROCESSING_ACTIVITY]).partition("#")
        folder = public / address.removeprefix(f"https://{domain}/")
        for name in ("index.html", "index.en.html"):
            assert anchor in Links((folder / name).read_text("utf-8")).anchors
        activities = json.loads((folder / "index.json").read_text("utf-8"))["activities"]
        assert one.attributes[PROCESSING_ACTIVITY] in {activity["id"] for activity in activities}


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(public: Path) -> None:
    assert len(html(public)) == 8
    for page in html(public):
        text = page.read_text("utf-8")
        found = Links(text)
        for link in found.links:
            to, _, anchor = link.partition("#")
            target = (page.parent / to) if to else page
            assert target.exists(), link
            assert not anchor or anchor in Links(target.read_text("utf-8")).anchors
        assert not re.search(r"<script|<link|<img|@import|url\(|\bon\w+=|cookie.{0,3}=", text)
        assert "default-src 'none'" in text
        assert found.lang == ("en" if page.name == "index.en.html" else "nl")


def test_everybody_may_read_the_files(public: Path) -> None:
    for one in public.rglob("*"):
        assert stat.S_IMODE(one.stat().st_mode) == (0o755 if one.is_dir() else 0o644)


def test_a_page_says_what_was_signed_and_no_criterion(project: Operation, public: Path) -> None:
    manifest = project.project.manifest()
    text = "\n".join(page.read_text("utf-8") for page in html(public))
    for controller in manifest.controllers.values():
        assert controller.title in text
        assert controller.dpo_contact in text
    assert manifest.basis.purpose.split(".")[0] in text
    for _, selection in manifest.selections():
        for rule in selection.criteria:
            assert rule.when not in text
            assert rule.rationale not in text
    assert manifest.match.rule not in text
    for bsn in handmade.BSNS:
        assert bsn not in text


def test_each_fact_on_the_page_of_a_project_is_one_of_manifest_or_log(
    project: Operation, public: Path
) -> None:
    """In Dutch, as the page says it: terms, parties, advice, documents, versions, and the rounds of each year."""
    manifest, lang = project.project.manifest(), renderer.Renderer(TEXTS.parent, TEXTS, "nl")
    page = (public / "project" / manifest.project.id / "index.html").read_text("utf-8")
    shown = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))
    facts = [
        lang.text("period", first=manifest.project.period.first, last=manifest.project.period.last, place=manifest.project.place),
        lang.text("keeps_cases", days=manifest.release.keep_days),
        lang.text("keeps_subjects", days=manifest.retention.log_details_days),
        lang.text("dpia", reference=manifest.dpia.reference, day=manifest.dpia.date),
        lang.text("instruction", title=manifest.work_instruction.title),
        lang.text("rules_text", number=sum(len(one.criteria) for _, one in manifest.selections())),
        lang.text("matcher_is", matcher=manifest.matcher.title),
        *(f"{manifest.controllers[name].title} {lang.text(one.outcome)}" for name, one in manifest.dpo_advice.items()),
        *(f"{lang.day(one.date)} {one.reference}" for one in manifest.dpo_advice.values()),
        *(f"{one.title} " + "; ".join(each.source for each in manifest.partners[name].selections)
          + f" {lang.text('yes' if name in manifest.release.to else 'no')} {one.dpo_contact}" for name, one in manifest.controllers.items()),
    ]  # fmt: skip
    assert [one for one in facts if one not in shown] == []
    events_of = [one for one in recorded(project) if one.at.year == 2026]
    for name, kind in (
        ("rounds", events.RoundOpened),
        ("held", events.Held),
        ("released", events.Released),
        ("destroyed", events.Destroyed),
    ):
        count = len({one.event.round for one in events_of if isinstance(one.event, kind)})
        assert f"{lang.text(f'year_{name}')} {count} " in shown
    (since,) = [one.at for one in recorded(project) if isinstance(one.event, events.ManifestRegistered)]
    assert f" 1 {lang.day(since.date())} – {Version.short_of(manifest.digest)}" in shown


def test_what_a_manifest_says_is_never_read_as_html(project: Operation) -> None:
    manifest = project.project.manifest()
    hostile = '<script>alert(1)</script>"><img src=x>'
    changed = manifest.model_copy(
        update={"project": manifest.project.model_copy(update={"title": hostile, "place": hostile})}
    )
    facts = ProjectFacts((Version(changed, project.clock()),), ())
    for path, data in module.pages([facts], project.clock()).items():
        if path.endswith(".html"):
            assert b"<script" not in data
            assert b"<img" not in data


def test_a_site_without_projects_has_a_page(tmp_path: Path) -> None:
    publish([], tmp_path / "public", datetime(2026, 1, 1, tzinfo=UTC))
    assert "Er zijn nu geen projecten." in (tmp_path / "public" / "index.html").read_text("utf-8")


def test_a_second_time_gives_the_same_files(project: Operation, public: Path, tmp_path: Path) -> None:
    publish([project.project], tmp_path, project.clock())
    publish([project.project], tmp_path, project.clock())
    once = {page.relative_to(public): page.read_bytes() for page in public.rglob("*") if page.is_file()}
    assert once == {
        page.relative_to(tmp_path): page.read_bytes() for page in tmp_path.rglob("*") if page.is_file()
    }


# figures per year


def at(moment: datetime, *some: Event) -> list[Recorded]:
    """The events, each a minute after the one before, from `moment` on."""
    found = []
    for number, event in enumerate(some):
        stamp = int((moment + timedelta(minutes=number)).timestamp() * 1000)
        found.append((stamp, entry(event).model_copy(update={"start_time": stamp, "end_time": stamp})))
    return [read(0, one) for _, one in found]


def numbered(*parts: list[Recorded]) -> list[Recorded]:
    return [read(position, one.entry) for position, one in enumerate(one for part in parts for one in part)]


def nobody(digest: str) -> OutcomeCounts | None:
    return None


def year(recorded: list[Recorded], now: datetime) -> dict[str, object]:
    return vars(per_year(recorded, nobody, CELLS, now)[0])


#: Of the manifest that entries of these tests are of.
CELLS = {DIGEST: SMALLEST}
FIVES = f"sha256:{5:064x}"
THIS = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_counts_of_people_are_told_from_april_of_the_next_year_on_and_rounded() -> None:
    log = numbered(at(THIS, *ran("een", uwv=1234, svb=41)), at(THIS + days(30), *ran("twee", uwv=3, svb=0)))
    before = year(log, datetime(2027, 3, 31, 23, 59, tzinfo=UTC))
    assert (before["rounds"], before["released"], before["final"], before["records"]) == (2, 2, False, None)
    after = year(log, datetime(2027, 4, 1, tzinfo=UTC))
    assert (after["rounds"], after["records"]) == (2, 1280)
    assert after["requests"] is None, "none and few read the same"


def test_what_is_told_of_a_year_never_changes() -> None:
    """So that no difference between two publications tells about somebody."""
    log = numbered(at(THIS, *ran("een", uwv=500)))
    later = numbered(
        log, at(datetime(2027, 4, 2, tzinfo=UTC), events.HandedOut(round="een", size=9, cosigners=("uwv",)))
    )
    answered = [
        events.AccessAnswered(partner="uwv", request=f"sha256:{number:064x}", answer=DIGEST, asked=1)
        for number in range(30)
    ]
    later = numbered(later, at(datetime(2028, 5, 1, tzinfo=UTC), *answered, opened("laat")))
    first = per_year(log, nobody, CELLS, datetime(2027, 4, 1, tzinfo=UTC))
    assert per_year(later, nobody, CELLS, datetime(2031, 1, 1, tzinfo=UTC))[-1] == first[0]
    event = at(later[-1].at, answered[0])[0].entry
    other = event.model_copy(update={"attributes": {**event.attributes, "lsi.manifest": FIVES}})
    cells, later = CELLS | {FIVES: 5 * SMALLEST}, numbered(later, [read(0, other)])
    again = per_year(later, nobody, cells, datetime(2031, 1, 1, tzinfo=UTC))
    assert again[-1] == first[0], "a later manifest with another smallest cell tells no year in another way"
    assert again[0].smallest == 5 * SMALLEST


def test_a_count_that_is_told_is_a_multiple_of_the_smallest_cell() -> None:
    for rows in (0, 1, 9, 10, 14, 15, 16, 4999):
        told = year(numbered(at(THIS, *ran("een", uwv=rows))), datetime(2030, 1, 1, tzinfo=UTC))["records"]
        assert told is None if rows < SMALLEST else abs(int(str(told)) - rows) <= SMALLEST // 2
        assert told is None or int(str(told)) % SMALLEST == 0


@st.composite
def years(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rounds of some years: what two organisations delivered, the cases, and what each of them found grounded."""
    few, found = st.sampled_from([0, 1, 3, 4, 5, 7, 12, 13, 40, 500]), []
    for _ in range(draw(st.integers(1, 2))):
        rounds = []
        for _ in range(draw(st.integers(1, 2))):
            rows = (draw(few), draw(few))
            cases = draw(st.integers(0, min(rows)))
            rounds.append((*rows, cases, draw(st.integers(0, cases)), draw(st.integers(0, cases))))
        found.append({"rounds": rounds, "requests": draw(few)})
    return found


def digest_of(round_id: str, name: str) -> str:
    return digest_of_bytes(f"{round_id} {name}".encode())


def told_of(name: str, rows: Sequence[int], cases: int) -> list[Event]:
    """A round of two organisations, and what each told of its cases."""
    made = [one.model_copy(update={"cases": cases}) if isinstance(one, events.Released) else one
            for one in ran(name, uwv=rows[0], svb=rows[1])]  # fmt: skip
    return [
        *made,
        *(
            events.OutcomeTakenIn(round=name, partner=one, outcome=digest_of(name, one))
            for one in ("uwv", "svb")
        ),
    ]


@settings(max_examples=8, deadline=None)
@given(years())
@example([{"rounds": [(40, 40, 4, 4, 4)], "requests": 0}])
def test_nothing_small_follows_from_the_published_years_together(some: list[dict[str, Any]]) -> None:
    """The reader knows the number of rounds, how counts are rounded, that nobody is in a case who was not delivered by both, and
    that grounded cases are cases. Of every small count, of a round or of a year, and of every small difference, half of the values
    remain that a small count can have: the rule by which the monitor withholds (`protocol.withhold`)."""
    smallest = SMALLEST // 2
    log = [
        at(datetime(2020 + number, 3, 1, tzinfo=UTC),
           *(event for place, (*rows, cases, _, _) in enumerate(year["rounds"])
             for event in told_of(f"r{number}-{place}", rows, cases)),
           *(events.AccessAnswered(partner="uwv", request=f"sha256:{one:064x}", answer=DIGEST, asked=1) for one in range(year["requests"])))
        for number, year in enumerate(some)
    ]  # fmt: skip
    outcomes = {digest_of(f"r{number}-{place}", name): SimpleNamespace(grounded={"jong": one[3 + at]})
                for number, year in enumerate(some) for place, one in enumerate(year["rounds"])
                for at, name in enumerate(("uwv", "svb"))}  # fmt: skip
    told = per_year(
        numbered(*log), outcomes.__getitem__, {DIGEST: smallest}, datetime(2031, 1, 1, tzinfo=UTC)
    )[::-1]
    truth = np.array(
        [count for year in some for one in year["rounds"] for count in one]
        + [year["requests"] for year in some]
    )
    unit = np.eye(len(truth), dtype=int)
    rows, small, start = [], list(unit), 0
    for number, (year, of) in enumerate(zip(told, some, strict=True)):
        places = [start + 5 * place for place in range(len(of["rounds"]))]
        start += 5 * len(places)
        sums = {
            "records": sum(unit[p] + unit[p + 1] for p in places),
            "cases": sum(unit[p + 2] for p in places),
            "grounded": sum(unit[p + 3] + unit[p + 4] for p in places),
            "requests": unit[len(truth) - len(some) + number],
        }
        for name, row in sums.items():
            if name == "grounded":
                least = (
                    year.grounded or 0
                )  # each of the two was rounded down, by less than twice the smallest
                rows.append((row, least, least + 2 * (2 * smallest - 1)))
                rows.append((2 * sums["cases"], least + 2 * smallest if least else 0, np.inf))
                continue
            values = [
                n for n in range(int(row @ truth) + 2 * smallest) if blur(n, smallest) == getattr(year, name)
            ]
            assert row @ truth in values
            rows.append((row, min(values), max(values)))
        for p in places:
            rows += [(unit[p + a] - unit[p + b], 0, np.inf) for a, b in ((0, 2), (1, 2), (2, 3), (2, 4))]
        small += [*sums.values(), sums["records"] - sums["cases"], 2 * sums["cases"] - sums["grounded"]]
    known = LinearConstraint(*(np.array(part) for part in zip(*rows, strict=True)))
    for row in small:
        if 0 < row @ truth < smallest:
            least, most = (
                sign * milp(sign * row, constraints=known, integrality=np.ones(len(row)), bounds=Bounds(0, 10_000)).fun
                for sign in (1, -1)
            )  # fmt: skip
            assert most - least >= (smallest - 1) // 2


def test_an_organisation_that_knows_its_own_outcomes_and_the_log_learns_no_small_count_of_another() -> None:
    """Tried with every outcome there can be, of two other organisations. What the attacker found itself is known to it, and so is how
    many cases each round had: every small count, of a round, of an organisation or of both, keeps half of the values it can have, or
    those that it had before anything was published."""
    smallest = 5
    for own, rounds in itertools.product((0, 4, 7), [(4, 4), (1, 10), (7, 3), (2, 2, 2), (5,), (10,), (21,)]):
        most = sum(rounds)
        possible: dict[int | None, list[tuple[int, ...]]] = {}
        for found in itertools.product(*(range(count + 1) for count in (*rounds, *rounds))):
            each = sum(found[: len(rounds)]), sum(found[len(rounds) :])
            told = at_least({"own": own, "uwv": each[0], "svb": each[1]}, most, smallest)
            assert (told or 0) <= own + sum(each)
            possible.setdefault(told, []).append((*found, *each, sum(each)))
        for values in possible.values():
            for one, before in zip(
                zip(*values, strict=True), (*rounds, *rounds, most, most, 2 * most), strict=True
            ):
                if any(0 < value < smallest for value in one):
                    assert max(one) - min(one) >= min((smallest - 1) // 2, before), (own, rounds)
    assert at_least({"uwv": 47, "svb": 12, "ind": 4}, 100, smallest) == 45 + 10, "and what is many is told"


# what organisations make public

PROSE = "Een tekst van veertig tekens of meer, zodat er iets staat."
RULE = "lijst.lopend"
SHEET: dict[str, Any] = {
    "contact": "privacy@uwv.example",
    "page": "https://uwv.example/samenloop",
    "category": "high_risk",
    "rights": PROSE,
    "laws": [{"title": "Wet SUWI", "address": "https://wetten.overheid.nl/BWBR0013060"}],
    "assessments": [{"title": "DPIA", "not_public": "Er staat in hoe wordt opgespoord."}],
    "criteria": {RULE: {"show": "full"}},
    "shared": {"what": PROSE, "happens": PROSE, "human": PROSE, "risks": PROSE},
}


def paper(project: Operation, name: str, sheet: dict[str, Any]) -> bytes:
    manifest = project.project.manifest()
    identity = project.world.home(name).identity()
    return make_public(manifest, identity, Sheet.model_validate(sheet), project.clock())


def recorded(project: Operation) -> list[Recorded]:
    return [read(position, one) for position, one in enumerate(project.project.entries())]


def published_text(project: Operation, folder: Path) -> str:
    publish([project.project], folder, project.clock())
    return (folder / "project" / project.project.id / "index.html").read_text("utf-8")


@pytest.fixture
def changed(project: Operation, tmp_path: Path) -> Operation:
    return project.copy(tmp_path / "copy")


def test_what_an_organisation_signs_stands_on_the_page_and_nothing_else_of_its_rules(
    changed: Operation, tmp_path: Path
) -> None:
    rule = changed.project.manifest().partners["uwv"].selections[0].criteria[0]
    shown = {"uwv": {"show": "full"}, "svb": {"show": "short", "text": "Wie een lopende uitkering heeft."},
             "gemeente": {"show": "withheld", "reason": "Dan kan men eromheen."}}  # fmt: skip
    papers = {name: paper(changed, name, SHEET | {"criteria": {RULE: one}}) for name, one in shown.items()}
    assert f"lijst.{rule.id}" == RULE
    before = published_text(changed, tmp_path / "before")
    changed.project.ingest(dict(list(papers.items())[:1]), changed.clock())
    one = published_text(changed, tmp_path / "one")
    assert rule.rationale not in before
    assert one.count(rule.rationale) == 1
    assert PROSE in one, "the rights"
    assert one.count(PROSE) == 1, "shared texts wait until all signed the same"
    changed.project.ingest(papers, changed.clock())
    every = published_text(changed, tmp_path / "every")
    assert "Wie een lopende uitkering heeft." in every
    assert "Dan kan men eromheen." in every
    assert every.count(rule.rationale) == 1
    assert every.count(PROSE) == 1 + 4, "rights that all wrote alike are read once"
    assert every.count("privacy@uwv.example") == 3, "each says whom to ask"
    assert 'href="https://wetten.overheid.nl/BWBR0013060"' in every
    named = [
        set(one.event.papers) for one in recorded(changed) if isinstance(one.event, events.PapersTakenIn)
    ]
    assert named == [{"uwv.publication"}, {f"{name}.publication" for name in shown}]


def test_shared_texts_that_differ_are_nobodys(changed: Operation, tmp_path: Path) -> None:
    other = SHEET | {"shared": SHEET["shared"] | {"risks": PROSE + " Anders."}}
    papers = {name: paper(changed, name, other if name == "svb" else SHEET) for name in PARTNERS}
    changed.project.ingest(papers, changed.clock())
    assert published_text(changed, tmp_path / "out").count(PROSE) == 1, "the rights, alike at all three"


def test_a_later_paper_takes_the_place_of_an_earlier_one_in_any_order(
    changed: Operation, tmp_path: Path
) -> None:
    first = paper(changed, "uwv", SHEET)
    changed.clock.to(changed.clock() + days(1))
    second = paper(changed, "uwv", SHEET | {"contact": "anders@uwv.example"})
    for one in (second, first):
        changed.project.ingest({"uwv": one}, changed.clock())
    text = published_text(changed, tmp_path / "out")
    assert "anders@uwv.example" in text
    assert "privacy@uwv.example" not in text


@pytest.mark.parametrize(
    "attack",
    [
        "another's key",
        "another manifest",
        "a criterion of another",
        "a criterion left out",
        "a BSN unclear",
        "a sign unclear",
    ],
)
def test_a_sheet_that_does_not_hold_is_not_taken_in(changed: Operation, attack: str) -> None:
    manifest, uwv = changed.project.manifest(), changed.world.home("uwv").identity()
    sheet = Sheet.model_validate(SHEET)
    match attack:
        case "another's key":
            uwv = replace(changed.world.home("svb").identity(), name="uwv")
        case "another manifest":
            other = manifest.canonical().replace(manifest.project.place.encode(), b"Elders")
            manifest = type(manifest).model_validate_json(other)
        case "a criterion of another":
            sheet = sheet.model_copy(
                update={"criteria": {**sheet.criteria, "lijst.vreemd": sheet.criteria[RULE]}}
            )
        case "a BSN unclear":
            sheet = sheet.model_copy(update={"rights": f"{PROSE} Zoals bij {handmade.BSNS[0]}."})
        case "a sign unclear":
            sheet = sheet.model_copy(
                update={"shared": sheet.shared.model_copy(update={"human": PROSE + "e\u0301"})}
            )
        case _:
            sheet = sheet.model_copy(update={"criteria": {}})
    if "unclear" in attack:
        with raises("StatementUnfitError", match=r"rights|shared\.human"):
            make_public(manifest, uwv, sheet, changed.clock())
    if "criterion" in attack:
        with raises("CriteriaNotNamedError"):
            make_public(manifest, uwv, sheet, changed.clock())
    made = sign_statement(Publication, manifest, uwv, changed.clock(), sheet=sheet)
    with pytest.raises(ApprovalInvalidError):
        changed.project.ingest({"uwv": made}, changed.clock())


@pytest.mark.parametrize(
    "address",
    [
        "http://uwv.example",
        "javascript:alert(1)",
        'https://a"onclick=x',
        "https://",
        "https://a b",
        "//uwv.example",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        Sheet.model_validate(SHEET | {"page": address})


def test_a_sheet_is_signed_from_a_file_and_all_that_is_wrong_in_it_is_told(
    changed: Operation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, home = changed.project.folder / "manifest.json", changed.world.home("uwv").folder
    sheet = tmp_path / "sheet.yaml"
    asked = [
        "manifest",
        "publication",
        str(manifest),
        "uwv",
        str(home),
        "--sheet",
        str(sheet),
        "--out",
        str(tmp_path),
    ]
    yaml_out.write(sheet, SHEET | {"criteria": {RULE: {"show": "short"}}, "category": "laag"})
    assert run(asked) == 1
    told = capsys.readouterr().err
    assert "category" in told
    assert "criteria" in told
    yaml_out.write(sheet, SHEET)
    assert run(asked) == 0
    signed = (tmp_path / "uwv.publication.json").read_bytes()
    assert peek(signed, Publication, what="publication", party="uwv").sheet == Sheet.model_validate(SHEET)


def of_two_rules(show: dict[str, str]) -> ProjectFacts:
    """A project in which SVB selects by two rules, and says this of both."""
    rules = [{"id": name, "when": "actief", "rationale": "Daarom."} for name in ("een", "twee")]
    of = {"svb": [handmade.selection(criteria=rules)], "uwv": [handmade.selection()]}
    sheet = Sheet.model_validate(SHEET | {"criteria": {f"lijst.{one['id']}": show for one in rules}})
    return ProjectFacts((Version(handmade.manifest(of), THIS),), (), {"svb": sheet})


def test_why_rules_are_withheld_is_said_once_with_how_many_they_are() -> None:
    facts = of_two_rules({"show": "withheld", "reason": "Dan kan men eromheen."})
    page = module.pages([facts], THIS)[f"project/{facts.manifest.project.id}/index.html"].decode()
    assert page.count("Dan kan men eromheen.") == 1
    assert "2 regels zijn niet openbaar." in page
    full = of_two_rules({"show": "full"})
    page = module.pages([full], THIS)[f"project/{full.manifest.project.id}/index.html"].decode()
    assert page.count('class="rule"') == 1, "the same rule twice is read once"


def other_versions(manifest: Manifest) -> tuple[Manifest, Manifest]:
    """One with an organisation that leaves, another rule and another term; and one with an organisation that came."""
    one = next(iter(manifest.controllers.values()))
    selection = manifest.partners["svb"].selections[0]
    rule = selection.criteria[0].model_copy(
        update={"when": "bedrag > 123", "rationale": "Een geheime reden."}
    )
    first = selection.model_copy(update={"criteria": (rule,)})
    other = manifest.partners["svb"].model_copy(update={"selections": (first,)})
    gone, came = (one.model_copy(update={"title": f"Organisatie {name}"}) for name in ("weg", "nieuw"))
    before = {
        "controllers": manifest.controllers | {"weg": gone},
        "partners": manifest.partners | {"svb": other},
        "release": manifest.release.model_copy(update={"keep_days": 7}),
    }
    return manifest.model_copy(update=before), manifest.model_copy(
        update={"controllers": manifest.controllers | {"nieuw": came}}
    )


def test_a_version_says_what_changed_in_it_and_not_what_a_rule_says(tmp_path: Path) -> None:
    before, after = other_versions(handmade.manifest())
    since = datetime(2026, 1, 1, tzinfo=UTC)
    made = module.pages([ProjectFacts((Version(before, since), Version(after, since)), ())], since)
    page = made[f"project/{after.project.id}/index.html"].decode()
    _, rows = page.split("Versies van de afspraken</h2>")
    first, second = re.findall(r"<tr><th scope=.row.>\d.*?</tr>", rows, re.DOTALL)
    assert "<ul>" not in first
    assert re.findall(r"<li>(.*?)</li>", second) == [
        "Nieuw: Organisatie nieuw.",
        "Doet niet meer mee: Organisatie weg.",
        "Levert iets anders, of met andere regels: Organisatie svb.",
        "Wie samen verantwoordelijk zijn (art. 26 AVG). Zij tekenen allemaal.",
        "Wie wat te zien krijgt.",
    ]
    assert "123" not in rows
    assert "geheime" not in rows


def test_a_controller_makes_the_same_from_its_own_copy_of_the_log_or_is_told_what_is_missing(
    changed: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lsi_match.cli import log_proofs  # before the clock is another: what it loads stays loaded

    monkeypatch.setattr("lsi_match.cli.publish.utc_now", changed.clock)
    monkeypatch.setattr("lsi_match.cli.match.utc_now", changed.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", changed.clock)
    monkeypatch.setattr(log_proofs, "utc_now", changed.clock)
    long = {
        "rights": "Schrijf ons een brief " + "en nog een " * 8 + "brief.",
        "criteria": {RULE: {"show": "full"}},
    }
    papers = {name: paper(changed, name, SHEET | long) for name in ("uwv", "svb")}
    changed.project.ingest(papers, changed.clock())
    make_checkpoint(changed.project, changed.clock())
    copy = tmp_path / "proef.log.sqlite"
    for form, file in (("log", copy), ("papers", papers_beside(copy))):
        assert run(["log", "export", str(changed.project.folder), "--form", form, "--out", str(file)]) == 0
    home = changed.world.home("uwv").folder
    for place, more in ((changed.project.folder.parents[1], ()), (home, ("--log", str(copy)))):
        assert run(["publish", str(place), *more, "--out", str(tmp_path / place.name)]) == 0
    site, own = (
        {file.relative_to(top): file.read_bytes() for file in top.rglob("*") if file.is_file()}
        for top in (tmp_path / changed.project.folder.parents[1].name, tmp_path / home.name)
    )
    assert own == site
    assert capsys.readouterr().err.count("een zin van 29 woorden") == 2, (
        "each time, once for both who wrote it"
    )
    assert long["rights"].encode() in own[Path("project", changed.project.id, "index.html")]
    annex = ["publish", "annex", str(home), changed.project.id, "uwv", "--log", str(copy), "--form", "dpia"]
    assert run([*annex, "--out", str(tmp_path / "dpia.json")]) == 1
    assert "accountability.subjects" in capsys.readouterr().err, "nobody signed who the subjects are"
    again = ["publish", str(home), "--log", str(copy), "--out", str(tmp_path / "again")]
    papers_beside(copy).write_text("[]")
    assert run(again) == 1
    assert "log export --form papers" in capsys.readouterr().err
    with sqlite3.connect(copy) as database:
        database.execute("UPDATE leaves SET leaf = leaf || x'20' WHERE position = 1")
    assert run(again) == 1
    assert not (tmp_path / "again").exists()


# the texts


def test_every_text_stands_on_a_page(project: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = tomllib.loads(TEXTS.read_text("utf-8"))
    asked: set[str] = set()

    class Asked(dict[str, dict[str, str]]):
        def __getitem__(self, key: str) -> dict[str, str]:
            asked.add(key)
            return super().__getitem__(key)

    monkeypatch.setattr(renderer, "catalogue", lambda file: Asked(texts))
    manifest = handmade.manifest(dimensions=[handmade.dimension()])
    groups = {"id": "herkomst", "label": "Herkomst", "groups": {"een": "Een", "ander": "Ander"}}
    office = Office.model_validate(
        {
            "id": "cbs",
            "title": "B",
            "encryption_key": f"age1{7:058d}",
            "client": "uwv",
            "dimensions": [groups],
        }
    )
    counted = {"partner": "svb", "dimensions": [handmade.dimension(id_="herkomst")]}
    statistics = Statistics.model_validate(counted)
    sample = Sample(one_in=500, at_most=50, legal_basis=PROSE, rationale=PROSE)
    ground = Characteristic(
        kind=CharacteristicKind.PROXY,
        label="Inkomen",
        rationale="Het project gaat over inkomen dat niet is opgegeven.",
    )
    refused = next(iter(manifest.dpo_advice.values())).model_copy(update={"outcome": "negative"})
    left_out = {name: one for name, one in manifest.partners.items() if name != "uwv"}
    shown = {name: one for name, one in manifest.release.to.items() if name != "uwv"}
    advised = manifest.model_copy(
        update={
            "monitor": manifest.monitor.model_copy(
                update={"office": office, "sample": sample, "statistics": statistics}
            ),
            "dpo_advice": {**manifest.dpo_advice, "uwv": refused},
            "characteristics": {"inkomen": ground},
            "partners": left_out,
            "release": manifest.release.model_copy(update={"to": shown}),
        }
    )
    since = datetime(2026, 1, 1, tzinfo=UTC)
    year = Year(2026, 1, 1, 1, 1, smallest=SMALLEST, final=False)
    told = replace(year, year=2025, final=True, records=500)
    years = (year, told, replace(told, year=2024, grounded=40))
    whole = SHEET | {"sources": SHEET["laws"], "shared": SHEET["shared"] | {"works": PROSE}}
    sheets = {
        name: Sheet.model_validate(whole | {"category": category, "criteria": {RULE: shown}})
        for name, category, shown in (
            ("gemeente", "impactful", {"show": "withheld", "reason": "Daarom."}),
            ("svb", "other", {"show": "full"}),
            ("uwv", "high_risk", {"show": "full"}),
        )
    }
    did = effects(
        [
            read(n, one)
            for n, one in enumerate(
                map(entry, [*of_round("een"), events.AccessRefused(partner="uwv", **WHY)] * 30)
            )
        ],
        (),
    )
    changed = Effect("criteria", {"names": "uwv.lijst.lopend", "before": 2, "after": 0}, did[0].entries[:2])
    versions = (*(Version(one, since) for one in other_versions(manifest)), Version(advised, since))
    full = ProjectFacts(versions, years, sheets, effects=(*did, changed), waited_for={"leeftijd: oud": 2})
    several = of_two_rules({"show": "withheld", "reason": "Daarom."})
    bare = ProjectFacts((Version(project.project.manifest(), since),), ())
    module.pages([full, bare, several], since)
    module.pages([], since)
    assert set(texts) - asked == set()


# in a browser


@pytest.fixture(scope="module")
def new_page() -> Iterator[Callable[[], Page]]:
    with chromium() as pages:
        yield pages


def test_the_pages_can_be_used_by_everybody(public: Path, new_page: Callable[[], Page]) -> None:
    """No violation of WCAG 2.2 AA that axe-core sees; no page is wider than a telephone, in both schemes of colours, or than paper."""
    page = new_page()
    for file in html(public):
        page.goto(file.as_uri())
        for width, media, scheme in (
            (320, "screen", "light"),
            (320, "screen", "dark"),
            (680, "print", "dark"),
        ):
            page.set_viewport_size({"width": width, "height": 640})
            page.emulate_media(media=media, color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (file, media)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        assert not page.locator("nav").is_visible()
        assert page.evaluate("[...document.querySelectorAll('.wide')].every(one => one.scrollWidth <= 680)")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_thirty_organisations_twelve_years_and_words_without_end_fit_a_telephone_and_paper(
    tmp_path: Path, new_page: Callable[[], Page]
) -> None:
    manifest, word = handmade.manifest(), "Samenwerkingsverband" * 12
    one = next(iter(manifest.controllers.values()))
    many = {
        f"org{n}": one.model_copy(update={"title": word[: 9 * n], "dpo_contact": f"fg@{word}.example"})
        for n in range(2, 29)
    }
    hostile = f"<b onmouseover=alert(1)>{word}</b> {{{{ 7*7 }}}} <!-- "
    sheet = Sheet.model_validate({**SHEET, "page": None, "rights": hostile, "contact": hostile,
                                  "shared": dict.fromkeys(SHEET["shared"], hostile)})  # fmt: skip
    years = tuple(Year(2040 - n, 52, 3, 52, 52, 10, True, 12_345_678, 1_234_567, 12_340) for n in range(12))
    manifest = manifest.model_copy(update={"controllers": manifest.controllers | many})
    facts = ProjectFacts((Version(manifest, THIS),), years, dict.fromkeys(manifest.controllers, sheet))
    text = module.pages([facts], THIS)[f"project/{manifest.project.id}/index.html"]
    assert b"<b " not in text
    assert b"{{ 7*7 }}" in text
    (tmp_path / "index.html").write_bytes(text)
    page = new_page()
    page.goto((tmp_path / "index.html").as_uri())
    for width, media in ((320, "screen"), (680, "print")):
        page.set_viewport_size({"width": width, "height": 640})
        page.emulate_media(media=media)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, media
    assert page.evaluate("[...document.querySelectorAll('.wide')].every(one => one.scrollWidth <= 680)")


def test_a_page_is_reached_from_the_first_one_by_keyboard(public: Path, new_page: Callable[[], Page]) -> None:
    page = new_page()
    page.goto((public / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Naar de inhoud"
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/project/**/index.html")
    assert page.locator("h1").count() == 1
