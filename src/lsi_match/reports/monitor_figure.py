"""Dots and intervals: one row per group, ratios on a logarithmic scale, the tolerance as a band."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from lsi_match.monitor.findings import Ratio, Verdict

_LEFT, _PLOT, _RIGHT, _ROW, _HEAD, _TOP, _BOTTOM = 210, 350, 190, 26, 24, 6, 44
_INK = "#1a1a1a"


@dataclass(frozen=True)
class Dot:
    """A row: what it is about, the ratio, the verdict, and the same in words."""

    label: str
    ratio: Ratio
    verdict: Verdict
    words: str


def dots(parts: Sequence[tuple[str, Sequence[Dot]]], tolerance: float, title: str, axis: str) -> str:
    """The figure as SVG with its own title and description. The shape of a dot tells the verdict, and so do words.

    Args:
        parts: a heading within the figure, and the rows under it.
    """
    rows = [row for _, its in parts for row in its]
    ends = [end for row in rows for end in (row.ratio.low, row.ratio.high, row.ratio.value) if end]
    reach = min(max([2.0, tolerance * 1.3, *ends, *(1 / end for end in ends)]) * 1.1, 32.0)
    deep = _ROW * len(rows) + _HEAD * len(parts)
    height, width, bottom = _TOP + deep + _BOTTOM, _LEFT + _PLOT + _RIGHT, _TOP + deep

    def x(ratio: float) -> float:
        share = (math.log(min(max(ratio, 1 / reach), reach)) / math.log(reach) + 1) / 2
        return round(_LEFT + _PLOT * share, 1)

    described = ". ".join(
        f"{head}: " + "; ".join(f"{row.label}: {row.words}" for row in its) for head, its in parts
    )
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">',
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>",
        f'<rect x="{x(1 / tolerance)}" y="{_TOP}" width="{round(x(tolerance) - x(1 / tolerance), 1)}" '
        f'height="{deep}" fill="#dedede"/>',
        _line(x(1), _TOP, x(1), bottom, dash=True),
    ]
    y = float(_TOP)
    for head, its in parts:
        drawn.append(f'<text x="4" y="{y + 16}" font-weight="600">{escape(head)}</text>')
        y += _HEAD
        for row in its:
            drawn += _dot(row, y + _ROW / 2, x)
            y += _ROW
    drawn.append(_line(_LEFT, bottom, _LEFT + _PLOT, bottom))
    for tick in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16):
        if 1 / reach <= tick <= reach:
            drawn.append(_line(x(tick), bottom, x(tick), bottom + 5))
            shown = f"{tick:g}" if tick >= 1 else f"1/{round(1 / tick)}"
            drawn.append(f'<text x="{x(tick)}" y="{bottom + 19}" text-anchor="middle">{shown}</text>')
    drawn.append(
        f'<text x="{_LEFT + _PLOT / 2}" y="{bottom + 38}" text-anchor="middle">{escape(axis)}</text></svg>'
    )
    return "".join(drawn)


def _dot(row: Dot, y: float, place: Callable[[float], float]) -> list[str]:
    shown = row.label if len(row.label) <= 32 else row.label[:31] + "…"
    parts = [f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(shown)}</text>']
    parts.append(f'<text x="{_LEFT + _PLOT + 10}" y="{y + 4}">{escape(row.words)}</text>')
    low, high, value = row.ratio.low, row.ratio.high, row.ratio.value
    if low is None and high is None:
        return parts
    ends = place(low or 0.0), place(high if high is not None else math.inf)
    parts.append(_line(ends[0], y, ends[1], y, wide=True))
    if value is None:
        return parts
    at = place(value)
    if row.verdict in (Verdict.OVER, Verdict.UNDER):
        tip = 8 if row.verdict is Verdict.OVER else -8
        parts.append(f'<path d="M{at - tip} {y - 7}L{at + tip} {y}L{at - tip} {y + 7}Z"/>')
    else:
        fill = _INK if row.verdict is Verdict.WITHIN else "#fff"
        parts.append(f'<circle cx="{at}" cy="{y}" r="5" fill="{fill}" stroke="{_INK}" stroke-width="2"/>')
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, *, dash: bool = False, wide: bool = False) -> str:
    more = ' stroke-dasharray="3 3"' if dash else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{_INK}" stroke-width="{2 if wide else 1}"{more}/>'
