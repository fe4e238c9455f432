"""What stands in an entry: by the standard, by the page about the log, and in one trace from prepare to open."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import jsonschema
import pytest
from operation import PROJECT, Operation, days, folders

from lsi_match.base.errors import LsiError
from lsi_match.log.activities import register
from lsi_match.log.entry import FOREIGN_PROCESSOR, LogEntry
from lsi_match.log.export import beside_standard, standard_entry
from lsi_match.log.steps import Step
from lsi_match.matcher.operate.reconcile import reconcile
from lsi_match.matcher.operate.retention import destroy_due
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.round.opened_notices import ingest_opened_notices
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.subjects.access_answers import answer
from lsi_match.partner.access.request import make_request
from lsi_match.partner.release.open import open_release
from lsi_match.partner.release.opened_notice import unsent
from lsi_match.protocol.documents import DropDescriptor, ReleaseDescriptor

ROOT = Path(__file__).parents[2]
ATTRIBUTES = ROOT.parent / "shared" / "reference" / "ldv" / "attributes.schema.json"
PARTNERS = ("gemeente", "svb")


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """A round that was opened, and later expired; with a refused drop, an opening and an access request."""
    folder = tmp_path_factory.mktemp("entries")
    made = Operation(folder, PARTNERS, folders(folder, PARTNERS), schedule={"remind_days": [1]})
    stranger = made.project.folder / "inbox" / "stranger"
    stranger.mkdir()
    (stranger / "x.drop.json").write_text("{}")
    made.run_here("r1")
    home = made.world.home("svb")
    open_release(home, made.world.release_file("svb", "r1"), PROJECT, made.clock())
    ingest_opened_notices(made.project, {f.name: f.read_bytes() for f in unsent(home)}, made.clock())
    answer(
        made.project, make_request(home, PROJECT, {"bsn": "999990019"}, "a", (), made.clock()), made.clock()
    )
    made.clock.to(made.clock() + days(4000))
    reconcile(made.project, made.clock, lambda *_: {"state": "broken"})
    return made


def of(op: Operation, step: Step) -> list[LogEntry]:
    return [entry for entry in op.project.entries() if entry.name == step.value]


# the standard


@pytest.mark.skipif(not ATTRIBUTES.exists(), reason="the schema of the standard is not beside the checkout")
def test_attributes_are_those_of_the_logboek_dataverwerkingen(op: Operation) -> None:
    schema = json.loads(ATTRIBUTES.read_text())
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for entry in op.project.entries():
        told = standard_entry(entry)["attributes"]
        checker.validate(told)
        assert {name for name in entry.attributes if name.startswith("dpl.")} <= set(schema["properties"])
        assert {name for name in told if not name.startswith("dpl.")} <= {
            "exception.type",
            "exception.message",
        }
        assert str(entry.attributes["dpl.core.processing_activity_id"]).startswith("https://")
        assert "dpl.core.data_subject_id" not in entry.attributes


def test_no_member_or_attribute_names_who_sat_at_the_keyboard_or_a_person(op: Operation) -> None:
    members = {
        "trace_id",
        "span_id",
        "parent_span_id",
        "status",
        "name",
        "start_time",
        "end_time",
        "resource",
    }
    for entry in op.project.entries():
        assert set(entry.model_dump()) == members | {"attributes", "details_hash"}
        assert set(entry.resource) == {"service.name", "service.version", "lsi.party"}


def test_what_is_refused_is_no_error_and_what_is_ours_stands_beside_the_standard(op: Operation) -> None:
    refused = [entry for entry in op.project.entries() if "exception.type" in entry.attributes]
    assert {(entry.name, entry.status) for entry in refused} == {("intake", "Unset")}
    for entry in op.project.entries():
        told, ours = standard_entry(entry), beside_standard(0, entry)
        assert told["resource"]["attributes"].keys() == {"service.name", "service.version"}
        assert not [name for name in (*told["attributes"], *told["resource"]["attributes"]) if "lsi." in name]
        assert not [name for name in ours if not name.startswith("lsi.")]
        assert entry.attributes.items() <= (told["attributes"] | ours).items()


def test_what_is_outside_rounds_is_a_trace_of_its_own(op: Operation) -> None:
    outside = [entry.trace_id for entry in op.project.entries() if "lsi.round" not in entry.attributes]
    assert len(outside) > 4
    assert len(set(outside)) == len(outside)


# the page about the log


def _columns(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def attributes_on_the_page() -> dict[str, re.Pattern[str]]:
    """Step → what its attributes can be called, by the table of steps."""
    page = (ROOT / "docs" / "log.md").read_text()
    table = page.split("## Steps")[1].split("\n## ")[0]
    found: dict[str, re.Pattern[str]] = {}
    names: list[str] = []
    for row in table.splitlines():
        if row.startswith("| `"):
            step, _, _, told = _columns(row)
            names = names if told == "the same" else re.findall(r"`([a-z_.<>]+)`", told)
            patterns = [re.sub(r"<[a-z]+>", "[a-z0-9_-]+", re.escape(name)) for name in ["round", *names]]
            found[step.strip("`")] = re.compile("|".join(patterns))
    return found


def test_every_attribute_stands_in_the_table_of_steps(op: Operation) -> None:
    on_page = attributes_on_the_page()
    unknown = {
        (entry.name, name)
        for entry in op.project.entries()
        for name in entry.attributes
        if name.startswith("lsi.")
        and name != "lsi.manifest"
        and not on_page[entry.name].fullmatch(name.removeprefix("lsi."))
    }
    assert unknown == set()
    seen = {entry.name for entry in op.project.entries()}
    assert len(seen) >= 15, "too few steps to say something"


def test_every_member_and_every_other_attribute_stands_in_the_table_of_members(op: Operation) -> None:
    page = (ROOT / "docs" / "log.md").read_text().split("## Members of an entry")[1].split("\n## ")[0]
    for entry in op.project.entries():
        for name in (*entry.model_dump(), *entry.resource, *entry.attributes):
            if not name.startswith("lsi.") or name in ("lsi.manifest", "lsi.party"):
                assert f"`{name}`" in page, name


# one trace


def test_one_trace_runs_from_the_opening_over_prepare_and_release_to_open(op: Operation) -> None:
    opened = of(op, Step.OPEN_ROUND)[0]
    mine = [e for e in op.project.entries() if e.attributes.get("lsi.round") == "r1"]
    assert {entry.trace_id for entry in mine} == {opened.trace_id}
    spans = [entry.span_id for entry in op.project.entries()]
    assert len(set(spans)) == len(spans)
    outside = {e.parent_span_id for e in mine if FOREIGN_PROCESSOR in e.attributes}
    for entry in mine:
        if entry != opened:
            assert entry.parent_span_id in {opened.span_id, *outside}
    drops = {str(e.attributes["lsi.drop"]): e for e in of(op, Step.INTAKE) if e.status == "Ok"}
    assert len(drops) == len(PARTNERS)
    for digest, entry in drops.items():
        payload = _payload(op, digest)
        descriptor = DropDescriptor.model_validate(payload)
        assert entry.parent_span_id == descriptor.span_id
        assert entry.attributes["lsi.partner"] == descriptor.partner
        assert str(entry.attributes[FOREIGN_PROCESSOR]).endswith(f"#party-{descriptor.partner}")
    (notice,) = of(op, Step.OPENED)
    assert notice.parent_span_id not in {None, *spans}
    assert str(notice.attributes[FOREIGN_PROCESSOR]).endswith("#party-svb")


def _payload(op: Operation, digest: str) -> dict[str, object]:
    envelope = json.loads(op.project.kept(digest))
    found: dict[str, object] = json.loads(base64.b64decode(envelope["payload"]))
    return found


def test_the_span_of_the_release_is_in_what_every_partner_receives(tmp_path: Path) -> None:
    made = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS))
    made.run_here("r1")
    (release,) = of(made, Step.RELEASE)
    for name in PARTNERS:
        envelope = json.loads(made.world.release_file(name, "r1").read_bytes())
        told = ReleaseDescriptor.model_validate_json(base64.b64decode(envelope["payload"]))
        assert told.span_id == release.span_id


def test_addresses_of_parties_stand_in_the_register(op: Operation) -> None:
    parties = set(register(op.project.manifest())["parties"].values())
    named = {
        e.attributes[FOREIGN_PROCESSOR] for e in op.project.entries() if FOREIGN_PROCESSOR in e.attributes
    }
    assert named
    assert named <= parties


# what counts, also when nothing came of it


def test_a_gate_that_keeps_a_round_from_being_opened_is_logged_once(op: Operation, tmp_path: Path) -> None:
    made = op.copy(tmp_path / "op")
    made.clock.to(made.clock() + days(40_000))
    before = len(made.project.entries())
    for _ in range(3):
        with pytest.raises(LsiError):
            open_round(made.project, "r9", None, made.clock())
    new = made.project.entries()[before:]
    assert [(e.name, e.status, e.attributes["lsi.round"]) for e in new] == [("gates", "Unset", "r9")]
    assert "r9" not in made.project.view().rounds


def test_a_destruction_that_broke_off_is_told_by_the_log(
    op: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Operation(tmp_path, PARTNERS, folders(tmp_path, PARTNERS))
    made.world.open_round("r1")
    run = Run(made.project, "r1", made.clock)
    with monkeypatch.context() as broken:
        broken.setattr(
            "lsi_match.matcher.round.run.destroy", lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            run.destroy()
    assert [e.status for e in of(made, Step.DESTROY)] == ["Unset"]
    assert not run.ended
    assert made.state("r1") == "open"
    run.destroy()
    run.close()
    assert [e.status for e in of(made, Step.DESTROY)] == ["Unset", "Unset", "Ok"]
    assert made.state("r1") == "abandoned"


def test_removed_releases_and_files_of_subjects_have_a_proof_too(op: Operation) -> None:
    proofs = {file.name for file in (op.project.folder / "proofs").glob("*")}
    expected = {f"{PROJECT}.r1.destroy", f"{PROJECT}.r1.destroy-subjects"}
    expected |= {f"{PROJECT}.r1.{name}.expire" for name in PARTNERS}
    assert proofs == {f"{name}.tlog-proof" for name in expected}
    assert destroy_due(op.project, op.clock).done == []
