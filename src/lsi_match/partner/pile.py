"""The rows of every part of a drop while its extracts are read: in memory up to a bound, beyond that sealed on disk.

What goes to disk is sealed to a key that is in the memory of this process only, in a file without a name: when the
process ends, however it ends, the file is gone and no copy of it opens.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from lsi_match.partner.rows import Rows
from lsi_match.partner.select import RECORD_ID
from lsi_match.tables import BLOCK
from lsi_match.trust.keys import make_round_key
from lsi_match.trust.project_key import Blocks
from lsi_match.trust.sealing import seal, unseal

#: Bytes of rows that memory holds.
ROOM = 1 << 30


class Pile:
    """The rows of `parts` parts; what there is no room for lies in the folder `place`.

    Attributes:
        nothing: no rows, with the columns of those that were added last.
    """

    nothing: Rows

    def __init__(self, parts: int, place: Path) -> None:
        self.file = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 (closed in __exit__)
        self._secret, self._recipient = make_round_key()
        self._here: list[list[Rows]] = [[] for _ in range(parts)]
        self._there: list[list[tuple[int, int]]] = [[] for _ in range(parts)]
        self._bytes = 0

    def __enter__(self) -> Pile:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.file.close()

    def add(self, parts: list[Rows]) -> None:
        """Rows of each part, to lie on those that are there."""
        self.nothing = parts[0].take(np.zeros(0, np.intp))
        for part, rows in zip(self._here, parts, strict=True):
            if len(rows):
                part.append(rows)
                self._bytes += _size(rows)
        if self._bytes > ROOM:
            self._to_disk()

    def take(self, part: int) -> list[Rows]:
        """What was added to `part`, once. Several parts may be taken at a time."""
        pieces, self._here[part] = self._here[part], []
        return pieces + [self._read(*place) for place in self._there[part]]

    def _to_disk(self) -> None:
        for part, places in zip(self._here, self._there, strict=True):
            if part:
                sealed = seal(_packed(Rows.together(part)), self._recipient)
                places.append((self.file.seek(0, 2), len(sealed)))
                self.file.write(sealed)
                part.clear()
        self.file.flush()
        self._bytes = 0

    def _read(self, start: int, length: int) -> Rows:
        # Whatever the position of the file is, since parts are taken at the same time.
        sealed = os.pread(self.file.fileno(), length, start)
        return _unpacked(unseal(sealed, self._secret, what="the pile of rows", party="this partner"))


def _size(rows: Rows) -> int:
    valid = (blocks.valid for blocks in rows.pseudonyms.values())
    return int(sum(array.nbytes for array in (*rows.blocks().values(), *valid, *rows.values.values())))


def _packed(rows: Rows) -> bytes:
    columns: dict[str, pa.Array] = {}
    for name, blocks in rows.blocks().items():
        data = pa.py_buffer(np.ascontiguousarray(blocks))
        columns[f"block {name}"] = pa.FixedSizeBinaryArray.from_buffers(BLOCK, len(rows), [None, data])
    for kind, pseudonyms in rows.pseudonyms.items():
        columns[f"valid {kind}"] = pa.array(pseudonyms.valid)
    columns |= {f"value {name}": pa.array(values) for name, values in rows.values.items()}
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _unpacked(data: bytes) -> Rows:
    table = pa.ipc.open_stream(data).read_all().combine_chunks()

    def named(what: str) -> list[tuple[str, pa.ChunkedArray]]:
        return [
            (name.removeprefix(f"{what} "), table.column(name))
            for name in table.column_names
            if name.startswith(f"{what} ")
        ]

    blocks = {
        name: np.frombuffer(column.chunk(0).buffers()[1], np.uint8, len(table) * 16).reshape(-1, 16)
        for name, column in named("block")
    }
    record_ids = blocks.pop(RECORD_ID)
    valid = {kind: column.to_numpy() for kind, column in named("valid")}
    values = {name: column.to_numpy() for name, column in named("value")}
    return Rows({kind: Blocks(data, valid[kind]) for kind, data in blocks.items()}, record_ids, values)
