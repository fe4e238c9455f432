"""With --dry-run no command changes a byte, whatever it is for: every command of the tree is tried out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import handmade
import pytest
from cyclopts import App
from desks import use
from operation import PARTNERS, PROJECT, Clock, Operation, folders
from steps_process import STEPS

from lsi_match.agreement.justifications import justify
from lsi_match.agreement.trust_root_rules import read_roots
from lsi_match.base import dry_run
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.base.files import read_folder, read_text, write_whole
from lsi_match.base.yaml_positions import read_yaml
from lsi_match.cli.console import say
from lsi_match.cli.main import command_line, run
from lsi_match.demo.world import reasons_for
from lsi_match.matcher.operate import transfers
from lsi_match.matcher.round import hold
from lsi_match.matcher.round.hold import RunHeldError
from lsi_match.matcher.round.run import Run
from lsi_match.monitor.round_findings import checked_findings

DONE, HELD, OPEN = "2026-a", "2026-b", "2026-c"
INSTRUCTION = b"# Werkinstructie\n\nBekijk iedere casus met twee mensen.\n"
REASON = "Wie ouder is, heeft vaker een laag inkomen; de toeslag is juist daarvoor bedoeld."
#: What a command would do next, or `reads` for one that changes nothing anyhow. Words in braces are files and folders of `world`.
COMMANDS: dict[str, tuple[str, str]] = {
    "docs": ("", "reads"),
    "keys make": ("nieuw {new}", "keep"),
    "keys show": ("{uwv}", "reads"),
    "keys card": ("uwv {uwv} --passphrase-fd {passphrase}", "write"),
    "keys protect": ("uwv {uwv} --passphrase-fd {passphrase}", "write"),
    "keys project": ("svb {svb} proef --cards {cards} --out {new}", "sign"),
    "keys commit": ("svb {svb} proef --cards {cards} --out {new} --epoch 2", "sign"),
    "keys reveal": (
        "svb {svb} proef --cards {cards} --commitments {commitments} --out {new} --epoch 3",
        "write",
    ),
    "keys derive": (
        "svb {svb} proef --cards {cards} --commitments {commitments} --reveals {reveals} --epoch 3",
        "sign",
    ),
    "keys share": ("uwv {uwv} proef --card {cards}/svb.json --out {new}", "sign"),
}
COMMANDS |= {
    "trust new": ("{draft} --cards {cards} --out {new}", "write"),
    "trust sign": ("{root} uwv {uwv} --out {new}", "sign"),
    "trust add": ("{fg} {trust} --pin {pin}", "keep"),
    "trust check": ("{trust}", "reads"),
    "trust show": ("{uwv} proef", "reads"),
    "manifest complete": ("{draft} --cards {cards} --key-check {check} --out {new}", "write"),
    "manifest check": ("{manifest}", "reads"),
    "manifest explain": ("{manifest} --out {new}.md", "write"),
    "manifest diff": ("{manifest} {manifest} --out {new}.md", "write"),
    "manifest sql": (
        "{manifest} --partner uwv --dialect duckdb --reference-date 2026-06-01 --out {new}",
        "write",
    ),
    "manifest columns": ("{manifest} --partner uwv", "reads"),
    "manifest new": ("{new}", "write"),
    "manifest share": ("{manifest} --site {site} --out {new}", "log"),
    "manifest statement": ("{manifest} --out {new}.md", "write"),
    "manifest sign": ("{manifest} uwv {uwv} --out {new}", "sign"),
    "manifest publication": ("{manifest} uwv {uwv} --sheet {sheet} --out {new}", "sign"),
    "manifest withdraw": ("{manifest} uwv {uwv} --reason nee --out {new}", "sign"),
    "manifest advise": ("{manifest} uwv {uwv} --outcome negative --text {instruction} --out {new}", "sign"),
    "manifest acknowledge": (
        "{manifest} uwv {uwv} --instruction {instruction} --role jurist --out {new}",
        "sign",
    ),
    "manifest status": ("{manifest} --site {site}", "reads"),
    "partner check": ("{extracts}/uwv.csv --manifest {manifest} --name uwv --mapping {mapping}", "reads"),
    "partner mapping new": ("{extracts}/uwv.csv --manifest {manifest} --name uwv --to {new}", "write"),
    "partner reference bag": ("{extracts}/uwv.csv --home {uwv} --name uwv", "refused"),
    "partner join": ("uwv {uwv} --manifest {manifest} --approvals {approvals} --key-share {share}", "keep"),
    "partner papers": ("uwv {uwv} proef {withdrawn}", "keep"),
    "partner prepare": (
        "uwv {uwv} proef --opening {opening} --mapping {mapping} --extracts {extracts} --to {new}",
        "sign",
    ),
    "partner open": ("svb {svb} proef {release_svb} --to {new}.csv", "sign"),
    "partner send": ("uwv {uwv} {mine} --place {place}", "bring"),
    "partner fetch": ("{new} --place {place}", "reads"),
    "partner deliver": ("uwv {uwv} proef", "reads"),
    "partner receipt": ("uwv {uwv} proef {mail}", "refused"),
    "partner outcome": (
        "svb {svb} proef {release_svb} --outcomes {outcomes} --opening {done} --mapping {mapping_svb} --extracts {extracts} --out {new}",
        "sign",
    ),
    "partner sample": (
        "uwv {uwv} proef --opening {done} --mapping {mapping} --extracts {extracts} --to {new}.csv",
        "refused",
    ),
    "partner access-request": ("uwv {uwv} proef --reference ink-2 --to {new} --person-fd {person}", "sign"),
    "partner access-answer": ("uwv {uwv} proef {answer} --reference ink-1 --to {new}.md", "write"),
    "site init": ("{new}", "keep"),
    "site accept": ("{site} {manifest} --approvals {approvals}", "log"),
    "site papers": ("{site} proef {withdrawn}", "keep"),
    "site places": ("{site} proef", "write"),
    "site backup": ("{site} --to {new}", "write"),
    "site restore": ("{site}", "write"),
    "site upgrade": ("{site}", "reads"),
    "site explain": ("{site} proef {instruction}", "refused"),
    "site health": ("{site}", "refused"),
    "site serve": ("{site}", "run"),
    "site prefect": ("{site} version", "refused"),
    "match open": ("{site} proef 2026-d", "sign"),
    "match run": ("{site} proef 2026-c", "run"),
    "match watch": ("{site}", "run"),
    "match remind": ("{site} proef 2026-c", "write"),
    "match justify": ("{site} proef 2026-b {justifications}", "keep"),
    "match outcome": ("{site} proef 2026-a {outcome}", "keep"),
    "match office": ("{site} proef {outcome}/none", "refused"),
    "match answer": ("{site} proef {asked} --to {new}", "sign"),
    "match opened": ("{site} proef {opened}", "keep"),
    "match destroy": ("{site} proef 2026-b", "log"),
    "match status": ("{site}", "reads"),
    "match metrics": ("{site}", "reads"),
    "monitor request": (
        "uwv {uwv} proef --opening {opening} --mapping {mapping} --extracts {extracts} --to {new}",
        "refused",
    ),
    "monitor import": ("uwv {uwv} proef {extracts} --opening {opening} --out {new}", "refused"),
    "monitor report": ("{site} proef 2026-b --to {new}.md", "write"),
    "monitor justify": (
        "{manifest} uwv {uwv} --report {mail}/proef.2026-b.report.json --counts {mail}/proef.2026-b.counts.json --reason {reason} --out {new}",
        "sign",
    ),
    "monitor counts": ("{mail}/proef.2026-b.counts.json", "reads"),
    "monitor trend": ("{mail}/proef.2026-b.counts.json", "reads"),
    "monitor areas": ("{figures} {areas} --area wijk --people mensen --having hebben", "reads"),
    "publish": ("{site} --out {new}", "write"),
    "publish annex": ("{site} proef uwv --form processing-register --out {new}", "refused"),
    "use": ("{uwv} proef", "write"),
    "doctor": ("{uwv}", "reads"),
    "completion": ("bash", "reads"),
    "man": ("", "reads"),
    "sync": ("{uwv} proef", "reads"),
    "log show": ("{log}", "reads"),
    "log verify": ("{log} --manifest {manifest} --home {gemeente}", "reads"),
    "log subjects": ("{projects}", "reads"),
    "log report": ("{projects} --manifest {manifest} --to {new}.md", "write"),
    "log register": ("{manifest}", "reads"),
    "log checkpoint": ("{site} proef", "sign"),
    "log cosign": ("uwv {uwv} proef {log} --papers {projects}/documents --out {new}", "sign"),
    "log add-cosignature": ("{site} proef {cosigned}/{cosignature}", "log"),
    "log witness": ("{site} proef", "reads"),
    "log prove": ("{log} 1 --out {new}", "write"),
    "log check-proof": ("{proof} --manifest {manifest} --home {gemeente}", "reads"),
    "log policy": ("{manifest} --out {new}", "write"),
    "log export": ("{log} --out {new}", "write"),
}
#: Commands that know no --dry-run, and why.
WITHOUT = {
    "demo": "makes a world of its own in a new folder, and nothing else",
    "desk": "serves pages; each button on them is a choice of its own",
}


def leaves(app: App, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The words of every command that does something."""
    if app.default_command and path:
        yield " ".join(path)
    for name in app:
        if not name.startswith("-"):
            yield from leaves(app[name], (*path, name))


