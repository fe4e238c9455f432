"""What a statistics office is asked to count, and whether the table that it gives back can be true. Pure.

It gets, sealed to its key:

1. of each partner, per record of every register with a BSN: `selection;reached;bsn;row`. `reached` is how many of the columns
   of its table the record is in (1: only the register), `row` its row in the drop, where it was delivered.
2. of the matcher, per row of a drop that is in a case: `partner;row`. It has no BSN.

A table is asked of every selection, with as columns the register, each criterion, the signal and the case. A count is of
records; whoever the office does not know is in the group `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise, product
from math import inf

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.errors import wrong
from lsi_match.manifest import UNKNOWN, IdentifierSource, Manifest, Office, Selection
from lsi_match.protocol.documents import CellCounts, OfficeRequest, Part, SelectionCounts
from lsi_match.protocol.group_cells import SEPARATOR
from lsi_match.protocol.place_files import OFFICE_SEALED_SUFFIX

#: The column of a table that says which round it is of.
REQUEST = "request"
REGISTER, SIGNAL, CASE = "(register)", "(signaal)", "(casus)"
Tables = Mapping[str, Mapping[str, CellCounts]]


def counted_selections(manifest: Manifest) -> Iterator[tuple[str, Selection, IdentifierSource]]:
    """Every partner with each of its selections that a statistics office can count, and from what its BSN is made. Nobody is
    selected by a statistics partner, or drawn from it."""
    for name, one in manifest.selections():
        if one.person_number is not None and not one.counts_only:
            yield name, one, one.person_number


def columns_of(selection: Selection) -> tuple[str, ...]:
    """The columns of its table, in their order: each is a part of the one before."""
    return REGISTER, *(rule.id for rule in selection.criteria), SIGNAL, CASE


def tables_of(manifest: Manifest, partner: str | None = None) -> dict[str, tuple[str, ...]]:
    """Table → its columns, of one partner or of all."""
    found = counted_selections(manifest)
    return {f"{name}.{one.id}": columns_of(one) for name, one, _ in found if partner in (None, name)}


def stage_of(office: Office, table: str, column: str) -> str:
    """How the monitor calls the stage of a column."""
    return f"{office.id}:{table}" + ("" if column == REGISTER else f".{column}")


def totals_of(selection: Selection, counts: SelectionCounts) -> tuple[int, ...]:
    """How many records a partner told are in each of these columns, but for the last, of which it cannot know."""
    return counts.read, *(counts.after[rule.id] for rule in selection.criteria), counts.with_signal


def groups_of(office: Office) -> dict[str, tuple[str, ...]]:
    """Dimension → its groups."""
    return {one.id: tuple(one.groups) for one in office.dimensions}


def request_of(
    manifest: Manifest,
    office: Office,
    round_id: str,
    opening: str,
    party: str,
    sealed: bytes,
    rows: int,
    now: datetime,
) -> OfficeRequest:
    """What a party that sealed this to the office says beside it; the matcher's asks no tables."""
    file = f"{manifest.project.id}.{round_id}.{party}{OFFICE_SEALED_SUFFIX}"
    return OfficeRequest(
        project=manifest.project.id,
        manifest=manifest.digest,
        opening=opening,
        round=round_id,
        party=party,
        office=office.id,
        sealed=Part(file=file, digest=digest_of_bytes(sealed), rows=rows),
        tables=tables_of(manifest, party),
        dimensions=groups_of(office),
        rounded_to=office.rounded_to,
        at=now,
    )


def impossible(
    manifest: Manifest, office: Office, tables: Tables, sent: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, str] | None:
    """What of these tables cannot be (`base.errors.wrong`); None where all of it can:

    1. They are tables that were asked, of every selection that was delivered, with all columns and every group cell; the
       cells of `unknown` may be left out.
    2. Every number is rounded, to the nearest multiple of what was agreed, so that there are no small counts.
    3. No column has more in a cell than the last one before in which that was told.
    4. A column adds up to what its partner told of its drop, as far as rounding leaves room. Of what is withheld is told less
       than of the rest: a table that tells nothing would end the hold.

    Args:
        sent: table → `totals_of` what its partner told; None where that is not known.
    """
    asked, unit = tables_of(manifest), office.rounded_to
    known, every = (
        {
            SEPARATOR.join(cell)
            for cell in product(*([*groups, *more] for groups in groups_of(office).values()))
        }
        for more in ((), (UNKNOWN,))
    )
    other = any(set(asked.get(name, ())) != table.keys() for name, table in tables.items())
    if other or not tables or (sent is not None and tables.keys() != sent.keys()):
        return wrong("protocol.office_tables", names=", ".join(asked))
    for name, table in tables.items():
        for column, counts in table.items():
            at = {"table": name, "column": column}
            if not known <= counts.keys() <= every:
                return wrong("protocol.office_groups", **at)
            if any(count is not None and count % unit for count in counts.values()):
                return wrong("protocol.office_not_rounded", unit=unit, **at)
        most = {cell: inf if count is None else count for cell, count in table[REGISTER].items()}
        for before, column in pairwise(asked[name]):
            told = {cell: count for cell, count in table[column].items() if count is not None}
            if any(count > most.get(cell, 0) for cell, count in told.items()):
                return wrong("protocol.office_more", table=name, column=column, before=before)
            most |= told
        for column, total in zip(asked[name], (sent or {}).get(name, ()), strict=False):
            if not _adds_up(table[column], total, unit):
                return wrong("protocol.office_total", table=name, column=column)
    return None


def _adds_up(counts: CellCounts, total: int, unit: int) -> bool:
    """Whether numbers that were rounded to the nearest multiple of `unit` can be of so many."""
    told = [count for count in counts.values() if count is not None]
    slack, hidden = len(told) * unit // 2, len(counts) - len(told)
    withheld = sum(told) + hidden * unit if hidden else 0
    return sum(told) - slack <= total <= sum(told) + slack + withheld
