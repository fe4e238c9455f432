"""A statistics partner delivers groups of a whole population, to count by and for nothing else: what is counted, what holds a
round, what is refused, and that nothing of its people comes out."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml_out
from handmade import PARTNERS, dimension, document, selection, write_csv
from manifest.test_statistics import NAME, with_bureau
from operation import Clock
from refusals import raises

from lsi_match.base.errors import LsiError
from lsi_match.demo.world import World
from lsi_match.library.judging import judging
from lsi_match.log.policy import log_keys
from lsi_match.log.verify import verify_log
from lsi_match.matcher.round.hold import RunHeldError
from lsi_match.matcher.subjects.access_answers import rounds_about
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.monitor.table import CountsTable
from lsi_match.partner.select import RECORD_ID
from lsi_match.protocol.columns import CASE, GROUP, SELECTION
from lsi_match.reports.monitor_report import report

from .conftest import run_steps
from .test_access import asked
from .test_refused_drops import received, refusals, rewrite

ROUND = "r1"
#: `one`: a number is the whole story. `linked`: what SVB has are other numbers, and the municipality knows both.
KINDS = {"one": ("bsn",), "linked": ("bsn", "v_number")}


def bsns(count: int) -> list[str]:
    """The first numbers that pass the eleven test."""
    weights, found, number = (9, 8, 7, 6, 5, 4, 3, 2, -1), list[str](), 100_000_000
    while len(found) < count:
        number += 1
        if sum(int(d) * w for d, w in zip(str(number), weights, strict=True)) % 11 == 0:
            found.append(str(number))
    return found


PEOPLE = bsns(400)
#: Whom does who know; and where is who born, as the bureau knows of most, and of fifty that nobody else knows.
KNOWN = {
    "gemeente": [i for i in range(340) if i % 2 == 0],
    "uwv": [i for i in range(340) if i % 3 != 0],
    "svb": [*(i for i in range(340) if i % 4 == 0), *range(340, 350)],
}
BORN = {i: "BU" if i % 5 < 2 else "NL" for i in range(400) if i % 10 != 8}
GROUP_OF = {"NL": "nl", "BU": "buiten"}


@dataclass
class Small:
    """A project of three partners that select, with a bureau or without, whose round is open and delivered."""

    world: World
    kinds: str = "one"

    @classmethod
    def made(
        cls,
        folder: Path,
        kinds: str = "one",
        *,
        bureau: bool = True,
        people: int = 400,
        **sections: dict[str, Any],
    ) -> Small:
        draft = document(identifiers=KINDS[kinds], dimensions=[dimension()])
        if bureau:
            to = draft["release"]["to"]
            draft = with_bureau(draft)
            draft["release"]["to"] = to
        for name, members in {"monitor": {"tolerance": 10}, **sections}.items():
            draft[name] |= members
        draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
        for one in (*draft["controllers"].values(), draft["matcher"]):
            del one["signing_key"], one["encryption_key"]
        del draft["pseudonyms"]["key_check"]
        for name in PARTNERS:
            own = draft["partners"][name]["selections"][0]
            own["fields"]["v"] = {"type": "text", "meaning": "V-nummer"}
            if kinds == "linked":
                v_number = {"kind": "v_number", "fields": ["v"]}
                own["identifiers"] = {"uwv": own["identifiers"], "svb": [v_number]}.get(
                    name, [*own["identifiers"], v_number]
                )
        extracts, columns = folder / "extracts", {one: one for one in (*selection()["fields"], "v")}
        for name in PARTNERS:
            write_csv(extracts / f"{name}.csv", [row(name, i) for i in KNOWN[name] if i < people])
            local = {"extract": f"{name}.csv", "record_id": "kenmerk", "columns": columns}
            yaml_out.write(folder / "config/mappings" / f"{name}.yaml", {"selections": {"lijst": local}})
        write_csv(extracts / "bureau.csv", [told(i, land) for i, land in BORN.items()])
        local = {
            "extract": "bureau.csv",
            "record_id": "kenmerk",
            "columns": {"nummer": "nummer", "land": "land"},
        }
        yaml_out.write(folder / "config/mappings" / f"{NAME}.yaml", {"selections": {"bevolking": local}})
        yaml_out.write(folder / "config/manifest.yaml", draft)
        world = World(
            folder / "world", folder / "config", extracts, Clock(datetime(2026, 6, 1, 12, tzinfo=UTC))
        )
        world.make_keys()
        manifest = world.complete(world.make_project_key())
        world.agree(manifest, world.approve(manifest))
        return cls(world, kinds)

    def deliver(self, *, without: str = "") -> Small:
        opening = self.world.open_round(ROUND)
        if self.world.project.manifest().pseudonyms.together:
            self.world.evaluate(ROUND)
        for name in self.world.partners:
            if name != without:
                self.world.prepare(name, opening)
        return self

    def table(self) -> CountsTable:
        return CountsTable.model_validate_json(self.world.project.monitor_documents(ROUND)["counts.json"])

    def counts(self) -> dict[str, dict[str, int | None]]:
        return {
            one.id.removeprefix(f"{NAME}."): one.counts
            for one in self.table().stages
            if one.counted_by == NAME
        }

    def subjects(self) -> int:
        """How many subjects the round had, as its overview says."""
        round_ = self.world.project.view().round(ROUND)
        assert round_ is not None
        assert round_.counts is not None
        return int(json.loads(self.world.project.kept(round_.counts.overview))["totals"]["subjects"])

    def seen(self) -> dict[str, bytes]:
        """What each partner opens, as CSV, with the ids of cases, which are drawn, in the order in which they come."""
        found = {}
        for name in PARTNERS:
            frame = self.world.open(name, ROUND).sort(RECORD_ID)
            found[name] = frame.drop(CASE).write_csv().encode()
            cases = frame.get_column(CASE).to_list()
            found[f"{name}, cases"] = json.dumps([cases.index(one) for one in cases]).encode()
        return found


def row(partner: str, i: int) -> dict[str, str]:
    return {
        "kenmerk": f"{partner}-{i}", "nummer": PEOPLE[i], "bedrag": "150", "soort": "A", "v": f"{1_000_000_000 + i}",
        "begin": "2026-05-01" if i % 2 else "2010-05-01", "actief": "nee" if i % 7 == 0 else "ja",
    }  # fmt: skip


def told(i: int, land: str) -> dict[str, str]:
    return {"kenmerk": f"bureau-{i}", "nummer": PEOPLE[i], "land": land}


def plain(people: set[int]) -> dict[str, int]:
    """How many of these people are in each group, unknown where the bureau does not know them."""
    found = Counter(GROUP_OF[BORN[i]] if i in BORN else "unknown" for i in people)
    return {group: found[group] for group in ("nl", "buiten", "unknown")}


SELECTED = {name: {i for i in known if i % 7} for name, known in KNOWN.items()}
EVERYBODY = set().union(*SELECTED.values())
SEVERAL = {i for i in EVERYBODY if sum(i in one for one in SELECTED.values()) > 1}


@pytest.fixture(scope="module", params=KINDS)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """After a round."""
    small = Small.made(tmp_path_factory.mktemp("with"), request.param).deliver()
    run_steps(small.world, ROUND)
    return small


def test_what_is_counted_is_what_plain_counting_gives(ran: Small) -> None:
    # Whom only SVB knows, nobody knows there by the number by which the bureau tells of people.
    hidden = SELECTED["svb"] - SELECTED["gemeente"] if ran.kinds == "linked" else set[int]()
    counts = ran.counts()
    assert Counter(counts["reference"]) == Counter(GROUP_OF[one] for one in BORN.values())
    assert counts["cases"] == counts["matched"] == plain(SEVERAL)
    for stage, people in {"subjects": EVERYBODY, **{f"{n}.lijst": s for n, s in SELECTED.items()}}.items():
        whole = plain(people - hidden)
        whole["unknown"] += len(people & hidden)
        for group, count in counts[stage].items():
            assert count is not None
            assert count % 10 == 0
            assert abs(count - whole[group]) <= 5


def test_what_partners_see_is_byte_for_byte_the_same_without_it(ran: Small, tmp_path: Path) -> None:
    without = Small.made(tmp_path, ran.kinds, bureau=False).deliver()
    run_steps(without.world, ROUND)
    assert ran.seen() == without.seen()
    assert ran.subjects() == without.subjects() == len(EVERYBODY)


def test_nothing_of_its_people_comes_out_and_its_drop_is_destroyed_as_all(ran: Small) -> None:
    project = ran.world.project
    for part in ("inbox", "received", "releases", "quarantine"):
        assert not [file for file in (project.folder / part / NAME).rglob("*") if file.is_file()]
    view = project.view().round(ROUND)
    assert view is not None
    assert view.destroyed
    assert view.release is not None
    assert NAME not in view.release.to
    log = project.log_file.read_bytes()
    for file in (project.folder / "subjects").rglob("*"):
        assert NAME not in file.name
    for group in (b"buiten", b"Buiten", b"etniciteit"):
        assert group not in log
        assert not any(group in page for page in ran.seen().values())


def test_who_asks_is_found_by_what_selected_them_and_not_by_its_drop(ran: Small) -> None:
    hit = min(i for i in SEVERAL if i in BORN)
    answers = rounds_about(ran.world.project, [asked(ran.world, ("bsn", PEOPLE[i])) for i in (hit, 395)])
    (selected,), (only_counted,) = answers
    assert selected.known == "yes"
    assert {one.partner for one in selected.delivered} == {
        name for name, one in SELECTED.items() if hit in one
    }
    assert only_counted.known == "no"


def test_the_log_is_judged_again_and_the_report_says_who_delivered(ran: Small) -> None:
    project, world = ran.world.project, ran.world
    assert verify_log(project.log_file, log_keys(project.manifest())).ok
    trust = world.home("uwv").trust(project.id, world.clock())
    again = judging([project.folder / "documents"])
    assert again(project.log_file, project.manifest(), trust).problems == ()
    table = ran.table()
    assert {one.counted_by for one in table.dimensions} == {None, NAME}
    pages = report(
        table,
        RoundFindings.model_validate_json(project.monitor_documents(ROUND)["report.json"]).findings,
        "nl",
    )
    assert "(bureau)" in str(pages)


def test_a_difference_that_only_its_groups_show_holds_the_round_also_where_numbers_are_replaced_together(
    tmp_path: Path,
) -> None:
    small = Small.made(tmp_path, monitor={"tolerance": 1.5}, pseudonyms={"scheme": "v2"}, people=100)
    born = [told(i, "BU" if i in SEVERAL or i % 9 == 0 else "NL") for i in BORN if i < 120]
    write_csv(small.world.extracts / "bureau.csv", born)
    small.deliver()
    with pytest.raises(RunHeldError) as held:
        run_steps(small.world, ROUND)
    assert f"{NAME}." in held.value.text("nl")
    assert "buiten" in held.value.text("nl")
    found = RoundFindings.model_validate_json(small.world.project.monitor_documents(ROUND)["report.json"])
    assert [one for one in found.alerts if one.stage.startswith(f"{NAME}.") and one.group == "buiten"]


def test_a_round_without_its_drop_waits_to_be_justified(tmp_path: Path) -> None:
    small = Small.made(tmp_path, schedule={"when_late": "proceed"}).deliver(without=NAME)
    small.world.clock.now += timedelta(days=15)  # type: ignore[attr-defined]
    with pytest.raises(RunHeldError) as held:
        run_steps(small.world, ROUND)
    assert "wat Bureau dat telt levert om te tellen, is er niet" in held.value.text("nl")
    assert small.counts() == {}


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Delivered, and not run yet."""
    return Small.made(tmp_path_factory.mktemp("delivered")).deliver()


