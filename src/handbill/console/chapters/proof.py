"""Did it work: the backtest against what really happened."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from handbill.console.reading import Reader, Record, interval, text, texts
from handbill.types import Interval, Text

HEADLINE_SHARE = 0.2
OURS, USUAL = "handbill", "recency_frequency"


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A ranking cut off at a share of all pairs.

    Attributes:
        share: Of the pairs, mailed.
        lift: Redeemers over what chance finds.
        captured: Share of all redeemers reached.
        cost_micros: Per redeemer; None without a cost per message.
    """

    share: float
    lift: Interval | None
    captured: Interval | None
    cost_micros: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One way to choose whom to mail.

    Attributes:
        name: Key.
        label: Readable.
        auc: Chance that a redeemer ranks above another pair.
        auc_within: The same, among pairs of one campaign.
        at: Cut-offs.
        gain: Share mailed, share of redeemers reached, and its bounds.
        why: Why something was not answered.
    """

    name: str
    label: Text
    auc: Interval | None
    auc_within: Interval | None
    at: tuple[At, ...]
    gain: tuple[tuple[float, float, float, float], ...]
    why: Text | None

    def cut(self, share: float = HEADLINE_SHARE) -> At | None:
        """The cut-off at a share, if it was measured."""
        return next((one for one in self.at if abs(one.share - share) < 1e-9), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Pairs with like promises.

    Attributes:
        expected: Mean promised probability.
        actual: Observed rate with its interval.
        pairs: How many.
    """

    expected: float
    actual: Interval
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignProof:
    """One campaign replayed.

    Attributes:
        id: As in the catalogue.
        kind: Of campaign.
        starts: First day.
        ended: Whether it was over when the data ends; else its redeemers are those so far.
        pairs: People mailed.
        redeemers: Of them, who redeemed.
        expected: Redeemers promised, with the interval that chance leaves.
        inside: Whether what happened lies in it.
        auc: Within the campaign; None with too few redeemers.
        auc_usual: The same by recency and frequency.
        why: Why something was not answered.
    """

    id: str
    kind: str
    starts: date
    ended: bool
    pairs: int
    redeemers: int
    expected: Interval | None
    inside: bool | None
    auc: Interval | None
    auc_usual: Interval | None
    why: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much better one ranking is, on the same pairs.

    Attributes:
        than: The other ranking.
        figure: Which figure.
        value: Difference with its interval.
        apart: Whether the interval leaves out zero.
    """

    than: str
    figure: str
    value: Interval
    apart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People of the plan, or beside it, whom the retailer really mailed.

    Attributes:
        name: `chosen`, `explored` or `left_out`.
        label: Readable.
        pairs: How many.
        redeemers: Of them.
        rate: Redeemers over pairs.
        expected: Redeemers promised.
    """

    name: str
    label: Text
    pairs: int
    redeemers: int
    rate: Interval | None
    expected: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The plan against what followed.

    Attributes:
        planned: Person-campaign pairs.
        mailed: Of them, mailed by the retailer too: only of those anything can be known.
        groups: Who was chosen, who explored, who left out.
        ratio: Rate of those chosen over those left out.
        why: Why something was not answered.
    """

    planned: int
    mailed: int
    groups: tuple[Group, ...]
    ratio: Interval | None
    why: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The backtest.

    Attributes:
        enough: Whether anything could be compared.
        why: Why not.
        pairs: Mailed person-campaign pairs.
        people: Distinct people among them.
        redeemers: Pairs that redeemed.
        rankings: Ours and those it is compared with.
        differences: Paired, ours minus another.
        calibration: Promised against observed.
        calibration_slope: 1 when promises are neither too bold nor too timid.
        calibration_error: Mean distance between promise and outcome.
        error_by_chance: What perfect promises would show for it.
        expected: Redeemers promised in all, with the interval that chance leaves.
        campaigns: One by one.
        followed: The plan against what followed.
        learned: What to conclude.
        unanswered: What cannot be said.
    """

    enough: bool
    why: Text | None
    pairs: int
    people: int
    redeemers: int
    rankings: tuple[Ranking, ...]
    differences: tuple[Difference, ...]
    calibration: tuple[Bin, ...]
    calibration_slope: Interval | None
    calibration_error: Interval | None
    error_by_chance: float | None
    expected: Interval | None
    campaigns: tuple[CampaignProof, ...]
    followed: Followed | None
    learned: tuple[Text, ...]
    unanswered: tuple[Text, ...]

    def ranking(self, name: str) -> Ranking | None:
        """A ranking by its key."""
        return next((one for one in self.rankings if one.name == name), None)

    def difference(self, than: str, figure: str) -> Difference | None:
        """A paired difference."""
        return next((d for d in self.differences if (d.than, d.figure) == (than, figure)), None)


