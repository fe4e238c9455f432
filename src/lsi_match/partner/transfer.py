"""The partner's side of a place (`lsi_match.transport.endpoints`): bring a drop there, fetch what the matching environment put there."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.errors import LsiError, Problems
from lsi_match.base.files import FileExistsAlreadyError, private_folder, read_bytes, write_whole
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.crypto.signing import peek, verify
from lsi_match.log.tail import assemble, parts_of, read_tail
from lsi_match.partner.home import Home
from lsi_match.partner.release.opened_notice import mark_sent, unsent
from lsi_match.protocol import place_files
from lsi_match.protocol.documents import DropDescriptor, Justification
from lsi_match.transport.endpoints import Endpoint, EndpointSettings, Stamp, open_endpoint
from lsi_match.transport.sync_state import SyncState

_LARGEST_TEXT = 2**20
_PART = re.compile(r"([a-z0-9][a-z0-9-]*)\.([0-9]{1,12})-([0-9]{1,12})" + re.escape(place_files.PART_SUFFIX))
#: In the folder that is fetched into: what was fetched to it.
TALLY = ".fetched.json"
#: What a fetch leaves free, as a share of the disk.
_SPARE = 0.05


class TooLargeToFetchError(LsiError): ...


@dataclass(frozen=True)
class Fetched:
    """What lay ready: new files here, by name, what they say where they are messages, and the names of everything that
    lies there; `problems` are the names of what was not fetched, with why."""

    files: tuple[Path, ...]
    messages: tuple[str, ...]
    lying: frozenset[str] = frozenset()
    problems: tuple[tuple[str, LsiError], ...] = ()


def settings_in(file: Path) -> EndpointSettings:
    """The place that a settings file names; raises with file, line and column of what is wrong in it."""
    return parse_yaml(read_bytes(file).decode(errors="replace"), file.name, EndpointSettings)


def send(home: Home, file: Path | None, settings: EndpointSettings) -> int:
    """Bring a file to the place, and what this partner has to tell of releases it opened; the number of files.

    Can be repeated after it broke off.

    Args:
        file: the descriptor of a drop of `home`, which goes after its parts; or a paper by itself: a cosignature
            (`.checkpoint`) or a justification. None for the notices only.

    Raises:
        NoDropError, DropIncompleteHereError: before anything is sent.
        PlaceUnreachableError: see `lsi_match.transport.endpoints`.
    """
    sent = 0
    if file is not None:
        sent = (
            _send_paper(home, file, settings)
            if file.name.endswith(place_files.SENT_ALONE)
            else _send_drop(home, file, settings)
        )
    notices = unsent(home)
    if notices:
        with open_endpoint(settings) as there:
            for notice in notices:
                there.give("in", notice.name, read_bytes(notice))
                mark_sent(notice)
    return sent + len(notices)


def _send_paper(home: Home, file: Path, settings: EndpointSettings) -> int:
    data, name = read_bytes(file, _LARGEST_TEXT), file.name
    if name.endswith(place_files.JUSTIFICATION_SUFFIX):
        paper = peek(data, Justification, what=name, party=home.name)
        # Projects may share a place: the name says whose it is.
        name = f"{paper.project}.{paper.round}.{paper.controller}{place_files.JUSTIFICATION_SUFFIX}"
    with open_endpoint(settings) as there:
        there.give("in", name, data)
    return 1


def _send_drop(home: Home, descriptor: Path, settings: EndpointSettings) -> int:
    data = read_bytes(descriptor)
    try:
        key = home.identity().card["signing_key"]
        described = verify(data, DropDescriptor, key, what=descriptor.name, party=home.name)
    except LsiError:
        raise LsiError("NoDropError", file=descriptor.name) from None
    files = [descriptor.parent / part.file for part in described.parts]
    for file in files:
        if not file.is_file():
            raise LsiError("DropIncompleteHereError", file=descriptor.name, part=file.name)
    with open_endpoint(settings) as there:
        lying = there.listing("in")
        for file in files:
            if file.name not in lying or lying[file.name].size != file.stat().st_size:
                there.give("in", file.name, file)
        there.give("in", descriptor.name, data)
    return len(files) + 1


def fetch(settings: EndpointSettings, to: Path, lang: str = "nl") -> Fetched:
    """Fetch what is new on the `out/` side into `to`. Nothing is trusted for having lain there: an opening is checked
    when a drop is prepared for it, a release when it is opened.

    Only what ends as something of a matching environment (`protocol.place_files.FETCHED`) is fetched, no larger than such a
    file can be, and never over a file that was not fetched from there, or that somebody changed since.
    """
    private_folder(to)
    tally, new = SyncState.of(to / TALLY), list[str]()
    problems = Problems()
    with open_endpoint(settings) as there:
        lying = {name: stamp for name, stamp in there.listing("out").items() if _largest(name)}
        try:
            for name, stamp in sorted(lying.items(), key=lambda one: one[0].endswith(".json")):
                with problems.of(name, FileExistsAlreadyError, TooLargeToFetchError):
                    known = tally.is_synced(name, to / name, stamp)
                    if not known and _fetched(there, name, stamp, to, tally):
                        new.append(name)
        finally:
            tally.save()
    together = _put_together(to, lying, tally, problems)
    new += [name for name, is_new in together.items() if is_new]
    files = tuple(to / name for name in sorted(new))
    messages = tuple(text for file in files for text in _message(file, lang))
    return Fetched(files, messages, frozenset((*lying, *together)), tuple(problems))


def _put_together(to: Path, lying: Iterable[str], tally: SyncState, problems: Problems) -> dict[str, bool]:
    """The log of each project of which all parts lie there, with its papers beside it, made of what was fetched: the name of each
    file, and whether it is new. Older ones, and parts that became one, go."""
    there: dict[str, set[tuple[int, int]]] = {}
    for match in filter(None, map(_PART.fullmatch, lying)):
        there.setdefault(match[1], set()).add((int(match[2]), int(match[3])))
    made: dict[str, bool] = {}
    for project, parts in there.items():
        size = max((end for _, end in parts if parts.issuperset(parts_of(end))), default=0)
        copy, papers = (
            to / f"{project}.{size}{suffix}" for suffix in (place_files.LOG_SUFFIX, place_files.PAPERS_SUFFIX)
        )
        files = [to / f"{project}.{first}-{end}{place_files.PART_SUFFIX}" for first, end in parts_of(size)]
        if not size or not all(file.exists() for file in files):  # one was not fetched: that is told
            continue
        old = copy.exists() and papers.exists() and max(map(_changed, files)) <= _changed(copy)
        made |= {copy.name: not old, papers.name: not old}
        if not old:
            try:
                for file in (copy, papers):
                    if file.exists() and not tally.unchanged(file.name, file):
                        raise FileExistsAlreadyError(file=str(file))
                _make_log(files, size, copy, papers)
            except LsiError as error:
                problems.append((copy.name, error))
                del made[copy.name], made[papers.name]
                continue
            for file in (copy, papers):
                tally.note(file.name, file, Stamp(0, ""))
        for suffix in (place_files.LOG_SUFFIX, place_files.PAPERS_SUFFIX, place_files.PART_SUFFIX):
            for older in to.glob(f"{project}.*{suffix}"):
                if older not in (copy, papers, *files) and tally.unchanged(older.name, older):
                    older.unlink()
    tally.save()
    return made


def _make_log(parts: list[Path], size: int, copy: Path, papers: Path) -> None:
    beside = copy.with_name(f".{copy.name}.making")
    beside.unlink(missing_ok=True)
    try:
        found, documents = assemble((read_tail(read_bytes(part)) for part in parts), beside)
        if found != size:
            raise LsiError("TailUnreadableError")
        write_whole(papers, json.dumps(documents, ensure_ascii=False).encode(errors="replace"), replace=True)
        beside.replace(copy)
    finally:
        beside.unlink(missing_ok=True)


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns


def foreseen(settings: EndpointSettings, to: Path) -> list[str]:
    """The names of what `fetch` would fetch."""
    tally = SyncState.of(to / TALLY)
    with open_endpoint(settings) as there:
        lying = there.listing("out")
    return [
        name
        for name, stamp in lying.items()
        if _largest(name) and not tally.is_synced(name, to / name, stamp)
    ]


def _largest(name: str) -> int:
    """The most bytes of a file that ends like this; 0 for what no matching environment puts there."""
    return max((size for suffix, size in place_files.FETCHED.items() if name.endswith(suffix)), default=0)


def _fetched(there: Endpoint, name: str, stamp: Stamp, to: Path, tally: SyncState) -> bool:
    """Fetch one file; whether it is new here."""
    file = to / name
    disk = shutil.disk_usage(to)
    if stamp.size > min(_largest(name), disk.free - _SPARE * disk.total):
        raise TooLargeToFetchError(file=name, size=stamp.size)
    new = not os.path.lexists(file)
    if new or tally.unchanged(name, file):
        there.fetch("out", name, file, stamp.size)
        new = True
    elif not _same(there, name, stamp, file):
        raise FileExistsAlreadyError(file=str(file))
    tally.note(name, file, stamp)
    return new


def _same(there: Endpoint, name: str, stamp: Stamp, file: Path) -> bool:
    """Whether what lies here under that name, and is in no tally, is that very file: a process was stopped right after it
    fetched it, or somebody brought it another way."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size != stamp.size:
        return False
    beside = file.with_name(f".{name}.again")
    try:
        there.fetch("out", name, beside, stamp.size)
        return filecmp.cmp(beside, file, shallow=False)
    finally:
        beside.unlink(missing_ok=True)


def _message(file: Path, lang: str) -> list[str]:
    """What a refusal or a reminder says to people."""
    if not file.name.endswith((".refused.json", ".reminder.json")):
        return []
    try:
        said = json.loads(read_bytes(file, _LARGEST_TEXT))[lang]
    except (ValueError, KeyError, TypeError):
        return []
    if not isinstance(said, str):
        return []
    return [f"{file.name}: {''.join(sign for sign in said if sign.isprintable())[:500]}"]