def twice(table: pa.Table) -> pa.Table:
    """The first row in the place of the second."""
    return pa.concat_tables([table.slice(0, 1), table.slice(0, 1), table.slice(2)])


def in_two_groups(table: pa.Table) -> pa.Table:
    """One person in two groups."""
    other = table.slice(0, 1).set_column(
        2, table.schema.field(GROUP), pa.array([1 - table[GROUP][0].as_py()], pa.uint8())
    )
    return pa.concat_tables([table.slice(0, 1), other, table.slice(2)])


def no_group(table: pa.Table) -> pa.Table:
    """A cell that is no group: two groups, and the rest is unknown."""
    return table.set_column(2, table.schema.field(GROUP), pa.array([2] * len(table), pa.uint8()))


def no_selection(table: pa.Table) -> pa.Table:
    return table.set_column(1, table.schema.field(SELECTION), pa.array([1] * len(table), pa.uint8()))


def more_columns(table: pa.Table) -> bytes:
    """Signals and a reference beside each row, as another partner delivers."""
    return bytes(42 * len(table))


def other_groups(table: pa.Table) -> pa.Table:
    """All in one group: other counts than it signed."""
    return table.set_column(2, table.schema.field(GROUP), pa.array([0] * len(table), pa.uint8()))


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (twice, "PartUndeclaredError"),
        (in_two_groups, "PartUndeclaredError"),
        (no_group, "PartUndeclaredError"),
        (no_selection, "PartUndeclaredError"),
        (more_columns, "TableInvalidError"),
        (other_groups, "CountsDifferError"),
    ],
)
def test_a_forged_drop_is_refused(
    delivered: Small, tmp_path: Path, forge: Callable[[pa.Table], pa.Table | bytes], reason: str
) -> None:
    world = copied(delivered, tmp_path)
    rewrite(world, forge, NAME)
    with raises("DropsIncompleteError"):
        run_steps(world, ROUND, ("gates", "intake"))
    assert [one["exception.type"] for one in refusals(world) if one.get("lsi.partner")] == [reason]
    assert received(world, NAME) == []
    assert all(received(world, name) for name in PARTNERS)


def test_a_drop_of_another_round_or_of_a_partner_that_selects_is_refused(
    delivered: Small, tmp_path: Path
) -> None:
    world = copied(delivered, tmp_path)
    second = world.open_round("r2")
    assert second
    for file in (world.project.folder / "inbox" / NAME).iterdir():
        file.rename(file.with_name(file.name.replace(f".{ROUND}.", ".r2.")))
    with raises("DropsIncompleteError"):
        run_steps(world, "r2", ("gates", "intake"))


def test_somebody_in_two_records_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    small = Small.made(tmp_path)
    write_csv(
        small.world.extracts / "bureau.csv",
        [*(told(i, one) for i, one in BORN.items()), told(0, "BU") | {"kenmerk": "nog"}],
    )
    opening = small.world.open_round(ROUND)
    with pytest.raises(LsiError, match=r"1 records are about somebody who is in another record"):
        small.world.prepare(NAME, opening)
    assert not list((small.world.project.folder / "inbox" / NAME).iterdir())


def copied(small: Small, folder: Path) -> World:
    shutil.copytree(small.world.folder.parent, folder / "all")
    return World(folder / "all/world", folder / "all/config", folder / "all/extracts", small.world.clock)
