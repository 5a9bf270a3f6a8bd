"""Curves and paths."""

from stretto.definitions.drawing.curves import Point, as_path, between_layers, straight, turn


def test_a_curve_begins_and_ends_at_its_ends() -> None:
    """And stays between the heights of both."""
    curve = between_layers(Point(0, 10), Point(50, 90))
    assert (curve.at(0), curve.at(0.5), curve.at(1)) == (Point(0, 10), Point(25, 50), Point(50, 90))
    assert all(10 <= point.y <= 90 for point in curve)


def test_a_turn_goes_no_deeper_than_it_may() -> None:
    """Downwards or upwards."""
    assert turn(Point(0, 10), Point(20, 10), 28).at(0.5).y == 31
    assert turn(Point(0, 10), Point(20, 10), -28).at(0.5).y == -11


def test_a_path_has_a_command_for_each_curve() -> None:
    """A line without a length is left out."""
    points = Point(0, 0), Point(0, 10), Point(5, 20)
    curves = [straight(points[0], points[0]), straight(points[0], points[1]), between_layers(points[1], points[2])]
    assert as_path(curves) == "M0.0 0.0L0.0 10.0C0.0 15.0 5.0 15.0 5.0 20.0"
