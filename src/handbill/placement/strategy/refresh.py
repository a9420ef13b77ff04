"""A response curve that follows outcomes as they come; each costs itself, not the past.

At every point the answers that came are held against those that were expected without the curve.
Their ratio has a gamma prior, the curve as it was measured, so the posterior is two sums. Groups
(segments) are drawn to the curve of all.

Source: Gamma-Poisson shrinkage, Clayton & Kaldor, Biometrics 1987.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaincinv

from handbill.errors import ConfigError, SourceError
from handbill.placement.arrays import Floats, Ints
from handbill.types import Interval

Z95 = 1.959964


class LiveCurve:
    """Ratios at K points for G groups.

    Args:
        prior: (K,) the curve as it was measured; None for a point that was not.
        groups: G.
        strength: Expected answers that the curve of all counts for in a group's own.

    Raises:
        ConfigError: There is no point or group.
    """

    def __init__(
        self, prior: Sequence[Interval | None], *, groups: int = 1, strength: float = 20.0
    ) -> None:
        if not prior or groups < 1 or not strength > 0:
            raise ConfigError("a curve needs a point, a group and a strength above 0")
        belief = [_belief(one) for one in prior]
        self._shape = np.array([shape for shape, _ in belief])
        self._rate = np.array([rate for _, rate in belief])
        self._strength = strength
        self._answered = np.zeros((groups, len(prior)))
        self._expected = np.zeros((groups, len(prior)))

    def learn(self, group: Ints, point: Ints, answered: Floats, expected: Floats) -> None:
        """Take in outcomes, in any order or number.

        Args:
            group: (N,) numbers from 0.
            point: (N,) numbers of the points.
            answered: (N,) answers that came.
            expected: (N,) answers expected without the curve, 0 or more: calibrated chances.

        Raises:
            SourceError: The arrays differ in length, hold impossible numbers or unknown places.
        """
        if not len(group) == len(point) == len(answered) == len(expected):
            raise SourceError("group, point, answered and expected must be equally long")
        for name, places, size in (
            ("group", group, self._answered.shape[0]),
            ("point", point, self._answered.shape[1]),
        ):
            if len(places) and not 0 <= places.min() <= places.max() < size:
                raise SourceError(f"{name} runs to {places.max()}; there are {size}, from 0")
        for name, values in (("answered", answered), ("expected", expected)):
            if not (np.isfinite(values) & (values >= 0)).all():
                raise SourceError(f"{name} must hold finite numbers of 0 or more")
        np.add.at(self._answered, (group, point), answered)
        np.add.at(self._expected, (group, point), expected)

    def forget(self, keep: float) -> None:
        """Discount the outcomes so far; the measured curve stays.

        Raises:
            ConfigError: `keep` is not between 0 and 1.
        """
        if not 0 <= keep <= 1:
            raise ConfigError(f"keep is {keep}; it must lie between 0 and 1")
        self._answered *= keep
        self._expected *= keep

    def intervals(self, group: int | None = None) -> list[Interval]:
        """(K,) ratios now, of a group or of all, with credible intervals."""
        shape = self._shape + self._answered.sum(axis=0)
        rate = self._rate + self._expected.sum(axis=0)
        if group is not None:  # the others' curve is the prior
            shape = shape - self._answered[group]
            rate = rate - self._expected[group]
            told = shape / rate
            rate = np.minimum(rate, self._strength)
            shape = told * rate + self._answered[group]
            rate = rate + self._expected[group]
        low, high = (gammaincinv(shape, q) / rate for q in (0.025, 0.975))
        return [
            Interval(estimate=float(m), low=float(a), high=float(b))
            for m, a, b in zip(shape / rate, low, high, strict=True)
        ]


def _belief(one: Interval | None) -> tuple[float, float]:
    """Shape and rate of the gamma distribution with an interval's mean and relative width."""
    if one is None:
        return 1.0, 1.0  # about 1, and hardly believed
    width = np.log(max(one.high, 1e-9) / max(one.low, 1e-9)) / (2 * Z95)
    shape = 1 / max(width, 1e-3) ** 2
    return shape, shape / max(one.estimate, 1e-9)
