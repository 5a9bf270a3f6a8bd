"""Points and curves of a drawing."""

from collections.abc import Iterable
from typing import NamedTuple


class Point(NamedTuple):
    """A point. `y` grows downwards."""

    x: float
    y: float


class Curve(NamedTuple):
    """A cubic Bezier curve. If its two controls are its ends, it is a straight line."""

    start: Point
    first: Point
    second: Point
    end: Point

    @property
    def is_straight(self) -> bool:
        """Whether it is drawn as a straight line."""
        return self.first == self.start and self.second == self.end

    def at(self, share: float) -> Point:
        """Return a point of the curve, from its start (0) to its end (1)."""
        left = 1.0 - share
        weights = (left**3, 3 * share * left**2, 3 * share**2 * left, share**3)
        points = tuple(self)
        return Point(
            sum(weight * point.x for weight, point in zip(weights, points, strict=True)),
            sum(weight * point.y for weight, point in zip(weights, points, strict=True)),
        )


def straight(start: Point, end: Point) -> Curve:
    """Return a straight line."""
    return Curve(start, start, end, end)


def between_layers(start: Point, end: Point) -> Curve:
    """Return a curve from one layer to the next that begins and ends vertically, and stays between their heights."""
    middle = (start.y + end.y) / 2
    return Curve(start, Point(start.x, middle), Point(end.x, middle), end)


def turn(start: Point, end: Point, depth: float) -> Curve:
    """Return a curve between two points of the same height, which goes `depth` downwards, or upwards if negative."""
    return Curve(start, Point(start.x, start.y + depth), Point(end.x, end.y + depth), end)


def as_path(curves: Iterable[Curve]) -> str:
    """Return curves, each of which begins at the end of the one before, as the data of an SVG path."""
    parts: list[str] = []
    for curve in curves:
        if not parts:
            parts.append(f"M{curve.start.x:.1f} {curve.start.y:.1f}")
        if curve.is_straight:
            if curve.start != curve.end:
                parts.append(f"L{curve.end.x:.1f} {curve.end.y:.1f}")
            continue
        points = (curve.first, curve.second, curve.end)
        parts.append("C" + " ".join(f"{point.x:.1f} {point.y:.1f}" for point in points))
    return "".join(parts)
