"""How well person keys find the same people: the FEBRL4 files, and a made-up million, through the engine itself.

`python -m benchmarks.linkage [--people N] [--write]` prints the tables of docs/person-keys.md, or writes them there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.people import FIELDS, Registers, make_registers
from lsi_match.demo import febrl
from lsi_match.manifest.person_keys import FALSE_LINKS, PERSON_KEYS
from lsi_match.matcher.engine.linking import Linking, LinkQuality
from lsi_match.partner.normalise import person_keys

SAME = {name: name for name in FIELDS}
PAGE = Path(__file__).parents[1] / "docs" / "person-keys.md"
#: The tables stand between these two lines of the page.
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Links:
    """What was found: the pairs of records, as who the one is and who the other; how many these are, how many of them right,
    of how many in truth."""

    pairs: np.ndarray
    found: int
    right: int
    truth: int
    crowds: Mapping[str, int]
    quality: LinkQuality

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


def link(
    keys: Sequence[pl.DataFrame], people: Sequence[pl.Series], names: Sequence[str] = tuple(PERSON_KEYS)
) -> Links:
    """Link registers with the program's own linking; only the keyed hash is another one. Pairs are within registers too.

    Args:
        keys: the person keys of the registers, one column `pk_<name>` each.
        people: who each row is.
        names: the person keys to use.
    """
    starts = np.cumsum([0, *(len(columns) for columns in keys)])
    kinds = [f"pk_{name}" for name in names]
    linking = Linking(kinds, int(starts[-1]), 0, FALSE_LINKS)
    for place, (columns, start) in enumerate(zip(keys, starts[:-1], strict=True)):
        numbers = np.arange(start, start + len(columns))
        linking.add(
            place, numbers, {kind: pa.chunked_array([blocks(columns.get_column(kind))]) for kind in kinds}
        )
    linking.link()
    who = pl.concat(people).to_numpy()
    ends = pairs_in(linking.component)
    pairs = who[ends]
    right = int((pairs[:, 0] == pairs[:, 1]).sum())
    times = np.unique(who, return_counts=True)[1]
    truth = int((times * (times - 1) // 2).sum())
    return Links(pairs, len(ends), right, truth, linking.crowded, linking.quality)


def pairs_in(component: np.ndarray) -> np.ndarray:
    """Every two records of one component."""
    frame = pl.DataFrame({"record": np.arange(len(component)), "component": component})
    both = frame.join(frame, on="component").filter(pl.col("record") < pl.col("record_right"))
    return both.select("record", "record_right").to_numpy()


@dataclass(frozen=True)
class Task:
    """Registers as `link` wants them."""

    keys: Sequence[pl.DataFrame]
    people: Sequence[pl.Series]

    @classmethod
    def of(cls, *registers: pl.DataFrame) -> Task:
        keys = [person_keys(register, SAME, list(PERSON_KEYS)) for register in registers]
        return cls(keys, [register.get_column("person") for register in registers])

    def link(self, names: Sequence[str] = tuple(PERSON_KEYS)) -> Links:
        return link(self.keys, self.people, names)


def febrl4() -> Task:
    """FEBRL4 without its identity number."""
    columns = dict(
        zip(
            FIELDS,
            ("given_name", "surname", "date_of_birth", "postcode", "street_number", "address_1", "suburb"),
            strict=True,
        )
    )
    registers = []
    for register in febrl.load():
        texts = pl.from_pandas(register.reset_index()).with_columns(pl.all().cast(pl.String))
        who = pl.col("rec_id").str.split("-").list.get(1).cast(pl.Int64).alias("person")
        registers.append(texts.select(who, *(pl.col(old).alias(new) for new, old in columns.items())))
    return Task.of(*registers)


def quality_table(found: dict[str, Links]) -> str:
    rows = ["| registers | pairs to find | precision | recall | F1 |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {name} | {links.truth:,} | {links.precision:.4f} | {links.recall:.4f} | {links.f1:.4f} |"
        for name, links in found.items()
    ]
    return "\n".join(rows)


@dataclass(frozen=True)
class OfGroup:
    """Of a group: pairs to find, and the shares of them that are missed, and of the links that are false."""

    pairs: int
    missed: float
    false: float


#: Groups of fewer pairs say nothing about the gap.
ENOUGH = 1_000


def by_group(registers: Registers, links: Links) -> dict[str, OfGroup]:
    """How well people of each group are linked: a pair belongs to the groups of who stands in the left register."""
    right = links.pairs[:, 0] == links.pairs[:, 1]
    there = registers.left.join(registers.right, on="person", how="semi").get_column("person")
    found = {}
    for name in registers.groups.columns[1:]:
        of = registers.groups.filter(pl.col(name)).get_column("person").to_numpy()
        mine, true = np.isin(links.pairs[:, 0], of), int(np.isin(there.to_numpy(), of).sum())
        linked, good = int(mine.sum()), int((mine & right).sum())
        if true:
            found[name] = OfGroup(true, 1 - good / true, (linked - good) / max(1, linked))
    return found


def gap(groups: dict[str, OfGroup]) -> float:
    """How many times as many are missed of the group that is missed most as of the group that is missed least."""
    missed = [one.missed for one in groups.values() if one.pairs >= ENOUGH]
    return max(missed) / max(min(missed), 1 / ENOUGH)


def group_table(groups: dict[str, OfGroup]) -> str:
    rows = ["| group | pairs to find | missed | false links |", "| --- | --- | --- | --- |"]
    rows += [f"| {n} | {one.pairs:,} | {one.missed:.2%} | {one.false:.3%} |" for n, one in groups.items()]
    return "\n".join(rows)


def key_table(registers: Registers, task: Task, whole: Links, names: Sequence[str]) -> str:
    """Per key: how many people share its commonest value in the population, and what it is good for."""
    population = person_keys(registers.population, SAME, list(PERSON_KEYS))
    people = len(population)
    pairs = _pairs(task)
    rows = [
        "| person key | people with its commonest value | records that have it | true pairs that agree | false per true agreement | pairs lost without it |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in PERSON_KEYS:
        column = f"pk_{name}"
        commonest = int(population.get_column(column).drop_nulls().value_counts().get_column("count").max())  # type: ignore[arg-type]
        have = 1 - sum(k.get_column(column).null_count() for k in task.keys) / sum(map(len, task.keys))
        true = int((pairs.get_column(column) == pairs.get_column(f"{column}_right")).sum())
        every = _agreements(task, column)
        lost = (
            ""
            if name not in names
            else f"{whole.right - task.link([n for n in PERSON_KEYS if n != name]).right:,}"
        )
        rows.append(
            f"| `{name}` | {commonest:,} ({commonest / people:.5%}) | {have:.1%} | {true / whole.truth:.1%} | {(every - true) / true:.4f} | {lost} |"
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return "\n".join(rows)


def _pairs(task: Task) -> pl.DataFrame:
    """The true pairs: the keys of both records."""
    left, right = (
        keys.with_columns(who.alias("who")) for keys, who in zip(task.keys, task.people, strict=True)
    )
    return left.join(right, on="who", how="inner")


def _agreements(task: Task, column: str) -> int:
    """How many pairs of records agree on a key, true or not."""
    counts = [keys.get_column(column).drop_nulls().value_counts(name="n") for keys in task.keys]
    both = counts[0].join(counts[1], on=column, how="inner")
    return int((both.get_column("n").cast(pl.Int64) * both.get_column("n_right")).sum())


def figures(people: int) -> tuple[dict[str, Links], str]:
    """Everything that docs/person-keys.md shows."""
    found = {"FEBRL4": febrl4().link()}
    registers = make_registers(people)
    task = Task.of(registers.left, registers.right)
    start = time.perf_counter()
    found[f"made-up Dutch population of {people:,}"] = whole = task.link()
    took = time.perf_counter() - start
    values = sum(len(k.columns) - sum(k.null_count().row(0)) / len(k) for k in task.keys) / 2
    text = "\n\n".join(
        [
            quality_table(found),
            group_table(by_group(registers, whole)),
            key_table(registers, task, whole, list(PERSON_KEYS)),
            f"A record has {values:.1f} keyed values on average, of {len(PERSON_KEYS)} keys. "
            f"Links made: {whole.found:,}; estimated to be false {whole.quality.false:,.0f}, at most {whole.quality.at_most:,.0f}; false {whole.found - whole.right:,}. "
            f"Linking {sum(map(len, task.people)):,} records took {took:.0f} s on two processors.",
        ]
    )
    return found, text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linkage", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/person-keys.md")
    options = parser.parse_args()
    _, text = figures(options.people)
    print(text)
    if options.write:
        page = PAGE.read_text()
        PAGE.write_text(page[: page.index(BEGIN) + len(BEGIN)] + f"\n{text}\n" + page[page.index(END) :])
    return 0


if __name__ == "__main__":
    sys.exit(main())
