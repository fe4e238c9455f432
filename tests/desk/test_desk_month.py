"""A month of a project through the pages alone: two partners, an FG and an operator, from draft to destruction, with a hold and an
access request. It ends as the same month by commands; what a steward does is counted; every page is looked at in a browser."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import handmade
import pytest
import yaml_out
from desks import MEDIA, Browser, check_page, in_chromium
from end_state import end_state
from operation import MONDAY, PROJECT, Clock, Operation, days, folders
from playwright.sync_api import Page

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.keys import make_identity
from lsi_match.desk.app import PAGES, Desk
from lsi_match.desk.guard import Keys
from lsi_match.desk.operator_pages import PAGES as OPERATOR
from lsi_match.desk.work import ProjectWork
from lsi_match.library.held import HeldRound
from lsi_match.library.judging import judging
from lsi_match.matcher.operate.reconcile import reconcile_begun
from lsi_match.partner.access.request import make_request, open_answer, requests_of
from lsi_match.partner.deliver import synchronise
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.home import Home
from lsi_match.partner.release import outcomes
from lsi_match.partner.release.open import open_release
from lsi_match.partner.work_settings import WorkSettings, set_work, work_of
from lsi_match.protocol.place_files import (
    ANSWER_SUFFIX,
    JUSTIFICATION_SUFFIX,
    OUTCOME_SUFFIX,
    REQUEST_SUFFIX,
    SHARED,
)

PARTNERS = ("svb", "uwv")
INSTRUCTION = "# Werkinstructie\n\nBekijk iedere casus met twee mensen.\n"
REASON = "Wie ouder is, heeft vaker een laag inkomen; de toeslag is juist daarvoor bedoeld."
ROUND = "2026-06-08"
#: What a name in an address can be, for every page that there is.
NAMES = {"position:int": "0", "round": ROUND, "reference": "ink-2026-1", "name": "held"}


def begun(folder: Path, *, agreed: bool) -> Operation:
    """Keys and places; where `agreed`, the manifest and what was signed about it too."""
    sections = {
        "monitor": {"dimensions": [handmade.dimension()], "hold_on_too_little": True},
        "retention": {"log_details_days": 20, "hold_days": 4},
        "work_instruction": {"digest": digest_of_bytes(INSTRUCTION.encode())},
        "project": {"period": {"first": "2020-01-01", "last": "2026-07-20"}},
    }
    schedule = {"opens": "0 6 * * 1", "deadline_days": 5, "when_late": "proceed", "rounds_at_most": 1}
    return Operation(
        folder, PARTNERS, folders(folder, PARTNERS), Clock(MONDAY - days(3)), schedule, {"keep_days": 12}, sections, agreed=agreed
    )  # fmt: skip


def use(op: Operation, home: Home, place: str) -> None:
    """`lsi-match use`, as everybody did once."""
    file, mapping = op.folder / f"{home.folder.name}.place.yaml", None
    yaml_out.write(file, json.loads(op.places[place].model_dump_json(exclude_none=True)))
    if home.name in PARTNERS:
        mapping = op.folder / "config" / "mappings" / f"{home.name}.yaml"
    folder, extracts = op.folder / "work" / home.name, op.world.extracts if mapping else None
    set_work(home, PROJECT, WorkSettings(place=file, folder=folder, mapping=mapping, extracts=extracts))


def plain(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page).split())


@dataclass
class Steward:
    """Somebody at a desk, who counts what is done by hand there; what a timer does as well is no act."""

    desk: Browser
    acts: list[str] = field(default_factory=list)

    def press(self, page: str, **form: str) -> Any:
        self.acts.append(f"{page.partition('/')[0]} {form.get('what', form.get('decision', ''))}".strip())
        return self.desk.post(page, **form)


class Reader:
    """Somebody with a mouse: follows links that stand on a page, and counts the clicks."""

    def __init__(self, desk: Browser) -> None:
        self.desk, self.clicks = desk, 0
        self.page = desk.home()

    def click(self, to: str) -> str:
        """Follow the first link to an address that ends so."""
        links = [one for one in re.findall(r'<a href="([^"]*)"', self.page) if one.endswith(to)]
        assert links, (to, plain(self.page))
        self.clicks += 1
        self.page = self.desk.get(links[0].removeprefix(f"/nl/{PROJECT}/"))
        return plain(self.page)


def month(op: Operation, look: Callable[[], None], acts: dict[str, Callable[[], None]]) -> None:
    """The same days for whoever goes through them: at each moment what is done, and then a look of everybody."""
    op.clock.to(MONDAY)
    look()
    look()
    acts["held"]()
    look()
    op.reconcile()
    look()
    acts["released"]()
    look()
    acts["asked"]()
    look()
    acts["answered"]()
    op.clock.to(MONDAY + days(1.1))  # the copy of the log comes once a day
    look()
    acts["looked"]()
    for later in (5, 14, 18, 26, 40, 50):
        op.clock.to(MONDAY + days(later))
        op.reconcile()
        look()


@pytest.mark.slow
def test_a_month_through_the_pages_alone_ends_as_the_month_by_commands(tmp_path: Path) -> None:
    op = begun(tmp_path / "month", agreed=False)
    fg = Home(op.folder / "world" / "fg", "fg")
    make_identity("fg", fg.folder / "keys")
    for name in PARTNERS:
        use(op, op.world.home(name), name)
    use(op, fg, "uwv")
    stewards = {name: Steward(Browser(op, name)) for name in PARTNERS}
    uwv, svb, officer = stewards["uwv"].desk, stewards["svb"].desk, Browser(op, home=fg)
    operator = Browser(op, home=Home(op.world.site.folder, "matcher"))
    people = (uwv, svb, officer)

    def look() -> None:
        """Everybody brings and fetches with the button, and the timer of the site looks."""
        for turn in range(2):
            for one in people:
                done = one.post("deliver")
                assert "Dit lukte niet" not in done.text, plain(done.text)
            if turn:
                break
            if (op.world.site.folder / "projects" / PROJECT / "manifest.json").exists():
                op.reconcile()
            else:
                assert not reconcile_begun(op.world.site.begun()[0], op.clock()).troubles

    # the leader writes the draft and the work instruction; whoever has keys brings their public half
    draft = (op.folder / "config" / "manifest.yaml").read_text("utf-8")
    assert "Dit klopt nog niet" in uwv.post("draft", what="check", draft="project: [").text
    assert uwv.post("draft", what="bring", draft="project: [").status_code == 409
    uwv.post("draft", what="instruction", instruction=INSTRUCTION.replace("\n", "\r\n"))
    assert "Concept klaargelegd" in uwv.post("draft", what="bring", draft=draft.replace("\n", "\r\n")).text
    look()
    look()
    assert "Dit concept bracht uwv" in svb.get("draft")
    assert "Vertrouwenslijst gemaakt" in uwv.post("draft", what="root").text
    look()
    (digest,) = set(re.findall(r'name="root" value="sha256:([0-9a-f]{64})"', svb.get("trust")))
    look()
    assert uwv.post("trust", what="compare", root=f"sha256:{digest}", digest="0" * 20).status_code == 409
    typed = {"what": "compare", "root": f"sha256:{digest}", "digest": f"{digest[:8]} {digest[8:18]}"}
    assert "Vergeleken." in officer.post("trust", **typed).text
    for one in stewards.values():
        assert "Vergeleken." in one.press("trust", **typed).text
    look()
    assert "Opgenomen." in uwv.get("trust")
    assert (
        "Opgenomen." in operator.post("begin", what="compare", of=f"sha256:{digest}", digest=digest[:16]).text
    )
    for _ in range(3):  # commit, reveal, derive
        look()
    done = uwv.post("draft", what="complete")
    assert "Manifest compleet" in done.text, plain(done.text)
    look()
    (manifest,) = set(re.findall(rf"/{PROJECT}/sign/([0-9a-f]{{64}})", svb.get("sign")))
    for one in stewards.values():
        assert (
            "Getekend." in one.press(f"sign/{manifest}", what="approve", read="yes", **{"role-0": "yes"}).text
        )
    look()
    assert operator.post("begin", what="acknowledge", of=f"sha256:{manifest}").status_code == 200
    assert "geldt nu" in operator.post("begin", what="accept", of=f"sha256:{manifest}").text
    look()
    for home in (*(op.world.home(name) for name in PARTNERS), fg):
        assert home.agreed_manifest(PROJECT, op.clock()).digest == f"sha256:{manifest}"
    assert stewards["svb"].acts == ["trust compare", "sign approve"]
    assert 2 + len(stewards["svb"].acts) <= 5, "with making keys and 'use'"
    for one in stewards.values():
        one.acts.clear()

    def held() -> None:
        assert "ontvangen" in uwv.get("deliver")
        assert f"Ronde {ROUND} is aangehouden" in uwv.home()
        assert "aangehouden" in plain(operator.get(""))
        for one in stewards.values():
            assert (
                "Gerechtvaardigd."
                in one.desk.post(f"reports/{ROUND}", decision="release", reason=REASON).text
            )

    def released() -> None:
        numbers = {}
        for name, one in stewards.items():
            one.acts.append("deliver")  # where no timer does it
            shown = one.press("releases", release=f"{PROJECT}.{ROUND}.{name}.release.json").text
            numbers[name] = sorted(re.findall(r"<h2>Casus ([0-9-]+)</h2>", shown))
        assert numbers["uwv"] == numbers["svb"] != [], "a number that is read out is the same at everybody"
        cases = re.findall(r'name="(outcome-[0-9a-f]{32})"', uwv.get(f"cases/{ROUND}"))
        assert "Opgeslagen" in uwv.post(f"cases/{ROUND}", what="save", **{cases[0]: "grounded"}).text
        done = stewards["uwv"].press(f"cases/{ROUND}", what="count", **{cases[1]: "not_grounded"})
        assert "Geteld." in done.text
        assert stewards["uwv"].acts == ["deliver", "releases", "cases count"]

    def asked() -> None:
        done = uwv.post("access", reference="ink-2026-1", **{"person-bsn": handmade.BSNS[0]})
        assert "Van het nummer is niets bewaard" in done.text
        assert handmade.BSNS[0] not in done.text

    def answered() -> None:
        letter = plain(uwv.get("access/ink-2026-1"))
        assert "Ons kenmerk: ink-2026-1" in letter
        assert "Organisatie svb" in letter

    def looked() -> None:
        beside = plain(uwv.get("check"))
        assert (
            "Organisatie svb, selectie lijst Wat ieder criterium overliet, zoals svb bij zijn levering tekende"
            in beside
        )
        log = uwv.desk.verifier.of(ProjectWork(op.world.home("uwv"), PROJECT, op.clock())).result()  # type: ignore[union-attr]
        (drop,) = log.delivered(log.rounds[0], "svb").values()
        assert f"na criterium lopend {drop.after['lopend']} met een signaal {drop.with_signal}" in beside
        for keys in ({}, {"svb": log.keys["uwv"]}):
            assert not replace(log, keys=keys).delivered(log.rounds[0], "svb"), (
                "only what that partner signed"
            )
        account = plain(officer.get("account"))
        assert "het stuk is er niet" not in account, "the papers came with the copy of the log"
        assert re.search(rf"{ROUND} vrijgegeven en vernietigd 2 \d+ \d+ \d+", account)
        reader = Reader(officer)
        reader.click(f"/{PROJECT}/")
        assert "Het logboek klopt:" in reader.click("/log")
        assert "vrijgegeven" in reader.click(f"/rounds/{ROUND}")
        assert "klopt" in reader.click("/account")
        assert reader.clicks <= 5
        look_at_every_page(op, uwv, svb, operator, manifest)

    acts = {"held": held, "released": released, "asked": asked, "answered": answered, "looked": looked}
    month(op, look, acts)
    pages, commands = end_state(op), end_state(by_commands(tmp_path / "commands"))
    assert op.state(ROUND) == "destroyed"
    assert pages["twice"] == []
    assert stable(pages) == stable(commands)


def look_at_every_page(op: Operation, own: Browser, other: Browser, operator: Browser, manifest: str) -> None:
    """Every page that there is, with what can be on it, in Chromium: both languages, no scripts; three desks in one browser."""
    desks = [Desk(one.desk.work, Keys(), op.clock, judging) for one in (own, operator, other)]
    desks[0].opened = own.desk.opened
    work_of_other = op.world.home("svb").project(PROJECT) / "work.yaml"
    kept = work_of_other.read_bytes()
    settings = json.loads(kept)
    work_of_other.write_text(json.dumps({name: path for name, path in settings.items() if name != "mapping"}))
    names = NAMES | {"digest": manifest}
    every = [
        *((0, f"/{{lang}}/{PROJECT}/{filled(path, names)}") for path, changes, _ in PAGES if not changes),
        *((1, f"/{{lang}}/{PROJECT}/{filled(path, names)}") for path, changes, _ in OPERATOR if not changes),
        (0, "/{lang}/"), (1, "/{lang}/"), (2, f"/{{lang}}/{PROJECT}/check"), (2, "/{lang}/nowhere"), (2, f"/{{lang}}/{PROJECT}/cases/{ROUND}"),
    ]  # fmt: skip
    with in_chromium(*desks) as browse:
        for who, path in every:
            for lang in ("nl", "en"):
                page = browse(path.format(lang=lang), who)
                while page.query_selector("#waits"):
                    page = browse(path.format(lang=lang), who)
                check_page(page, path.format(lang=lang), whole=lang == "nl")
                if SHOTS:
                    shoot(page, f"{who}{path.format(lang=lang)}")
    work_of_other.write_bytes(kept)


#: Where screenshots go, for whoever wants to look at them.
SHOTS = os.environ.get("LSI_MATCH_SHOTS", "")


def shoot(page: Page, name: str) -> None:
    file = Path(SHOTS) / name.strip("/").replace("/", "_")
    for media in MEDIA:
        page.emulate_media(**{"media": "screen", "color_scheme": "light", "forced_colors": "none", **media})
        page.set_viewport_size({"width": 1000, "height": 800})
        page.screenshot(path=f"{file}.{'-'.join(map(str, media.values()))}.png", full_page=True)
    page.emulate_media(media="screen", color_scheme="light", forced_colors="none")
    page.set_viewport_size({"width": 320, "height": 640})
    page.screenshot(path=f"{file}.small.png", full_page=True)


def filled(path: str, names: dict[str, str]) -> str:
    return re.sub(r"\{([^}]*)\}", lambda one: names[one[1]], path)


def stable(found: dict[str, Any]) -> dict[str, Any]:
    """Without what was brought to agree on the manifest, which was made by hand for the month by commands."""
    places = {
        side: [one for one in names if not one.endswith(tuple(SHARED))]
        for side, names in found["places"].items()
    }
    return found | {"places": places}


def by_commands(folder: Path) -> Operation:
    """The same month with the functions behind the commands (`lsi-match sync`, `monitor justify`, `partner open` …)."""
    op = begun(folder, agreed=True)
    homes = {name: op.world.home(name) for name in PARTNERS}
    for name, home in homes.items():
        use(op, home, name)

    def work(name: str) -> ProjectWork:
        return ProjectWork(homes[name], PROJECT, op.clock())

    def look() -> None:
        for turn in range(2):
            for home in homes.values():
                done = synchronise(home, PROJECT, work_of(home, PROJECT), op.clock(), judging=judging)
                assert not done.problems, done.problems
            if not turn:
                op.reconcile()

    def held() -> None:
        for name, home in homes.items():
            report, counts = work(name).reports()[ROUND]
            found = HeldRound.read(
                home, home.agreed_manifest(PROJECT, op.clock()), report, counts, op.clock()
            )
            paper = found.justify(home.identity(), "release", REASON, op.clock())
            work(name).exchange.put(f"{PROJECT}.{ROUND}.{name}{JUSTIFICATION_SUFFIX}", paper)

    def released() -> None:
        for name, home in homes.items():
            (release,) = work(name).releases
            _, frame = open_release(home, release.file, PROJECT, op.clock())
        cases = sorted(frame.get_column("case_id").unique())
        said = {cases[0]: "grounded", cases[1]: "not_grounded"}
        entered = dict.fromkeys(cases, outcomes.OUTCOME_UNKNOWN) | said
        settings = work_of(home, PROJECT)
        assert settings.mapping
        assert settings.extracts
        (opening,) = work(name).opening_files
        _, paper = outcomes.count_outcomes(
            home, release.file, opening, entered, read_mapping(settings.mapping), settings.extracts, PROJECT, op.clock()
        )  # fmt: skip
        work(name).exchange.put(f"{PROJECT}.{ROUND}.{name}{OUTCOME_SUFFIX}", paper)

    def asked() -> None:
        sealed = make_request(homes["uwv"], PROJECT, {"bsn": handmade.BSNS[0]}, "ink-2026-1", [], op.clock())
        (one,) = requests_of(homes["uwv"], PROJECT)
        work("uwv").exchange.put(f"{one.stem}{REQUEST_SUFFIX}", sealed)

    def answered() -> None:
        (answer,) = work("uwv").fetched(ANSWER_SUFFIX)
        assert open_answer(homes["uwv"], PROJECT, "ink-2026-1", answer.read_bytes(), op.clock())

    acts = {"held": held, "released": released, "asked": asked, "answered": answered, "looked": lambda: None}
    month(op, look, acts)
    return op
