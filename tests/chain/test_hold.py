"""A run with an alert releases nothing before every controller justified exactly that report, in time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import logged
import pytest
import yaml_out
from logged import DIGEST
from refusals import raises

from lsi_match.agreement.justifications import justify
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.cli.main import run as command
from lsi_match.demo import town
from lsi_match.demo.world import Case, World, reasons_for
from lsi_match.log import events
from lsi_match.log.events import Event
from lsi_match.log.holds import broken_holds
from lsi_match.matcher.operate.agenda import MakeCheckpoint
from lsi_match.matcher.operate.publish import public_facts
from lsi_match.matcher.operate.reconcile import reconcile
from lsi_match.matcher.operate.upgrade import check
from lsi_match.matcher.round import run as running
from lsi_match.matcher.round.hold import (
    RunHeldError,
    answered_before,
    ingest,
    overdue,
)
from lsi_match.matcher.round.run import Run
from lsi_match.monitor.promises import Effect
from lsi_match.monitor.round_findings import RoundFindings, checked_findings
from lsi_match.partner import transfer
from lsi_match.protocol.documents import Reason
from lsi_match.transport.endpoints import EndpointSettings, set_up

from .conftest import ROUND, Town, copy_of, deliver, run_steps

REASON = "Wie ouder is dan 67 heeft vaker een laag inkomen; de toeslag is juist daarvoor bedoeld."


@pytest.fixture(scope="module")
def held_once(made: Town, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The theme project under the tolerance of its own manifest, held."""
    world = copy_of(made.worlds["samenloop"], tmp_path_factory.mktemp("held"))
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    deliver(world, "held")
    with pytest.raises(RunHeldError):
        run_steps(world, "held")
    return world


@pytest.fixture
def held(held_once: World, tmp_path: Path) -> World:
    return copy_of(held_once, tmp_path)


def report(world: World) -> tuple[dict[str, Any], str]:
    data = world.project.monitor_documents("held")["report.json"]
    return json.loads(data), digest_of_bytes(data)


def paper(
    world: World,
    name: str,
    *,
    decision: Any = "release",
    at: datetime | None = None,
    said: Any = None,
    **other: Any,
) -> bytes:
    members = {"manifest": world.project.manifest(), "round_id": "held", "findings": report(world)[1]} | other
    identity = world.home(name).identity()
    said = said or (reasons(world) if decision == "release" else REASON)
    return justify(**members, identity=identity, decision=decision, said=said, at=at or utc_now())


def reasons(world: World) -> dict[str, Reason]:
    found = RoundFindings.model_validate(report(world)[0])
    return reasons_for(found, REASON, utc_now().date())


def everybody(world: World, **other: Any) -> dict[str, bytes]:
    return {name: paper(world, name, **other) for name in world.controllers}


def log(world: World) -> list[Any]:
    return world.project.entries()


def state(world: World) -> str:
    return world.project.view().rounds["held"].state


def nothing_released(world: World) -> bool:
    return not list(world.project.folder.glob("releases/*/*.json")) and not [
        entry for entry in log(world) if entry.name == "release"
    ]


def test_an_alert_holds_the_run_names_the_criterion_and_keeps_drops_and_key(held: World) -> None:
    assert nothing_released(held)
    assert "toeslagen.toeslag.inkomen" in {
        alert.stage for alert in RoundFindings.model_validate(report(held)[0]).alerts
    }
    assert (held.project.round_folder("held") / "round.key").exists()
    assert len(list(held.project.folder.glob("received/*/samenloop.held.*.drop.json"))) == len(held.partners)
    last = log(held)[-1]
    assert (last.name, last.status, last.attributes["lsi.findings"]) == ("hold", "Ok", report(held)[1])
    assert state(held) == "held"


def test_it_is_released_when_all_have_justified_and_not_one_sooner(held: World, expected: set[Case]) -> None:
    papers = everybody(held)
    last = papers.popitem()
    ingest(held.project, "held", papers, utc_now())
    with pytest.raises(RunHeldError) as still:
        run_steps(held, "held")
    assert f"Nog niet van: {last[0]}." in still.value.text("nl")
    assert nothing_released(held)
    assert public_facts(held.project, utc_now()).waited_for == {}, "as long as controllers judge it"
    ingest(held.project, "held", dict([last]), utc_now())
    run_steps(held, "held")
    assert public_facts(held.project, utc_now()).waited_for == {"Leeftijd op 31 december: 67 of ouder": 1}
    assert held.found_cases("held") == expected
    assert broken_holds(held.project.view()) == []
    assert state(held) == "destroyed"


def test_the_step_release_alone_releases_nothing(held: World) -> None:
    run = Run(held.project, "held", utc_now)
    with pytest.raises(RuntimeError):
        run.release()
    run.close()
    assert nothing_released(held)


