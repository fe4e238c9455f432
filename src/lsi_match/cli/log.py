"""Reading and verifying the processing log."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, wrong_use
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.cli.console import as_json, called, done, err, language, out, print_json, say, table
from lsi_match.log.entry import MAX_TIME, LogEntry
from lsi_match.log.steps import Step

app = App(name="log")


@app.command
def show(
    log: Path,
    *,
    project: str | None = None,
    round: str | None = None,
    step: str | None = None,
    partner: str | None = None,
    since: str | None = None,
    until: str | None = None,
    refusals: bool = False,
    who: bool = False,
) -> None:
    """Every entry of a log: when, which step, what came of it. Of a site: of all its projects, by time.

    Args:
        log: the log file, the folder of a project on a site, or a site.
        project: only of this project of the site.
        round: only of this round.
        step: only this step, by its English or Dutch name.
        partner: only what names this partner.
        since: only from this day or moment on (2026-10-01 or 2026-10-01T12:00, UTC).
        until: only up to and including this day, or before this moment.
        refusals: only what was refused.
        who: also who did it, as far as the audit records are in this copy and were not destroyed.
    """
    from lsi_match.log.entry_filter import EntryFilter
    from lsi_match.log.store import Log

    wanted = EntryFilter(round, step, partner, _moment(since), _moment(until, end=True), refusals)
    found: list[tuple[LogEntry, dict[str, Any]]] = []
    for file in _logs(log, project):
        with Log.open(file, read_only=True) as opened:
            of_project = opened.origin.rpartition("/")[2]
            for index, entry in wanted.among(opened.entries()):
                beside: dict[str, Any] = {"index": index, "project": of_project}
                if who:
                    beside["user"] = str((opened.details(index) or {}).get("user", "–"))
                found.append((entry, beside))
    found.sort(key=lambda one: one[0].end_time)
    if as_json():
        print_json([{**beside, **entry.model_dump(mode="json")} for entry, beside in found])
        return
    of_many = len({beside["project"] for _, beside in found}) > 1
    columns = {
        **({"project": "project"} if of_many else {}),
        "index": "#",
        "when": say("log.when"),
        "step": say("log.step"),
        "status": "status",
        **({"user": say("log.who")} if who else {}),
        "facts": say("log.facts"),
    }
    rows = [[{**beside, **_told(entry)}[name] for name in columns] for entry, beside in found]
    out.print(table("", list(columns.values()), rows))


def _told(entry: LogEntry) -> dict[str, str]:
    from lsi_match.log.events import refused_for

    statuses = {"Ok": "ok", "Error": say("log.error"), "Unset": say("log.begun")}
    return {
        "when": entry.moment.strftime("%Y-%m-%d %H:%M:%S"),
        "step": called("step", entry.name),
        "status": say("log.refused") if refused_for(entry) else statuses[entry.status],
        "facts": _facts(entry),
    }


def _logs(path: Path, project: str | None) -> list[Path]:
    """The logs of a site; the one log that `path` is otherwise. Raises `ProjectUnknownError`."""

    if not (path / "projects").is_dir():
        if project is not None:
            raise wrong_use("cli.project_of_one_log")
        return [_file(path)]
    every = {file.parent.name: file for file in sorted((path / "projects").glob("*/log.sqlite"))}
    if project is None:
        return list(every.values())
    if project not in every:
        raise LsiError("ProjectUnknownError", project=project)
    return [every[project]]


#: Facts that every entry of a round repeats, or that only a program needs; `--json` has them.
_LEFT_OUT = ("round", "parts", "paper.", "release.", "subjects")


def _facts(entry: LogEntry) -> str:
    from lsi_match.log.events import facts, manifest_of, refused_for

    ours = {name: value for name, value in facts(entry).items() if not name.startswith(_LEFT_OUT)}
    first = [str(ours.pop("partner"))] if "partner" in ours else []
    if entry.name in (Step.SHARE.value, Step.REGISTER_MANIFEST.value):
        first.append(f"manifest={_short(manifest_of(entry))}")
    told = [f"{name}={_shown(name, value)}" for name, value in ours.items() if value != ""]
    return " ".join([*first, *told, refused_for(entry)]).strip()


@app.command
def verify(
    log: Path,
    *,
    manifest: Path,
    root: Path | None = None,
    home: Path | None = None,
    remember: Path | None = None,
    papers: tuple[Path, ...] = (),
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
) -> int:
    """Prove a log whole: every leaf, the tree over it, every signed checkpoint.

    Args:
        log: the log file, or the folder of a project on a site.
        manifest: the manifest you signed (canonical JSON); it names the matcher and its key.
        root: the folder of a party whose trust root says which keys the matcher has and had; else that in the manifest.
        home: your own folder as a controller. Its trust root counts, and the log must continue the checkpoint that it
            remembers; then the newer one is remembered.
        remember: the same with a file of your own, for who has no such folder.
        papers: the signed papers to judge its entries again by: a file (.papers.json), or the folder with what was fetched.
            Of the folder of a project on a site those that lie there.
        from_: a checkpoint that the matcher signed, of another controller for example: the log must continue that one too.
    """
    from lsi_match.library.logs import Log
    from lsi_match.library.manifests import Manifest
    from lsi_match.reports.log_report import judged_again, verified

    others = [from_] if from_ else []
    read, agreed = Log(log), Manifest.read(manifest)
    found = read.verify(agreed, root=root, home=home, remember=remember, papers=papers, others=others)
    top = found.root.hex() if found.root else None
    cosigned = read.cosigned(agreed, root=root or home) if found.ok else {}
    problems = found.texts(language())
    lines = [verified(found, language()), judged_again(found.judged, language())] if found.ok else []
    if cosigned:
        told = ", ".join(f"{name} ({size})" for name, size in cosigned.items())
        lines.append(say("log.cosigned", told=told))
    done(lines, {"verified": found.ok, "entries": found.size, "root": top, "cosigned": cosigned,
                 "judged": found.judged, "problems": problems})  # fmt: skip
    if not (found.ok or as_json()):
        err.print(say("log.fails"), style="bold red")
        err.print("\n".join(f"  {problem}" for problem in problems))
    return 0 if found.ok else 1


@app.command
def subjects(project: Path) -> int:
    """Check the files of data subjects on a site: there and unaltered, destroyed on time or late, missing. Reads no row.

    Args:
        project: the folder of a project on a site. Verify its log first ('log verify').
    """
    from lsi_match.log.follower import LogReader
    from lsi_match.log.subject_files import standings_in

    with LogReader.open(_file(project)) as log:
        found = standings_in(project, log.view, utc_now())
    rows = [[one.mark.position, one.round, one.about, called("standing", how)] for one, how in found.files]
    files = [
        {"position": one.mark.position, "round": one.round, "about": one.about, "digest": one.digest, "standing": how}
        for one, how in found.files
    ]  # fmt: skip
    heads = ["#", say("log.round"), say("log.file"), say("log.standing")]
    done(table("", heads, rows), {"ok": not found.problems, "files": files})
    for problem in () if as_json() else found.problems:
        err.print(problem.text(language()), style="bold red")
    return 1 if found.problems else 0


@app.command
def report(
    project: Path,
    *,
    manifest: Path,
    to: Path,
    root: Path | None = None,
    papers: tuple[Path, ...] = (),
    first: date | None = None,
    last: date | None = None,
) -> int:
    """The account of a project for the FG: rounds, volumes, refusals, holds, releases, destruction, verification.

    Ends with exit status 1 when the log or the files of data subjects are not in order; the report says what.

    Args:
        project: the folder of a project on a site, or a copy of it; or a copy of the log by itself. Then the report says
            what it could not check.
        manifest: the manifest you signed (canonical JSON); it names the matcher and its key.
        to: the report to write: .html, .md or .json.
        root: the folder of a party whose trust root says which keys the matcher has and had; else that in the manifest.
        papers: the signed papers to judge its entries again by: a file (.papers.json), or the folder with what was fetched.
            Of the folder of a project on a site those that lie there.
        first: first day; without it from the beginning.
        last: last day; without it up to now.
    """
    from lsi_match.library.logs import Log as Verified
    from lsi_match.library.manifests import Manifest
    from lsi_match.log.audit_terms import details_problems
    from lsi_match.log.events import read_sound
    from lsi_match.log.papers import papers_in
    from lsi_match.log.store import Log
    from lsi_match.log.subject_files import standings_in
    from lsi_match.reports import log_report
    from lsi_match.reports.document import kind_of

    kind = kind_of(to)
    verified = Verified(project).verify(Manifest.read(manifest), root=root, papers=papers)
    with Log.open(_file(project), read_only=True) as opened:
        origin, entries = opened.origin, list(opened.entries())
        present = list(opened.details_positions())
    now, whole = utc_now(), project.is_dir()
    bound = [position for position, entry in entries if entry.details_hash is not None]
    evidence = log_report.Evidence(
        origin,
        list(read_sound(entries)),
        verified,
        standings_in(project, verified.view, now) if whole else None,
        now,
        documents=project / "documents" if whole else None,
        papers=papers_in(papers),
        manifest=read_bytes(manifest),
        details=tuple(details_problems(verified.view, bound, present)) if whole else (),
    )
    period = log_report.Period(first or date.min, last or date.max) if first or last else None
    write_whole(to, log_report.account(evidence, language(), period).written(kind), replace=True)
    in_order = verified.ok and not evidence.problems
    done(str(to), {"report": str(to), "ok": in_order})
    return 0 if in_order else 1


@app.command
def register(manifest: Path) -> None:
    """The register of processing activities of a manifest: what every entry of its log points at, by address."""
    from lsi_match.agreement.approvals import load_manifest
    from lsi_match.log.activities import register as made

    found = made(load_manifest(read_bytes(manifest)))
    yes = {True: say("log.yes"), False: say("log.no")}
    rows = [
        [one["step"], one[language()], yes[one["about_persons"]], one["id"]] for one in found["activities"]
    ]
    columns = list(map(say, ("log.step", "log.facts", "log.persons", "log.address")))
    done(table(found["project"], columns, rows), found)


def _moment(text: str | None, *, end: bool = False) -> datetime | None:
    """A day or a moment in UTC; as the end of a period, a day counts wholly."""

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise wrong_use("cli.no_date_or_time", text=text) from None
    if end and len(text) == len("2026-10-01"):
        moment += timedelta(days=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _file(path: Path) -> Path:
    return path / "log.sqlite" if path.is_dir() else path


def _shown(name: str, value: object) -> str:
    """The value of a fact; a time, which the log has in seconds since 1970, as a date."""
    if name in ("until", "due", "opened_at") and isinstance(value, int) and 0 <= value <= MAX_TIME // 1000:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")
    return _short(value)


def _short(value: object) -> str:
    text = str(value)
    return text[:15] + "…" if text.startswith("sha256:") else text
