"""Dots and intervals: one row per group, ratios on a logarithmic scale, the tolerance as a band."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from lsi_match.monitor.findings import Ratio, Verdict

_LEFT, _PLOT, _RIGHT, _ROW, _TOP, _BOTTOM = 190, 360, 190, 30, 12, 44
_INK = "#1a1a1a"


@dataclass(frozen=True)
class Dot:
    """A row: what it is about, the ratio, the verdict, and the same in words."""

    label: str
    ratio: Ratio
    verdict: Verdict
    words: str


def dots(rows: Sequence[Dot], tolerance: float, title: str, axis: str) -> str:
    """The figure as SVG with its own title and description. The shape of a dot tells the verdict, and so do words."""
    ends = [end for row in rows for end in (row.ratio.low, row.ratio.high, row.ratio.value) if end]
    reach = min(max([2.0, tolerance * 1.3, *ends, *(1 / end for end in ends)]), 32.0)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    width = _LEFT + _PLOT + _RIGHT

    def x(ratio: float) -> float:
        share = (math.log(min(max(ratio, 1 / reach), reach)) / math.log(reach) + 1) / 2
        return round(_LEFT + _PLOT * share, 1)

    described = "; ".join(f"{row.label}: {row.words}" for row in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">',
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>",
        f'<rect x="{x(1 / tolerance)}" y="{_TOP}" width="{round(x(tolerance) - x(1 / tolerance), 1)}" '
        f'height="{_ROW * len(rows)}" fill="#dedede"/>',
        _line(x(1), _TOP, x(1), _TOP + _ROW * len(rows), dash=True),
    ]
    for at, row in enumerate(rows):
        parts += _dot(row, _TOP + _ROW * (at + 0.5), x)
    bottom = _TOP + _ROW * len(rows)
    parts.append(_line(_LEFT, bottom, _LEFT + _PLOT, bottom))
    for tick in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16):
        if 1 / reach <= tick <= reach:
            parts.append(_line(x(tick), bottom, x(tick), bottom + 5))
            shown = f"{tick:g}" if tick >= 1 else f"1/{round(1 / tick)}"
            parts.append(f'<text x="{x(tick)}" y="{bottom + 19}" text-anchor="middle">{shown}</text>')
    parts.append(
        f'<text x="{_LEFT + _PLOT / 2}" y="{bottom + 38}" text-anchor="middle">{escape(axis)}</text></svg>'
    )
    return "".join(parts)


def _dot(row: Dot, y: float, place: Callable[[float], float]) -> list[str]:
    shown = row.label if len(row.label) <= 28 else row.label[:27] + "…"
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
