"""Zandstad: a made-up Dutch town, and the extracts that eight public bodies would make of their registers.

Nobody in it exists. See `population` for the numbers that stand for BSNs, `registers` for what each extract
holds, `dirt` for what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from lsi_match.base.errors import wrong_use
from lsi_match.demo.population import REFERENCE_DATE, make_town
from lsi_match.demo.registers import REGISTERS, lead_lives, register

__all__ = ["EXTRACTS", "PARTNERS", "REFERENCE_DATE", "generate"]

#: The eight partners, in the order of the manifests.
PARTNERS: Final = tuple(REGISTERS)
#: Partner → the name of its extract in the folder.
EXTRACTS: Final = {partner: file for partner, (file, _) in REGISTERS.items()}


def generate(folder: Path, people: int = 60_000, seed: int = 1, empty: Sequence[str] = ()) -> None:
    """Write the extracts of the eight partners on a town of `people` inhabitants into `folder`.

    The same `people` and `seed` give the same rows. A partner in `empty` has an extract without rows.

    Raises:
        WrongUseError: fewer than 100 people or more than 4 million (the manifests bound the volumes, and the range
            of made-up numbers is not endless), or an unknown partner in `empty`.
    """
    if not 100 <= people <= 4_000_000:
        raise wrong_use("demo.town_size")
    if strangers := set(empty) - set(PARTNERS):
        raise wrong_use("demo.unknown_partners", strangers=", ".join(sorted(strangers)))
    rng = np.random.default_rng([seed, 0])
    town = make_town(people, rng)
    lives = lead_lives(town, rng)
    folder.mkdir(parents=True, exist_ok=True)
    for partner, file in EXTRACTS.items():
        rows = register(partner, town, lives, seed)
        _write(rows.clear() if partner in empty else rows, folder / file)


def _write(rows: pl.DataFrame, file: Path) -> None:
    if file.suffix == ".parquet":
        rows.write_parquet(file)
    else:
        rows.write_csv(file, float_precision=2)
