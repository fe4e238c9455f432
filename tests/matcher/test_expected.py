"""Nothing stops silently: what should have happened and did not, and what ends, is told by status, alarms, metrics, notices."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from operation import MONDAY, PARTNERS, PROJECT, ROOT, ROUND, Operation, days, folders, weekly

from lsi_match.agreement import endings
from lsi_match.agreement.approvals import withdraw
from lsi_match.cli import main
from lsi_match.log.events import refused_for
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.expected import ends, next_opening
from lsi_match.matcher.operate.health import status
from lsi_match.matcher.operate.metrics import metrics

pytestmark = pytest.mark.slow


def on(operation: Operation) -> dict[str, str]:
    """Alarm → its text, joined where there are several."""
    found: dict[str, str] = {}
    for one in alarms(operation.project, operation.clock()):
        found[one.name] = f"{found.get(one.name, '')} {one.en}"
    return found


def notices(operation: Operation, partner: str) -> list[str]:
    return [name for name in operation.lying(partner, "out") if name.endswith(".reminder.json")]


def metric(operation: Operation, start: str) -> float | None:
    text = metrics(operation.world.site, operation.clock()).decode()
    found = [float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"lsi_match_{start}")]
    return found[0] if found else None


@pytest.fixture
def shell(operation: Operation, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., Any]:
    """Gives a command to the program at the time of the clock; its exit status and what it printed, as JSON."""
    monkeypatch.setattr("lsi_match.cli.match.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.cli.site.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", operation.clock)

    def give(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        exit_status = main.run([*words[:2], str(operation.world.site.folder), *words[2:], "--json"])
        return exit_status, json.loads(capsys.readouterr().out)

    return give


def root_ends(operation: Operation) -> datetime:
    return operation.project.trust(operation.clock()).current.expires_at


def test_a_trust_root_that_ends_warns_three_times_to_those_who_sign_the_next(operation: Operation) -> None:
    at = root_ends(operation)
    for before, warned in ((60, 60), (31, 60), (30, 30), (7, 7), (1, 7)):
        operation.clock.to(at - days(before) - timedelta(seconds=1))
        operation.reconcile()
        earlier = set(notices(operation, "uwv"))
        operation.clock.to(at - days(before))
        operation.reconcile()
        assert f"holds until {at:%Y-%m-%d %H:%M}" in on(operation)["ends"]
        assert f"{PROJECT}.ends-trust-root-1-{warned}.reminder.json" in notices(operation, "uwv")
        if before == 60:
            assert not [name for name in earlier if "ends-trust-root" in name]
        assert len([name for name in notices(operation, "uwv") if "ends-trust-root" in name]) == 1
    said = [one for one in status(operation.project, operation.clock()).ends if one.what == "trust root"]
    assert [one.at for one in said] == [at]
    assert metric(operation, 'ends_timestamp_seconds{name="1"') == at.timestamp()


def test_a_project_whose_trust_root_ended_says_so_everywhere(
    operation: Operation, shell: Callable[..., Any]
) -> None:
    """After 365 days the project stopped and everything said that it was fine."""
    at = root_ends(operation)
    operation.clock.to(at - timedelta(minutes=1))
    operation.reconcile()
    assert "will not open" in on(operation)["opening"], (
        "before it ends it is known that the next round will not open"
    )
    comes = next_opening(operation.project, operation.clock())
    assert comes is not None
    assert comes.at is not None
    operation.clock.to(comes.at)
    before = metric(operation, 'refusals_total{of="openings"')
    seen = operation.reconcile()
    assert seen.failed
    assert [error.reason for _, error in seen.refused] == ["RootExpiredError"]
    assert metric(operation, 'refusals_total{of="openings"') == (before or 0) + 1
    last = [one for one in operation.project.entries() if refused_for(one)][-1]
    assert last.attributes["exception.type"] == "RootExpiredError"
    assert {"opening", "ends"} <= on(operation).keys()
    exit_status, said = shell("match", "watch", "--clock-is-right")
    assert exit_status == 1
    assert said["projects"][0]["refused"][0]["reason"] == "RootExpiredError"
    exit_status, said = shell("site", "health")
    assert exit_status == 1
    assert {"opening", "ends"} <= {one["name"] for one in said["alarms"]}
    exit_status, said = shell("match", "status", PROJECT)
    assert said["next_opening_refused"]["reason"] == "RootExpiredError"
    assert [name for name in notices(operation, "svb") if "not-open" in name]
    # A new version, and all is well again.
    operation.world.renew_trust()
    operation.reconcile()
    assert not {"opening", "ends"} & on(operation).keys()
    assert not [name for name in notices(operation, "svb") if "open" in name]


def test_every_gate_that_keeps_a_round_from_opening_is_told_before_and_after(operation: Operation) -> None:
    """A withdrawal here; the gates are those of `agreement.gates`, whichever it is."""
    manifest, clock = operation.project.manifest(), operation.clock
    paper = withdraw(manifest, operation.world.home("svb").identity(), "Anders besloten.", clock())
    operation.project.ingest({"svb.withdrawal": paper}, clock())
    assert "withdrew" in on(operation)["opening"]
    clock.to(MONDAY + days(7))
    seen = operation.reconcile()
    assert seen.failed
    assert "withdrew" in on(operation)["opening"]
    assert "should have opened at 2026-06-15 04:00" in on(operation)["opening"]
    size = len(operation.project.entries())
    for minutes in (10, 20, 30):
        clock.to(MONDAY + days(7) + timedelta(minutes=minutes))
        operation.reconcile()
    assert len(operation.project.entries()) == size, "it is logged once a day"
    clock.to(MONDAY + days(8) + timedelta(minutes=1))
    operation.reconcile()
    refused = [one for one in operation.project.entries() if one.name == "gates"]
    assert len(refused) == 2


@pytest.mark.parametrize(
    "gate", ["_plan", "_dpia", "_dpo_advice", "_bounds", "_release", "_manifest", "_instruction"]
)
def test_no_gate_is_forgotten(operation: Operation, monkeypatch: pytest.MonkeyPatch, gate: str) -> None:
    from lsi_match.agreement import gates

    def refuses(*_: object, **__: object) -> None:
        raise gates.GateError("PlanGateError", parts="iets")

    monkeypatch.setattr(gates, gate, refuses)
    assert "opening" in on(operation)
    operation.clock.to(MONDAY + days(7))
    assert operation.reconcile().failed
    assert len(notices(operation, "uwv")) >= 1


def test_a_round_that_should_have_opened_while_nobody_looked(operation: Operation) -> None:
    operation.clock.to(MONDAY + days(7) + timedelta(hours=1))
    assert "opening" not in on(operation)
    operation.clock.to(MONDAY + days(7) + timedelta(hours=1, seconds=1))
    assert "should have opened at 2026-06-15 04:00" in on(operation)["opening"]
    operation.reconcile()
    assert "opening" not in on(operation)


def test_a_round_of_which_the_hour_is_too_long_ago_is_told_until_the_next(tmp_path: Path) -> None:
    op = weekly(tmp_path, opens="0 6 8 * *")
    op.reconcile()
    op.clock.to(datetime(2026, 7, 16, 4, 0, tzinfo=UTC))
    assert op.reconcile().done, "a checkpoint"
    assert "2026-07-08 should have opened" in on(op)["opening"]
    assert "it cannot any more" in on(op)["opening"]
    op.clock.to(datetime(2026, 8, 8, 4, 0, tzinfo=UTC))
    op.reconcile()
    assert "opening" not in on(op)


def test_a_look_that_does_not_come_to_its_end_is_told(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lsi_match.matcher.operate import reconcile

    assert "silent" not in on(operation)
    monkeypatch.setattr(reconcile, "destroy_due", lambda *_: 1 / 0)
    operation.clock.to(MONDAY + timedelta(hours=1, seconds=1))
    with pytest.raises(ZeroDivisionError):
        operation.reconcile()
    assert "nobody looked since 2026-06-08" in on(operation)["silent"]
    monkeypatch.undo()
    operation.reconcile()
    assert "silent" not in on(operation)


def test_a_period_and_rounds_that_run_out_are_told_and_their_end_is_no_alarm(tmp_path: Path) -> None:
    op = weekly(tmp_path, rounds_at_most=2)
    op.reconcile()
    found = {one.what: one.at for one in ends(op.project, op.project.view(), op.clock())}
    assert found["rounds"] == MONDAY + days(14)
    op.clock.to(MONDAY + days(7) - timedelta(hours=1))
    assert "ends" not in on(op)
    op.clock.to(MONDAY + days(7))
    assert "allows rounds until 2026-06-22 04:00" in on(op)["ends"]
    op.reconcile()
    assert next_opening(op.project, op.clock()) is None
    op.clock.to(MONDAY + days(14))
    assert [type(task).__name__ for task, _ in op.reconcile().done] == ["MakeCheckpoint"], (
        "nothing more is opened"
    )
    assert not {"opening", "ends"} & on(op).keys()


def test_a_hold_and_an_unopened_release_warn_whom_they_concern(operation: Operation) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    keep = operation.project.manifest().release.keep_days
    operation.clock.to(MONDAY + days(keep - 7))
    operation.reconcile()
    assert f"{PROJECT}.ends-release-{ROUND}-7.reminder.json" in notices(operation, "uwv")
    assert "ends" not in on(operation), "an operator can do nothing about it"
    operation.fetch("uwv")
    operation.cases("uwv", ROUND)
    from lsi_match.partner import transfer

    transfer.send(operation.world.home("uwv"), None, operation.places["uwv"])
    operation.reconcile()
    assert f"{PROJECT}.ends-release-{ROUND}-7.reminder.json" not in notices(operation, "uwv")
    assert f"{PROJECT}.ends-release-{ROUND}-7.reminder.json" in notices(operation, "svb")


def test_a_dpia_of_three_years_ago_is_told(operation: Operation) -> None:
    found = {one.what: one for one in ends(operation.project, operation.project.view(), operation.clock())}
    assert found["dpia"].at.year == 2029
    assert found["dpia"].days_warned(found["dpia"].at) == 0
    assert found["period"].days_warned(operation.clock()) is None


def test_a_cosignature_made_again_under_an_old_checkpoint_is_none_under_the_new(operation: Operation) -> None:
    """What counts is how far a controller co-signed the log, not when it last signed something."""
    from lsi_match.log.note import COSIGNATURE, VerifierKey, cosign
    from lsi_match.log.store import Log

    home = operation.world.home("uwv")
    with Log.open(operation.project.log_file) as log:
        size, note = log.size, log.checkpoint()
    for day in range(1, 20):
        operation.clock.to(MONDAY + days(day))
        operation.reconcile()
        with Log.open(operation.project.log_file) as log:
            key = home.identity().log_key
            line = cosign(note, key, "uwv", int(operation.clock().timestamp()))
            log.add_cosignature(size, line, VerifierKey.of("uwv", key, COSIGNATURE))
    assert "uwv" in on(operation)["cosignature"]


def test_by_hand_the_gates_are_told_as_well(tmp_path: Path) -> None:
    op = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS))
    op.clock.to(root_ends(op))
    assert "by hand" in on(op)["opening"]


def test_whatever_ends_is_told_in_status_alarms_metrics_and_at_the_places(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, shell: Callable[..., Any]
) -> None:
    """Each kind of `agreement.endings`, 60, 30 and 7 days ahead: one that is added is told as well."""
    from lsi_match.agreement.endings import End
    from lsi_match.base.catalogue import catalogue
    from lsi_match.matcher.operate import expected

    kinds = catalogue(Path(endings.__file__).with_suffix(".toml"))
    now, at = operation.clock(), operation.clock() + days(100)
    all_of_them = [End(what, "een", now, at, ("svb",)) for what in kinds]
    monkeypatch.setattr(expected, "ends_of_agreement", lambda *_: iter(all_of_them))
    for ahead in (60, 30, 7):
        operation.clock.to(at - days(ahead))
        operation.reconcile()
        lying = notices(operation, "svb")
        _, said = shell("match", "status", PROJECT)
        text = metrics(operation.world.site, operation.clock()).decode()
        for one in all_of_them:
            assert f"{PROJECT}.ends-{one.what.replace(' ', '-')}-een-{ahead}.reminder.json" in lying
            assert one.what in {found["what"] for found in said["ends"]}
            assert f'ends_timestamp_seconds{{name="een",project="{PROJECT}",what="{one.what}"' in text
            assert one.text("en") in on(operation)["ends"] or one.what == "release"
        assert not [name for name in notices(operation, "uwv") if "-een-" in name]
    assert set(kinds) == set(re.findall(r"^\| `([a-z ]+)` \|", str(endings.__doc__), re.M))
    page = (ROOT / "docs/nl/alarmen/ends.md").read_text()
    assert all(f"(`{what}`)" in page for what in kinds if what != "release")


def test_a_release_that_waits_for_cosignatures_says_when_it_is_destroyed(tmp_path: Path) -> None:
    made = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS), release={"cosignatures": 3})
    made.run_here("r1")
    found = {one.what: one for one in ends(made.project, made.project.view(), made.clock())}
    keep = days(made.project.manifest().release.keep_days)
    assert found["cosignatures"].at == made.clock() + keep
    assert set(found["cosignatures"].who) == set(PARTNERS)
    assert "release" not in found
    made.clock.to(found["cosignatures"].at)
    assert "cosignatures" not in {one.what for one in ends(made.project, made.project.view(), made.clock())}


def test_what_is_no_fault_of_a_gate_keeps_a_round_from_opening_and_is_told_and_the_rest_is_done(
    operation: Operation,
) -> None:
    operation.clock.to(MONDAY + days(7))
    (operation.project.folder / "rounds" / "2026-06-15").write_text("a file where a folder is to be")
    seen = operation.reconcile()
    assert seen.failed
    assert [type(task).__name__ for task, _ in seen.refused] == ["Open"]
    assert "MakeCheckpoint" in {type(task).__name__ for task, _ in seen.done}
    operation.clock.to(MONDAY + days(7) + timedelta(hours=2))
    assert "should have opened at 2026-06-15" in on(operation)["opening"]


def test_a_partner_is_told_by_what_lies_at_its_own_place(operation: Operation) -> None:
    from lsi_match.partner.deliver import deliver

    def told(at: datetime) -> list[str]:
        operation.clock.to(at)
        found = deliver(
            operation.world.home("uwv"), PROJECT, operation.places["uwv"], operation.world.mapping("uwv"),
            operation.world.extracts, operation.folder / "delivering", at, "en",
        )  # fmt: skip
        return [one for one in found.messages if "Trust root" in one]

    at = root_ends(operation)
    assert told(at - days(61)) == []
    assert "'trust new'" in told(at - days(60))[0]
    assert told(at + days(1))
