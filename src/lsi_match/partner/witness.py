"""Watching the log without people: co-signing the copy that lies at the place, and reading what others co-signed.

    <project>.<size>.log.sqlite                 the log to be co-signed, put together of its parts; with its papers, `….papers.json`
    <project>.<controller>.cosigned.tlog-proof  the newest checkpoint that a controller co-signed, as a proof of its last entry
    projects/<project>/others-seen.json         at the partner: up to how many entries each had co-signed, and since when

The matching environment passes on what others signed. It can hold that back, and cannot make it: so of whom nothing new is
seen for `WATCHED`, somebody has to ask on another way. The same where the log itself stands still while the project runs.
What contradicts what is remembered here stops everything (`log.remembered.SplitViewError`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, read_bytes, read_text, write_whole
from lsi_match.log.log_proof import LogProof
from lsi_match.log.note import Checkpoint, SignedNote
from lsi_match.log.policy import policy_of
from lsi_match.log.remembered import require_stated
from lsi_match.partner import transfer
from lsi_match.partner.cosign import CosignerKeyError, Judge, cosign_log
from lsi_match.partner.home import Home
from lsi_match.protocol import place_files
from lsi_match.transport.endpoints import EndpointSettings

#: So long nothing new of another controller, or of the log, is no alarm: it may be a holiday.
WATCHED = timedelta(days=14)


#: The signed papers in these files → what judges a log by them (`log.judge`).
Judging = Callable[[Iterable[Path]], Judge]


def cosign_newest(
    home: Home,
    project: str,
    folder: Path,
    lying: Collection[str],
    settings: EndpointSettings,
    now: datetime,
    judging: Judging | None,
) -> None:
    """Co-sign the newest copy of the log that lies at the place, and bring that there, once.

    A controller whose key cannot co-sign verifies it all the same.

    Args:
        folder: what lies at the place is in `in/`, what was co-signed in `cosigned/`.

    Raises:
        LsiError: see `partner.cosign.cosign_log`; then nothing was signed.
    """
    newest = place_files.newest_copy(lying, project)
    mail, signed = folder / "in", private_folder(folder / "cosigned")
    done = signed / f"{project}.{newest}.{home.name}{place_files.COSIGNATURE_SUFFIX}"
    if newest is None or done.exists():
        return
    judge = judging([mail / f"{project}.{newest}{place_files.PAPERS_SUFFIX}"]) if judging else None
    with suppress(CosignerKeyError):
        made = cosign_log(home, mail / f"{project}.{newest}{place_files.LOG_SUFFIX}", project, now, judge)
        for one in made:
            file = signed / f"{project}.{one.checkpoint.size}.{home.name}{place_files.COSIGNATURE_SUFFIX}"
            write_whole(file, one.note.encode(), replace=True)
            try:
                transfer.send(home, file, settings)
            except LsiError:
                file.unlink()  # or it would pass for one that was brought
                raise
    for file in signed.glob(f"{project}.*.{home.name}{place_files.COSIGNATURE_SUFFIX}"):
        if file != done:
            file.unlink()


def check_others(
    home: Home, project: str, mail: Path, lying: Collection[str], now: datetime
) -> dict[str, int | None]:
    """Every other controller that can co-sign → how many entries it co-signed, by what lies at the place; None of whom
    nothing does.

    Raises:
        SplitViewError, ConsistencyMissingError, ProofRefusedError: one co-signed another log than the one shown here, or what
            lies there is nothing that it signed.
    """
    policy = policy_of(home.agreed_manifest(project, now), home.trust(project, now).current)
    found: dict[str, int | None] = dict.fromkeys(name for name in policy.witnesses if name != home.name)
    for name in found:
        file = mail / f"{project}.{name}{place_files.COSIGNED_SUFFIX}"
        if file.name in lying:
            home.recorded(file, project, now)
            note = SignedNote.parse(LogProof.parse(read_text(file)).checkpoint)
            require_stated(file.name, {"cosigner": (name in policy.cosigners(note), True)})
            found[name] = Checkpoint.parse(note.text).size
    return found


def standing_still(
    home: Home, project: str, others: Mapping[str, int | None], now: datetime
) -> list[LsiError]:
    """Of whom nothing new was seen for `WATCHED`, as far as the log went on; and that the log did not, while the project runs.

    Args:
        others: as `check_others` gives it.
    """
    kept, manifest = home.log(project).checkpoint, home.agreed_manifest(project, now)
    own = kept.size if kept is not None else 0
    file = home.project(project) / "others-seen.json"
    before = json.loads(read_bytes(file)) if file.exists() else {}
    seen = {
        name: before[name]
        if before.get(name, [None])[0] == size and name in before
        else [size, now.isoformat()]
        for name, size in {**others, home.name: own}.items()
    }
    if seen != before:
        write_whole(file, json.dumps(seen).encode(), replace=True)
    old = {name for name, (_, since) in seen.items() if now - datetime.fromisoformat(str(since)) > WATCHED}
    found: list[LsiError] = [
        LsiError("CosignaturesUnseenError", who=manifest.controllers[name].title, days=WATCHED.days)
        for name, size in others.items()
        if name in old and (size is None or size < own)
    ]
    if home.name in old and manifest.schedule.day(now) <= manifest.project.period.last:
        found.append(LsiError("LogStandsStillError", days=WATCHED.days))
    return found
