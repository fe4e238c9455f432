"""Write tests/log/logs: logs of rounds in every state they can be in, and what readers said of them.

    python -m tests.vectors.make_logs FOLDER

Made once, with the program as it was before the log had typed events, together with what its readers answered then
(answers.json.gz). An entry of that form stays readable for ever, so those files are kept as they are: this makes only
logs of the present program, into another folder.
"""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from lsi_match.agreement.approvals import withdraw
from lsi_match.agreement.justifications import justify
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import LsiError
from lsi_match.demo import town
from lsi_match.demo.world import World, configs_folder, reasons_for
from lsi_match.matcher.operate.reconcile import reconcile, remind_by_hand
from lsi_match.matcher.operate.retention import abandon, destroy_due
from lsi_match.matcher.round import run as running
from lsi_match.matcher.round.hold import ingest
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.round.opened_notices import ingest_opened_notices
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.round.take_outcomes import ingest_outcomes
from lsi_match.matcher.site.share_manifest import share
from lsi_match.matcher.site.take_cosignatures import add_cosignatures
from lsi_match.matcher.subjects.access_answers import answer
from lsi_match.monitor.round_findings import RoundFindings
from lsi_match.partner.access.request import make_request
from lsi_match.partner.cosign import cosign_log
from lsi_match.partner.release.open import open_release
from lsi_match.partner.release.opened_notice import unsent

sys.path.insert(0, str(Path(__file__).parents[1]))
import contextlib

from operation import PARTNERS, PROJECT, ROUND, Operation, days, folders, weekly

STEPS = ("gates", "intake", "match", "count", "release", "destroy")
REASON = "Wie ouder is dan 67 heeft vaker een laag inkomen; de toeslag is juist daarvoor bedoeld."


def steps(project: Any, round_id: str, clock: Callable[[], datetime], some: tuple[str, ...] = STEPS) -> None:
    """Steps of a run, which ends where one is refused."""
    run = Run(project, round_id, clock)
    try:
        for step in some:
            getattr(run, step)()
    except LsiError:
        pass
    finally:
        run.close()


