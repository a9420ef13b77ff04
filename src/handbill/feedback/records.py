"""What `tables/backtest.json` holds, field by field as docs/tables.md names them."""

from dataclasses import dataclass

from handbill.types import Interval, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A ranking's best share of the pairs.

    Attributes:
        share: Of all pairs, 0 to 1.
        mailed: Pairs in it.
        redeemers: Redeemers expected in it; equal scores are taken in random order.
        lift: Its redemption rate over everyone's.
        captured: Its share of all redeemers.
        cost_per_redeemer_micros: Cost of its messages over its redeemers.
    """

    share: float
    mailed: float
    redeemers: float
    lift: Interval | None
    captured: Interval | None
    cost_per_redeemer_micros: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GainPoint:
    """A point of the gain curve.

    Attributes:
        share: Best share of the pairs, 0 to 1.
        captured: Share of the redeemers in it.
        low: Lower bound.
        high: Upper bound.
    """

    share: float
    captured: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One way to choose whom to mail.

    Attributes:
        name: Key.
        label: For people.
        why: What cannot be said of it, and why.
        auc: Over all pairs.
        auc_within: Comparing only pairs of the same campaign.
        at: Best shares.
        gain: Gain curve.
    """

    name: str
    label: Text
    why: Text | None
    auc: Interval | None
    auc_within: Interval | None
    at: tuple[At, ...]
    gain: tuple[GainPoint, ...]

    def best(self, share: float) -> At:
        """The best `share` of its pairs."""
        return next(at for at in self.at if at.share == share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A paired difference between two rankings.

    Attributes:
        ranking: The one.
        than: The other, taken off.
        figure: What is compared.
        estimate: Difference.
        low: Lower bound.
        high: Upper bound.
        level: Coverage.
        apart: Whether the interval leaves 0 out.
    """

    ranking: str
    than: str
    figure: str
    estimate: float
    low: float
    high: float
    level: float
    apart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Pairs of like probability.

    Attributes:
        lowest: Smallest probability in it.
        highest: Largest.
        pairs: How many.
        expected: Mean probability.
        actual: Redemption rate.
        low: Lower bound of the rate.
        high: Upper bound of the rate.
    """

    lowest: float
    highest: float
    pairs: int
    expected: float
    actual: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Whether probabilities mean what they say.

    Attributes:
        bins: From small probabilities to large.
        slope: Of the recalibration; 1 is right, below 1 too extreme.
        intercept: Of the recalibration; 0 is right.
        error: Expected calibration error over the bins.
        error_by_chance: What perfect probabilities show on as few pairs, on average.
        error_by_chance_high: What they exceed in 5 of 100 cases; a larger error is a real one.
        log_loss: Mean logarithmic loss.
        log_loss_base: The same when everyone is given the mean rate.
        brier: Mean squared error.
    """

    bins: tuple[Bin, ...]
    slope: Interval | None
    intercept: Interval | None
    error: Interval | None
    error_by_chance: float
    error_by_chance_high: float
    log_loss: Interval | None
    log_loss_base: float
    brier: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What was promised against what came.

    Attributes:
        pairs: In campaigns that have ended; of the others the outcome is not known yet.
        expected: Sum of the probabilities, and the range if they are right.
        actual: Redeemers.
        actual_raw: Counting those that are not human too.
        inside: Whether `actual` lies in the range.
    """

    pairs: int
    expected: Interval
    actual: int
    actual_raw: int
    inside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResult:
    """One campaign of the backtest.

    Attributes:
        id: Campaign.
        kind: As the shop names it.
        starts_at: ISO 8601.
        ends_at: ISO 8601, exclusive.
        pairs: People mailed.
        redeemers: Of them.
        rate: Redemption rate.
        expected: Sum of the probabilities, and the range if they are right.
        inside: Whether `redeemers` lies in the range; None before the campaign has ended.
        ended: Whether the log reaches its end; before it, `redeemers` are those so far.
        auc: Of the probabilities within it.
        auc_recency_frequency: Of the recency-frequency score within it.
        trained_on: Earlier campaigns that the model had seen.
        trained_pairs: Their pairs.
        why: Why there is no AUC.
    """

    id: str
    kind: str
    starts_at: str
    ends_at: str
    pairs: int
    redeemers: int
    rate: Interval | None
    expected: Interval
    inside: bool | None
    ended: bool
    auc: Interval | None
    auc_recency_frequency: Interval | None
    trained_on: int
    trained_pairs: int
    why: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Mailed pairs that the plan treated alike.

    Attributes:
        name: `chosen`, `explored` or `left_out`.
        label: For people.
        pairs: How many.
        redeemers: Of them.
        redeemers_raw: Counting those that are not human too.
        rate: Redemption rate.
        expected: Sum of the plan's probabilities, and the range if they are right.
        inside: Whether `redeemers` lies in the range.
    """

    name: str
    label: Text
    pairs: int
    redeemers: int
    redeemers_raw: int
    rate: Interval | None
    expected: Interval | None
    inside: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A group within one campaign.

    Attributes:
        pairs: How many.
        redeemers: Of them.
        expected: Sum of the plan's probabilities.
    """

    pairs: int
    redeemers: int
    expected: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCounts:
    """The plan's groups in one campaign.

    Attributes:
        id: Campaign.
        chosen: Planned on merit.
        explored: Planned by chance.
        left_out: Mailed, not planned.
    """

    id: str
    chosen: Count
    explored: Count
    left_out: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The plan against what followed.

    Attributes:
        plan_id: Which plan; None when there is none.
        why: What cannot be said, and why.
        planned: Pairs of person and campaign.
        mailed: Of them, mailed by the retailer: only of these anything can be known.
        not_mailed: The others.
        groups: Mailed pairs by how the plan treated them.
        ratio: Rate of the chosen over the rate of those left out.
        campaigns: The same by campaign.
    """

    plan_id: str | None
    why: Text | None
    planned: int = 0
    mailed: int = 0
    not_mailed: int = 0
    groups: tuple[Group, ...] = ()
    ratio: Interval | None = None
    campaigns: tuple[CampaignCounts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """All of `tables/backtest.json`; docs/tables.md says what each field means."""

    enough: bool
    why: Text | None
    as_of: str
    level: float
    resamples: int
    currency: str
    cost_per_message_micros: int | None
    pairs: int
    people: int
    redeemers: int
    redeemers_raw: int
    rankings: tuple[Ranking, ...]
    differences: tuple[Difference, ...]
    calibration: Calibration | None
    expected: Expected | None
    campaigns: tuple[CampaignResult, ...]
    plan: Followed
    learned: tuple[Text, ...]
    unanswered: tuple[Text, ...]

    def ranking(self, name: str) -> Ranking:
        """The ranking of that name."""
        return next(one for one in self.rankings if one.name == name)
