"""How well person keys find the same people: the FEBRL4 files, and a made-up million, through the engine itself.

`python -m benchmarks.linkage [--quick]` prints the tables; `--write` puts them into docs/person-keys.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.people import FIELDS
from lsi_match.matcher.engine import Engine
from lsi_match.matcher.intake import Drop
from lsi_match.partner.normalise import person_keys
from lsi_match.protocol.identifiers import Unit
from lsi_match.protocol.manifest import Manifest, Partner, Subject
from lsi_match.protocol.person_keys import PERSON_KEYS
from lsi_match.protocol.tables import GROUP, REFERENCE, SELECTION, SIGNALS

SAME = {name: name for name in FIELDS}


@dataclass(frozen=True)
class Links:
    """What was found: pairs (left, right row), against who the rows are."""

    found: int
    right: int
    truth: int
    agreements: pl.DataFrame
    crowds: dict[str, int]
    proven: list[str]

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.truth

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.truth)


def blocks(texts: pl.Series) -> pa.Array:
    """In place of an HMAC: 16 bytes that are equal for equal texts, which is all that matching looks at."""
    two = np.column_stack([texts.hash(seed=1).to_numpy(), texts.hash(seed=2).to_numpy()])
    data = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(texts), [None, pa.py_buffer(np.ascontiguousarray(two))]
    )
    valid = pa.array(texts.is_not_null().to_numpy())
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(texts), [valid.buffers()[1], data.buffers()[1]]
    )


def link(left: pl.DataFrame, right: pl.DataFrame, truth: int) -> Links:
    """Link two registers with the program's own normalising and linking; only the keyed hash is another one."""
    names = list(PERSON_KEYS)
    partners = {name: Partner.model_construct(selections=()) for name in ("left", "right")}
    subject = Subject(unit=Unit.PERSON, person_keys=tuple(names))
    engine = Engine(Manifest.model_construct(subject=subject, partners=partners), "12GB")
    for name, register in (("left", left), ("right", right)):
        count = len(register)
        keys = person_keys(register, SAME, names)
        table = pa.table(
            {
                **{kind: blocks(keys.get_column(kind)) for kind in keys.columns},
                REFERENCE: blocks(pl.int_range(count, eager=True).cast(pl.String)),
                SELECTION: np.zeros(count, np.uint8),
                SIGNALS: np.ones(count, np.uint64),
                GROUP: np.full(count, 255, np.uint8),
            }
        )
        engine.add(cast(Drop, SimpleNamespace(partner=name, parts=[table])))
    engine.link()
    people = pl.concat([left.get_column("person"), right.get_column("person")]).to_numpy()
    ends = np.asarray(
        engine.rows(
            "SELECT a.record, b.record FROM component a JOIN component b USING (component) "
            f"WHERE a.record < {len(left)} AND b.record >= {len(left)}"
        )
    )
    same = people[ends[:, 0]] == people[ends[:, 1]]
    agreed = pl.DataFrame(
        engine.rows(
            "SELECT a.record, b.record, bit_or(1::UBIGINT << a.kind) FROM identifier a JOIN identifier b USING (kind, key) "
            "JOIN component c ON c.record = a.record JOIN component d ON d.record = b.record "
            f"WHERE a.record < {len(left)} AND b.record >= {len(left)} AND c.component = d.component GROUP BY ALL"
        ),
        schema=["one", "other", "agreed"],
        orient="row",
        schema_overrides={"agreed": pl.UInt64},
    )
    crowds, proven = engine.crowds(), engine.proven
    engine.close()
    agreements = agreed.with_columns(same=pl.Series(people[agreed["one"]] == people[agreed["other"]]))
    return Links(len(ends), int(same.sum()), truth, agreements.select("agreed", "same"), crowds, proven)