def by_itself(folder: Path, keep: Callable[[str, Any], None]) -> None:
    """A project that opens a round every week: what can become of a round without a hold."""
    base = weekly(folder / "base", remind_days=[3])
    shared = base.project
    keep("no-round", shared)
    base.reconcile()
    keep("open", shared)

    def another(name: str) -> Operation:
        return base.copy(folder / name)

    late = another("late")
    late.deliver("uwv", ROUND)
    late.reconcile()
    remind_by_hand(late.project, ROUND, late.clock())
    steps(late.project, ROUND, late.clock, ("gates", "intake"))
    keep("refused-incomplete", late.project)
    late.clock.to(late.clock() + timedelta(hours=1))
    late.deliver("svb", ROUND)
    rubbish = folder / "late" / "places" / "gemeente" / "in"
    rubbish.mkdir(parents=True, exist_ok=True)
    (rubbish / f"{PROJECT}.{ROUND}.gemeente.drop.json").write_text("{}")
    reconcile(late.project, late.clock, lambda *_: {"state": "not now"}, clock_is_right=True)
    keep("refused-then-delivered", late.project)
    late.clock.to(late.clock() + days(6))
    reconcile(late.project, late.clock, lambda *_: {"state": "broken"}, clock_is_right=True)
    keep("late", late.project)
    abandon(late.project, ROUND, late.clock)
    keep("abandoned", late.project)

    all_in = another("all-in")
    for partner in PARTNERS:
        all_in.deliver(partner, ROUND)
    reconcile(all_in.project, all_in.clock, lambda *_: {"state": "broken"}, clock_is_right=True)
    keep("delivered", all_in.project)
    for name, some in (
        ("killed-after-gates", STEPS[:1]),
        ("killed-after-intake", STEPS[:2]),
        ("killed-after-match", STEPS[:3]),
        ("killed-after-count", STEPS[:4]),
    ):
        one = all_in.copy(folder / name)
        steps(one.project, ROUND, one.clock, some)
        keep(name, one.project)
    few = all_in.copy(folder / "few")
    busy = running.RoundBusyError(round=ROUND, project=PROJECT)
    with mock.patch.object(running.buckets.Matching, "work", side_effect=busy):
        steps(few.project, ROUND, few.clock)
    keep("refused-match", few.project)
    begun = all_in.copy(folder / "begun")
    with mock.patch.object(running, "destroy", side_effect=KeyboardInterrupt):
        run = Run(begun.project, ROUND, begun.clock)
        try:
            run.destroy()
        except KeyboardInterrupt:
            run.close()
    keep("destruction-begun", begun.project)

    again = all_in.copy(folder / "again")
    steps(again.project, ROUND, again.clock, STEPS[:3])
    steps(again.project, ROUND, again.clock, STEPS[:5])
    keep("released", again.project)
    broken = again.copy(folder / "released-begun")
    with mock.patch.object(running, "destroy", side_effect=KeyboardInterrupt):
        run = Run(broken.project, ROUND, broken.clock)
        try:
            run.destroy()
        except KeyboardInterrupt:
            run.close()
    keep("released-destruction-begun", broken.project)
    steps(again.project, ROUND, again.clock, STEPS[4:])
    keep("destroyed", again.project)
    again.reconcile()
    for partner in PARTNERS:
        again.fetch(partner)
    home = again.world.home("svb")
    open_release(home, again.world.release_file("svb", ROUND), PROJECT, again.clock())
    ingest_opened_notices(again.project, {f.name: f.read_bytes() for f in unsent(home)}, again.clock())
    request = make_request(home, PROJECT, {"bsn": "999990019"}, "a", (), again.clock())
    answer(again.project, request, again.clock())
    with contextlib.suppress(LsiError):
        answer(again.project, request, again.clock())
    keep("opened-and-asked", again.project)
    again.clock.to(again.clock() + days(7))
    again.reconcile()
    for partner in PARTNERS:
        again.deliver(partner, "2026-06-15")
    reconcile(again.project, again.clock, lambda *_: {"state": "broken"}, clock_is_right=True)
    steps(again.project, "2026-06-15", again.clock)
    keep("two-rounds", again.project)
    with mock.patch(
        "lsi_match.matcher.operate.retention.destroy", side_effect=OSError(30, "Read-only file system")
    ):
        again.clock.to(again.clock() + days(40))
        destroy_due(again.project, again.clock)
    keep("not-destroyed", again.project)
    again.clock.to(again.clock() + days(4000))
    again.reconcile()
    again.clock.to(again.clock() + days(30_000))
    with contextlib.suppress(LsiError):
        open_round(again.project, "r9", None, again.clock())
    keep("expired-and-forgotten", again.project)

    manifest = all_in.project.manifest()
    withdrawn = all_in.copy(folder / "withdrawn")
    paper = withdraw(manifest, withdrawn.world.home("uwv").identity(), REASON, withdrawn.clock())
    withdrawn.project.ingest({"uwv": paper}, withdrawn.clock())
    steps(withdrawn.project, ROUND, withdrawn.clock)
    keep("refused-gates", withdrawn.project)
    withdrawn.world.renew_trust()
    withdrawn.world.draft["release"]["max_cases"] = 3
    second = withdrawn.world.complete(manifest.pseudonyms.key_check)
    share(withdrawn.world.site, second.canonical(), ["uwv", "svb"], withdrawn.clock())
    withdrawn.world.site.accept(second.canonical(), withdrawn.world.approve(second), withdrawn.clock())
    keep("next-manifest", withdrawn.project)


def cosigned(folder: Path, keep: Callable[[str, Any], None]) -> None:
    """A release that waits for cosignatures, and is handed out or expires."""
    op = Operation(
        folder / "cosigned", PARTNERS, folders(folder / "cosigned", PARTNERS), release={"cosignatures": 2}
    )
    op.run_here("r1")
    keep("waiting", op.project)
    late = op.copy(folder / "never")
    late.clock.to(late.clock() + days(200))
    destroy_due(late.project, late.clock)
    keep("waited-too-long", late.project)
    for name in PARTNERS[:2]:
        for one in cosign_log(op.world.home(name), op.project.log_file, PROJECT, op.clock()):
            add_cosignatures(op.project, one.note.encode(), op.clock())
    op.reconcile()
    keep("handed-out", op.project)


