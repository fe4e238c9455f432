"""Signs that a screen obeys instead of showing. What others wrote is shown too, on a terminal and on a page."""

from __future__ import annotations

import unicodedata

#: Kinds of them: of control and direction, without width, and halves of signs.
OBEYED = frozenset({"Cc", "Cf", "Cs"})


class _Shown(dict[int, int]):
    def __missing__(self, sign: int) -> int:
        obeyed = unicodedata.category(chr(sign)) in OBEYED and chr(sign) not in "\n\t"
        self[sign] = 0xFFFD if obeyed else sign
        return self[sign]


_SHOWN = _Shown()


def plain(text: str) -> str:
    """Text in which each of these signs, but for the end of a line and a tab, is one that is seen (U+FFFD)."""
    return text.translate(_SHOWN)
