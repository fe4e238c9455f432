"""Attacks on every page that there is: another site, no mark, names in addresses that lead elsewhere, numbers of people."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import handmade
import pytest
from desks import OWN, SCRIPT, Browser, use
from operation import PROJECT, ROUND, Operation, weekly
from starlette.testclient import TestClient

from lsi_match.desk.app import PAGES
from lsi_match.desk.guard import MARK
from lsi_match.desk.operator_pages import PAGES as OPERATOR
from lsi_match.desk.work import ProjectWork
from lsi_match.partner.home import Home

ELSEWHERE = (
    "%2e%2e",
    "..%2f..%2fkeys%2fsigning.pem",
    "%2fetc%2fpasswd",
    "x" * 3000,
    "%00",
    "'\"<script>",
    "-1",
    "f" * 64,
)
#: Everything that any form has.
FORM = {
    "what": "approve", "read": "yes", "decision": "release", "reason": "x" * 50, "release": "x", "root": "x", "of": "x", "digest": "x" * 20,
    "reference": "ink-1", "person-bsn": handmade.BSNS[0], "draft": "project: {}", "instruction": "x", "mapping": "x", "gap": "yes",
}  # fmt: skip


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    made = weekly(tmp_path_factory.mktemp("attacks") / "one", when_late="proceed")
    made.reconcile()
    use(made)
    Browser(made).post("deliver")
    return made


def operator(op: Operation) -> Browser:
    return Browser(op, home=Home(op.world.site.folder, "matcher"))


def state(op: Operation) -> dict[str, int]:
    """What there is at the party, at the places and at the site."""
    return {
        str(one): one.stat().st_mtime_ns
        for one in op.folder.rglob("*")
        if one.is_file() and not one.name.startswith(("log.sqlite", "log-seen"))
    }


def address(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", value, path)


def test_no_form_does_anything_for_another_site_or_without_the_mark(op: Operation) -> None:
    before = state(op)
    for browser, pages in ((Browser(op), PAGES), (operator(op), OPERATOR)):
        for path, changes, _ in pages:
            if not changes:
                continue
            page = f"/nl/{PROJECT}/{address(path, '0' * 64)}"
            origin = {"origin": browser.keys.origin}
            tries: list[tuple[dict[str, str], dict[str, str]]] = [
                (FORM, origin), (FORM | {MARK: "x"}, origin), (FORM | {MARK: browser.keys.mark}, {}),
                (FORM | {MARK: browser.keys.mark}, {"origin": "http://evil.example"}),
                (FORM | {MARK: browser.keys.mark}, {"origin": "null"}),
            ]  # fmt: skip
            for form, headers in tries:
                answer = browser.client.post(page, data=form, headers=headers)
                assert (answer.status_code, answer.text) == (403, ""), (path, headers)
            assert browser.client.get(page, params={MARK: browser.keys.mark, **FORM}).status_code in (
                200,
                303,
                404,
                405,
                409,
            )
    assert state(op) == before


@pytest.mark.parametrize("value", ELSEWHERE)
def test_a_name_in_an_address_leads_nowhere_else(op: Operation, value: str) -> None:
    before = state(op)
    for browser, pages in ((Browser(op), PAGES), (operator(op), OPERATOR)):
        for path, changes, _ in pages:
            if "{" not in path:
                continue
            page = address(path, value)
            answer = browser.post(page, **FORM) if changes else browser.client.get(f"/nl/{PROJECT}/{page}")
            assert (
                answer.status_code in (403, 404, 405)
                or "wordt nagerekend" in answer.text
                or "nagerekend" in answer.text
            ), page
            assert "PRIVATE KEY" not in answer.text
            assert "<script" not in answer.text.replace(SCRIPT, "")
    assert state(op) == before


def test_what_stands_in_a_form_leads_nowhere_else(op: Operation) -> None:
    own, before = Browser(op), state(op)
    for value in ("../../keys/signing.pem", "/etc/passwd", "", "..", "sha256:" + "0" * 64):
        for page in ("releases", "trust", "check", "draft"):
            answer = own.post(
                page, **{**FORM, "release": value, "root": value, "extract": value, "what": value}
            )
            assert answer.status_code in (404, 409), (page, value)
        assert own.post("access", reference=value, **{"person-bsn": handmade.BSNS[0]}).status_code == 409, (
            value
        )
    assert state(op) == before


def test_nothing_of_a_person_is_in_an_address_a_title_a_file_or_a_message(op: Operation) -> None:
    own, number = Browser(op), handmade.BSNS[1]
    seen: list[Any] = [
        own.post("access", reference="ink-2026-9", **{"person-bsn": number}),
        own.post("access", reference=number, **{"person-bsn": number}),  # a name that is a number is refused
        own.post("access", reference="ink-2026-10", **{"person-bsn": "123456789"}),
        own.client.get(f"/nl/{PROJECT}/access"),
    ]
    assert [one.status_code for one in seen] == [200, 409, 409, 200]
    for answer in seen:
        assert number not in answer.text
        assert "123456789" not in answer.text
        assert number not in str(answer.url)
        assert answer.headers["cache-control"] == "no-store"
    kept = [
        one
        for one in (op.world.home(OWN).folder, op.folder / "work", op.folder / "places")
        for one in one.rglob("*")
    ]
    assert kept
    assert not [one for one in kept if one.is_file() and number.encode() in one.read_bytes()]
    assert not [one for one in kept if number in one.name]
    forms = Path("src/lsi_match/desk/templates").glob("*.html") if Path("src").exists() else ()
    assert all(
        'method="post"' in form for file in forms for form in re.findall(r"<form[^>]*>", file.read_text())
    )


def test_what_another_brings_is_text_on_every_page_of_everybody(op: Operation, tmp_path: Path) -> None:
    """Names, labels, reasons and drafts of others; also where they claim to be somebody else's."""
    made = op.copy(tmp_path / "copy")
    use(made)
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    place = made.folder / "places" / "gemeente" / "in"
    shared = {
        f"{PROJECT}.gemeente.draft.yaml": f"project: {json.dumps(hostile)}\n",
        f"{PROJECT}.gemeente.instruction.md": f"# {hostile}\n\n[klik](javascript:alert(1)) {hostile}\n",
        f"{PROJECT}.gemeente.card.json": json.dumps({"name": hostile}),
        f"{PROJECT}.gemeente.v9.root.json": json.dumps({"payload": hostile}),
        f"{PROJECT}.gemeente.v9.manifest.json": json.dumps({"project": hostile}),
        f"{PROJECT}.gemeente.x.paper.json": hostile,
    }
    for name, text in shared.items():
        (place / name).write_text(text)
        (place.parents[1] / "svb" / "in" / name.replace("gemeente", "svb")).write_bytes(
            b"\xff\xfe\x00" + text.encode()[:9]
        )
    made.reconcile()
    assert [one for one in made.lying(OWN, "out") if "draft.yaml" in one], "it was passed on"
    own = Browser(made)
    own.post("deliver")
    for browser, pages in ((own, PAGES), (operator(made), OPERATOR)):
        assert "Wat vraagt nu uw aandacht?" in browser.home()
        for path, changes, _ in pages:
            if not changes:
                shown = browser.get(address(path, "0"))
                assert "<script" not in shown.replace(SCRIPT, ""), path
                assert "<img" not in shown, path
                assert "javascript:" not in re.sub(r"<textarea.*?</textarea>", "", shown, flags=re.S), path


