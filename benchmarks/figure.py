"""How time and memory grow with the number of records, as one SVG without scripts, fonts or anything from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 360, 260, 56, 40, 44
COLOURS = {1: "#777c00", 2: "#154273", 4: "#a90061", 8: "#39870c"}


def growth(rows: Sequence[dict[str, Any]]) -> str:
    """Two panels over the records of all partners: seconds of a whole run, and its peak memory."""
    panels = (
        ("A whole run, seconds (dashed: bare GROUP BY)", "total", "group_by"),
        ("Peak memory of the run, MiB", "peak_mib", None),
    )
    inside = "".join(
        f'<g transform="translate({i * (WIDTH + 20)} 0)">{_panel(rows, *panel)}</g>'
        for i, panel in enumerate(panels)
    )
    wide = 2 * WIDTH + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {HEIGHT}" width="{wide}" height="{HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="11"><title>Growth of a run</title>'
        f'<rect width="{wide}" height="{HEIGHT}" fill="#fff"/>{inside}</svg>\n'
    )


def _panel(rows: Sequence[dict[str, Any]], title: str, name: str, dashed: str | None) -> str:
    most_x = _round(max(r["partners"] * r["rows"] for r in rows) / 1e6)
    most_y = _round(max(r[key] for r in rows for key in (name, dashed) if key))
    right, low = WIDTH - 20, HEIGHT - BOTTOM

    def at(records: float, value: float) -> str:
        return f"{LEFT + (right - LEFT) * records / most_x:.1f},{low - (low - TOP) * value / most_y:.1f}"

    parts = [f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>']
    parts.append(f'<path d="M{LEFT} {TOP}V{low}H{right}" fill="none" stroke="#333"/>')
    for fraction in (0, 0.5, 1):
        x, y = at(most_x * fraction, most_y * fraction).split(",")
        parts.append(f'<text x="{x}" y="{low + 16}" text-anchor="middle">{most_x * fraction:g}</text>')
        parts.append(f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{most_y * fraction:g}</text>')
    parts.append(
        f'<text x="{(LEFT + right) / 2}" y="{low + 34}" text-anchor="middle">million records of all partners, whose number stands at each line</text>'
    )
    for partners in sorted({r["partners"] for r in rows}):
        own = sorted((r for r in rows if r["partners"] == partners), key=lambda r: r["rows"])
        colour = COLOURS.get(partners, "#333")
        for key, style in ((name, ""), (dashed, ' stroke-dasharray="4 3"')):
            if key:
                points = " ".join(at(r["partners"] * r["rows"] / 1e6, r[key]) for r in own)
                parts.append(
                    f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{style}/>'
                )
        for r in own:
            x, y = at(r["partners"] * r["rows"] / 1e6, r[name]).split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        parts.append(
            f'<text x="{float(x) + 6:.1f}" y="{float(y) + 4:.1f}" font-weight="bold" fill="{colour}">{partners}</text>'
        )
    return "".join(parts)


def _round(value: float) -> float:
    """The end of an axis that holds this value: the next of 1, 2, 2.5, 4, 5, 8 and 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 2.5, 4, 5, 8, 10) if step * power >= value)
