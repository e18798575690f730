"""Bar charts as SVG: a logarithmic scale from left to right, a colour for each series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

__all__ = ["LABEL_LENGTH", "Bars", "build_chart"]

COLOURS: Final = ("#3b7dd8", "#2a9d6f", "#d98a2b")

_WIDTH: Final = 860
_LEFT: Final = 380
#: How many letters fit into that, at the size and in the family of the labels.
LABEL_LENGTH: Final = 58
_RIGHT: Final = 60
_TOP: Final = 66
_BAR: Final = 13
_GAP: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A group of bars: one value of each series, ``None`` where there is none."""

    label: str
    values: Sequence[float | None]


def build_chart(title: str, series: Sequence[str], groups: Sequence[Bars]) -> str:
    """Return the chart; its scale starts below one, so that what takes less time than that is seen as well."""
    values = [value for group in groups for value in group.values if value is not None]
    decades = max(1, math.ceil(math.log10(max(values, default=10))))
    low, high = math.log10(min(0.5, *values)) if values else -1.0, float(decades)

    def place(value: float) -> float:
        share = (math.log10(value) - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    height = _TOP + sum(len(group.values) * _BAR + _GAP for group in groups) + 10
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" fill="#333">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20" font-size="14" font-weight="600">{escape(title)}</text>',
    ]
    for number, name in enumerate(series):
        left = _LEFT + number * 110
        parts.append(f'<rect x="{left}" y="32" width="10" height="10" fill="{COLOURS[number]}"/>')
        parts.append(f'<text x="{left + 15}" y="41">{escape(name)}</text>')
    for tick in (10**power for power in range(decades + 1)):
        x = place(tick)
        width = 1.5 if tick == 1 else 0.5
        parts.append(f'<path d="M{x:.1f} {_TOP - 8}V{height - 8}" stroke="#999" stroke-width="{width}"/>')
        parts.append(f'<text x="{x:.1f}" y="{_TOP - 12}" text-anchor="middle" fill="#777">{tick}x</text>')
    y = _TOP
    for group in groups:
        middle = y + len(group.values) * _BAR / 2 + 4
        parts.append(f'<text x="{_LEFT - 10}" y="{middle:.1f}" text-anchor="end">{escape(group.label)}</text>')
        for number, value in enumerate(group.values):
            if value is not None:
                start, end = sorted((place(1), place(value)))
                parts.append(
                    f'<rect x="{start:.1f}" y="{y + number * _BAR + 1}" width="{max(end - start, 1):.1f}" '
                    f'height="{_BAR - 2}" fill="{COLOURS[number]}"/>'
                )
                parts.append(
                    f'<text x="{end + 4:.1f}" y="{y + number * _BAR + 10}" font-size="10">{_format(value)}</text>'
                )
        y += len(group.values) * _BAR + _GAP
    return "\n".join([*parts, "</svg>", ""])


def _format(value: float) -> str:
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x"  # noqa: PLR2004  # two digits that count
