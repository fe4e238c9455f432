"""What the monitor saw of a round, what a controller says to it, and the same for counts of anybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from lsi_match.base.catalogue import with_separators
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_text, write_whole
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.cli.console import as_json, done, language, out, print_json, project_of, say, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lsi_match.monitor.areas import Areas
    from lsi_match.monitor.round_findings import RoundFindings
    from lsi_match.monitor.table import CountsTable

app = App(name="monitor")


@app.command
def report(site: Path, project: str, round_id: str, *, to: Path) -> None:
    """Write what the monitor says of a round, to read and to print: the report, and the counts it follows from.

    Args:
        to: folder to write `report.html`, `report.md`, `report.json` and `counts.json` into, of a held round the proof that
            the log has it, and the same for each partner that told outcomes: `report.<partner>.html` …
    """
    from lsi_match.log.log_proof import SUFFIX
    from lsi_match.matcher.round.take_outcomes import outcomes_of, with_outcomes
    from lsi_match.matcher.site.proofs import put_round_proofs
    from lsi_match.monitor.round_findings import RoundFindings, findings_of
    from lsi_match.monitor.table import CountsTable

    chosen = project_of(site, project)
    documents = chosen.monitor_documents(round_id)
    put_round_proofs(chosen)
    proof = chosen.round_folder(round_id) / f"report{SUFFIX}"
    if proof.exists():
        documents[proof.name] = read_bytes(proof)
    table = CountsTable.model_validate_json(documents["counts.json"])
    found = RoundFindings.model_validate_json(documents["report.json"])
    documents |= _pages("report", table, found)
    for name, paper in outcomes_of(chosen, round_id).items():
        told_more = with_outcomes(table, paper)
        counts = told_more.model_dump_json().encode() + b"\n"
        more = findings_of(chosen.manifest(), round_id, counts)
        documents |= {f"counts.{name}.json": counts, f"report.{name}.json": more.written()}
        documents |= _pages(f"report.{name}", told_more, more)
    files = {name: to / name for name in documents}
    for name, data in documents.items():
        write_whole(files[name], data, replace=True)
    tell("monitor.written", {n: str(f) for n, f in files.items()}, files=list(files.values()))


def _pages(stem: str, table: CountsTable, found: RoundFindings) -> dict[str, bytes]:
    from lsi_match.reports.monitor_report import report

    page = report(table, found.findings, language(), found.followed)
    return {stem + kind: page.written(kind) for kind in (".html", ".md")}


@app.command
def justify(
    manifest: Path,
    name: str,
    home: Path,
    *,
    report: Path,
    counts: Path,
    reasons: Path | None = None,
    reason: str = "",
    change: bool = False,
    out: Path,
    chain: Path | None = None,
    key: Path | None = None,
) -> None:
    """Sign, as a controller, why a held round may be released; or, with --change, that the manifest has to change.

    First the report is worked out again from the counts: what does not follow from them is not signed. Nor is a report that
    the log does not hold the round for. Every difference is justified by itself, in a file that is written here first, to fill in.

    Args:
        name: the controller.
        report: the report, as the matching environment gave it (report.json); the proof that the log has it lies beside it.
        counts: the counts it follows from (counts.json).
        reasons: why, of every difference (YAML); a file that is not there yet is written with what is asked. No personal data.
        reason: with --change, or of a report without a difference: why, in at least 40 characters; all parties can read it.
        change: do not release; the manifest has to change. The round is then destroyed.
        out: folder for the paper: OUT/NAME.justification.json.
    """
    from lsi_match.cli.manifest import signing
    from lsi_match.library.held import HeldRound
    from lsi_match.partner.home import Home
    from lsi_match.protocol.documents import Reason, Reasons
    from lsi_match.reports.monitor_report import reasons_draft

    document, identity, now = signing(manifest, name, home, "approve", chain, key)
    held = HeldRound.read(Home(home, name), document, report, counts, now)
    said: str | dict[str, Reason] = reason
    if not change and (needed := held.findings.differences):
        if reasons is None:
            raise wrong_use("cli.reasons_wanted")  # fmt: skip
        if not reasons.exists():
            write_whole(reasons, reasons_draft(held.table, held.findings, language()).encode())
            asked = {"reasons": str(reasons), "differences": list(needed)}
            tell("monitor.reasons", asked, needed=len(needed))
            return
        said = parse_yaml(read_text(reasons), reasons.name, Reasons).root
    paper = held.justify(identity, "change" if change else "release", said, now)
    round_id, digest = held.findings.round, held.digest
    file = out / f"{name}.justification.json"
    write_whole(file, paper, replace=True)
    what = {"justification": str(file), "findings": digest}
    tell("monitor.changed" if change else "monitor.justified", what, name=name, round=round_id)


@app.command
def request(
    name: str,
    home: Path,
    project: str,
    *,
    opening: Path,
    mapping: Path,
    extracts: Path,
    to: Path,
) -> None:
    """Seal to the statistics office of the manifest how far the own records came in a round, after the drop was made.

    Bring both files to the office. What the matching environment sealed to it, its client fetches: PROJECT.ROUND.matcher.office.age.

    Args:
        opening: the opening of the round; its proof lies beside it.
        extracts: folder of the extracts that the drop was made of.
        to: folder for the sealed records, and the signed request that says what to count.
    """
    from lsi_match.partner.extract.column_mapping import read_mapping
    from lsi_match.partner.home import Home
    from lsi_match.partner.office import write_request

    local = read_mapping(mapping)
    files = write_request(Home(home, name), opening, local, extracts, to, project, utc_now())
    tell("monitor.written", {"files": [str(file) for file in files]})


@app.command(name="import")
def import_(name: str, home: Path, project: str, tables: Path, *, opening: Path, out: Path) -> None:
    """Take back the table of the statistics office, as its client: held against what was asked, and signed.

    Args:
        name: the controller that the manifest names as client of the office.
        tables: folder with a table per selection, PARTNER.SELECTION (.csv or .xlsx): request, the dimensions, the columns of the request.
        opening: the opening of the round; its proof lies beside it.
        out: folder for the counts: OUT/PROJECT.ROUND.NAME.office-counts.json.
    """
    from lsi_match.library.office_table import take_back
    from lsi_match.partner.home import Home

    file, paper = take_back(Home(home, name), opening, tables, project, utc_now())
    write_whole(out / file, paper, replace=True)
    tell("monitor.taken_back", {"counts": str(out / file)})


@app.command
def counts(
    file: Path,
    *,
    to: Path | None = None,
    benefit: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    fail_on_alert: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Analyse a table of counts of your own, and write the report.

    Args:
        file: the counts: a CSV (dimension columns, then one column per stage), or the whole table as YAML or JSON.
        to: the report, .html, .md or .json; without it only the first page is shown.
        benefit: a step that is good for people, as being admitted; may be given more than once.
        fail_on_alert: end with exit status 1 when there is an alert.
    """
    from lsi_match.monitor.analyse import analyse
    from lsi_match.monitor.counts_file import read_counts
    from lsi_match.reports.monitor_report import report as made

    if to is not None and to.suffix not in (".html", ".md", ".json"):
        raise wrong_use("cli.no_page_file")
    table = read_counts(file)
    steps = [stage.id for stage in table.stages]
    if set(benefit) - set(steps):
        named = ", ".join(steps)
        raise wrong_use("cli.unknown_benefit", named=named)
    table = table.model_copy(
        update={
            "stages": tuple(
                s.model_copy(update={"direction": "benefit"}) if s.id in benefit else s for s in table.stages
            )
        }
    )
    found = analyse(table)
    page = made(table, found, language())
    if to is not None:
        plain = f"{found.model_dump_json(indent=2)}\n".encode()
        write_whole(to, plain if to.suffix == ".json" else page.written(to.suffix), replace=True)
    if as_json():
        print_json(found.model_dump(mode="json"))
    else:
        out.print(page.first, markup=False, soft_wrap=True)
        if to is not None:
            out.print(say("monitor.whole", to=to))
    return 1 if fail_on_alert and found.alert else 0


