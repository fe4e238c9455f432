"""What the operator does for a round."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from lsi_match.base.clock import minute, utc_now
from lsi_match.base.files import read_bytes, read_folder, write_whole
from lsi_match.cli.console import (
    as_json,
    called,
    done,
    err,
    language,
    out,
    print_json,
    project_of,
    say,
    table,
    tell,
)

if TYPE_CHECKING:
    from datetime import datetime

    from lsi_match.matcher.operate.health import Advice, Standing
    from lsi_match.matcher.operate.reconcile import ReconcileResult
    from lsi_match.matcher.site.site import Project


app = App(name="match")


@app.command(name="open")
def open_(site: Path, project: str, round_id: str, *, reference_date: date | None = None) -> None:
    """Open a round: a fresh key that drops are sealed to, in a signed opening for the partners.

    Args:
        round_id: name of the round, for example 2026-10.
        reference_date: the date that the criteria look at (peildatum); by the rule of the manifest when left out.
    """
    from lsi_match.log.log_proof import proof_file
    from lsi_match.matcher.round.open_round import open_round

    given = reference_date.isoformat()[:10] if reference_date else None
    file = open_round(project_of(site, project), round_id, given, utc_now())
    proof = proof_file(file)
    tell("match.opened", {"opening": str(file)}, round_id=round_id, proof=proof)


@app.command
def run(
    site: Path,
    project: str,
    round_id: str,
    *,
    runner: Literal["threads", "processes", "dask", "ray"] | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    memory_limit: str | None = None,
) -> int:
    """Run a round: gates, intake, match, count, release, destroy. A process of its own does it, through Prefect.

    What is left out is as SITE/runner.yaml says, or else by default: threads, 2GiB.

    Args:
        runner: what the buckets of the match are spread over: threads, processes, or a Dask or Ray cluster.
        workers: how many buckets at once on this machine.
        cluster: address of a Dask or Ray cluster that is there, for example tls://scheduler:8786.
        memory_limit: of the matching engines of this machine together, for example 4GiB; with a cluster, of each.
    """
    from lsi_match.matcher.engine.execution_config import ExecutionConfig
    from lsi_match.matcher.operate.runner import run_match

    def on_step(step: dict[str, Any]) -> None:
        if not as_json():
            mark = say("match.refused") if step["refused"] else "ok"
            err.print(
                f"  {step['step']:<8} {mark:<10} {step['seconds']:8.2f} s  {step['peak_mib']:6d} MiB",
                markup=False,
            )

    config = ExecutionConfig.of_site(
        site, runner=runner, workers=workers, cluster=cluster, memory_limit=memory_limit
    )
    if not as_json():
        err.print(say("match.begun", round_id=round_id, project=project))
    outcome = run_match(site, project, round_id, config=config, on_step=on_step)
    if as_json():
        print_json(outcome)
    elif outcome["state"] == "released":
        out.print(say("match.released", cases=outcome["cases"]))
        if names := outcome.get("lacking"):
            out.print(say("match.lacking", names=names))
    elif outcome["state"] in ("refused", "held"):
        err.print(outcome[language()], style="bold red", markup=False, soft_wrap=True)
    else:
        err.print(say("match.broken"), style="bold red")
    return 0 if outcome["state"] == "released" else 1


@app.command
def watch(site: Path, *, memory_limit: str | None = None, clock_is_right: bool = False) -> int:
    """Look once at every project: take in deliveries, open, run and end rounds as the manifests say, hand out.

    Can be given at any time, by hand or by a timer; what was done stands in the log.

    Args:
        memory_limit: of the matching engines together, for example 4GiB; as SITE/runner.yaml says when left out.
        clock_is_right: the clock was looked at and is right: go on after everything stood still for days.
    """

    from lsi_match.matcher.engine.execution_config import ExecutionConfig
    from lsi_match.matcher.operate.reconcile import reconcile_site
    from lsi_match.matcher.operate.runner import Runs
    from lsi_match.matcher.site.site import Site

    config = ExecutionConfig.of_site(site, memory_limit=memory_limit)

    with Runs(site / "prefect") as runs:

        def run(project: Project, round_id: str) -> dict[str, object]:
            return runs.run(site, project.id, round_id, config)

        seen = reconcile_site(Site(site), utc_now, run, clock_is_right=clock_is_right)
    if as_json():
        print_json({"projects": [_watched(one) for one in seen]})
    for one in [] if as_json() else seen:
        for line in _lines(one):
            out.print(line, markup=False, soft_wrap=True)
    return 1 if any(one.failed for one in seen) else 0


@app.command
def remind(site: Path, project: str, round_id: str) -> None:
    """Remind, by hand, every partner of which there is no drop for a round yet: at its place, and in the log."""
    from lsi_match.matcher.operate.reconcile import remind_by_hand

    names = ", ".join(remind_by_hand(project_of(site, project), round_id, utc_now()))
    tell("match.reminded", {"reminded": names}, names=names or "-")


@app.command
def justify(site: Path, project: str, round_id: str, papers: Path) -> int:
    """Take in what controllers say to the report of the monitor that holds a round. The next 'match run' releases it.

    Where a controller asks for another manifest, the round is destroyed at once. Ends with exit status 1 while
    something is missing.

    Args:
        round_id: the round that is held.
        papers: folder with the justifications.
    """
    from lsi_match.matcher.operate.retention import abandon
    from lsi_match.matcher.round.hold import ingest

    chosen = project_of(site, project)
    said = ingest(chosen, round_id, read_folder(papers, "*.json"), utc_now())
    missing = [name for name in chosen.manifest().controllers if name not in said]
    asking = [name for name, paper in said.items() if paper.decision == "change"]
    if asking:
        abandon(chosen, round_id, utc_now)
        text = say("match.change", asking=asking, round_id=round_id)
    elif missing:
        text = say("match.missing", missing=missing)
    else:
        text = say("match.justified")
    outcome = {"justified": sorted(set(said) - set(asking)), "missing": missing, "change": asking}
    done(text, outcome)
    return 1 if missing or asking else 0


@app.command
def outcome(site: Path, project: str, round_id: str, papers: Path) -> None:
    """Take in what partners counted of the outcomes of a released round ('partner outcome').

    Args:
        papers: folder with the counts.
    """
    from lsi_match.matcher.round.take_outcomes import ingest_outcomes

    names = ingest_outcomes(project_of(site, project), round_id, read_folder(papers, "*.json"), utc_now())
    tell("match.outcomes", {"partners": names})


@app.command
def office(site: Path, project: str, counts: Path) -> None:
    """Take in the table of the statistics office ('monitor import'); the next 'match run' makes the report with it.

    Args:
        counts: the signed table.
    """
    from lsi_match.matcher.engine.intake import MAX_DESCRIPTOR
    from lsi_match.matcher.round.office import ingest_counts

    round_id = ingest_counts(project_of(site, project), read_bytes(counts, MAX_DESCRIPTOR), utc_now())
    tell("match.office", {"round": round_id})


@app.command
def answer(site: Path, project: str, request: Path, *, to: Path) -> None:
    """Answer an access request of a controller: what every round did with the person, found by pseudonym. It is logged.

    Args:
        request: the sealed request ('partner access-request').
        to: the sealed answer to write, for the controller that asked.
    """
    from lsi_match.matcher.subjects.access_answers import LARGEST
    from lsi_match.matcher.subjects.access_answers import answer as made

    write_whole(to, made(project_of(site, project), read_bytes(request, LARGEST), utc_now()))
    tell("match.answered", {"answer": str(to)})


@app.command
def opened(site: Path, project: str, papers: Path) -> None:
    """Take in the notices of partners that they opened a release. Those brought with 'partner send' come in by themselves.

    Args:
        papers: folder with the notices (.opened.json).
    """
    from lsi_match.matcher.round.opened_notices import ingest_opened_notices

    names = ingest_opened_notices(project_of(site, project), read_folder(papers, "*.opened.json"), utc_now())
    tell("match.notices", {"partners": names})


@app.command
def destroy(site: Path, project: str, round_id: str) -> None:
    """End a round without a release: destroy its key and its drops, and log that. This cannot be undone."""
    from lsi_match.matcher.operate.retention import abandon

    before = abandon(project_of(site, project), round_id, utc_now)
    tell(f"match.was_{before}", {"round": round_id, "destroyed": True, "before": before})


@app.command
def status(site: Path, project: str | None = None) -> None:
    """What is going on, and what to do: alarms, how the rounds stand as the log tells, and what each waits for.

    Args:
        project: id of the project; left out, every project.
    """
    from lsi_match.matcher.operate.alarms import UNREADABLE
    from lsi_match.matcher.operate.health import status as told
    from lsi_match.matcher.site.site import Site

    now, found = utc_now(), Site(site)
    standing = [told(one, now) for one in (found.projects() if project is None else [found.project(project)])]
    if as_json():
        documents = [_standing(one, now) for one in standing]
        print_json({"projects": documents} if project is None else documents[0])
        return
    if not standing:
        out.print(say("match.no_project"))
    for one in standing:
        for alarm in one.alarms:
            line = f"! {alarm.name}: {alarm.text(language())}  → lsi-match docs nl/alarmen/{alarm.name}"
            err.print(line, style="bold red", markup=False, soft_wrap=True)
        _show_rounds(one.project, one.rounds)
        if len(set(one.programs.values())) > 1:
            who = [f"{name} {version}" for name, version in one.programs.items()]
            out.print(say("match.versions", who=who))
        if one.next and one.next.at and one.next.refused is None:
            out.print(say("match.opens", at=minute(one.next.at)))
        elif one.next is None and not any(alarm.name in {*UNREADABLE, "opening"} for alarm in one.alarms):
            out.print(say("match.over"))


def _standing(one: Standing, now: datetime) -> dict[str, Any]:
    """How a project stands, for machines."""
    opens = one.next
    return {
        "project": one.project,
        "alarms": [vars(alarm) for alarm in one.alarms],
        "rounds": [vars(round_) for round_ in one.rounds],
        "programs": one.programs,
        "next_opening": opens and opens.at and opens.at.isoformat(),
        "next_opening_refused": opens and opens.refused and {
            "reason": opens.refused.reason, "nl": opens.refused.text("nl"), "en": opens.refused.text("en")
        },
        "ends": [
            {"what": end.what, "name": end.name, "at": end.at.isoformat(), "who": end.who, "warned": end.days_warned(now),
             "nl": end.text("nl"), "en": end.text("en")}
            for end in one.ends
        ],
    }  # fmt: skip


#: So many rounds are shown one by one; older ones that are over only as a number.
_SHOWN = 12


def _show_rounds(project: str, rounds: list[Advice]) -> None:
    old = [r for r in rounds[:-_SHOWN] if r.state in ("destroyed", "abandoned")]
    columns = [say(f"match.{one}") for one in ("round", "state", "last_step", "refused", "waits_for")]
    rows: list[list[Any]] = [
        [r.round, called("state", r.state), called("step", r.last_step), r.refusals, getattr(r, language())]
        for r in rounds
        if r not in old
    ]
    out.print(table(project, columns, rows))
    if old:
        out.print(say("match.older", old=len(old)))


@app.command
def metrics(site: Path, *, to: Path | None = None) -> None:
    """Write the metrics of a site in the text form of Prometheus, for example for its textfile collector.

    Args:
        to: the file to write, whole or not at all; without it they are printed.
    """
    import sys

    from lsi_match.matcher.operate.metrics import metrics as made
    from lsi_match.matcher.site.site import Site

    text = made(Site(site), utc_now())
    if to is None:
        sys.stdout.write(text.decode())
    else:
        write_whole(to, text, replace=True, same_readers=True)


#: Lines about things of one kind that a look did.
_LINES = 100


def _watched(seen: ReconcileResult) -> dict[str, Any]:
    from lsi_match.matcher.operate.agenda import about
    from lsi_match.matcher.operate.retention import problem_of

    return {
        "project": seen.project,
        "arrivals": [vars(arrival) for arrival in seen.arrivals],
        "troubles": [{"partner": t.partner, "reason": t.error.reason} for t in seen.troubles],
        "done": [
            {"task": type(task).__name__, "round": about(task), "outcome": how} for task, how in seen.done
        ],
        "refused": [
            {"round": about(task), "reason": error.reason, "nl": error.text("nl"), "en": error.text("en")}
            for task, error in seen.refused
        ],
        "destroyed": [{"kind": one.kind, "name": one.shown} for one in seen.destroyed.done],
        "not_destroyed": [
            {"kind": one.kind, "name": one.shown, "problem": problem_of(error)}
            for one, error in seen.destroyed.failed
        ],
        "handed_out": seen.handed_out,
    }


def _lines(seen: ReconcileResult) -> list[str]:
    """One line per thing that happened; that nothing did is one line too."""
    from lsi_match.matcher.operate.agenda import about
    from lsi_match.matcher.operate.retention import problem_of

    lines = [f"{seen.project}: {a.partner}: {called('arrival', a.outcome)} ({a.file})" for a in seen.arrivals]
    lines += [f"{seen.project}: {t.partner}: {t.error.text(language())}" for t in seen.troubles]
    refused = dict(seen.refused)
    for task, how in seen.done:
        if task in refused:
            kind = called("task_refused", type(task).__name__)
            lines.append(f"{seen.project}: {about(task)} {kind}: {refused[task].text(language())}")
            continue
        outcome = "" if how == "done" else f": {called('state', how)}"
        lines.append(f"{seen.project}: {about(task)} {called('task', type(task).__name__)}{outcome}")
    lines += [f"{seen.project}: {say('match.handed_out')}: {name}" for name in seen.handed_out]
    for what, some in (
        ("destroyed", [(one, "") for one in seen.destroyed.done]),
        ("not_destroyed", [(one, f" ({problem_of(error)})") for one, error in seen.destroyed.failed]),
    ):
        head = f"{seen.project}: {say(f'match.{what}')}"
        # who writes in an inbox could make ten thousand
        lines += [f"{head}: {called('expired', one.kind)} {one.shown}{why}" for one, why in some[:_LINES]]
        lines += [say("match.more", more=more)] if (more := len(some) - _LINES) > 0 else []
    return lines or [f"{seen.project}: {say('match.nothing')}"]
