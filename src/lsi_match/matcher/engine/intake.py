"""Receiving one drop: everything that can be wrong with it, and the rows when nothing is.

A drop is accepted whole or refused whole, and says nothing about the drops of others. Checks in order:
descriptor (signature, manifest, round, key check value, time, volumes) → parts (digest, seal) → rows (columns,
positions within what the manifest lists, counts as described). The parts are opened and checked once, when the drop
arrives; what was found is kept beside it (`verdict`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lsi_match.base.buffer_pool import read_large
from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import LsiError
from lsi_match.base.files import FileMissingError, FileUnreadableError, read_bytes
from lsi_match.crypto.block_cipher import derive_key
from lsi_match.crypto.mac import gmac_tag, has_mark
from lsi_match.crypto.sealing import unseal_view
from lsi_match.crypto.signing import verify
from lsi_match.manifest import NO_VALUE, UNKNOWN_GROUP, Manifest, Partner
from lsi_match.protocol.bounds import out_of_bounds
from lsi_match.protocol.columns import (
    GROUP,
    SELECTION,
    SIGNALS,
    attribute_column,
    attribute_recipients,
    drop_columns,
    row_width,
)
from lsi_match.protocol.documents import (
    AttributeKeys,
    DropDescriptor,
    Opening,
    SelectionCounts,
    part_name,
)
from lsi_match.protocol.group_cells import cell_names, nothing_known
from lsi_match.protocol.group_counts_rules import add_up
from lsi_match.protocol.tables import (
    Combinations,
    absent_to_null,
    combinations,
    from_part,
    in_one_piece,
    shared_by_fewer,
)

MAX_DESCRIPTOR = 8 * 2**20
#: Per selection the number of rows per group cell.
Cells = list[dict[int, int]]
_PIECE = 2**16
Made = TypeVar("Made")


class DropRefusedError(LsiError):
    """Base of every reason to refuse a drop."""


def under_name(error: LsiError, file: Path, name: str = "drop") -> LsiError:
    """The same error about `file` under another name: what a file in an inbox is called, somebody typed, and the log is
    read by everybody and stays."""
    own = (file.name, str(file))
    return type(error)(
        error.name, **{fact: name if value in own else value for fact, value in error.facts.items()}
    )


def shown_name(file: Path) -> str:
    """The name of a file as its own partner is told it; `drop` where it cannot be shown."""
    return file.name if file.name.isascii() and file.name.isprintable() else "drop"


@dataclass(frozen=True)
class Drop:
    """An accepted drop: who, what it says of itself, and how its rows are opened, part by part (in memory only).

    Attributes:
        document: the bytes of its descriptor as they were checked.
        marks: on each part that was accepted, see `crypto.mac`.
    """

    partner: str
    file: Path
    digest: str
    descriptor: DropDescriptor
    round_: Round = field(repr=False)
    document: bytes = field(repr=False)
    marks: list[bytes] = field(default_factory=list, repr=False)

    @cached_property
    def marking_key(self) -> bytes:
        """What its marks are made with: of this round, its drop and the site alone."""
        opening = self.round_.opening
        about = f"lsi-match/v1/marks/{opening.project}/{opening.round}/{self.partner}/{self.digest}"
        return derive_key(self.round_.secret.encode(), about)

    def part(self, number: int) -> pa.Table:
        """The rows of a part, opened again: they are those that were accepted, or none.

        Raises:
            PartMissingError, PartAlteredError: the file is not the one that was accepted.
        """
        sealed = _sealed(self.file, number, self.descriptor, self.round_)
        if not has_mark(sealed, self.marking_key, self.marks[number]):
            raise DropRefusedError("PartAlteredError", **_part(self.file, number, self.descriptor))
        return _opened(sealed, number, self.descriptor, self.round_)


@dataclass(frozen=True)
class Round:
    """What a drop is judged against."""

    manifest: Manifest
    opening: Opening
    opening_digest: str
    secret: str = field(repr=False)
    #: Digest of the named evaluators, where partners evaluate together.
    evaluators: str | None = None


def receive(file: Path, partner: str, round_: Round, now: datetime) -> Drop:
    """The drop whose descriptor is `file`, found in the inbox of `partner`; all of it is checked.

    Raises: as `described` and `checked_parts`.
    """
    drop = described(file, partner, round_, now)
    deque(checked_parts(drop, len), maxlen=0)
    return drop


def described(file: Path, partner: str, round_: Round, now: datetime) -> Drop:
    """The drop whose descriptor is `file`: all that the descriptor tells is checked, no part.

    Raises:
        DropRefusedError: why it is refused, in the order of the module's text.
        SignatureMissingError, SignedDocumentInvalidError: as named.
    """
    manifest = round_.manifest
    if partner not in manifest.partners:
        raise DropRefusedError("PartnerNotInManifestError", partner=partner, file=file.name)
    if file.is_symlink():
        raise DropRefusedError("DropNameError", partner=partner, file=file.name)
    data = read_bytes(file, MAX_DESCRIPTOR)
    key = manifest.controllers[partner].signing_key
    descriptor = verify(data, DropDescriptor, key, what=file.name, party=partner)
    check_descriptor(descriptor, partner, file.name, round_, now)
    return Drop(partner, file, digest_of_bytes(data), descriptor, round_, data)


def checked_parts(drop: Drop, then: Callable[[pa.Table], Made], at_once: int = 1) -> Iterator[Made]:
    """What `then` makes of each of its parts, checked before; in order, so many parts at once, and no more are held. The drop is
    accepted, and has its marks, when all of them were given: whoever takes them has to let go of what came of them when one is
    refused.

    Raises:
        DropRefusedError, SealBrokenError, TableInvalidError: as named.
    """
    cells: list[Cells] = []
    seen: Combinations = Counter()
    smallest = drop.round_.manifest.monitor.smallest_combination

    def piece(number: int) -> tuple[Made, Cells, bytes, Combinations]:
        table, found, mark_of_it = _checked_part(drop, number)
        return then(table), found, mark_of_it, combinations(table) if smallest > 1 else Counter()

    numbers = iter(range(len(drop.descriptor.parts)))
    with ThreadPoolExecutor(at_once) as pool:
        coming = deque(pool.submit(piece, number) for number in islice(numbers, at_once))
        while coming:
            made, found, mark_of_it, combined = coming.popleft().result()
            coming.extend(pool.submit(piece, number) for number in islice(numbers, 1))
            cells.append(found)
            drop.marks.append(mark_of_it)
            seen.update(combined)
            yield made
    if rare := shared_by_fewer(seen, smallest):
        raise DropRefusedError(
            "DropTellsTooMuchError", partner=drop.partner, file=drop.file.name, rows=rare, smallest=smallest
        )
    _check_counts(cells, drop.descriptor, drop.round_.manifest, drop.file.name)


def check_descriptor(
    descriptor: DropDescriptor, partner: str, file: str, round_: Round, now: datetime
) -> None:
    """Everything about a drop that its signed descriptor tells. Pure."""
    manifest, opening = round_.manifest, round_.opening
    where = {"partner": partner, "file": file}
    if descriptor.partner != partner:
        raise DropRefusedError("OtherPartnersDropError", **where, other=descriptor.partner)
    if (descriptor.project, descriptor.manifest) != (manifest.project.id, manifest.digest):
        raise DropRefusedError("OtherManifestError", **where)
    if descriptor.format != DropDescriptor.model_fields["format"].default:
        raise DropRefusedError("FormerVersionError", **where)
    if descriptor.round != opening.round or descriptor.opening != round_.opening_digest:
        raise DropRefusedError("OtherRoundError", **where)
    if descriptor.key_check != manifest.pseudonyms.key_check:
        raise DropRefusedError("OtherProjectKeyError", **where)
    if (descriptor.scheme, descriptor.evaluators) != (manifest.pseudonyms.scheme, round_.evaluators) or (
        manifest.pseudonyms.together and round_.evaluators is None
    ):
        raise DropRefusedError("OtherEvaluatorsError", **where)
    _check_attribute_keys(descriptor, manifest, file)
    latest = now + CLOCK_SKEW
    if manifest.schedule.when_late != "wait":
        latest = min(latest, opening.deadline)
    if not opening.opened_at - CLOCK_SKEW <= descriptor.made_at <= latest:
        raise DropRefusedError("DropTimeError", **where)
    names = [part_name(descriptor.stem, number) for number in range(len(descriptor.parts))]
    if file != f"{descriptor.stem}.drop.json" or [part.file for part in descriptor.parts] != names:
        raise DropRefusedError("DropNameError", **where)
    selections = {s.id: s for s in manifest.partners[partner].selections}
    if descriptor.selections.keys() != selections.keys() or len(descriptor.parts) != opening.parts:
        raise DropRefusedError("CountsDifferError", **where)
    for name, counts in descriptor.selections.items():
        volume = selections[name].volume
        if not volume.at_least <= counts.written <= volume.at_most:
            raise DropRefusedError(
                "DropVolumeError",
                **where,
                selection=name,
                count=counts.written,
                at_least=volume.at_least,
                at_most=volume.at_most,
            )
        for crossed in out_of_bounds(partner, selections[name], counts):
            raise crossed
        falls = _falls(counts, [rule.id for rule in selections[name].criteria])
        if not falls or not add_up(manifest, selections[name], counts):
            raise DropRefusedError("CountsDifferError", **where)
    if descriptor.rows != sum(counts.written for counts in descriptor.selections.values()):
        raise DropRefusedError("CountsDifferError", **where)


def _check_attribute_keys(descriptor: DropDescriptor, manifest: Manifest, file: str) -> None:
    """There are keys of the attributes where there are attributes for others, for exactly those, of this very drop."""
    name, keys = descriptor.partner, descriptor.attribute_keys
    if keys is None and not manifest.partners[name].shown_attribute_ids:
        return
    signing_key = manifest.controllers[name].signing_key
    found = verify((keys or "").encode(), AttributeKeys, signing_key, what=file, party=name)
    of = (descriptor.project, descriptor.manifest, descriptor.round, name, descriptor.span_id)
    recipients = attribute_recipients(manifest, name)
    if (found.project, found.manifest, found.round, found.partner, found.span_id) != of or tuple(
        sorted(found.sealed)
    ) != recipients:
        raise DropRefusedError("AttributeKeysError", partner=name, file=file)


def _falls(counts: SelectionCounts, criteria: list[str]) -> bool:
    """Whether each criterion is counted, and no later step has more records than the one before."""
    if counts.after.keys() != set(criteria):
        return False
    steps = [counts.read, *(counts.after[name] for name in criteria), counts.with_signal]
    lost = counts.without_identifier + counts.duplicates
    return all(a >= b for a, b in pairwise(steps)) and counts.with_signal - lost == counts.written


def largest_bytes(manifest: Manifest, partner: str, parts: int, rows: int) -> int:
    """Twice what the rows take, and room for headers: no sealed parts that can be what they say are larger."""
    columns = drop_columns(manifest, manifest.partners[partner])
    return parts * 2**20 + 2 * rows * row_width(columns)


def _part(file: Path, number: int, descriptor: DropDescriptor) -> dict[str, str]:
    """Which part of which drop, in the words of an error."""
    return {"partner": descriptor.partner, "file": file.name, "part": descriptor.parts[number].file}


def _sealed(file: Path, number: int, descriptor: DropDescriptor, round_: Round) -> memoryview:
    """A part as it was delivered."""
    part, where = descriptor.parts[number], _part(file, number, descriptor)
    path = file.parent / part.file
    if path.is_symlink() or not path.is_file():
        raise DropRefusedError("PartMissingError", **where)
    try:
        return read_large(path, largest_bytes(round_.manifest, descriptor.partner, 1, part.rows))
    except (FileMissingError, FileUnreadableError):
        raise DropRefusedError("PartAlteredError", **where) from None


def _opened(sealed: memoryview, number: int, descriptor: DropDescriptor, round_: Round) -> pa.Table:
    part, partner = descriptor.parts[number], round_.manifest.partners[descriptor.partner]
    opened = unseal_view(sealed, round_.secret, what=part.file, party=descriptor.partner)
    columns = drop_columns(round_.manifest, partner)
    table = from_part(opened, columns, part.rows, what=part.file, party=descriptor.partner)
    for kind in _kinds(table, round_.manifest):
        position = table.schema.get_field_index(kind)
        table = table.set_column(position, kind, absent_to_null(table.column(kind)))
    return table


def _kinds(table: pa.Table, manifest: Manifest) -> list[str]:
    """The kinds of pseudonym that this drop has a column of."""
    return [kind for kind in manifest.subject.kinds if kind in table.column_names]


def _checked_part(drop: Drop, number: int) -> tuple[pa.Table, Cells, bytes]:
    """The rows of a part, per selection how many per group cell, and a mark on it, when it holds only what the manifest
    lists."""
    descriptor, round_, part = drop.descriptor, drop.round_, drop.descriptor.parts[number]
    sealed = _sealed(drop.file, number, descriptor, round_)
    if digest_of_bytes(sealed) != part.digest:
        raise DropRefusedError("PartAlteredError", **_part(drop.file, number, descriptor))
    mark_of_it = gmac_tag(sealed, drop.marking_key)
    table = _opened(sealed, number, descriptor, round_)
    partner = round_.manifest.partners[descriptor.partner]
    for column, allowed in _allowed(round_.manifest, partner, table).items():
        first = _first_false(allowed)
        if first is not None:
            raise DropRefusedError(
                "PartUndeclaredError",
                partner=descriptor.partner,
                file=part.file,
                column=column,
                row=first + 1,
            )
    first = _first_false(_in_range(table, round_, number))
    if first is not None:
        raise DropRefusedError(
            "PartUndeclaredError",
            partner=descriptor.partner,
            file=part.file,
            column=round_.manifest.subject.kinds[0],
            row=first + 1,
        )
    return table, _cells(table, len(partner.selections)), mark_of_it


def _cells(table: pa.Table, selections: int) -> Cells:
    """How many rows per selection and group cell."""
    place = (
        table.column(SELECTION).to_numpy().astype(np.uint16) << np.uint16(8) | table.column(GROUP).to_numpy()
    )
    # A piece at a time: each number is made a large one to be counted.
    pieces = (place[at : at + _PIECE] for at in range(0, len(place), _PIECE))
    counts = sum(np.bincount(piece, minlength=selections << 8) for piece in pieces)
    counts = np.broadcast_to(counts, selections << 8).reshape(selections, 256)
    return [{int(cell): int(own[cell]) for cell in np.flatnonzero(own)} for own in counts]


def _allowed(manifest: Manifest, partner: Partner, table: pa.Table) -> dict[str, np.ndarray]:
    """Per column, which rows hold only what the manifest lists."""
    selection, cell = table.column(SELECTION).to_numpy(), table.column(GROUP).to_numpy()
    monitor = manifest.monitor_for(partner.selections[0])
    allowed = {SELECTION: selection < len(partner.selections)}
    allowed[GROUP] = (cell < nothing_known(monitor)) | (cell == UNKNOWN_GROUP)
    if partner.counts_only:  # everybody is in one group, once
        kind = manifest.subject.kinds[0]
        numbers = in_one_piece(table.column(kind))
        once = pc.index_in(numbers, value_set=numbers).to_numpy(zero_copy_only=False)
        return allowed | {kind: once == np.arange(len(table))}
    signals = table.column(SIGNALS).to_numpy()
    masks, shift = np.zeros(256, np.uint64), 0
    for position, one in enumerate(partner.selections):
        masks[position] = ((1 << len(one.signals)) - 1) << shift
        shift += len(one.signals)
    outside = (~masks)[selection]
    outside &= signals
    allowed[SIGNALS] = (outside == 0) & (signals > 0)
    for attribute in partner.attributes:
        if not attribute.for_rule:
            continue
        column = attribute_column(attribute.id)
        values = table.column(column).to_numpy()
        allowed[column] = (values < attribute.positions) | (values == NO_VALUE)
    return allowed


def _in_range(table: pa.Table, round_: Round, number: int) -> np.ndarray:
    """Which rows have a pseudonym at all, and their first one in the range of this part."""
    kinds = [table.column(kind) for kind in _kinds(table, round_.manifest)]
    first = in_one_piece(pc.coalesce(*kinds) if len(kinds) > 1 else kinds[0])
    inside = parts_of(first, round_.opening.parts) == number
    return inside & np.asarray(first.is_valid()) if first.null_count else inside  # type: ignore[no-any-return]


def parts_of(numbers: pa.Array, parts: int) -> np.ndarray:
    """The part that each number is in where it is the first of its record: its first 16 bits say so (docs/protocol.md)."""
    data = np.frombuffer(numbers.buffers()[1], dtype=">u2")[numbers.offset * 8 :: 8][: len(numbers)]
    return data.astype(np.uint32) * np.uint32(parts) >> np.uint32(16)


def _first_false(flags: np.ndarray) -> int | None:
    return None if flags.all() else int(flags.argmin())


def _check_counts(parts: list[Cells], descriptor: DropDescriptor, manifest: Manifest, file: str) -> None:
    """The rows of each selection are as many as was said; and in no cell more than had a signal."""
    for position, selection in enumerate(manifest.partners[descriptor.partner].selections):
        names = cell_names(manifest.monitor_for(selection))
        said = descriptor.selections[selection.id]
        rows: Counter[str] = Counter()
        for part in parts:
            rows.update({names[cell]: count for cell, count in part[position].items()})
        most = said.groups.with_signal if said.groups else {}
        more = any(count > limit for cell, count in rows.items() if (limit := most.get(cell)) is not None)
        if sum(rows.values()) != said.written or more:
            raise DropRefusedError("CountsDifferError", partner=descriptor.partner, file=file)
