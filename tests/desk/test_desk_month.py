"""A month of a project through the pages alone: two partners, an FG and an operator, from draft to destruction. No command is given
but the looks of the site, which its timer gives; it ends as the same month by commands."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import handmade
import pytest
import yaml_out
from desks import Browser, check_pages, in_chromium
from end_state import end_state
from operation import MONDAY, PROJECT, Clock, Operation, days, folders

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.cli.log import judging
from lsi_match.crypto.keys import make_identity
from lsi_match.demo.world import World, reasons_for
from lsi_match.desk.app import Desk
from lsi_match.desk.guard import Keys
from lsi_match.matcher.site.site import Site
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import WorkSettings, set_work
from lsi_match.transport.endpoints import EndpointSettings, set_up

PARTNERS = ("svb", "uwv")
INSTRUCTION = "# Werkinstructie\n\nBekijk iedere casus met twee mensen.\n"
REASON = "Wie ouder is, heeft vaker een laag inkomen; de toeslag is juist daarvoor bedoeld."
ROUND = "2026-06-08"


class Begun(Operation):
    """As an `Operation`, with keys and places only: nothing was agreed."""

    def __post_init__(self) -> None:
        config, extracts = self.folder / "config", self.folder / "extracts"
        draft = handmade.document({name: [handmade.selection()] for name in self.partners})
        draft["project"]["period"] = {"first": "2020-01-01", "last": "2026-07-20"}
        draft["schedule"] |= {
            "opens": "0 6 * * 1",
            "deadline_days": 5,
            "when_late": "proceed",
            "rounds_at_most": 1,
        }
        draft["release"] |= {"keep_days": 12}
        draft["retention"] |= {"log_details_days": 20, "hold_days": 4}
        draft["monitor"] |= {"dimensions": [handmade.dimension()], "hold_on_too_little": True}
        draft["work_instruction"]["digest"] = digest_of_bytes(INSTRUCTION.encode())
        for keyed in (*draft["controllers"].values(), draft["matcher"]):
            del keyed["signing_key"], keyed["encryption_key"]
        del draft["pseudonyms"]["key_check"]
        columns = {name: name for name in handmade.selection()["fields"]}
        yaml_out.write(config / "manifest.yaml", draft)
        for position, name in enumerate(self.partners):
            mapping = {"extract": f"{name}.csv", "record_id": "kenmerk", "columns": columns}
            yaml_out.write(config / "mappings" / f"{name}.yaml", {"selections": {"lijst": mapping}})
            handmade.write_csv(
                extracts / f"{name}.csv", [self._row(name, bsn) for bsn in handmade.BSNS[: 3 + position]]
            )
        self.world = World(self.folder / "world", config, extracts, self.clock)
        Site.make(self.world.site.folder)
        for name in self.partners:
            make_identity(name, self.world.home(name).folder / "keys")
        places = {
            name: json.loads(one.model_dump_json(exclude_none=True)) for name, one in self.places.items()
        }
        yaml_out.write(self.world.site.folder / "projects" / PROJECT / "delivery.yaml", {"partners": places})
        for place in self.places.values():
            set_up(place)


def use(op: Operation, home: Home, place: EndpointSettings, mapping: Path | None = None) -> None:
    """`lsi-match use`, as everybody did once."""
    file = op.folder / f"{home.name}.place.yaml"
    yaml_out.write(file, json.loads(place.model_dump_json(exclude_none=True)))
    extracts = op.world.extracts if mapping else None
    set_work(
        home,
        PROJECT,
        WorkSettings(place=file, folder=op.folder / "work" / home.name, mapping=mapping, extracts=extracts),
    )


def plain(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page).split())


@pytest.mark.slow
def test_a_month_through_the_pages_alone_ends_as_the_month_by_commands(tmp_path: Path) -> None:
    folder = tmp_path / "month"
    op = Begun(folder, PARTNERS, folders(folder, PARTNERS), Clock(MONDAY - days(3)))
    fg = Home(folder / "world" / "fg", "fg")
    make_identity("fg", fg.folder / "keys")
    for name in PARTNERS:
        use(op, op.world.home(name), op.places[name], folder / "config" / "mappings" / f"{name}.yaml")
    use(op, fg, op.places["uwv"])
    uwv, svb, officer = Browser(op, "uwv"), Browser(op, "svb"), Browser(op, home=fg)
    operator = Browser(op, home=Home(op.world.site.folder, "matcher"))
    people = (uwv, svb, officer)

    def look() -> None:
        """Everybody brings and fetches with the button, and the timer of the site looks."""
        from lsi_match.matcher.operate.reconcile import reconcile_begun

        for one in people:
            done = one.post("deliver")
            assert "Dit lukte niet" not in done.text, plain(done.text)
        if (op.world.site.folder / "projects" / PROJECT / "manifest.json").exists():
            op.reconcile()
        else:
            assert not reconcile_begun(op.world.site.begun()[0], op.clock()).troubles
        for one in people:
            one.post("deliver")

    # the leader writes the draft and the work instruction; whoever has keys brings their public half
    draft = (folder / "config" / "manifest.yaml").read_text("utf-8")
    assert "Dit klopt nog niet" in uwv.post("draft", what="check", draft="project: [").text
    assert uwv.post("draft", what="bring", draft="project: [").status_code == 409
    uwv.post("draft", what="instruction", instruction=INSTRUCTION.replace("\n", "\r\n"))
    assert "Concept klaargelegd" in uwv.post("draft", what="bring", draft=draft.replace("\n", "\r\n")).text
    look()
    look()
    assert "Dit concept bracht uwv" in svb.get("draft")
    assert "Vertrouwenslijst gemaakt" in uwv.post("draft", what="root").text
    look()
    page = svb.get("trust")
    (digest,) = set(re.findall(r'name="root" value="sha256:([0-9a-f]{64})"', page))
    look()
    assert uwv.post("trust", what="compare", root=f"sha256:{digest}", digest="0" * 20).status_code == 409
    for one in people:
        typed = f"{digest[:8]} {digest[8:18]}"
        assert "Vergeleken." in one.post("trust", what="compare", root=f"sha256:{digest}", digest=typed).text
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
    for one in (uwv, svb):
        assert (
            "Getekend." in one.post(f"sign/{manifest}", what="approve", read="yes", **{"role-0": "yes"}).text
        )
    look()
    assert operator.post("begin", what="acknowledge", of=f"sha256:{manifest}").status_code == 200
    assert "geldt nu" in operator.post("begin", what="accept", of=f"sha256:{manifest}").text
    look()
    for home in (*(op.world.home(name) for name in PARTNERS), fg):
        assert home.agreed_manifest(PROJECT, op.clock()).digest == f"sha256:{manifest}"

    # a round: opened by the schedule, delivered, held, justified, released
    op.clock.to(MONDAY)
    look()
    look()
    assert "ontvangen" in uwv.get("deliver")
    op.reconcile()
    look()
    assert f"Ronde {ROUND} is aangehouden" in uwv.home()
    assert "aangehouden" in plain(operator.get(""))
    with in_chromium(Desk(uwv.desk.work, Keys(), op.clock, judging)) as browse:
        check_pages(browse, [f"/{{lang}}/{PROJECT}/reports/{ROUND}"])
    for one in (uwv, svb):
        assert "Gerechtvaardigd." in one.post(f"reports/{ROUND}", decision="release", reason=REASON).text
    look()
    op.reconcile()
    look()
    opened = {}
    for one, name in ((uwv, "uwv"), (svb, "svb")):
        shown = one.post("releases", release=f"{PROJECT}.{ROUND}.{name}.release.json").text
        opened[name] = sorted(re.findall(r"<h2>Casus ([0-9-]+)</h2>", shown))
    assert opened["uwv"] == opened["svb"] != [], "a number that is read out is the same at everybody"
    cases = re.findall(r'name="(outcome-[0-9a-f]{32})"', uwv.get(f"cases/{ROUND}"))
    assert "Opgeslagen" in uwv.post(f"cases/{ROUND}", what="save", **{cases[0]: "grounded"}).text
    assert "Geteld." in uwv.post(f"cases/{ROUND}", what="count", **{cases[1]: "not_grounded"}).text
    look()

    # an access request, from number to letter
    asked = uwv.post("access", reference="ink-2026-1", **{"person-bsn": handmade.BSNS[0]})
    assert "Van het nummer is niets bewaard" in asked.text
    assert handmade.BSNS[0] not in asked.text
    look()
    letter = plain(uwv.get("access/ink-2026-1"))
    assert "Ons kenmerk: ink-2026-1" in letter
    assert "Organisatie svb" in letter

    # these pages in a browser, too
    for one, pages in (
        (
            uwv,
            (
                f"sign/{manifest}",
                f"cases/{ROUND}",
                "access",
                "access/ink-2026-1",
                "rounds",
                f"rounds/{ROUND}",
                "draft",
            ),
        ),
        (operator, ("", "begin", "alarms/held", "alarms/log")),
    ):
        again = Desk(one.desk.work, Keys(), op.clock, judging)
        again.opened = one.desk.opened
        with in_chromium(again) as browse:
            check_pages(browse, [f"/{{lang}}/{PROJECT}/{page}" for page in pages])

    # the FG, in three clicks: what happened in the round, and is the log intact?
    op.clock.to(MONDAY + days(1.1))  # the copy of the log comes once a day
    look()
    assert f"/{PROJECT}/log" in officer.get("")
    log = officer.get("log")
    assert "Het logboek klopt:" in log, plain(log)
    assert f"rounds/{ROUND}" in log
    assert "vrijgegeven" in officer.get(f"rounds/{ROUND}")
    assert "klopt" in plain(officer.get("account"))

    # to the end of every term
    for later in (5, 14, 18, 26, 40, 50):
        op.clock.to(MONDAY + days(later))
        op.reconcile()
        look()
    pages = end_state(op)
    assert op.state(ROUND) == "destroyed"
    assert pages["twice"] == []
    commands = by_commands(tmp_path / "commands", op)
    assert stable(pages) == stable(commands)


def stable(found: dict[str, Any]) -> dict[str, Any]:
    """Without how often was co-signed and looked, which a page and a timer do at moments of their own, and what was agreed by hand."""
    left = {name: found[name] for name in ("rounds", "twice", "done", "keys", "subjects", "lying")}
    of_the_log = (".log.sqlite", ".cosigned.tlog-proof", ".papers.json", ".json", ".md", ".yaml", ".age")
    places = {
        side: [one for one in names if ".release" in one or not one.endswith(of_the_log)]
        for side, names in found["places"].items()
    }
    return left | {"places": places}


def by_commands(folder: Path, like: Operation) -> dict[str, Any]:
    """The same month with the functions behind the commands; what was agreed is made by hand."""
    from lsi_match.agreement.justifications import justify
    from lsi_match.monitor.round_findings import checked_findings
    from lsi_match.partner import transfer

    op = Begun(folder, PARTNERS, folders(folder, PARTNERS), Clock(MONDAY - days(3)))
    shutil.rmtree(folder / "world")
    op.world = World(folder / "world", folder / "config", folder / "extracts", op.clock)
    op.world.make_keys()
    manifest = op.world.complete(op.world.make_project_key())
    op.world.agree(manifest, op.world.approve(manifest))
    places = {name: json.loads(one.model_dump_json(exclude_none=True)) for name, one in op.places.items()}
    yaml_out.write(op.project.folder / "delivery.yaml", {"partners": places})
    op.clock.to(MONDAY)
    op.reconcile()
    for name in PARTNERS:
        op.deliver(name, ROUND)
    op.reconcile()
    for name in PARTNERS:
        op.fetch(name)
        report, counts = (
            (folder / "mail" / name / f"{PROJECT}.{ROUND}.{one}.json").read_bytes()
            for one in ("report", "counts")
        )
        found, digest = checked_findings(report, counts, manifest)
        said = reasons_for(found, REASON, op.clock().date()) or REASON
        file = folder / f"{name}.justification.json"
        file.write_bytes(
            justify(manifest, ROUND, digest, op.world.home(name).identity(), "release", said, op.clock())
        )
        transfer.send(op.world.home(name), file, op.places[name])
    op.reconcile()
    for name in PARTNERS:
        assert op.cases(name, ROUND)
        transfer.send(op.world.home(name), None, op.places[name])
    for later in (5, 14, 18, 26, 40, 50):
        op.clock.to(MONDAY + days(later))
        op.reconcile()
        for name in PARTNERS:
            op.fetch(name)
    assert timedelta(0) < op.clock() - MONDAY
    return end_state(op)
