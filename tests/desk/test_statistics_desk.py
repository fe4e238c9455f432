"""The desk of a statistics partner: it signs what it reads, looks at its extract and delivers, and has no releases to open."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from chain.test_statistics_partner import Small
from desks import Browser, use
from manifest.test_statistics import NAME
from operation import Operation, folders


def test_its_desk_shows_what_it_delivers_and_no_releases(tmp_path: Path) -> None:
    world = Small.made(tmp_path).world
    places = folders(tmp_path, (NAME, "uwv"))
    op = cast(Operation, SimpleNamespace(folder=tmp_path, world=world, clock=world.clock, places=places))
    for name in (NAME, "uwv"):
        use(op, name)
    bureau, other = Browser(op, NAME), Browser(op, "uwv")
    page = bureau.get("check")
    assert "360" in page
    assert "/proef/releases" not in page
    assert "/proef/releases" in other.get("check")
    for one in (bureau, other):
        assert "Deze deelnemer selecteert niemand" in one.get("agreement")
    assert "/proef/deliver" in page
    assert bureau.get("deliver")
