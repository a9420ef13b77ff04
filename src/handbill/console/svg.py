"""A sheet to draw on: SVG elements whose colours come from the page's style, in both languages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

from markupsafe import Markup

from handbill.types import Text

Point = tuple[float, float]
Label = Text | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight map from values to pixels.

    Attributes:
        low: Value drawn at `start`.
        high: Value drawn at `end`.
        start: Pixel of `low`.
        end: Pixel of `high`; may be smaller than `start`, as on a vertical axis.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixel of a value; values outside stop at the edge.

        Example:
            >>> Scale(low=0, high=10, start=100, end=0)(2.5)
            75.0
        """
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values between two bounds, at most about `count` of them.

    Example:
        >>> ticks(0, 1)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        >>> ticks(0, 47)
        [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(step * index, 10) for index in range(first, last + 1)]


@dataclass(slots=True)
class Canvas:
    """SVG elements in the order they are drawn.

    Attributes:
        width: In pixels, the view box's.
        height: In pixels, the view box's.
        elements: What was drawn so far.
    """

    width: int
    height: int
    elements: list[Markup] = field(default_factory=list)

    def line(self, start: Point, end: Point, kind: str) -> None:
        """A straight line; `kind` is a class of the style sheet, here and below."""
        self._add(
            '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, *_px(start), *_px(end)
        )

    def path(self, points: Sequence[Point], kind: str, *, closed: bool = False) -> None:
        """A line through points, or the area they enclose."""
        steps = "L".join(f"{x} {y}" for x, y in map(_px, points))
        self._add('<path class="{}" d="M{}"/>', kind, steps + ("Z" if closed else ""))

    def rect(self, corner: Point, width: float, height: float, kind: str, style: str = "") -> None:
        """A filled rectangle; `style` is for what only the data decide, such as an opacity."""
        extra = Markup(' style="{}"').format(style) if style else ""
        self._add(
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"{}/>',
            kind, *_px(corner), *_px((max(width, 0.0), height)), extra,
        )  # fmt: skip

    def dot(self, centre: Point, radius: float, kind: str) -> None:
        """A filled circle."""
        self._add('<circle class="{}" cx="{}" cy="{}" r="{}"/>', kind, *_px(centre), radius)

    def text(self, at: Point, label: Label, kind: str = "tick", anchor: str = "start") -> None:
        """A label, once for each language; `anchor` is `start`, `middle` or `end`."""
        element = '<text class="{}" x="{}" y="{}" text-anchor="{}"{}>{}</text>'
        if isinstance(label, str) or label.en == label.zh:
            value = label if isinstance(label, str) else label.en
            self._add(element, kind, *_px(at), anchor, "", value)
            return
        for language, tag, value in (("en", "en", label.en), ("zh", "zh-Hans", label.zh)):
            lang = Markup(' lang="{}"').format(tag)
            self._add(element, f"{kind} {language}", *_px(at), anchor, lang, value)

    def render(self, *, name: str, title: Text, summary: Text) -> Markup:
        """The finished picture.

        Args:
            name: Unique in the page; also the stem of the ids inside.
            title: What it shows, for screen readers.
            summary: What it says, for screen readers.
        """
        head = Markup(
            '<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img"'
            ' aria-labelledby="{n}-t {n}-d">'
            '<title id="{n}-t" data-zh="{tz}">{te}</title>'
            '<desc id="{n}-d" data-zh="{dz}">{de}</desc>'
        ).format(
            w=self.width, h=self.height, n=name,
            te=title.en, tz=title.zh, de=summary.en, dz=summary.zh,
        )  # fmt: skip
        return head + Markup("").join(self.elements) + Markup("</svg>")

    def _add(self, element: str, *values: object) -> None:
        filled = Markup(element).format(*values)  # noqa: S704 - element is ours; values are escaped
        self.elements.append(filled)


def _px(point: Point) -> tuple[str, str]:
    return (f"{point[0]:.1f}".removesuffix(".0"), f"{point[1]:.1f}".removesuffix(".0"))
