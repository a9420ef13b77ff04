"""What another policy would have earned, from the ledger alone, or a refusal when it cannot say.

Every estimator is a mean of one number per decision, so its interval follows from their spread.
When the logged choices hardly overlap with those of the other policy, no estimator is believed: the
answer is `None` with the reason, in words.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.types import Interval, Text

Z95 = 1.959964
MIN_ESS = 100.0
"""Effective decisions below which nothing is answered."""
MIN_SHARE = 0.01
"""Effective decisions as a share of all, below which nothing is answered."""
MIN_REWARDED = 5.0
"""Effective rewarded decisions below which nothing is answered."""
BIASED = ("dm", "switch", "dros")
THRESHOLDS = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Decisions of the ledger with their outcomes, seen from another policy; all arrays are (N,).

    Attributes:
        reward: Outcome.
        propensity: With which the logged arm was chosen, above 0.
        target: With which the other policy would have chosen it.
        model: A model's expected reward of the logged arm; None for no model.
        model_target: Its expected reward under the other policy, summed over all arms.
    """

    reward: Floats
    propensity: Floats
    target: Floats
    model: Floats | None = None
    model_target: Floats | None = None

    def __post_init__(self) -> None:
        size = len(self.reward)
        if size == 0:
            raise SourceError("the ledger has no decision to evaluate on")
        if (self.model is None) != (self.model_target is None):
            raise SourceError("give both model and model_target, or neither")
        for name in ("reward", "propensity", "target", "model", "model_target"):
            array = getattr(self, name)
            if array is not None and (array.shape != (size,) or not np.isfinite(array).all()):
                raise SourceError(f"{name} must be ({size},) finite numbers, one per decision")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise SourceError("propensity must lie above 0 and at most at 1 in every decision")
        if not ((self.target >= 0) & (self.target <= 1)).all():
            raise SourceError("target must lie between 0 and 1 in every decision")

    @property
    def weight(self) -> Floats:
        """Importance weights (N,)."""
        return self.target / self.propensity


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean reward per decision under the other policy.

    Attributes:
        method: Name of the estimator.
        value: With its interval; None when refused.
        ess: Effective number of decisions it rests on.
        refusal: Why there is no value; None when there is one.
    """

    method: str
    value: Interval | None
    ess: float
    refusal: Text | None


def effective(weight: Floats) -> float:
    """Effective number of decisions, (sum w)^2 / sum w^2; 0 when all weights are 0.

    Source: Kish, Survey sampling (1965).
    """
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def refusal(weight: Floats, reward: Floats) -> Text | None:
    """Why the data cannot carry an answer, or None when it can.

    Args:
        weight: (N,) importance weights.
        reward: (N,) outcomes.
    """
    size, ess = len(weight), effective(weight)
    if ess < max(MIN_ESS, MIN_SHARE * size):
        return Text(
            en=f"The {size:,} logged decisions are worth only {ess:,.0f} for this policy: "
            "it would mostly do what was hardly ever tried.",
            zh=f"这 {size:,} 条决策记录对该策略只相当于 {ess:,.0f} 条："
            "它的选择过去几乎没有尝试过。",
        )
    mean, error = float(weight.mean()), float(weight.std() / np.sqrt(size))
    if abs(mean - 1) > max(0.1, 4 * error):
        return Text(
            en=f"The importance weights average {mean:.2f} where 1 is expected: "
            "the logged propensities are not those that chose.",
            zh=f"重要性权重的均值为 {mean:.2f}，应接近 1：记录的倾向概率与实际选择不符。",
        )
    rewarded = effective(weight * np.abs(reward))
    if rewarded < MIN_REWARDED:
        return Text(
            en=f"Only {rewarded:.1f} effective decisions had an outcome; at least "
            f"{MIN_REWARDED:.0f} are needed.",
            zh=f"有效的成效决策只有 {rewarded:.1f} 条，至少需要 {MIN_REWARDED:.0f} 条。",
        )
    return None


def estimate(logged: Logged) -> tuple[Estimate, ...]:
    """All estimators that the data allows: IPS and SNIPS, with a model also DM, DR, SWITCH, DRos.

    DM, SWITCH and DRos trade bias for variance; their intervals reach out by the most that this
    bias may be, judged by their distance from DR.

    Source: Horvitz & Thompson 1952 (IPS); Swaminathan & Joachims, NeurIPS 2015 (SNIPS); Dudik et
        al., ICML 2011 (DM, DR); Wang, Agarwal, Dudik, ICML 2017 (SWITCH); Su et al., ICML 2020
        (DRos, and the choice of thresholds by an estimated bound on bias and variance).
    """
    weight = logged.weight
    ess = effective(weight)
    why = refusal(weight, logged.reward)
    methods = contributions(logged)
    found = []
    for name, parts in methods.items():
        slack = most_bias(parts - methods["dr"]) if name in BIASED else 0.0
        value = None if why else interval(parts, slack)
        found.append(Estimate(method=name, value=value, ess=ess, refusal=why))
    return tuple(found)


def contributions(logged: Logged) -> dict[str, Floats]:
    """Each estimator as one number per decision, (N,); its mean is the estimate."""
    weight, reward = logged.weight, logged.reward
    parts = {"ips": weight * reward, "snips": _self_normalised(weight, reward)}
    expected = logged.model_target
    if logged.model is None or expected is None:
        return parts
    missed = reward - logged.model

    def with_weights(bounded: Floats) -> Floats:
        return np.asarray(expected + bounded * missed)

    parts["dm"] = expected
    parts["dr"] = with_weights(weight)
    parts["switch"] = _best(
        weight, missed, with_weights, lambda limit: np.where(weight <= limit, weight, 0.0)
    )
    parts["dros"] = _best(weight, missed, with_weights, lambda limit: _shrunk(weight, limit))
    return parts


def most_bias(apart: Floats) -> float:
    """The most that a bias may be, whose estimate is the mean of (N,) numbers."""
    bound = interval(apart)
    return max(abs(bound.low), abs(bound.high))


def interval(parts: Floats, slack: float = 0.0) -> Interval:
    """The mean of independent numbers (N,) with its normal 95 % interval.

    Args:
        parts: Numbers.
        slack: Estimated bias, by which the interval is wider on both sides.
    """
    mean = float(parts.mean())
    error = Z95 * float(parts.std(ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else np.inf
    return Interval(estimate=mean, low=mean - error - slack, high=mean + error + slack)


def difference(ours: Logged, theirs: Logged) -> Estimate:
    """What one policy earns more than another per decision, both seen from the same decisions.

    The two share their luck, so the interval is narrower than that of two estimates apart.

    Raises:
        SourceError: They do not rest on the same decisions.
    """
    if not (
        np.array_equal(ours.reward, theirs.reward)
        and np.array_equal(ours.propensity, theirs.propensity)
    ):
        raise SourceError("two policies can be compared on the same logged decisions only")
    method = "dr" if ours.model is not None and theirs.model is not None else "snips"
    why = refusal(ours.weight, ours.reward) or refusal(theirs.weight, theirs.reward)
    parts = contributions(ours)[method] - contributions(theirs)[method]
    return Estimate(
        method=method,
        value=None if why else interval(parts),
        ess=min(effective(ours.weight), effective(theirs.weight)),
        refusal=why,
    )


def _self_normalised(weight: Floats, reward: Floats) -> Floats:
    """SNIPS and its linearisation: the mean is the estimate, the spread is its delta method's."""
    total = float(weight.sum())
    if total <= 0:
        return np.zeros_like(weight)
    value = float(weight @ reward) / total
    return np.asarray(value + weight / (total / len(weight)) * (reward - value))


def _shrunk(weight: Floats, limit: float) -> Floats:
    """DRos weights lambda w / (w^2 + lambda) with lambda = limit^2; infinite leaves them alone."""
    if np.isinf(limit):
        return weight
    return np.asarray(limit**2 * weight / (weight**2 + limit**2))


def _best(
    weight: Floats,
    missed: Floats,
    with_weights: Callable[[Floats], Floats],
    bounded_at: Callable[[float], Floats],
) -> Floats:
    """Of the thresholds the one with the smallest estimated squared bias and variance."""
    best: Floats | None = None
    least = np.inf
    for limit in THRESHOLDS:
        bounded = bounded_at(limit)
        parts = with_weights(bounded)
        given_up = (bounded - weight) * missed
        chance = float(given_up.std()) / np.sqrt(len(parts))
        bias = abs(float(given_up.mean())) + chance  # high on purpose: chance hides a small bias
        risk = bias**2 + float(parts.var()) / len(parts)
        if risk < least:
            best, least = parts, risk
    return with_weights(weight) if best is None else best
