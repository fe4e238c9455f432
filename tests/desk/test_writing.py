"""What is written on the desk: what an organisation makes public, and a round that is opened by hand; without scripts as well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml_out
from desks import OWN, SCRIPT, Browser, use
from operation import PROJECT, Operation, days, weekly

from lsi_match.agreement.approvals import read_agreement
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.partner.home import Home
from lsi_match.protocol.publication import Sheet

SAID = "Wij vergelijken gegevens, en iedere casus wordt door een mens bekeken voordat er iets gebeurt."
SHEET = {
    "contact": "vragen@uwv.example", "category": "impactful", "rights": SAID,
    "laws": [{"title": "Wet SUWI, artikel 64", "address": "https://wetten.overheid.nl/BWBR0013060"}],
    "assessments": [{"title": "DPIA", "not_public": "Zij zegt hoe wij fouten opsporen."}],
    "shared": {"what": SAID, "happens": SAID, "human": SAID, "risks": SAID},
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    op = weekly(tmp_path_factory.mktemp("writing") / "one", when_late="proceed")
    use(op)
    return op


def written(tmp_path: Path, **said: object) -> str:
    file = tmp_path / "sheet.yaml"
    yaml_out.write(file, SHEET | said)
    return file.read_text("utf-8")


def test_what_is_made_public_is_written_signed_and_brought_on_the_desk(op: Operation, tmp_path: Path) -> None:
    op.reconcile()
    own = Browser(op)
    form = own.get("public")
    assert SCRIPT in form
    assert "lijst.lopend: {show: full}" in form, "every criterion of its own is named in the form to fill in"
    assert "Regel" in form, "and all that is empty is told with its line"
    sheet = written(tmp_path, criteria={"lijst.lopend": {"show": "full"}})
    assert "Er is niets mis" in own.post("public", what="check", sheet=sheet).text
    for wrong in ("contact: [", written(tmp_path), sheet.replace("uwv.example", "uwv.example\nextra: 1")):
        refused = own.post("public", what="sign", sheet=wrong.replace("\n", "\r\n"))
        assert refused.status_code == 409
        assert wrong.splitlines()[0] in refused.text, "what was typed stays"
    assert not own.desk.work.project(PROJECT, op.clock()).exchange.unsent()  # type: ignore[union-attr]
    assert "Getekend." in own.post("public", what="sign", sheet=sheet).text
    own.post("deliver")
    op.reconcile()
    manifest = op.project.manifest()
    agreed = read_agreement(manifest, op.project.papers(), op.clock(), op.project.trust(op.clock()))
    assert agreed.publications[OWN].sheet == parse_yaml(sheet, "x", Sheet)
    assert "tekende op" in own.get("public")
    assert "vragen@uwv.example" in own.get("public"), "one goes on from what was signed last"


def test_the_public_pages_are_written_from_the_own_copy_and_at_the_site(op: Operation) -> None:
    op.reconcile()
    own = Browser(op)
    assert own.post("public", what="write").status_code == 404, "there is no copy of the log yet"
    own.post("deliver")
    op.clock.to(op.clock() + days(1.1))
    op.reconcile()
    own.post("deliver")
    assert "Geschreven." in own.post("public", what="write").text
    operator = Browser(op, home=Home(op.world.site.folder, "matcher"))
    assert "Geschreven." in operator.post("public", what="write").text
    for folder in (op.folder / "work" / OWN / "public", op.world.site.folder / "public"):
        assert "Proef" in (folder / "index.html").read_text("utf-8")
        assert not [one for one in folder.rglob("*") if one.stat().st_mode & 0o077 and one.suffix == ".key"]


def test_a_round_is_opened_by_hand_on_the_desk(op: Operation) -> None:
    operator = Browser(op, home=Home(op.world.site.folder, "matcher"))
    assert "De volgende gaat open op" in operator.get("open")
    for name, day in (
        ("../x", ""),
        ("", ""),
        ("A", ""),
        ("x" * 50, ""),
        ("extra", "gisteren"),
        ("extra", "2026-13-40"),
    ):
        refused = operator.post("open", round=name, day=day)
        assert refused.status_code == 409, (name, day)
        assert not list((op.project.folder / "rounds").glob("*extra*")), (name, day)
    done = operator.post("open", round="extra-1", day="2026-06-01").text
    assert "Ronde extra-1 is open." in done
    assert op.state("extra-1") == "open"
    assert operator.post("open", round="extra-1").status_code == 409
    opened = op.project.view().round("extra-1")
    assert opened
    assert opened.manifest == op.project.manifest().digest
    op.reconcile()
    Browser(op).post("deliver")
    assert re.search(r"extra-1: gebracht", Browser(op).get("deliver"))