def read_proof(reader: Reader) -> Proof | None:
    """The backtest; None when there was none."""
    found = reader.json(reader.workspace.tables / "backtest.json")
    if not found:
        return None
    calibration = found.get("calibration") or {}
    return Proof(
        enough=bool(found.get("enough")),
        why=text(found.get("why")),
        pairs=found.get("pairs") or 0,
        people=found.get("people") or 0,
        redeemers=found.get("redeemers") or 0,
        rankings=tuple(map(_ranking, found.get("rankings") or ())),
        differences=tuple(_difference(one) for one in found.get("differences") or ()),
        calibration=tuple(map(_bin, calibration.get("bins") or ())),
        calibration_slope=interval(calibration.get("slope")),
        calibration_error=interval(calibration.get("error")),
        error_by_chance=calibration.get("error_by_chance"),
        expected=interval((found.get("expected") or {}).get("expected")),
        campaigns=tuple(_campaign(reader, one) for one in found.get("campaigns") or ()),
        followed=_followed(found.get("plan")),
        learned=texts(found.get("learned")),
        unanswered=texts(found.get("unanswered")),
    )


def _ranking(one: Record) -> Ranking:
    return Ranking(
        name=one["name"],
        label=text(one["label"]) or Text(en=one["name"], zh=one["name"]),
        auc=interval(one.get("auc")),
        auc_within=interval(one.get("auc_within")),
        at=tuple(
            At(
                share=at["share"],
                lift=interval(at.get("lift")),
                captured=interval(at.get("captured")),
                cost_micros=interval(at.get("cost_per_redeemer_micros")),
            )
            for at in one.get("at") or ()
        ),
        gain=tuple(
            (point["share"], point["captured"], *_bounds(point)) for point in one.get("gain") or ()
        ),
        why=text(one.get("why")),
    )


def _bounds(point: Record) -> tuple[float, float]:
    low, high = point.get("low"), point.get("high")
    middle = point["captured"]
    return (middle if low is None else low, middle if high is None else high)


def _difference(one: Record) -> Difference:
    return Difference(
        than=one["than"],
        figure=one["figure"],
        value=interval(one) or Interval(estimate=0.0, low=0.0, high=0.0),
        apart=bool(one["apart"]),
    )


def _bin(one: Record) -> Bin:
    seen = Interval(estimate=one["actual"], low=one["low"], high=one["high"])
    return Bin(expected=one["expected"], actual=seen, pairs=one["pairs"])


def _campaign(reader: Reader, one: Record) -> CampaignProof:
    return CampaignProof(
        id=str(one["id"]),
        kind=str(one.get("kind") or ""),
        starts=reader.day(str(one["starts_at"])),
        ended=one.get("ended") is not False,
        pairs=one["pairs"],
        redeemers=one["redeemers"],
        expected=interval(one.get("expected")),
        inside=one.get("inside"),
        auc=interval(one.get("auc")),
        auc_usual=interval(one.get("auc_recency_frequency")),
        why=text(one.get("why")),
    )


def _followed(one: Any) -> Followed | None:
    if not one:
        return None
    return Followed(
        planned=one.get("planned") or 0,
        mailed=one.get("mailed") or 0,
        groups=tuple(
            Group(
                name=group["name"],
                label=text(group["label"]) or Text(en=group["name"], zh=group["name"]),
                pairs=group["pairs"],
                redeemers=group["redeemers"],
                rate=interval(group.get("rate")),
                expected=interval(group.get("expected")),
            )
            for group in one.get("groups") or ()
        ),
        ratio=interval(one.get("ratio")),
        why=text(one.get("why")),
    )