def test_two_drafts_or_a_second_manifest_are_told_apart(op: Operation, tmp_path: Path) -> None:
    """A manifest that tries to look like another: who brought it, its digest and its project id stand beside it, and a page never
    takes the name for the thing."""
    made = op.copy(tmp_path / "copy")
    use(made)
    made.world.draft["match"]["rationale"] = "Bij twee of meer partijen bekend. Iets anders."
    other = made.world.complete(made.project.manifest().pseudonyms.key_check)
    (made.folder / "places" / "svb" / "in" / f"{PROJECT}.svb.{other.digest[7:23]}.manifest.json").write_bytes(
        other.canonical()
    )
    made.reconcile()
    own = Browser(made)
    own.post("deliver")
    listing = own.get("sign")
    assert made.project.manifest().digest in listing
    assert other.digest in listing
    assert "Gebracht door svb" in listing
    shown = own.get(f"sign/{other.digest[7:]}")
    assert "Dit manifest geldt nu." not in shown
    assert "anders is dan in het manifest dat u eerder tekende" in shown
    assert ROUND


def test_what_stands_in_any_field_or_parameter_of_any_page_leads_nowhere(op: Operation) -> None:
    """Every form with a path in each of its fields in turn, and every page with one in what it reads from its address."""
    before, fields = (
        state(op),
        {
            *FORM,
            "of",
            "extract",
            "selection",
            "role-0",
            "outcome",
            "text",
            "rounds",
            "person-../x",
            "outcome-../x",
        },
    )
    for browser, pages in ((Browser(op), PAGES), (operator(op), OPERATOR)):
        for path, changes, _ in pages:
            page = address(path, ROUND if "round" in path else "0")
            for value in ("../../keys/signing.pem", "/etc/passwd", "\0", "x" * 3000):
                if not changes:
                    answer = browser.client.get(
                        f"/nl/{PROJECT}/{page}", params={"from": value, "live": value}
                    )
                    assert answer.status_code in (200, 404, 409), (page, value)
                elif page not in ("deliver", "cosign"):  # which read none of it
                    answer = browser.post(page, **dict.fromkeys(fields, value))
                    assert answer.status_code in (403, 404, 409), (page, value)
                assert "PRIVATE KEY" not in answer.text
                assert "root:x:" not in answer.text
    assert state(op) == before


