"""What is told at the places of those who can do something about it: what ends, and why a round did not open.

    notices/<partner>/<project>.<what>.<days>.reminder.json

A warning has the number of days it is ahead in its name: each time it is a new file, and whoever fetches sees it once more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from lsi_match.base.clock import minute
from lsi_match.base.errors import problem
from lsi_match.base.files import write_whole
from lsi_match.matcher.operate.expected import ends, missed, next_opening
from lsi_match.matcher.operate.observed_state import last_reconciled
from lsi_match.matcher.site.site import Project, json_document

_Notice = tuple[str, tuple[str, ...], str, str]


def write(project: Project, partners: Collection[str], now: datetime) -> dict[str, dict[str, Path]]:
    """Partner → name at its place → the file of each notice that stands now; those that do no more are removed here."""
    folder = project.folder / "notices"
    found: dict[str, dict[str, Path]] = {name: {} for name in partners}
    for name, who, nl, en in _notices(project, now):
        for partner in found.keys() & set(who):
            file = folder / partner / f"{project.id}.{name}.reminder.json"
            document = json_document({"nl": nl, "en": en})
            if not file.exists() or file.read_bytes() != document:
                write_whole(file, document, replace=True)
            found[partner][file.name] = file
    for file in folder.glob("*/*"):
        if found.get(file.parent.name, {}).get(file.name) != file:
            file.unlink()
    return found


def _notices(project: Project, now: datetime) -> Iterator[_Notice]:
    """What is to be told: its name, to whom, and the text in both languages."""
    view, everybody = project.view(), tuple(project.manifest().controllers)
    for end in ends(project, view, now):
        if (days := end.days_warned(now)) is not None:
            yield _name("ends", end.what, end.name, days), end.who, end.text("nl"), end.text("en")
    for one in missed(project, view, last_reconciled(project), now):
        if one.what == "opening":
            yield _name("not-opened", one.name), everybody, one.nl, one.en
    comes = next_opening(project, now)
    if comes is not None and comes.at is not None and (error := comes.refused) is not None:
        nl, en = problem("matcher.operate.notice_will_not_open", at=minute(comes.at))
        name = _name("will-not-open", comes.at.date())
        yield name, everybody, f"{nl} {error.text('nl')}", f"{en} {error.text('en')}"


def _name(*words: object) -> str:
    return re.sub("[^a-z0-9]+", "-", "-".join(map(str, words)).lower()).strip("-")