def held(folder: Path, keep: Callable[[str, Any], None]) -> None:
    """A round that is held, and what can become of it; and outcomes."""
    now = [datetime(2026, 10, 1, 9, 0, tzinfo=UTC)]

    def clock() -> datetime:
        return now[0]

    extracts = folder / "town"
    town.generate(extracts, people=12_000, seed=3)
    world = World(folder / "held", configs_folder() / "samenloop", extracts, clock)
    world.draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
    world.make_keys()
    manifest = world.complete(world.make_project_key())
    world.agree(manifest, world.approve(manifest))
    opening = world.open_round("held", town.REFERENCE_DATE.isoformat())
    for partner in world.partners:
        world.prepare(partner, opening)
    steps(world.project, "held", clock)
    keep("held", world.project)

    def copied(name: str) -> World:
        shutil.copytree(world.folder, folder / name)
        return World(folder / name, world.config, extracts, clock)

    def papers(one: World, **decisions: str) -> dict[str, bytes]:
        data = one.project.monitor_documents("held")["report.json"]
        digest, found = digest_of_bytes(data), RoundFindings.model_validate_json(data)
        answers = reasons_for(found, REASON, clock().date()) or REASON
        return {
            name: justify(
                one.project.manifest(),
                "held",
                digest,
                one.home(name).identity(),
                decisions.get(name, "release"),
                REASON if decisions.get(name) == "change" else answers,
                clock(),
            )  # type: ignore[arg-type]
            for name in one.controllers
        }

    early = copied("expired")
    now[0] += timedelta(hours=1)
    some = copied("some")
    said = papers(some)
    first = dict([said.popitem()])
    ingest(some.project, "held", first, clock())
    keep("held-one-justified", some.project)
    steps(some.project, "held", clock)
    keep("held-again", some.project)
    ingest(some.project, "held", said, clock())
    keep("justified-not-run", some.project)
    changed = World(folder / "changed", world.config, extracts, clock)
    shutil.copytree(some.folder, changed.folder)
    honest = running.counts_table

    def shifted(*arguments: Any) -> Any:
        table = honest(*arguments)
        return None if table is None else table.model_copy(update={"title": "another"})

    with mock.patch.object(running, "counts_table", shifted):
        steps(changed.project, "held", clock)
    keep("refused-count", changed.project)
    killed = World(folder / "killed", world.config, extracts, clock)
    shutil.copytree(some.folder, killed.folder)
    steps(killed.project, "held", clock, STEPS[:3])
    keep("held-killed-after-match", killed.project)
    steps(some.project, "held", clock)
    keep("held-then-released", some.project)

    from lsi_match.crypto.signing import sign
    from lsi_match.protocol.documents import OutcomeCounts
    from lsi_match.protocol.group_cells import cell_names

    (released,) = [e for e in some.project.entries() if e.name == "release"]
    cells = dict.fromkeys(sorted(set(cell_names(manifest.monitor).values())), 0)
    told = OutcomeCounts(
        project=world.project_id, manifest=manifest.digest, round="held", partner="uwv",
        release=str(released.attributes["lsi.release.uwv"]), at=clock(),
        grounded=cells, not_grounded=cells, outcome_unknown=cells,
    )  # fmt: skip
    data = sign(told, some.home("uwv").identity())
    ingest_outcomes(some.project, "held", {"uwv": data}, clock())
    keep("outcomes", some.project)

    change = copied("change")
    ingest(change.project, "held", papers(change, svb="change"), clock())
    steps(change.project, "held", clock)
    keep("change-asked", change.project)
    now[0] += timedelta(days=400)
    destroy_due(early.project, clock)
    keep("hold-expired", early.project)


def main(to: Path) -> None:
    """Every log as `<name>.jsonl.gz`, one leaf per line."""

    def keep(name: str, project: Any) -> None:
        from lsi_match.log.store import Log

        with Log.open(project.log_file, read_only=True) as log:
            leaves = [log.leaf(position) for position in range(log.size)]
        data = b"\n".join(leaves) + b"\n"
        (to / f"{name}.jsonl.gz").write_bytes(gzip.compress(data, 9, mtime=0))
        print(name, len(leaves), {one.name: one.state for one in project.view().rounds.values()}, flush=True)
        if name == "handed-out":
            log_file = to / "handed-out.log.sqlite"
            with Log.open(project.log_file, read_only=True) as log:
                log.copy_without_details(log_file)
            (to / "handed-out.manifest.json").write_bytes((project.folder / "manifest.json").read_bytes())

    with tempfile.TemporaryDirectory() as folder:
        for make in (by_itself, cosigned, held):
            make(Path(folder), keep)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