def test_one_controller_that_signs_twice_counts_once(held: World) -> None:
    first = held.controllers[0]
    papers = {f"paper-{i}": paper(held, first, at=utc_now() - timedelta(seconds=i)) for i in range(9)}
    assert set(ingest(held.project, "held", papers, utc_now())) == {first}
    with pytest.raises(RunHeldError):
        run_steps(held, "held")


def about_another_manifest(world: World) -> bytes:
    draft = world.draft["monitor"]
    draft["tolerance"] = 5
    return paper(world, "uwv", manifest=world.complete(world.project.manifest().pseudonyms.key_check))


def signed_by_another(world: World) -> bytes:
    """The paper of one controller under the name of another."""
    posing = replace(world.home("svb").identity(), name="uwv")
    return justify(
        world.project.manifest(), "held", report(world)[1], posing, "release", reasons(world), utc_now()
    )


FALSE: list[tuple[Callable[[World], bytes], str]] = [
    (lambda w: paper(w, "uwv", findings="sha256:" + "0" * 64), "JustificationInvalidError"),
    (lambda w: paper(w, "uwv", round_id="other"), "JustificationInvalidError"),
    (about_another_manifest, "JustificationInvalidError"),
    (lambda w: paper(w, "uwv", at=utc_now() + timedelta(days=1)), "JustificationInvalidError"),
    (signed_by_another, "SignatureMissingError"),
    (lambda w: paper(w, "uwv", said=REASON), "JustificationInvalidError"),
    (lambda w: paper(w, "uwv", said={DIGEST: next(iter(reasons(w).values()))}), "JustificationInvalidError"),
]


@pytest.mark.parametrize(
    ("make", "reason"),
    FALSE,
    ids=["report", "round", "manifest", "future", "signer", "one for all", "passed over"],
)
def test_a_justification_of_anything_else_is_refused_and_not_logged(
    held: World, make: Callable[[World], bytes], reason: str
) -> None:
    false = make(held)
    with raises(reason):
        ingest(held.project, "held", {**everybody(held), "uwv": false}, utc_now())
    assert "justify" not in [entry.name for entry in log(held)]
    with pytest.raises(RunHeldError):
        run_steps(held, "held")


def test_papers_that_were_laid_there_without_the_log_do_not_count(held: World) -> None:
    for data in everybody(held).values():
        held.project.keep(data)
    with pytest.raises(RunHeldError):
        run_steps(held, "held")
    assert nothing_released(held)


