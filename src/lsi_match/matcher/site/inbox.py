"""The inboxes of a project, in which partners write, and the only door to them.

inbox/<partner>/            a partner, or whoever has its access, may put anything here, and change it at any moment
received/<partner>/         what was taken in from there or from a place; only the site writes here
received/<partner>/again/   a second drop under a name that lies here already

Nothing in an inbox is opened. A drop is moved to `received` first, where nobody can swap it, and is judged there; so is what
is destroyed. So both must be on one disk. An inbox that is a link is not used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import private_folder, write_whole
from lsi_match.base.guarded_folder import GuardedFolder
from lsi_match.log.view import ProjectView
from lsi_match.matcher.site.site import Project

DROP_SUFFIX = ".drop.json"
#: Of one partner no more drops are taken in at a time: whoever can write in its inbox, or at its place, could keep the site
#: busy, and the other partners waiting.
AT_ONCE = 20
#: Of one partner no more entries of the log are made in a day of papers that it signed and sent by itself.
PAPERS_A_DAY = 20
_INBOX, _RECEIVED, _AGAIN = "inbox", "received", "again"


class InboxUnusableError(LsiError): ...


class PapersTooManyError(LsiError): ...


def received(project: Project, partner: str) -> Path:
    """Where the drops of a partner lie that were taken in."""
    return private_folder(project.folder / _RECEIVED / partner)


def again(project: Project, partner: str) -> Path:
    """Where a second drop lies under a name that was taken in before."""
    return private_folder(received(project, partner) / _AGAIN)


def inboxes(project: Project) -> list[str]:
    """The names of the folders where drops can lie: of partners, and of whoever was given one by mistake."""
    here = private_folder(project.folder / _RECEIVED)
    return sorted({*_names(project), *(folder.name for folder in here.iterdir())})


def _names(project: Project) -> list[str]:
    with GuardedFolder.own(private_folder(project.folder / _INBOX)) as every:
        return every.names()


def _is_folder(found: os.stat_result | None) -> bool:
    return found is not None and stat.S_ISDIR(found.st_mode)


@contextmanager
def _inbox(project: Project, partner: str) -> Iterator[GuardedFolder]:
    """The inbox of a partner; raises InboxUnusableError."""
    with ExitStack() as stack:
        try:
            every = stack.enter_context(GuardedFolder.own(project.folder / _INBOX))
            inbox = stack.enter_context(every.below(partner))
        except OSError as error:
            raise InboxUnusableError(partner=partner, problem=error.strerror or "OSError") from None
        yield inbox


def check_papers(view: ProjectView, partner: str, now: datetime) -> None:
    """Raise PapersTooManyError where a paper that a partner signed is to wait, since so many made an entry of the log today."""
    if sum(now - at < timedelta(days=1) for at in view.sent_alone.get(partner, ())) >= PAPERS_A_DAY:
        raise PapersTooManyError(partner=partner, count=PAPERS_A_DAY)


def lying(project: Project, partner: str) -> dict[str, os.stat_result]:
    """What lies in the inbox of a partner, by name; nothing where it has none that can be used."""
    try:
        with _inbox(project, partner) as inbox:
            return {name: found for name in inbox.names() if (found := inbox.look(name))}
    except InboxUnusableError:
        return {}


def delivered(project: Project, partner: str) -> set[str]:
    """The names of the drops of a partner that wait here, taken in or not."""
    names = {file.name for file in received(project, partner).glob(f"*{DROP_SUFFIX}")} | lying(
        project, partner
    ).keys()
    return {name for name in names if name.endswith(DROP_SUFFIX)}


def take_in(project: Project, partner: str, at_most: int = AT_ONCE, *, needed: bool = True) -> int:
    """Move the drops in the inbox of a partner to `received`; how many were left, since they are too many.

    A descriptor that is no plain file is taken in as an empty one, and so refused; a folder stays where it is. Can be
    repeated after it broke off: the parts of a drop go first.

    Args:
        needed: the partner has no other way in, so that its inbox has to be there.

    Raises:
        InboxUnusableError: see there.
    """
    if not needed and partner not in _names(project):
        return 0
    with (
        _inbox(project, partner) as inbox,
        GuardedFolder.own(received(project, partner)) as to,
        GuardedFolder.own(again(project, partner)) as beside,
    ):
        names, here = inbox.names(), set(to.names())
        drops = [name for name in names if name.endswith(DROP_SUFFIX) and not _is_folder(inbox.look(name))]
        for name in drops[:at_most]:
            if name in here:
                _take(inbox, name, beside, partner)
                continue
            stem = name.removesuffix(DROP_SUFFIX)
            for part in names:
                if part.startswith(f"{stem}.part-") and part.endswith(".age") and part not in here:
                    _take(inbox, part, to, partner)
            if not _take(inbox, name, to, partner):
                write_whole(received(project, partner) / name, b"")
    return max(0, len(drops) - at_most)


def _take(inbox: GuardedFolder, name: str, to: GuardedFolder, partner: str) -> bool:
    """As `GuardedFolder.take`; true also for what is gone, or was taken before."""
    try:
        return inbox.take(name, to)
    except (FileNotFoundError, FileExistsError):
        return True
    except OSError as error:
        raise InboxUnusableError(partner=partner, problem=error.strerror or "OSError") from None


def destroy(project: Project, partner: str, name: str) -> None:
    """Destroy what lies in the inbox of a partner under this name, without following or entering it.

    Raises:
        InboxUnusableError, OSError: it is a folder in which something lies, or cannot be removed.
    """
    with _inbox(project, partner) as inbox, GuardedFolder.own(received(project, partner)) as through:
        inbox.destroy(name, through)


def remove_round(project: Project, round_id: str) -> int:
    """Remove every file of a round, whole or half, from the inboxes and from `received`; how many."""
    named = (f"{project.id}.{round_id}.", f".{project.id}.{round_id}.")
    gone = 0
    for partner in inboxes(project):
        for name, found in lying(project, partner).items():
            if name.startswith(named) and not _is_folder(found):
                with _inbox(project, partner) as inbox:
                    inbox.remove(name)
                gone += 1
    for file in [
        *(project.folder / _RECEIVED).glob("*/*"),
        *(project.folder / _RECEIVED).glob(f"*/{_AGAIN}/*"),
    ]:
        if file.name.startswith(named):
            file.unlink()
            gone += 1
    return gone