@app.command
def trend(
    files: list[Path],
    *,
    to: Path | None = None,
    fail_on_alert: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Add up the counts of several rounds: what one round cannot show, several together do.

    Args:
        files: the counts of each round, the earliest first: `counts.json` of `monitor report`, or tables of your own.
        to: the page, .html or .md; without it only the summary is shown.
        fail_on_alert: end with exit status 1 when there is an alert.
    """
    from dataclasses import asdict

    from lsi_match.monitor.counts_file import read_counts
    from lsi_match.monitor.evidence import trend as over_rounds
    from lsi_match.reports import monitor_trend

    if not files or (to is not None and to.suffix not in (".html", ".md")):
        raise wrong_use("cli.counts_wanted")
    tables = [read_counts(file) for file in files]
    found = over_rounds(tables)
    page = monitor_trend.page(tables, found, language())
    if to is not None:
        write_whole(to, page.written(to.suffix), replace=True)
    if as_json():
        lines = [asdict(line) | {"so_far": [one.model_dump() for one in line.so_far]} for line in found.lines]
        told = {"alert": bool(found.alerts), "rounds": found.rounds, "lines": lines}
        print_json(told | {"helped": [one.model_dump() for one in found.helped]})
    else:
        out.print(page.first, markup=False, soft_wrap=True)
    return 1 if fail_on_alert and found.alerts else 0


@app.command
def areas(
    figures: Path,
    counts: Path,
    *,
    area: str,
    people: str,
    having: str,
    percent: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say what public figures per area can tell of a characteristic that nobody records: bounds, never a person.

    Args:
        figures: the figures (CSV), for example key figures per postcode from StatLine.
        counts: how many were selected (CSV): area, number.
        area: the column of the figures that names the area.
        people: the column with the number of inhabitants.
        having: the column with how many have the characteristic.
        percent: that column is a percentage of the inhabitants.
    """
    from lsi_match.monitor.areas import read_areas

    found = read_areas(figures, counts, area=area, people=people, having=having, percent=percent)
    document = {
        "areas": len(found.known),
        "left_out": list(found.left_out),
        **{name: vars(getattr(found.found, name)) for name in ("having", "others", "ratio")},
    }
    done("\n".join(_bounds(found, f"‘{having}’")), document)


def _bounds(areas: Areas, what: str) -> Iterator[str]:
    """The bounds in words, with what they cannot say."""
    found = areas.found
    ends = (found.having.low, found.having.high, found.others.low, found.others.high)
    shares = [with_separators(f"{100 * end:.1f}%", language()) for end in ends]
    facts = dict(zip(("low", "high", "others_low", "others_high"), shares, strict=True))
    yield say("monitor.bounds", areas=len(areas.known), what=what, **facts)
    yield say("monitor.no_more")
    yield say("monitor.shown" if found.says else "monitor.mixed")
    if areas.left_out:
        yield say("monitor.left_out", areas=len(areas.left_out))
