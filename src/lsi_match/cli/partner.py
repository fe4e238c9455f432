"""What a partner's data steward does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from lsi_match.base import dry_run
from lsi_match.base.clock import minute, utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_folder, write_whole
from lsi_match.base.spreadsheet import SPREADSHEETS, spreadsheet
from lsi_match.cli.console import (
    as_json,
    called,
    done,
    err,
    language,
    number,
    out,
    print_json,
    say,
    table,
    tell,
)
from lsi_match.cli.extracts import check, mapping_app, reference_app
from lsi_match.partner.home import Home

if TYPE_CHECKING:
    from rich.table import Table

    from lsi_match.protocol.documents import SelectionCounts

app = App(name="partner")
app.command(check)
app.command(mapping_app)
app.command(reference_app)


@app.command
def join(name: str, home: Path, *, manifest: Path, approvals: Path, key_share: Path) -> None:
    """Take in a project that every controller signed, and the sealed project key.

    Args:
        manifest: the signed manifest (canonical JSON).
        approvals: folder with the approval of every controller.
        key_share: the project key, sealed to this partner.
    """

    joined = Home(home, name).join(
        read_bytes(manifest), read_folder(approvals, "*.json"), read_bytes(key_share), utc_now()
    )
    said = {"project": joined.project.id, "manifest": joined.digest}
    tell("partner.joined", said, name=name)


@app.command
def papers(name: str, home: Path, project: str, papers: Path) -> None:
    """Take in what was signed later about the manifest that this partner joined under: a withdrawal, an approval anew.

    Args:
        papers: folder with the signed papers.
    """

    now = Home(home, name).ingest(read_folder(papers, "*.json"), project, utc_now())
    said = {"approved": list(now.approvals), "withdrawn": list(now.withdrawn)}
    tell("partner.papers", said, name=name)


@app.command
def prepare(
    name: str,
    home: Path,
    project: str,
    *,
    opening: Path,
    mapping: Path,
    extracts: Path,
    to: Path,
) -> None:
    """Select by the manifest's criteria, pseudonymise, seal and sign: makes the drop of this partner.

    Args:
        opening: the opening of the round, from the matching environment; the proof that the log has it lies beside it.
        extracts: folder of the extracts.
        to: folder to write the drop into (the inbox, or where it is sent from).
    """
    from lsi_match.partner.extract.column_mapping import read_mapping
    from lsi_match.partner.prepare import prepare as make_drop
    from lsi_match.protocol.bounds import unusual
    from lsi_match.protocol.tables import shared_by_fewer

    local = read_mapping(mapping)
    with out.status(say("partner.working")) as status:

        def progress(step: str, about: str, done: int, of: int | None) -> None:
            count = number(done)
            key = "partner.selecting" if step == "select" else "partner.ordering"
            status.update(say(key, about=about, count=count, done=done, of=of))

        prepared = make_drop(Home(home, name), opening, local, extracts, to, project, utc_now(), progress)
    counts = prepared.descriptor.selections
    tables: list[Any] = []
    for id_, count in counts.items():
        tables.append(counts_table(f"{name}.{id_}", count, sent=True, signals={}))
        if id_ in prepared.before:
            tables += unusual_lines(unusual(prepared.before[id_], count))
    alone, few = shared_by_fewer(prepared.seen, 2), shared_by_fewer(prepared.seen, 5)
    told = {
        "drop": str(prepared.file),
        "selections": {k: v.model_dump() for k, v in counts.items()},
        "seen": {"rows": prepared.descriptor.rows, "unique": alone, "shared_by_fewer_than_five": few},
    }
    seen = say("partner.seen", alone=alone, few=few)
    done((*tables, seen, str(prepared.file)), told)


def counts_table(title: str, count: SelectionCounts, *, sent: bool, signals: Mapping[str, int]) -> Table:
    """What became of the records of a selection, step by step; `sent` says whether they are in a drop, or would be."""
    valid = count.with_signal - count.without_identifier
    rows: list[list[Any]] = [
        [say("partner.read"), count.read],
        *([say("partner.after_criterion", name=name), n] for name, n in count.after.items()),
        *([say("partner.of_signal", name=name), n] for name, n in signals.items()),
        [say("partner.with_signal"), count.with_signal],
        *([useless(name), n] for name, n in count.invalid.items()),
        [say("partner.valid"), valid],
        [say("partner.without_identifier"), count.without_identifier],
        [say("partner.duplicates"), count.duplicates],
        [say("partner.written" if sent else "partner.would_write"), count.written],
    ]
    return table(title, ["", "records"], rows)


def unusual_lines(found: Mapping[str, tuple[int, int]]) -> list[str]:
    """What differs much from the round before, as one text, or nothing."""
    if not found:
        return []
    head = say("partner.unusual")
    lines = []
    for name, numbers in found.items():
        then, now = map(number, numbers)
        lines.append(say("partner.differs", what=name, now=now, then=then))
    return ["\n".join([head, *lines])]


def useless(name: str) -> str:
    """A member of `SelectionCounts.invalid` in words."""
    from lsi_match.manifest.identifiers import InvalidReason

    reason = next(reason for reason in InvalidReason if name.endswith(f"_{reason.value}"))
    what = name.removesuffix(f"_{reason.value}")
    return f"{called('kind', what)}: {called('invalid', reason)}"


@app.command(name="open")
def open_(name: str, home: Path, project: str, release: Path, *, to: Path) -> None:
    """Open a release: the own records that are in a case, by own record id.

    Args:
        release: the release (its .release.json file; the sealed part lies beside it).
        to: the table to write: .xlsx or .csv for a spreadsheet, .parquet for a program; or a page to read: .html, .md or .json.
    """
    import io

    from lsi_match.partner.release.case_page import page
    from lsi_match.partner.release.open import open_release
    from lsi_match.reports.document import KINDS, kind_of

    kind = kind_of(to, *SPREADSHEETS, ".parquet")
    here, now = Home(home, name), utc_now()
    descriptor, frame = open_release(here, release, project, now)
    sink = io.BytesIO()
    if kind in KINDS:
        sink.write(page(here.agreed_manifest(project, now), descriptor, frame, language()).written(kind))
    elif kind in SPREADSHEETS:
        sink.write(spreadsheet(kind, frame.columns, frame.iter_rows(), language()))
    else:
        frame.write_parquet(sink)
    write_whole(to, sink.getvalue(), replace=True)
    tell("partner.opened", {"cases": descriptor.cases, "records": len(frame), "table": str(to)})


@app.command
def send(name: str, home: Path, file: Path | None = None, *, place: Path) -> None:
    """Bring a drop to the place where files change hands: a folder, SFTP or S3. Can be repeated after it broke off.

    Or bring what was signed: a cosignature ('log cosign'), a justification ('monitor justify'). What this partner
    opened since the last time goes along, for the log; without a file only that.

    Args:
        file: the drop (its .drop.json file; its parts lie beside it), or the signed paper. May be left out.
    """
    from lsi_match.partner.transfer import send as bring
    from lsi_match.partner.transfer import settings_in

    files = bring(Home(home, name), file, settings_in(place))
    tell("partner.sent", {"sent": files})


@app.command
def fetch(to: Path, *, place: Path) -> int:
    """Fetch what the matching environment put ready: openings, reminders, receipts, reasons of refusals, releases, the log.

    A file that is there already and was not fetched from that place is never overwritten; that is told, with exit status 1.

    Args:
        to: folder to put it in.
    """
    from lsi_match.partner.transfer import fetch as bring
    from lsi_match.partner.transfer import foreseen, settings_in

    if dry_run.is_on():
        would = foreseen(settings_in(place), to)
        done([say("partner.would_fetch", one=one) for one in would], {"would_fetch": would})
        return 0
    found = bring(settings_in(place), to, language())
    names = [file.name for file in found.files]
    new = "\n".join([*names, *found.messages, *(error.text(language()) for _, error in found.problems)])
    done(new or say("partner.nothing_new"),
         {"files": names, "messages": list(found.messages), "problems": {name: error.reason for name, error in found.problems}})  # fmt: skip
    return 1 if found.problems else 0


@app.command
def deliver(
    name: str,
    home: Path,
    project: str,
    *,
    place: Path | None = None,
    mapping: Path | None = None,
    extracts: Path | None = None,
    folder: Path | None = None,
) -> int:
    """Deliver by itself, for a timer: fetch, co-sign the log, make a drop for every round that is open, bring it, check the receipts.

    Can be given at any time; nothing is delivered twice. Ends with exit status 1 when somebody has to look: a drop
    could not be made, or was refused, or the log does not hold. When the matching environment showed two logs that
    contradict each other, here or to another organisation, nothing is delivered.

    What is left out is as 'use' set it.

    Args:
        extracts: folder of the extracts.
        folder: for what is fetched (in/) and drops on their way (out/).
    """
    from lsi_match.cli.own import delivered, foreseen, outcome
    from lsi_match.library.judging import judging
    from lsi_match.partner.deliver import synchronise
    from lsi_match.partner.work_settings import WorkSettings, work_of

    here = Home(home, name)
    given = {"place": place, "mapping": mapping, "extracts": extracts, "folder": folder}
    said = {what: path for what, path in given.items() if path is not None}
    kept = work_of(here, project).model_dump() if len(said) < len(given) else {}
    work = WorkSettings(**(kept | said))
    if dry_run.is_on():
        would = foreseen(here, project, work)
        if as_json():
            print_json(would)
        return 0
    with err.status(say("partner.working")):
        found = synchronise(here, project, work, utc_now(), language(), judging=judging)
    some = found.sent or found.receipts or found.messages or found.problems
    done([*([] if some else [say("partner.nothing")]), *delivered(found)], outcome(found))
    return int(found.failed)


@app.command
def receipt(name: str, home: Path, project: str, receipts: Path) -> int:
    """Check receipts: that the log of the matching environment says what became of a drop of yours.

    Ends with exit status 1 when one of them says that a drop was refused.

    Args:
        receipts: a receipt (.receipt.tlog-proof), or the folder with what was fetched.
    """
    from lsi_match.partner.receipts import check_receipt
    from lsi_match.protocol.place_files import RECEIPT_SUFFIX

    files = sorted(receipts.glob(f"{project}.*{RECEIPT_SUFFIX}")) if receipts.is_dir() else [receipts]
    if not files:
        what = f"{project}.*{RECEIPT_SUFFIX}"
        raise wrong_use("cli.no_receipts", what=what, receipts=str(receipts))
    here, now = Home(home, name), utc_now()
    found = sorted((check_receipt(here, project, file, now) for file in files), key=lambda one: one.position)
    lines = []
    for one in found:
        what, at = say("partner.received" if one.refused is None else "partner.refused"), minute(one.at)
        told = {"drop": one.drop[:23], "round": one.round or "-", "position": one.position}
        lines.append(say("partner.receipt", at=at, what=what, **told))
        lines += [f"    {one.refused}"] if one.refused else []
    done(lines, {"receipts": [vars(one) for one in found]})
    return 1 if any(one.refused is not None for one in found) else 0


@app.command
def sample(
    name: str,
    home: Path,
    project: str,
    *,
    opening: Path,
    mapping: Path,
    extracts: Path,
    release: Path | None = None,
    to: Path,
) -> None:
    """Draw people who were not selected, as the manifest agrees ('monitor.sample'), to be judged as cases are. They stay here.

    The list does not say who was drawn and who is a case. Enter what came of each, and give it to 'partner outcome'.

    Args:
        opening: the opening of the round.
        extracts: folder of the extracts that the drop was made of; keep them until the outcomes are counted.
        release: the release of the round; then the own records in its cases are in the list as well.
        to: the list to write (.csv or .xlsx): record_id, and outcome to fill in.
    """
    from lsi_match.base.spreadsheet import SPREADSHEETS, spreadsheet
    from lsi_match.partner.extract.column_mapping import read_mapping
    from lsi_match.partner.sample import records_to_judge

    if to.suffix not in SPREADSHEETS:
        raise wrong_use("cli.no_list_file")
    here, local = Home(home, name), read_mapping(mapping)
    found = records_to_judge(here, opening, local, extracts, project, utc_now(), release)
    rows = ((record, "") for record in found)
    write_whole(to, spreadsheet(to.suffix, ("record_id", "outcome"), rows, language()), replace=True)
    tell("partner.drawn", {"list": str(to), "records": len(found)})


@app.command
def outcome(
    name: str,
    home: Path,
    project: str,
    release: Path,
    *,
    outcomes: Path,
    opening: Path,
    mapping: Path,
    extracts: Path,
    out: Path,
) -> None:
    """Count what came of the cases of a release, per group: only counts leave, small ones withheld.

    Args:
        release: the release (its .release.json file; the sealed part lies beside it).
        outcomes: CSV with the columns outcome and case_id or record_id; gegrond, niet gegrond or onbekend. Also of 'partner sample'.
        opening: the opening of the round.
        extracts: folder of the extracts, from which the groups are read again.
        out: folder for the counts: OUT/NAME.outcome.json.
    """
    from lsi_match.partner.extract.column_mapping import read_mapping
    from lsi_match.partner.release.outcomes import count_outcomes

    local = read_mapping(mapping)
    found, paper = count_outcomes(
        Home(home, name), release, opening, outcomes, local, extracts, project, utc_now()
    )
    file = out / f"{name}.outcome.json"
    write_whole(file, paper, replace=True)
    said = {"outcome": str(file), "grounded": found.grounded, "not_grounded": found.not_grounded}
    tell("partner.counted", said)


@app.command
def access_request(
    name: str,
    home: Path,
    project: str,
    *,
    reference: str,
    to: Path,
    rounds: tuple[str, ...] = (),
    person_fd: int | None = None,
) -> None:
    """Ask the matching environment what was done with one person's data (art. 15 GDPR). The number is asked for and not kept.

    Args:
        reference: your own name for this request, for example ink-2026-14; nothing of the person.
        to: the sealed request to write, for the matching environment.
        rounds: rounds to ask about, beside those that this partner delivered for.
        person_fd: an open file descriptor with the number as a JSON object, for example {"bsn": "…"}, instead of the question.
    """
    from lsi_match.cli.prompt import ask_person
    from lsi_match.partner.access.request import make_request, wanted

    here, now = Home(home, name), utc_now()
    entered = ask_person(wanted(here.agreed_manifest(project, now)), person_fd)
    made = make_request(here, project, entered, reference, rounds, now)
    if made is None:
        tell("partner.request_waits", {"request": None, "reference": reference})
        return
    write_whole(to, made)
    tell("partner.request", {"request": str(to), "reference": reference})


@app.command
def access_answer(name: str, home: Path, project: str, answer: Path, *, reference: str, to: Path) -> int:
    """Open the answer to an access request: a text in plain Dutch (or English) for the letter to the person, or a table.

    Ends with exit status 1 while somebody has to look: there are rounds that were not asked about, or that the answer does
    not tell of, or that go by a manifest which is not known here.

    Args:
        answer: the sealed answer, from the matching environment.
        reference: the name that you gave the request.
        to: the letter to write (.html, .md or .json), or a table of what happened: .xlsx or .csv for a spreadsheet.
    """
    from lsi_match.partner.access.letter import answer_header, answer_rows, letter, unasked
    from lsi_match.partner.access.request import open_answer
    from lsi_match.reports.document import KINDS, kind_of

    kind, lang = kind_of(to, *SPREADSHEETS), language()
    opened = open_answer(Home(home, name), project, reference, read_bytes(answer), utc_now())
    made = (
        letter(opened, lang).written(kind)
        if kind in KINDS
        else spreadsheet(kind, answer_header(lang), answer_rows(opened, lang), lang)
    )
    write_whole(to, made, replace=True)
    missing = unasked(opened)
    tell("partner.answer", {"letter": str(to), "not_asked": missing, "other_manifest": opened.others})
    if missing:
        err.print(say("partner.unasked", missing=missing))
    if opened.others:
        err.print(say("partner.other_manifest", rounds=opened.others))
    return 1 if missing or opened.others else 0