def test_a_report_that_comes_out_otherwise_releases_nothing(
    held: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(held.project, "held", everybody(held), utc_now())
    honest = running.counts_table

    def shifted(*arguments: Any) -> Any:
        table = honest(*arguments)
        assert table is not None
        return table.model_copy(update={"title": "another"})

    justified = report(held)[1]
    monkeypatch.setattr(running, "counts_table", shifted)
    with raises("ReportChangedError"):
        run_steps(held, "held")
    assert nothing_released(held)
    # What 'monitor report' shows is what the round is held for, so what can be justified.
    hold = held.project.view().rounds["held"].hold
    assert hold is not None
    assert report(held)[1] == hold.findings == justified
    checked_findings(*held.project.monitor_documents("held").values(), held.project.manifest())


def test_when_one_asks_for_another_manifest_the_round_is_destroyed(held: World) -> None:
    papers = everybody(held) | {"svb": paper(held, "svb", decision="change")}
    ingest(held.project, "held", papers, utc_now())
    with raises("ManifestToChangeError"):
        run_steps(held, "held")
    assert nothing_released(held)
    assert not (held.project.round_folder("held") / "round.key").exists()
    assert not list(held.project.folder.glob("*/*/samenloop.held.*.age"))
    assert state(held) == "abandoned"


def test_a_look_ends_a_round_of_which_one_asks_for_another_manifest_and_nothing_failed(held: World) -> None:
    papers = everybody(held) | {"svb": paper(held, "svb", decision="change")}
    ingest(held.project, "held", papers, utc_now())

    def no_run(*_: object) -> dict[str, object]:
        raise AssertionError("it is over")

    seen = reconcile(held.project, utc_now, no_run, clock_is_right=True)
    assert [(one.kind, one.name) for one in seen.destroyed.done] == [("hold", "held")]
    assert not seen.failed
    assert nothing_released(held)
    assert state(held) == "abandoned"


def test_after_the_term_it_is_destroyed_even_when_all_have_justified(held: World) -> None:
    ingest(held.project, "held", everybody(held), utc_now())
    late = utc_now() + timedelta(days=held.project.manifest().retention.hold_days, seconds=5)
    assert overdue(held.project.view(), utc_now()) == []
    assert [one.name for one in overdue(held.project.view(), late)] == ["held"]
    run = Run(held.project, "held", lambda: late)
    with raises("HoldExpiredError"):
        run.gates()
    run.close()
    assert nothing_released(held)
    assert not (held.project.round_folder("held") / "round.key").exists()
    assert overdue(held.project.view(), late) == []


def test_an_upgrade_tells_which_rounds_wait_on_a_report_of_the_version_before(held: World) -> None:
    def waiting() -> list[str]:
        return [one.name for one in check(held.site, utc_now()) if one.what == "held"]

    assert waiting() == ["held"]
    held.justify("held", REASON)
    run_steps(held, "held")
    assert waiting() == []


def test_a_round_that_is_not_held_takes_no_justification(world: World) -> None:
    with raises("RoundNotHeldError"):
        ingest(world.project, ROUND, {}, utc_now())


def test_a_report_that_does_not_follow_from_its_counts_is_not_signed(held: World, tmp_path: Path) -> None:
    documents = held.project.monitor_documents("held")
    manifest = held.project.manifest()
    told, digest = checked_findings(documents["report.json"], documents["counts.json"], manifest)
    assert (told.round, digest) == ("held", report(held)[1])
    softened = json.loads(documents["report.json"])
    softened["findings"]["findings"] = []
    for false, counts in (
        (json.dumps(softened).encode(), documents["counts.json"]),
        (documents["report.json"], documents["counts.json"].replace(b"1.25", b"1.75")),
        (b"no json", documents["counts.json"]),
    ):
        with raises("ReportNotOfCountsError"):
            checked_findings(false, counts, manifest)


def test_the_commands_take_a_held_round_to_its_release(
    held: World, tmp_path: Path, expected: set[Case], capsys: pytest.CaptureFixture[str]
) -> None:
    site, manifest = str(held.site.folder), str(held.project.folder / "manifest.json")
    assert command(["match", "run", site, "samenloop", "held", "--json"]) == 1
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["state"], outcome["reason"]) == ("held", "RunHeldError")
    assert command(["monitor", "report", site, "samenloop", "held", "--to", str(tmp_path / "r")]) == 0
    name, *others = held.controllers
    answers, papers, home = tmp_path / "answers.yaml", tmp_path / "papers", str(held.folder / name)
    justify = ["monitor", "justify", manifest, name, home, "--out", str(papers)]
    justify += [
        "--report",
        str(tmp_path / "r" / "report.json"),
        "--counts",
        str(tmp_path / "r" / "counts.json"),
    ]
    assert command([*justify, "--reason", REASON]) == 2, "one text does not justify every difference"
    justify += ["--reasons", str(answers)]
    assert command(justify) == 0
    assert not (papers / f"{name}.justification.json").exists()
    draft = answers.read_text("utf-8")
    assert set(read_yaml(draft, "draft")) == set(reasons(held))
    assert re.search(r"zonder “inkomen” [\d,]+ keer in plaats van [\d,]+ keer, en [\d.]+ records meer", draft)
    assert re.search(r"zonder wat toeslagen levert (ongeveer|hoogstens) \d+ casussen minder", draft)
    assert command(justify) == 1, "it is not filled in yet"
    said = {digest: one.model_dump(mode="json") for digest, one in reasons(held).items()}
    same = next(iter(said.values()))
    yaml_out.write(answers, {digest: dict(same) for digest in (*said, DIGEST)})
    capsys.readouterr()
    assert command([*justify, "--lang", "en"]) == 1, "one answer does not justify every difference"
    assert "every difference needs an answer of its own" in capsys.readouterr().err
    assert not (papers / f"{name}.justification.json").exists()
    yaml_out.write(answers, said)
    assert command(justify) == 0
    for other in others:
        (papers / f"{other}.justification.json").write_bytes(paper(held, other))
    assert command(["match", "justify", site, "samenloop", "held", str(tmp_path / "papers")]) == 0
    assert command(["match", "run", site, "samenloop", "held"]) == 0
    assert held.found_cases("held") == expected