ANOTHER_USER = """
import http.client, sys
port, home, host, entrance = sys.argv[1:]
seen = []
for name in ("127.0.0.1", "localhost", host.rpartition(":")[0][1:] + ".localhost", "evil.example"):
    for path in ("/", "/nl/", "/enter/", "/enter/x", "/static/desk.css"):
        asked = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
        asked.request("GET", path, headers={"Host": f"{name}:{port}", "Cookie": "desk=x"})
        answer = asked.getresponse()
        seen.append((answer.status, answer.read()))
assert {*seen} == {(403, b"")}, {*seen}
for file in (entrance, home + "/keys/signing.pem"):
    try:
        open(file)
    except PermissionError:
        continue
    raise AssertionError(file)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be made by root only")
def test_another_user_of_the_machine_is_told_nothing(op: Operation) -> None:
    """Knows the port, guesses names, reads the list of processes and the folder: gets an empty answer, and no file."""
    home = op.world.home(OWN).folder
    command = [sys.executable, "-m", "lsi_match", "desk", str(home), "--no-browser"]
    desk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert desk.stdout
        host, token = re.findall(r"http://([0-9a-f]{16}\.localhost:\d+)/enter/(\S+)", desk.stdout.readline())[
            0
        ]
        entrance = home / "desk.html"
        assert entrance.stat().st_mode & 0o077 == 0
        assert token not in Path(f"/proc/{desk.pid}/cmdline").read_text()
        as_other = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", ANOTHER_USER]
        port = host.rpartition(":")[2]
        subprocess.run([*as_other, port, str(home), host, str(entrance)], check=True, cwd="/")
    finally:
        desk.terminate()
        desk.wait(10)
    assert not entrance.exists()


def test_drafts_of_others_that_are_none_keep_nobody_from_writing(op: Operation, tmp_path: Path) -> None:
    """Two of them, one that cannot be read, one without what a trust root is made of: told, and nothing breaks."""
    made = op.copy(tmp_path / "copy")
    use(made)
    mail = made.folder / "work" / OWN / "in"
    own, name = Browser(made), f"{PROJECT}.gemeente.draft.yaml"
    for files in (
        {name: b"\xff\xfe"},
        {name: b"project: 1\n"},
        {name: b"a: 1\n", f"{PROJECT}.svb.draft.yaml": b"b: 1\n"},
        {name: b"- 1\n"},
    ):
        for file in mail.glob("*.draft.yaml"):
            file.unlink()
        for file_name, data in files.items():
            (mail / file_name).write_bytes(data)
        assert 'name="draft"' in own.get("draft"), files
        for what in ("root", "complete"):
            assert own.post("draft", what=what).status_code == 409, (what, files)
    assert not list(made.world.home(OWN).project(PROJECT).glob("outgoing/*root*"))


def test_a_folder_in_which_something_broke_still_has_its_pages(op: Operation, tmp_path: Path) -> None:
    """Whatever file is gone, damaged or a folder instead: the first page says what is the matter, every page answers."""
    made = op.copy(tmp_path / "copy")
    use(made)
    home = made.world.home(OWN).folder / "projects" / PROJECT
    own, told = Browser(made), set()
    pages = [path for path, changes, _ in PAGES if not changes and "{" not in path]
    for name in (
        "manifest.json",
        "work.yaml",
        "trust/pinned",
        "trust/0001.json",
        "approvals/svb.json",
        "log-seen.lock",
        "log-seen",
    ):
        file = home / name
        kept = file.read_bytes()
        for broken in (file.unlink, lambda file=file: file.write_bytes(b"\xff{"), file.mkdir):
            if broken == file.mkdir:
                file.unlink()
            broken()
            first = own.home()
            assert "Wat vraagt nu uw aandacht?" in first, name
            told |= {name} if "Er is iets mis" in first else set()
            for page in pages:
                answer = own.client.get(f"/nl/{PROJECT}/{page}")
                assert answer.status_code in (200, 404, 409), (name, page)
                assert "fout van het programma" not in answer.text, (name, page)
            if broken != file.unlink:
                shutil.rmtree(file) if file.is_dir() else None
        file.write_bytes(kept)
    assert {"manifest.json", "work.yaml", "trust/pinned"} <= told


def test_what_changes_hands_in_two_windows_at_once_is_told_in_one(op: Operation, tmp_path: Path) -> None:
    made = op.copy(tmp_path / "copy")
    use(made)
    lock = made.world.home(OWN).project(PROJECT) / "exchange.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = Browser(made).post("deliver")
    assert answer.status_code == 409
    assert "in een ander venster" in answer.text
    assert Browser(made).post("deliver").status_code == 200


def test_signs_that_a_browser_would_obey_are_seen(op: Operation, tmp_path: Path) -> None:
    """A work instruction whose order, or a part, is hidden would be read otherwise than it is signed."""
    made = op.copy(tmp_path / "copy")
    use(made)
    file = made.folder / "work" / OWN / "in" / f"{PROJECT}.svb.instruction.md"
    file.write_text("# W\n\nLaat \u202etein\u202c zien\u200b, soms\u2066.\r\n", "utf-8")
    shown = Browser(made).get("draft")
    assert "Laat \ufffdtein\ufffd zien\ufffd, soms\ufffd.\n" in shown
    assert not [sign for sign in shown if unicodedata.category(sign) in ("Cf", "Cc") and sign not in "\n\t"]


def test_an_access_request_names_rounds_as_they_are_called(op: Operation, tmp_path: Path) -> None:
    made = op.copy(tmp_path / "copy")
    use(made)
    own = Browser(made)
    for rounds in ("../../keys", "Q1", " ".join(f"r{number}" for number in range(1001))):
        answer = own.post("access", reference="ink-1", rounds=rounds, **{"person-bsn": handmade.BSNS[0]})
        assert answer.status_code == 409
        assert "zoals 2026-10" in answer.text, rounds[:20]


def test_a_mistake_of_the_program_shows_its_place_and_no_data(
    op: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(self: ProjectWork) -> Any:
        raise KeyError(handmade.BSNS[0])

    own = Browser(op)
    own.keys.token = "again"
    client = TestClient(own.desk.app(), own.keys.origin, raise_server_exceptions=False)
    client.get("/enter/again")
    monkeypatch.setattr(ProjectWork, "tasks", mistaken)
    for page in ("/nl/", f"/nl/{PROJECT}/", f"/nl/{PROJECT}/sign"):
        answer = client.get(page)
        assert "fout van het programma (KeyError in" in answer.text
        assert handmade.BSNS[0] not in answer.text
