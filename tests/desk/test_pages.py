"""The desk over the folder of a partner: what it shows is what the rooms below say, and a round goes through its pages alone."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import handmade
import pytest
from desks import OWN, SCRIPT, check_page, in_chromium, use
from logged import DIGEST
from operation import PROJECT, ROUND, Operation, days, weekly
from playwright.sync_api import Page
from reports.test_monitor_report import everything
from starlette.testclient import TestClient

from lsi_match.desk import render, signing_pages
from lsi_match.desk.app import PAGES, Desk
from lsi_match.desk.guard import MARK, Keys
from lsi_match.desk.operator_pages import PAGES as OPERATOR
from lsi_match.desk.operator_pages import work_in
from lsi_match.desk.work import Work
from lsi_match.library.held import HeldRound
from lsi_match.library.judging import judging
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import WorkNotSetError, work_of
from lsi_match.protocol.documents import Reason

READ = [
    "/{lang}/",
    *(f"/{{lang}}/{PROJECT}/{path}" for path, changes, _ in PAGES if not changes and "{" not in path),
]
#: A title that would be a script, were it put in a page as it is.
HOSTILE = '<script>alert(1)</script> & "Proef" <img src=x onerror=alert(1)>'


def desk_of(op: Operation) -> tuple[Desk, Keys]:
    keys = Keys()
    return Desk(Work.of(op.world.home(OWN).folder), keys, op.clock, judging), keys


def client_of(desk: Desk, keys: Keys) -> TestClient:
    client = TestClient(desk.app(), base_url=f"http://{keys.address}", follow_redirects=True)
    assert client.get(f"/enter/{keys.token}").status_code == 200
    return client


def post(client: TestClient, keys: Keys, page: str, **form: str) -> Any:
    return client.post(
        f"/nl/{PROJECT}/{page}", data={MARK: keys.mark, **form}, headers={"origin": keys.origin}
    )


def shown(client: TestClient, page: str, lang: str = "nl") -> str:
    """The page, once the log is verified where it shows that."""
    for _ in range(200):
        answer = client.get(f"/{lang}/{PROJECT}/{page}")
        if 'id="waits"' not in answer.text:
            return answer.text
        time.sleep(0.05)
    raise AssertionError("the log is not verified")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """A project whose first round is open; everybody but `OWN` delivered."""
    op = weekly(tmp_path_factory.mktemp("desk") / "one", when_late="proceed")
    op.reconcile()
    for partner in op.partners:
        if partner != OWN:
            op.deliver_all(partner)
    return op


def test_a_round_goes_through_the_pages_alone(op: Operation) -> None:
    """From its opening to the cases; what asks for attention changes with it."""
    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    done = post(client, keys, "deliver").text
    assert "Geleverd voor 1 ronde(s)." in done
    assert ROUND in done
    assert "gebracht, nog geen ontvangstbewijs" in shown(client, "")
    op.reconcile()
    assert "Er was niets te leveren." in post(client, keys, "deliver").text
    assert re.search(r"2026-06-08: ontvangen .* regel \d+ van het logboek", shown(client, "deliver"))
    op.clock.to(op.clock() + days(6))
    op.reconcile()
    op.reconcile()
    post(client, keys, "deliver")
    assert "ligt klaar" in client.get("/nl/").text
    release = f"{PROJECT}.{ROUND}.{OWN}.release.json"
    cases = post(client, keys, "releases", release=release).text
    assert "Casus" in cases
    assert "uwv-" in cases, "the own records are there, by their own ids"
    assert "ligt klaar" not in client.get("/nl/").text
    assert "Geopend op" in shown(client, "releases")
    assert "vrijgegeven" in shown(client, f"rounds/{ROUND}")


def test_every_page_is_there_in_both_languages_and_holds_nothing_of_a_person(op: Operation) -> None:
    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    post(client, keys, "deliver")
    numbers = set(handmade.BSNS)
    for lang, other in (("nl", "en"), ("en", "nl")):
        for path in [*READ, f"/{{lang}}/{PROJECT}/log/0", f"/{{lang}}/{PROJECT}/rounds/{ROUND}"]:
            address = path.format(lang=lang)
            text = (
                shown(client, address.removeprefix(f"/{lang}/{PROJECT}/"), lang)
                if PROJECT in address
                else client.get(address).text
            )
            assert f'<html lang="{lang}">' in text
            assert f'href="/{other}/' in text
            assert len(re.findall("<h1>", text)) == 1
            assert not any(number in text for number in numbers)
            assert text.count("<script") == text.count(SCRIPT) == address.endswith(("/draft", "/public"))


def test_what_another_wrote_is_text_on_every_page(tmp_path: Path) -> None:
    op = weekly(tmp_path / "hostile", when_late="proceed")
    op.world.draft["project"]["title"] = HOSTILE
    manifest = op.world.complete(op.project.manifest().pseudonyms.key_check)
    op.world.agree(manifest, op.world.approve(manifest))
    use(op)
    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    for path in READ:
        text = client.get(path.format(lang="nl")).text
        assert "<script" not in text.replace(SCRIPT, "")
        assert "<img" not in text
    assert "&lt;script&gt;" in client.get("/nl/").text


def test_a_name_in_an_address_is_never_a_path(op: Operation) -> None:
    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    post(client, keys, "deliver")
    for path in (
        "/nl/../", "/nl/%2e%2e/", "/nl/..%2f..%2fkeys/", "/xx/", f"/nl/{PROJECT}/rounds/..%2f..", f"/nl/{PROJECT}/log/999999",
        f"/nl/{PROJECT}/nothing", "/static/../guard.py", "/static/%2e%2e/guard.py", f"/nl/{PROJECT}/log/-1",
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code in (200, 404), path
        assert "BEGIN" not in answer.text + answer.url.path
        assert "def " not in answer.text
    shown(client, "log")
    assert client.get(f"/nl/{PROJECT}/log/999999").status_code == 404
    for release in ("../../keys/signing.pem", "/etc/passwd", "", f"{PROJECT}.x.release.json"):
        assert post(client, keys, "releases", release=release).status_code == 404


def test_a_form_without_the_mark_or_too_large_does_nothing(op: Operation) -> None:
    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    address, headers = f"/nl/{PROJECT}/deliver", {"origin": keys.origin}
    for data in ({}, {MARK: "x"}, {MARK: keys.mark, "more": "x" * 1_100_000}):
        answer = client.post(address, data=data, headers=headers)
        assert (answer.status_code, answer.text) == (403, "")
    assert client.post(address, json={MARK: keys.mark}, headers=headers).status_code == 403
    assert not list((op.folder / "work" / OWN).glob("out/*"))


def test_a_log_that_was_changed_is_told_on_every_page_that_shows_it(op: Operation) -> None:
    import sqlite3

    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    post(client, keys, "deliver")
    assert "Het logboek klopt:" in shown(client, "log")
    (copy,) = (op.folder / "work" / OWN / "in").glob("*.log.sqlite")
    with sqlite3.connect(copy) as connection:
        (leaf,) = connection.execute("SELECT leaf FROM leaves WHERE position = 1").fetchone()
        connection.execute(
            "UPDATE leaves SET leaf = ? WHERE position = 1", (leaf.replace(b'"Ok"', b'"Unset"'),)
        )
    for page in ("log", "log/0", f"rounds/{ROUND}", "account"):
        assert "klopt NIET" in shown(client, page), page


def test_without_settings_it_says_what_to_do(made: Operation, tmp_path: Path) -> None:
    op = made.copy(tmp_path / "fresh")
    with pytest.raises(WorkNotSetError):
        work_of(op.world.home(OWN), PROJECT)
    desk, keys = desk_of(op)
    client = client_of(desk, keys)
    assert "lsi-match use" in client.get("/nl/").text
    assert "lsi-match use" in post(client, keys, "deliver").text


def test_every_text_is_used_and_every_one_asked_for_is_there() -> None:
    texts = tomllib.loads(render.TEXTS.read_text("utf-8"))
    assert all(one["nl"] != one["en"] or "{" in one["nl"] or one["nl"] == "open" for one in texts.values())
    room = render.TEXTS.parent
    source = "".join(file.read_text("utf-8") for file in (*room.glob("*.py"), *room.glob("templates/*")))
    made_up = {
        "task_", "to_", "part_", "group_", "drop_", "signed_", "trust_done_", "justified_", "held_said_", "outcome_", "access_",
        "word_", "draft_done_", "begin_", "advised_", "public_done_", "sign_what", "sign_none", "reports_what", "reports_none",
    }  # fmt: skip
    asked = {name for name in re.findall(r"\bt(?:ext)?\(\"(\w+)\"", source) if name not in made_up}
    assert asked <= texts.keys(), asked - texts.keys()
    titles = {f"{file.stem}_title" for file in room.glob("templates/*.html")}
    asked |= titles & texts.keys()
    left = {
        name
        for name in texts.keys() - asked
        if f'"{name}"' not in source and not name.startswith(tuple(made_up))
    }
    assert not left
    named = {name.split("_", 1)[1] for name in texts if name.startswith("task_")}
    assert {name for name in named if f'"{name}"' not in source} == set()
    assert set(re.findall(r'Task\("(\w+)"', source)) <= named


@pytest.fixture
def browse(op: Operation) -> Iterator[Callable[..., Page]]:
    """Opens pages in Chromium, of a desk that is served as `lsi-match desk` does."""
    with in_chromium(desk_of(op)[0]) as opened:
        yield opened


def test_every_difference_that_holds_a_round_is_asked_about_by_itself(
    browse: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six questions with a label each; what is not filled in whole is not signed."""
    table, found = everything()
    of = {"project": PROJECT, "manifest": DIGEST, "round": "r", "table": DIGEST, "findings": found}
    findings = RoundFindings.model_validate(of)
    (digest,) = findings.differences
    monkeypatch.setattr(
        signing_pages, "_read_held", lambda request, work: HeldRound(work.manifest, findings, DIGEST, table)
    )
    page = browse(f"/nl/{PROJECT}/reports/r")
    for name in Reason.model_fields:
        box = page.get_by_label(Reason.meaning_of(name)["nl"], exact=True)
        box.fill(
            "2027-01-01"
            if name == "review"
            else "Een antwoord van veertig letters of meer." * (name != "works")
        )
    assert "zonder “lopend”" in page.inner_text("main")
    page.get_by_label("vrijgegeven").check()
    page.get_by_role("button", name="Teken dit").click()
    page.get_by_text("over 1 van de 1 verschillen is nog niets gezegd").wait_for()
    kept = [
        page.get_by_label(Reason.meaning_of(name)["nl"], exact=True).input_value()
        for name in Reason.model_fields
    ]
    assert sum(map(bool, kept)) == len(kept) - 1, "what was typed stays"
    filled = {f"{name}.1": "2027-01-01" if name == "review" else "x" * 40 for name in Reason.model_fields}
    assert signing_pages._reasons([digest], filled).keys() == {digest}
    for lang in ("nl", "en"):
        check_page(browse(f"/{lang}/{PROJECT}/reports/r"), lang, whole=lang == "nl")


