"""What the matching environment still sees of a row is counted at the partner, and bounded by what was agreed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from handmade import selection
from operation import PARTNERS, Operation, folders
from refusals import raises

from lsi_match.log.events import refused_for
from lsi_match.partner import prepare as prepare_module
from lsi_match.protocol.tables import combinations, shared_by_fewer


def test_rows_are_counted_by_all_numbers_that_are_seen() -> None:
    table = pa.table(
        {
            "bsn": pa.array([bytes([n]) * 16 for n in range(5)], pa.binary(16)),
            "signals": pa.array([1, 1, 1, 2, 2], pa.uint64()),
            "group": pa.array([0, 0, 1, 0, 0], pa.uint8()),
            "sealed": pa.array([bytes([n]) * 30 for n in range(5)], pa.binary(30)),
        }
    )
    found = combinations(table)
    assert found == {(1, 0): 2, (1, 1): 1, (2, 0): 2}
    assert [shared_by_fewer(found, than) for than in (1, 2, 3)] == [0, 1, 5]
    assert combinations(table.slice(0, 0)) == Counter()
    # Parts are added up: what is alone in each of two parts is not alone.
    assert shared_by_fewer(combinations(table.slice(0, 1)) + combinations(table.slice(1, 1)), 2) == 0


def project(folder: Path, smallest: int) -> Operation:
    """The gemeente delivers three rows, all with the same signals; the others four and five."""
    monitor = {"smallest_combination": smallest}
    return Operation(folder, PARTNERS, folders(folder, PARTNERS), sections={"monitor": monitor})


def test_a_partner_makes_no_drop_that_tells_more_than_was_agreed(tmp_path: Path) -> None:
    op = project(tmp_path, 4)
    op.world.open_round("r1")
    opening = (op.project.round_folder("r1") / "opening.json").read_bytes()
    with raises("CombinationTooRareError") as refused:
        op.world.prepare("gemeente", opening)
    assert (refused.value.facts["rows"], refused.value.facts["smallest"]) == (3, 4)
    assert not list(op.project.folder.glob("inbox/gemeente/*"))
    assert shared_by_fewer(op.world.prepare("svb", opening).seen, 4) == 0


def test_a_drop_that_tells_more_all_the_same_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a partner whose program does not count."""
    op = project(tmp_path, 4)
    monkeypatch.setattr(prepare_module, "shared_by_fewer", lambda *_: 0)
    with raises("DropsIncompleteError"):
        op.run_here("r1")
    said: list[Any] = [entry.attributes for entry in op.project.entries() if refused_for(entry)]
    assert ("gemeente", "DropTellsTooMuchError") in {
        (one.get("lsi.partner"), one["exception.type"]) for one in said
    }


def test_the_bound_is_part_of_what_is_signed(tmp_path: Path) -> None:
    from handmade import document

    from lsi_match.manifest import Manifest
    from lsi_match.reports.manifest_page import explained

    draft = document({name: [selection()] for name in PARTNERS})
    before = explained(Manifest.model_validate(draft), "nl").markdown
    draft["monitor"]["smallest_combination"] = 7
    assert "minder dan 7 rijen" in explained(Manifest.model_validate(draft), "nl").markdown
    assert "minder dan 7 rijen" not in before