def test_the_next_report_opens_with_whether_what_was_promised_worked(held: World, tmp_path: Path) -> None:
    held.open_round("beside", town.REFERENCE_DATE.isoformat())
    ingest(held.project, "held", everybody(held), utc_now())
    run_steps(held, "held")
    deliver(held, "next")
    with pytest.raises(RunHeldError):
        run_steps(held, "next")
    documents = held.project.monitor_documents("next")
    found, _ = checked_findings(documents["report.json"], documents["counts.json"], held.project.manifest())
    first = RoundFindings.model_validate(report(held)[0])
    assert {one.difference for one in found.promises} == set(first.differences)
    assert all(one.said.keys() == set(held.controllers) for one in found.promises)
    # The same people: nothing was done, and that is what it says.
    assert {one.effect for one in found.followed} == {Effect.STILL}
    to = tmp_path / "r"
    assert command(["monitor", "report", str(held.site.folder), "samenloop", "next", "--to", str(to)]) == 0
    page = (to / "report.md").read_text("utf-8")
    assert "## Heeft gewerkt wat was toegezegd?" in page.partition("## In het kort")[0]
    assert "Nee: het verschil is nog te groot" in page
    assert "over een half jaar kijken de organisaties" in page
    # Tried again it is the same report: what was opened before the hold ended is told nothing of it, then or later.
    view = held.project.view()
    assert answered_before(held.project, view, view.rounds["beside"]) is None


def test_no_group_cell_stands_in_any_release(held: World) -> None:
    ingest(held.project, "held", everybody(held), utc_now())
    run_steps(held, "held")
    for partner in held.partners:
        columns = held.open(partner, "held").columns
        assert not [column for column in columns if column in ("group", "cell")]
        assert not {"tot_27", "tot_45", "tot_67", "vanaf_67"} & {
            value for row in held.open(partner, "held").iter_rows() for value in row if isinstance(value, str)
        }


def some(*names: str, decision: Any = "release", findings: str = DIGEST) -> list[Event]:
    """Events of a log as somebody could write them who skips a step."""
    made: dict[str, Event] = {
        "count": logged.counted("r", alerts=1),
        "hold": logged.held("r", "uwv", "svb"),
        "release": events.Released(round="r", cases=1),
        "match": events.Matched(round="r", cases=1, subjects=DIGEST),
    }
    for name in ("uwv", "svb"):
        made[f"justify-{name}"] = events.Justified(
            round="r", findings=findings, papers={name: DIGEST}, decisions={name: decision}
        )
    return [made[name] for name in names]


def broken(*events_: Event) -> int:
    """How many problems the rule finds in a round with these events."""
    start = logged.run("r")[:-1]
    return len(broken_holds(logged.view_of([logged.opened("r"), *start, *events_])))


def test_the_verifier_knows_that_a_held_round_needs_every_justification() -> None:
    whole = ("count", "hold", "justify-uwv", "justify-svb", "match", "count", "release")
    assert broken(*some(*whole)) == 0
    for without in ("justify-uwv", "justify-svb", "hold"):
        assert broken(*some(*(name for name in whole if name != without))) == 1
    late = some("count", "hold", "match", "release", "justify-uwv", "justify-svb")
    assert broken(*late) == 1
    other = some("justify-svb", findings="sha256:" + "1" * 64)
    assert broken(*some("count", "hold", "justify-uwv"), *other, *some("match", "release")) == 1
    changed = some("justify-svb", decision="change")
    assert broken(*some(*whole[:4]), *changed, *some("match", "release")) == 1


def test_the_report_lies_at_the_places_and_justifications_come_back_from_there(
    held: World, tmp_path: Path, expected: set[Case]
) -> None:
    names = list(held.partners)
    places = {name: EndpointSettings(url=str(tmp_path / "places" / name)) for name in names}
    for place in places.values():
        set_up(place)
    text = "".join(f"  {name}: {{url: {place.url}}}\n" for name, place in places.items())
    (held.project.folder / "delivery.yaml").write_text(f"partners:\n{text}")

    def look() -> list[str]:
        seen = reconcile(held.project, utc_now, lambda p, r: {"state": "not now"})
        assert seen.troubles == []
        return [type(task).__name__ for task, _ in seen.done if not isinstance(task, MakeCheckpoint)]

    assert look() == []
    for name in names:
        transfer.fetch(places[name], tmp_path / "mail" / name)
        mail = tmp_path / "mail" / name
        found, digest = checked_findings(
            (mail / "samenloop.held.report.json").read_bytes(),
            (mail / "samenloop.held.counts.json").read_bytes(),
            held.project.manifest(),
        )
        assert (found.round, digest) == ("held", report(held)[1])
    for name in names:
        file = tmp_path / f"{name}.justification.json"
        file.write_bytes(paper(held, name))
        transfer.send(held.home(name), file, places[name])
    assert look() == ["ReleaseHeld"]
    said = [entry for entry in log(held) if entry.name == "justify"]
    assert len(said) == len(names)
    for name in names:  # the same paper twice is one
        transfer.send(held.home(name), tmp_path / f"{name}.justification.json", places[name])
    look()
    assert len([entry for entry in log(held) if entry.name == "justify"]) == len(names)
    run_steps(held, "held")
    assert held.found_cases("held") == expected
    look()
    assert not any("report.json" in file.name for file in (tmp_path / "places" / names[0] / "out").iterdir())
