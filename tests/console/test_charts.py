import re
import xml.etree.ElementTree as ET

import pytest

from handbill.console import charts
from handbill.console.svg import Canvas, Scale, ticks
from handbill.types import Interval, Text

SVG = "{http://www.w3.org/2000/svg}"
TITLE = Text(en="T", zh="题")


def drawn(canvas: Canvas) -> ET.Element:
    text = str(canvas.render(name="x", title=TITLE, summary=TITLE))
    return ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


def axis(low=0.0, high=1.0):
    return charts.Axis(low=low, high=high, show=lambda v: f"{v:g}", label=Text(en="x", zh="横"))


def circles(root, kind):
    return [c for c in root.iter(f"{SVG}circle") if c.get("class") == kind]


def test_scale_maps_and_stops_at_its_ends():
    scale = Scale(low=0, high=10, start=100, end=0)
    assert [scale(0), scale(2.5), scale(10), scale(99), scale(-1)] == [100, 75, 0, 0, 100]
    assert Scale(low=3, high=3, start=5, end=9)(3) == 5


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 47, 5, [0, 10, 20, 30, 40]),
        (0.9, 3.2, 4, [1, 2, 3]),
        (2, 2, 4, [2]),
    ],
)
def test_ticks_are_round(low, high, count, expected):
    assert ticks(low, high, count) == pytest.approx(expected)


@pytest.mark.parametrize("width", [340, 720])
def test_dots_stand_where_their_values_are(width):
    rows = [
        charts.Row(
            label=str(v), value=Interval(estimate=v, low=v - 0.1, high=v + 0.1), shown=str(v)
        )
        for v in (0.2, 0.4, 0.8)
    ]
    xs = [
        float(c.get("cx"))
        for c in circles(drawn(charts.dot_interval_chart(width, rows, axis())), "fill accent")
    ]
    assert (xs[2] - xs[1]) == pytest.approx(2 * (xs[1] - xs[0]), abs=0.3)


def test_a_row_without_data_has_no_dot_and_says_so():
    rows = [charts.Row(label="A", value=None, shown=Text(en="not enough data", zh="数据不足"))]
    root = drawn(charts.dot_interval_chart(720, rows, axis(), reference=(0.5, "none")))
    assert not list(root.iter(f"{SVG}circle"))
    faint = [t.text for t in root.iter(f"{SVG}text") if "faint" in t.get("class")]
    assert "not enough data" in faint and "数据不足" in faint


def test_an_actual_value_is_a_diamond_at_its_place():
    value = Interval(estimate=0.2, low=0.1, high=0.3)
    rows = [charts.Row(label="A", value=value, shown="", actual=0.2)]
    root = drawn(charts.dot_interval_chart(720, rows, axis()))
    dot = float(circles(root, "fill accent")[0].get("cx"))
    path = next(p.get("d") for p in root.iter(f"{SVG}path") if p.get("class") == "diamond")
    xs = [float(x) for x, _ in re.findall(r"([\d.]+) ([\d.]+)", path)]
    assert (min(xs) + max(xs)) / 2 == pytest.approx(dot, abs=0.2)


@pytest.mark.parametrize("width", [340, 720])
def test_a_band_encloses_its_line(width):
    points = ((0.0, 0.0), (0.5, 0.7), (1.0, 1.0))
    series = charts.Series(
        name="ours", points=points, kind="accent", band=tuple((y - 0.1, y + 0.1) for _, y in points)
    )
    root = drawn(charts.line_chart(width, [series], axis(), axis(), mark=(0.2, "here")))
    paths = {
        p.get("class"): re.findall(r"([\d.]+) ([\d.]+)", p.get("d"))
        for p in root.iter(f"{SVG}path")
    }
    middle, band = float(paths["line accent"][1][1]), paths["band accent"]
    assert float(band[1][1]) > middle > float(band[-2][1])


def test_an_interval_that_runs_off_the_chart_shows_that_it_goes_on():
    value = Interval(estimate=0.9, low=0.8, high=7.0)
    rows = [charts.Row(label="A", value=value, shown="")]
    root = drawn(charts.dot_interval_chart(720, rows, axis()))
    assert [t.text for t in root.iter(f"{SVG}text") if "beyond" in t.get("class")] == ["›"]


def test_bars_are_as_long_as_their_values():
    bars = [charts.Bar(label=n, value=v, shown=n) for n, v in (("a", 10), ("b", 5), ("c", 0))]
    rects = [float(r.get("width")) for r in drawn(charts.bar_chart(720, bars)).iter(f"{SVG}rect")]
    assert rects[0] == pytest.approx(2 * rects[1], abs=0.2)
    assert rects[2] == 1


def test_columns_grow_upwards():
    chart = charts.column_chart(720, [("a", 1.0), ("b", 2.0)], axis(high=2.0))
    low, high = (float(r.get("height")) for r in drawn(chart).iter(f"{SVG}rect"))
    assert high == pytest.approx(2 * low, abs=0.2)


def test_the_busiest_cell_is_the_darkest():
    chart = charts.heat_map(720, ["a", "b"], ["1", "2"], [[0, 1], [4, 2]])
    styles = [r.get("style") for r in drawn(chart).iter(f"{SVG}rect")]
    shades = [float(style.removeprefix("opacity:")) for style in styles]
    assert max(shades) == shades[2] == 1.0
    assert shades[0] < shades[1] < shades[3] < shades[2]


def test_perfect_promises_lie_on_the_diagonal():
    points = [(p, Interval(estimate=p, low=p / 2, high=p * 1.5)) for p in (0.1, 0.2, 0.4)]
    chart = charts.calibration_chart(720, points, 0.6, str, TITLE, TITLE, TITLE)
    root = drawn(chart)
    diagonal = next(e for e in root.iter(f"{SVG}line") if e.get("class") == "mark")
    x1, y1, x2, y2 = (float(diagonal.get(k)) for k in ("x1", "y1", "x2", "y2"))
    for dot in circles(root, "fill accent"):
        x, y = float(dot.get("cx")), float(dot.get("cy"))
        assert y == pytest.approx(y1 + (x - x1) * (y2 - y1) / (x2 - x1), abs=0.3)


def test_labels_are_escaped_and_pictures_are_named():
    canvas = Canvas(10, 10)
    canvas.text((0, 0), "<script>")
    svg = canvas.render(name="n", title=Text(en='"A"', zh="甲"), summary=TITLE)
    assert "<script>" not in svg
    assert 'role="img"' in svg and 'aria-labelledby="n-t n-d"' in svg
    assert 'data-zh="甲"' in svg
    ET.fromstring(svg)  # noqa: S314


def test_empty_charts_do_not_fail():
    for chart in (
        charts.bar_chart(720, []),
        charts.column_chart(720, [], axis()),
        charts.heat_map(720, ["a"], ["1"], [[0]]),
        charts.line_chart(720, [], axis(), axis()),
        charts.dot_interval_chart(720, [], axis()),
    ):
        drawn(chart)
