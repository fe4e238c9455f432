"""What changed hands at a place, by name: how the file here and the one there looked right after.

While both look so, there is nothing to do; what looks otherwise was changed by somebody since. Kept in a file, which may
be lost: then what lies on both sides is compared, or brought once more.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from lsi_match.base.errors import LsiError
from lsi_match.base.files import read_bytes, write_whole
from lsi_match.transport.endpoints import Stamp

#: More than the files of years at a place take.
_LARGEST = 64 * 2**20


@dataclass
class SyncState:
    """The tally in `file`; `save` writes it, when there is something new in it."""

    file: Path
    _seen: dict[str, list[str]] = field(default_factory=dict)
    _new: bool = False

    @classmethod
    def of(cls, file: Path) -> SyncState:
        """What `file` tells; nothing when it is not there or not readable."""
        try:
            said = json.loads(read_bytes(file, _LARGEST))
            return cls(file, {str(name): [str(here), str(there)] for name, (here, there) in said.items()})
        except (LsiError, ValueError, TypeError, AttributeError):
            return cls(file)

    def unchanged(self, name: str, here: Path) -> bool:
        """Whether the file `here` is the one that was brought under this name, and nobody changed it."""
        return name in self._seen and self._seen[name][0] == _looks(here)

    def is_synced(self, name: str, here: Path, there: Stamp | None) -> bool:
        """Whether nothing changed on either side."""
        return there is not None and self.unchanged(name, here) and self._seen[name][1] == _stamped(there)

    def note(self, name: str, here: Path, there: Stamp) -> None:
        """Both sides have the same under this name now."""
        self._seen[name], self._new = [_looks(here), _stamped(there)], True

    def keep(self, names: Collection[str]) -> None:
        """Forget every other name."""
        for gone in self._seen.keys() - set(names):
            del self._seen[gone]
            self._new = True

    def save(self) -> None:
        if self._new:
            write_whole(self.file, json.dumps(self._seen, sort_keys=True).encode(), replace=True)
            self._new = False


def _looks(file: Path) -> str:
    """What changes when a file is written to; empty when there is none."""
    try:
        one = file.lstat()
    except FileNotFoundError:
        return ""
    return f"{one.st_mode:o} {one.st_size} {one.st_mtime_ns}"


def _stamped(one: Stamp) -> str:
    return f"{one.size} {one.changed}"
