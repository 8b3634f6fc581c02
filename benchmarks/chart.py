"""A bar chart of ratios as SVG."""

from __future__ import annotations

import html
import math

LABELS, BARS, LINE, TOP = 380, 420, 20, 34
LEFT, RIGHT = -1, 5  # powers of two at the ends of the axis: 0.5x to 32x
FASTER, SLOWER = "#2f6fab", "#c05a2e"


def place(ratio: float) -> float:
    """The x coordinate of a ratio, which the axis shows by its logarithm."""
    power = min(max(math.log2(ratio), LEFT), RIGHT)
    return LABELS + BARS * (power - LEFT) / (RIGHT - LEFT)


def svg(rows) -> str:
    rows = [row for row in rows if row.ratio]
    height = TOP + LINE * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABELS + BARS + 60}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for power in range(LEFT, RIGHT + 1):
        x, color = place(2.0**power), "#444" if power == 0 else "#ddd"
        parts.append(f'<text x="{x}" y="16" text-anchor="middle">{2.0**power:g}x</text>')
        parts.append(f'<path d="M{x} 22V{height - 6}" stroke="{color}"/>')
    for number, row in enumerate(rows):
        y, end = TOP + LINE * number, place(row.ratio)
        start, width = min(end, place(1)), abs(end - place(1))
        label, color = html.escape(row.name), FASTER if row.ratio >= 1 else SLOWER
        parts.append(f'<text x="{LABELS - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
        bar = f'<rect x="{start:.1f}" y="{y - 6}" width="{width:.1f}" height="12" fill="{color}"/>'
        parts.append(bar)
        beside = max(end, place(1)) + 5
        parts.append(f'<text x="{beside:.1f}" y="{y + 4}">{row.ratio:.1f}x</text>')
    return "\n".join([*parts, "</svg>\n"])