def test_every_command_is_tried_out_here_or_says_why_not() -> None:
    assert sorted(leaves(command_line())) == sorted([*COMMANDS, *WITHOUT])


@pytest.mark.parametrize("name", WITHOUT)
def test_what_cannot_be_tried_out_says_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--dry-run", "--lang", "en"]) == 2
    dry_run.begin(on=False)
    assert "does not go with" in capsys.readouterr().err


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A project with a round whose release is ready, one that is held and one that is open, and all that commands can be given."""
    folder = tmp_path_factory.mktemp("dry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config-of-user"))
        yield made(folder)


def command(*words: object) -> None:
    assert run([*map(str, words)]) == 0, words


#: What is made before, each by the command that makes it.
MADE = (
    *(f"keys commit {who} {{{who}}} proef --cards {{cards}} --out {{commitments}} --epoch 3" for who in PARTNERS),
    *(f"keys reveal {who} {{{who}}} proef --cards {{cards}} --commitments {{commitments}} --out {{reveals}} --epoch 3" for who in PARTNERS),
    "manifest withdraw {manifest} gemeente {gemeente} --reason nee --out {withdrawn}",
    "partner open uwv {uwv} proef {release} --to {cases}.csv",
    "partner access-request uwv {uwv} proef --reference ink-1 --to {request} --person-fd {person}",
    "partner access-request uwv {uwv} proef --reference ink-3 --to {asked} --person-fd {person}",
    "match answer {site} proef {request} --to {answer}",
    "partner outcome uwv {uwv} proef {release} --outcomes {outcomes} --opening {done} --mapping {mapping} --extracts {extracts} --out {outcome}",
    "log cosign uwv {uwv} proef {log} --papers {projects}/documents --out {cosigned}",
    "log prove {log} 1 --out {proof}",
    "keys make fg {fg}",
    "trust new {draft} --cards {cards} --previous {trust} --out {root}",
)  # fmt: skip


def sheet(world: Any) -> dict[str, Any]:
    withheld = {"show": "withheld", "reason": "Wie de regel kent, kan haar omzeilen."}
    rules = {
        f"{s.id}.{r.id}": withheld
        for who, s in world.project.manifest().selections()
        if who == "uwv"
        for r in s.criteria
    }
    return read_yaml(read_text(Path("configs/samenloop/publication.yaml")), "p") | {
        "name": "uwv",
        "contact": "vragen@uwv.example",
        "criteria": rules,
    }


def made(folder: Path) -> dict[str, Any]:
    """Name in braces → file or folder. Nothing of it is `new`."""
    sections = {
        "monitor": {"dimensions": [handmade.dimension()], "hold_on_too_little": True},
        "work_instruction": {
            "title": "W",
            "digest": digest_of_bytes(INSTRUCTION),
            "acknowledged_by": ["jurist"],
        },
    }
    clock = Clock(utc_now())
    op = Operation(folder / "op", PARTNERS, folders(folder / "op", PARTNERS), clock, sections=sections)
    project, world, files = op.project, op.world, folder / "files"
    for name, card in world.cards().items():
        write_whole(files / "cards" / f"{name}.json", json.dumps(card).encode())
    use(op)
    for round_id in (DONE, HELD):
        with pytest.raises(RunHeldError):
            op.run_here(round_id)
        manifest, documents = project.manifest(), project.monitor_documents(round_id)
        found, digest = checked_findings(documents["report.json"], documents["counts.json"], manifest)
        said = reasons_for(found, REASON, clock().date()) or REASON
        papers = {
            who: justify(manifest, round_id, digest, world.home(who).identity(), "release", said, clock())
            for who in PARTNERS
        }
        if round_id == DONE:
            hold.ingest(project, round_id, papers, clock())
            run_ = Run(project, round_id, clock)
            for step in STEPS[:-1]:
                getattr(run_, step)()
            run_.close()
    world.open_round(OPEN)
    transfers.publish(project, clock())
    op.fetch("uwv")
    given = {
        "outcomes": b"case_id;outcome\n", "instruction": INSTRUCTION, "counts": documents["counts.json"],
        "figures": b"wijk,mensen,hebben\na,100,10\nb,100,60\n", "areas": b"area,number\na,5\nb,9\n",
        "sheet": json.dumps(sheet(world)).encode(),
        "proef.2026-b.uwv.justification.json": papers["uwv"],
        **{f"justifications/{who}.json": paper for who, paper in papers.items()},
    }  # fmt: skip
    for name, data in given.items():
        write_whole(files / name, data)
    own, seen = world.home("uwv").project(PROJECT), folder / "op/mail/uwv"
    names = ("cards", "commitments", "reveals", "withdrawn", "justifications", "request", "asked", "answer", "outcome", "cosigned", "proof",
             "root", "cases", "fg")  # fmt: skip
    paths: dict[str, Any] = {name: files / name for name in (*given, *names)}
    paths |= {who: world.home(who).folder for who in PARTNERS}
    paths |= {
        "new": folder / "new", "mine": files / "proef.2026-b.uwv.justification.json", "site": world.site.folder, "projects": project.folder,
        "manifest": project.folder / "manifest.json", "log": project.folder / "log.sqlite", "approvals": project.folder / "approvals",
        "draft": folder / "op/config/manifest.yaml", "mapping": folder / "op/config/mappings/uwv.yaml", "extracts": world.extracts,
        "place": folder / "op/uwv.place.yaml", "share": world.folder / "agreement/key-share.uwv.json", "mail": seen,
        "release": world.release_file("uwv", DONE), "release_svb": world.release_file("svb", DONE),
        "mapping_svb": folder / "op/config/mappings/svb.yaml", "opening": project.round_folder(OPEN) / "opening.json",
        "done": project.round_folder(DONE) / "opening.json", "reason": REASON.replace(" ", "_"), "trust": own / "trust",
        "pin": read_roots([*read_folder(own / "trust", "*.json").values()])[0].root.digest, "check": project.manifest().pseudonyms.key_check,
    }  # fmt: skip
    for line in MADE:
        assert run(words(line, paths)) == 0, line
    paths["cosignature"] = next(paths["cosigned"].iterdir()).name
    paths["opened"] = next(paths["uwv"].rglob("*.opened.json")).parent
    return paths


def words(line: str, paths: Mapping[str, Any]) -> list[str]:
    """The words of a command line; what is read from an open file lies in one."""
    found = []
    for word in line.split():
        if word in ("{person}", "{passphrase}"):
            descriptor = os.memfd_create(word)
            os.write(
                descriptor,
                json.dumps({"bsn": handmade.BSNS[0]}).encode()
                if word == "{person}"
                else b"een lange wachtzin hier\n",
            )
            os.lseek(descriptor, 0, os.SEEK_SET)
            found.append(str(descriptor))
        else:
            found.append(word.format(**paths))
    return found


def state(folder: Path) -> dict[str, bytes | None]:
    """Every byte of everybody."""
    return {
        str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None for one in folder.rglob("*")
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_dry_run_changes_no_byte(
    name: str, world: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    line, wanted = COMMANDS[name]
    before = state(world["new"].parent)
    status = run([*words(f"{name} {line}", world), "--dry-run", "--lang", "en"])
    dry_run.begin(on=False)
    said = capfd.readouterr()
    assert state(world["new"].parent) == before
    ended = next(
        (act for act in get_args(dry_run.Act) if f"Next would be {say(f'main.would_{act}')}:" in said.out),
        "reads",
    )
    assert (ended if status == 0 else "refused") == wanted, said


def test_what_python_keeps_of_its_modules_is_not_written_either(tmp_path: Path) -> None:
    """As on a first day, when nothing is compiled yet."""
    kept = tmp_path / "compiled"
    ended = subprocess.run(
        [sys.executable, "-m", "lsi_match", "doctor", str(tmp_path / "home"), "--dry-run", "--lang", "en"],
        env={**os.environ, "PYTHONPYCACHEPREFIX": str(kept), "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ".pyc" not in ended.stdout + ended.stderr
    assert not [file for file in kept.rglob("*.pyc") if "lsi_match/cli/own" in str(file)]
