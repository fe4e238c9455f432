"""What may be found nowhere, and the search for it: texts, secrets and 16-byte blocks in every form they could be written in."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(rb"[0-9A-Za-z/-]{6,}")


@dataclass
class Marks:
    """What may not be found: texts (as whole tokens, also in UTF-16 and hex), byte strings, 16-byte blocks."""

    texts: set[bytes]
    secrets: dict[str, bytes] = field(default_factory=dict)
    blocks: set[bytes] = field(default_factory=set)

    def found_in(self, data: bytes) -> set[str]:
        """The kinds of mark that are in `data`; never the mark itself."""
        found = set()
        plain = data.replace(b"\0", b"")
        for form in (data, plain):
            tokens = set(TOKEN.findall(form))
            if tokens & self.texts:
                found.add("text")
            if any(_from_hex(token) in self.texts for token in tokens):
                found.add("text in hex")
            if any(_from_hex(token[:32]) in self.blocks for token in tokens if len(token) >= 32):
                found.add("block in hex")
            if any(
                _from_hex(token.replace(b"-", b"")) in self.blocks for token in tokens if len(token) == 36
            ):
                found.add("block as uuid")
        for name, secret in self.secrets.items():
            forms = (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret))
            if any(form in data for form in forms):
                found.add(name)
        if self.blocks and any(data[i : i + 16] in self.blocks for i in range(len(data) - 15)):
            found.add("block")
        return found


def _from_hex(token: bytes) -> bytes:
    try:
        return bytes.fromhex(token.decode())
    except ValueError:
        return b""


def kept(place: Path) -> Iterable[Path]:
    """Every file under `place`, the keys of parties aside."""
    found = [place] if place.is_file() else place.rglob("*")
    return [path for path in found if path.is_file() and path.parent.name != "keys"]


def search(marks: Marks, places: Iterable[Path]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place in places:
        for file in kept(place):
            try:
                hits = marks.found_in(file.read_bytes())
            except FileNotFoundError:
                continue
            if hits:
                found[file.name] = hits
    return found