@pytest.mark.slow
def test_pages_in_a_browser(browse: Callable[..., Page]) -> None:
    """Delivering by the keyboard alone. What every page is held to is in `test_desk_month`."""
    page = browse(f"/nl/{PROJECT}/deliver")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert "Geleverd voor 1 ronde(s)." in page.inner_text("main")


def test_what_is_wrong_in_a_draft_is_told_at_its_place_while_it_is_typed(
    browse: Callable[..., Page], op: Operation
) -> None:
    """Every complaint with its line, to which it leads; nothing but the desk is asked, and nothing is brought."""
    page = browse(f"/nl/{PROJECT}/draft")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box = page.get_by_label("Het concept (YAML)")
    right = box.input_value()
    wrong = right.replace("title:", "titel:", 1) + "\nextra: 1\n"
    box.fill(wrong)
    page.get_by_text("Dit klopt nog niet, op").wait_for()
    places = page.locator(".places li")
    line = wrong.split("\n").index("extra: 1") + 1
    assert places.count() >= 2
    assert any("titel" in one for one in places.all_inner_texts())
    page.get_by_role("link", name=f"Regel {line}:").click()
    typed = "document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    assert page.evaluate(typed) == "extra: 1"
    page.keyboard.type("# ")
    box.fill(right)
    page.get_by_text("Er is niets mis met dit concept").wait_for()
    page.get_by_text("De afspraken in gewone woorden").wait_for()
    assert {one.split("/")[2] for one in asked} == {page.url.split("/")[2]}
    assert not exchanged(op)


