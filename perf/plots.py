"""Plots as SVG: lines over a few named places, and bars on a logarithmic scale.

Written by hand, so that the same figures give the same bytes, a plot is two or three kilobytes, and its text is text.
"""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, LINES_HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 46, 50
BAR_HEIGHT, BAR_GAP, BAR_LABEL = 18, 8, 230
TICKS = 5
COLOURS = ("#0b6e99", "#c8553d", "#4a7c3f", "#8a5a9e", "#b8860b", "#555555")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.small{font-size:12px}"
    ".grid{stroke:#d0d7de}.back{fill:#ffffff}"
)


@dataclass(slots=True)
class Lines:
    """Lines over the same named places, all from zero up; a line has None where it was not measured."""

    name: str
    title: str
    places: list[str]
    place_label: str
    unit: str
    series: dict[str, list[float | None]] = field(default_factory=dict)


@dataclass(slots=True)
class Bars:
    """Bars on a logarithmic scale, one below the other; those of `marked` are drawn in another colour."""

    name: str
    title: str
    unit: str
    bars: dict[str, float] = field(default_factory=dict)
    marked: list[str] = field(default_factory=list)


Plot = Lines | Bars


def svg(plot: Plot) -> str:
    """Return a plot as an SVG document."""
    return _lines(plot) if isinstance(plot, Lines) else _bars(plot)


def _lines(plot: Lines) -> str:
    top = max((value for values in plot.series.values() for value in values if value is not None), default=1.0)
    step = _round_up(top / TICKS)
    ticks = math.ceil(top / step)
    wide, high = WIDTH - LEFT - RIGHT, LINES_HEIGHT - TOP - BOTTOM

    def across(place: int) -> float:
        return LEFT + wide * (place + 0.5) / len(plot.places)

    def up(value: float) -> float:
        return LINES_HEIGHT - BOTTOM - high * value / (step * ticks)

    parts = []
    for tick in range(ticks + 1):
        y = up(tick * step)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + wide}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{tick * step:g}", "small", "end"))
    for number, place in enumerate(plot.places):
        parts.append(_text(across(number), LINES_HEIGHT - BOTTOM + 18, place, "small", "middle"))
    parts.append(_text(LEFT + wide / 2, LINES_HEIGHT - 12, plot.place_label, "small", "middle"))
    for number, (name, values) in enumerate(plot.series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(across(place), up(value)) for place, value in enumerate(values) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
        legend = TOP + 10 + 20 * number
        parts.append(f'<rect x="{LEFT + wide + 14}" y="{legend - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(LEFT + wide + 30, legend, name, "small", "start"))
    return _document(plot.title, plot.unit, LINES_HEIGHT, parts)


def _bars(plot: Bars) -> str:
    height = TOP + len(plot.bars) * (BAR_HEIGHT + BAR_GAP) + BOTTOM
    low = math.ceil(math.log10(min(plot.bars.values(), default=1.0))) - 1
    high = max(math.ceil(math.log10(max(plot.bars.values(), default=10.0))), low + 1)
    wide = WIDTH - BAR_LABEL - 80

    def across(exponent: float) -> float:
        return BAR_LABEL + wide * (exponent - low) / (high - low)

    parts = []
    for exponent in range(low, high + 1):
        x = across(exponent)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - BOTTOM}"/>')
        parts.append(_text(x, height - BOTTOM + 18, f"{10.0**exponent:g}", "small", "middle"))
    for number, (name, value) in enumerate(plot.bars.items()):
        y = TOP + number * (BAR_HEIGHT + BAR_GAP) + BAR_GAP / 2
        end, colour = across(math.log10(value)), COLOURS[0 if name in plot.marked else -1]
        parts.append(_text(BAR_LABEL - 8, y + BAR_HEIGHT - 5, name, "small", "end"))
        parts.append(
            f'<rect x="{BAR_LABEL}" y="{y:.1f}" width="{max(end - BAR_LABEL, 1):.1f}" height="{BAR_HEIGHT}" '
            f'fill="{colour}"/>'
        )
        parts.append(_text(end + 6, y + BAR_HEIGHT - 5, f"{value:.3g}", "small", "start"))
    return _document(plot.title, plot.unit, height, parts)


def _round_up(step: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9))


def _text(x: float, y: float, words: str, style: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def _document(title: str, unit: str, height: int, parts: list[str]) -> str:
    heading = _text(14, 22, title, "title", "start") + _text(WIDTH - 14, 22, unit, "small", "end")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
        f'<rect class="back" width="{WIDTH}" height="{height}"/>\n{heading}\n' + "\n".join(parts) + "\n</svg>\n"
    )
