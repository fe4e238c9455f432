"""Checkpoints of a log, the signatures of controllers under them, and proofs: `lsi-match log …`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.base.files import FileExistsAlreadyError, read_bytes, read_text, write_whole
from lsi_match.cli.console import done, language, project_of, say, tell
from lsi_match.cli.log import _file, app


@app.command
def checkpoint(site: Path, project: str) -> None:
    """Sign the state of the log as it is now, and print the note."""

    with project_of(site, project).writer() as log:
        note = log.sign()
    done(note.removesuffix("\n"), {"checkpoint": note})


@app.command
def cosign(
    name: str,
    home: Path,
    project: str,
    log: Path,
    *,
    papers: tuple[Path, ...] = (),
    out: Path,
    accept_gap: bool = False,
) -> None:
    """Verify a log, on your own machine, against what you saw before; then state that you saw it.

    Args:
        name: this controller.
        home: its folder, which remembers the newest checkpoint.
        log: the log, as you received it.
        papers: the signed papers to judge its entries again by: a file (.papers.json), or the folder with what was fetched.
        out: folder for the cosignatures, for the matching environment.
        accept_gap: acknowledge that the log says by itself that entries were lost that you saw before.
    """
    from lsi_match.library.judging import judging
    from lsi_match.partner.cosign import cosign_log
    from lsi_match.partner.home import Home
    from lsi_match.reports.log_report import judged_again

    judged = judging(papers)
    made = cosign_log(Home(home, name), _file(log), project, utc_now(), judged, accept_gap=accept_gap)
    files = [out / f"{project}.{one.checkpoint.size}.{name}.checkpoint" for one in made]
    for file, one in zip(files, made, strict=True):
        write_whole(file, one.note.encode(), replace=True)
    size, root = made[-1].checkpoint.size, made[-1].checkpoint.root.hex()
    told = " ".join(str(file) for file in files)
    done([say("log_proofs.cosigned", size=size, root=root, told=told),
          *([] if papers else [judged_again(None, language())])],
         {"entries": size, "root": root, "judged": bool(papers), "checkpoints": [str(file) for file in files]})  # fmt: skip


@app.command(name="add-cosignature")
def add_cosignature(site: Path, project: str, cosignature: list[Path]) -> None:
    """Take in what a controller signed under a checkpoint, and hand out a release that waited for it.

    Args:
        cosignature: the file, or files, that `log cosign` made.
    """
    from lsi_match.matcher.operate.reconcile import publish_cosigned_releases
    from lsi_match.matcher.site.take_cosignatures import add_cosignatures

    of = project_of(site, project)
    found = {who for file in cosignature for who in add_cosignatures(of, read_bytes(file), utc_now())}
    names, rounds = ", ".join(sorted(found)), publish_cosigned_releases(of, utc_now)
    said = [say("log_proofs.cosignature", names=names)]
    said += [say("log_proofs.handed_out", rounds=rounds)] if rounds else []
    done(" ".join(said), {"cosigners": sorted(found), "handed_out": rounds})


@app.command
def witness(site: Path, project: str, name: str | None = None, url: str | None = None) -> None:
    """Ask a witness from outside to co-sign the log (C2SP tlog-witness), and hand out a release that waited for it.

    Args:
        name: of the witness in the manifest; without it every witness with an address in delivery.yaml.
        url: the address at which it is asked; else that in delivery.yaml.
    """
    from lsi_match.matcher.operate.reconcile import publish_cosigned_releases
    from lsi_match.matcher.operate.transfers import witness_addresses
    from lsi_match.matcher.operate.witnesses import ask_witness

    of = project_of(site, project)
    addresses = {name: url} if name and url else witness_addresses(of)
    if name is not None and name not in addresses:
        raise LsiError("WitnessUnknownError", name=name)
    asked = {one: at for one, at in addresses.items() if name in (None, one)}
    signed = {one: ask_witness(of, one, at, utc_now()) for one, at in asked.items()}
    rounds = publish_cosigned_releases(of, utc_now)
    told = [
        say("log_proofs.taken_in", one=one, sizes=max(by.sizes))
        if by.sizes
        else say("log_proofs.nothing_new", one=one)
        for one, by in signed.items()
    ]
    ignored = {one: by.ignored for one, by in signed.items() if by.ignored}
    told += [say("log_proofs.ignored", one=one, count=count) for one, count in ignored.items()]
    if rounds:
        told.append(say("log_proofs.handed_out", rounds=rounds))
    done(
        told or say("log_proofs.no_witness"),
        {
            "witnesses": {one: by.sizes for one, by in signed.items()},
            "ignored": ignored,
            "handed_out": rounds,
        },
    )


@app.command
def prove(log: Path, position: int, *, out: Path) -> None:
    """Write the proof that an entry is in the log, as a file of its own.

    Args:
        log: the log file, or the folder of a project on a site.
        position: which entry, by its number in `log show`.
        out: the file to write (.tlog-proof).
    """
    from lsi_match.log.log_proof import prove as make
    from lsi_match.log.store import Log

    with Log.open(_file(log), read_only=True) as opened:
        proof = make(opened, position)
    write_whole(out, proof.text().encode(), replace=True)
    tell("log_proofs.proof", {"proof": str(out)}, position=position)


@app.command(name="check-proof")
def check_proof(
    proof: Path,
    *,
    manifest: Path,
    policy: Path | None = None,
    home: Path | None = None,
    remember: Path | None = None,
) -> None:
    """Check a proof without the log; show the entry that it proves.

    Args:
        proof: the proof (.tlog-proof).
        manifest: the manifest you signed (canonical JSON); it names the log and its key.
        policy: whose signatures have to be there (`log policy`); else the manifest says whose key counts.
        home: your own folder as a controller. Its trust root counts, and the log must continue the checkpoint that it
            remembers; then the newer one is remembered.
        remember: the same with a file of your own, for who has no such folder.
    """
    from lsi_match.agreement.approvals import load_manifest
    from lsi_match.agreement.trust_root_store import TrustStore
    from lsi_match.log.log_proof import LogProof
    from lsi_match.log.policy import Policy, origin_of, policy_of
    from lsi_match.log.remembered import RememberedLog

    agreed = load_manifest(read_bytes(manifest))
    project, origin = agreed.project.id, origin_of(agreed)
    root = TrustStore(home, project).trust(utc_now()).current if home else None
    counts = Policy.parse(read_text(policy)) if policy else policy_of(agreed, root)
    read = LogProof.parse(read_text(proof))
    entry = read.check(counts, origin)
    if remember or home:
        kept = RememberedLog(remember) if remember else RememberedLog.of_party(Path(str(home)), project)
        kept.take(read.checkpoint, read.since)
    step, status = entry.name, entry.status
    lines = [say("log_proofs.holds", index=read.index, step=step, status=status)]
    if not (remember or home):
        lines.append(say("log_proofs.not_compared"))
    compared = bool(remember or home)
    done(lines, {"index": read.index, "compared": compared, **entry.model_dump(mode="json")})


@app.command
def policy(manifest: Path, *, out: Path, root: Path | None = None, cosigned: bool = False) -> None:  # fmt: skip
    """Write whose signatures count under a checkpoint, for this and other programs (C2SP tlog-policy).

    Args:
        manifest: the manifest you signed (canonical JSON).
        out: the file to write.
        root: the folder of a party whose trust root says which keys count now; else those in the manifest.
        cosigned: require the cosignatures that a release waits for by the manifest, or those of every controller.
    """
    from lsi_match.agreement.approvals import load_manifest
    from lsi_match.agreement.trust_root_store import TrustStore
    from lsi_match.log.policy import policy_of

    agreed = load_manifest(read_bytes(manifest))
    current = None if root is None else TrustStore(root, agreed.project.id).trust(utc_now()).current
    made = policy_of(agreed, current, quorum=(agreed.release.cosignatures or None) if cosigned else 0)
    write_whole(out, made.text().encode(), replace=True)
    done(str(out), {"policy": str(out), "cosigners": list(made.witnesses), "quorum": made.quorum})


@app.command
def export(log: Path, *, form: Literal["tiles", "log", "papers", "otlp", "parquet"] = "tiles", out: Path) -> None:  # fmt: skip
    """Write the log in a form that other programs read.

    Args:
        log: the log file, or the folder of a project on a site.
        form: tiles, to verify with audit/check_log.py; log, a copy without audit records, to hand to others; papers, the
            signed papers that its entries name (of the folder of a project on a site), to judge them again by; otlp
            (JSON of OpenTelemetry) or parquet, to read.
        out: a new folder for tiles, else the file to write.
    """
    from lsi_match.log import export as exporting
    from lsi_match.log.papers import export_papers
    from lsi_match.log.store import Log

    # a copy has no audit records: in the place of the log itself it would take them away
    if any(out.resolve() == one.resolve() for one in (log, log / "log.sqlite")):
        raise FileExistsAlreadyError(file=str(out))
    with Log.open(_file(log), read_only=True) as opened:
        if form == "tiles":
            count = exporting.export_tiles(opened, out).size
        else:
            write = {
                "log": exporting.export_copy,
                "papers": export_papers,
                "otlp": exporting.export_otlp,
                "parquet": exporting.export_parquet,
            }[form]
            count = write(opened, out)
    what = "papers" if form == "papers" else "entries"
    tell(f"log_proofs.exported_{what}", {what: count, "export": str(out)}, count=count)