def exchanged(op: Operation) -> list[Path]:
    return list(op.world.home(OWN).project(PROJECT).glob("outgoing/*"))


def test_everything_works_with_scripts_switched_off(op: Operation) -> None:
    """Every page, every link that stands on one, and forms that are filled in and sent; as a browser does it that runs no script."""
    desk, keys = desk_of(op)
    post(client_of(desk, keys), keys, "deliver")
    keys.token = Keys().token
    site = Desk(work_in(Home(op.world.site.folder, "matcher")), Keys(), op.clock, judging)
    with in_chromium(desk, site, scripts=False) as browse:
        for who, pages in enumerate((PAGES, OPERATOR)):
            waiting = {
                f"/nl/{PROJECT}/{path}" for path, changes, _ in pages if not changes and "{" not in path
            }
            seen: set[str] = set()
            while waiting:
                path = waiting.pop()
                page = browse(path, who)
                while page.query_selector("#waits"):
                    page.get_by_role("link", name="Kijk opnieuw").click()
                seen.add(path)
                text = page.content()
                assert text.count("<h1>") == 1, path
                assert "ronde next" not in text, path
                assert "Dit kan nu niet" not in text or path.endswith("/open"), (
                    path
                )  # the round of this week is open
                links = set(re.findall('href="(/nl/[^"]*)"', text)) - seen
                # of entries and rounds one of each
                waiting |= {
                    one
                    for one in links
                    if not re.search(r"/(log|rounds)/", one) or one.endswith(("/log/0", f"/{ROUND}"))
                }
            assert {f"/nl/{PROJECT}/", f"/nl/{PROJECT}/{'log/0' if who == 0 else 'begin'}"} <= seen
        page = browse(f"/nl/{PROJECT}/draft")
        page.get_by_label("Het concept (YAML)").fill("project: [")
        page.get_by_role("button", name="Kijk na").click()
        page.get_by_text("Regel 1:").wait_for()
        assert page.get_by_label("Het concept (YAML)").input_value() == "project: ["
        page.set_viewport_size({"width": 320, "height": 640})
        page.get_by_text("Onderdelen van het project").click()
        page.get_by_role("link", name="Leveren", exact=True).click()
        page.get_by_role("button", name="Ophalen en leveren").click()
        page.get_by_role("status").get_by_text("lever").first.wait_for()
        page = browse(f"/nl/{PROJECT}/open", 1)
        page.get_by_label("Naam van de ronde, zoals 2026-10").fill("extra-1")
        page.get_by_role("button", name="Open deze ronde").click()
        page.get_by_text("het schema heeft één ronde voor").first.wait_for()
        assert page.get_by_label("Naam van de ronde, zoals 2026-10").input_value() == "extra-1", (
            "what was typed stays"
        )
