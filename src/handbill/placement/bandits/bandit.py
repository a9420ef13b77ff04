"""Which creative to show: learns while it serves, and says with what probability it chose.

A bandit gives the propensities of all arms; the choice is then drawn from exactly these. So what
the ledger records is the probability that was used, not an estimate of it, for every policy here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtr

from handbill.errors import ConfigError, SourceError
from handbill.placement.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A drawn arm.

    Attributes:
        arm: Index of the creative.
        propensity: With which it was drawn.
        propensities: (K,) of all arms, summing to 1.
    """

    arm: int
    propensity: float
    propensities: Floats


class Bandit(Protocol):
    """Chooses among K arms in a context; one contract test runs over all who keep it."""

    def propensities(self, context: Floats) -> Floats:
        """Probabilities (K,) of the arms in a context (D,)."""

    def learn(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """Take in outcomes: contexts (N, D), arms (N,), rewards (N,), in any order or number."""

    def forget(self, keep: float) -> None:
        """Discount what was learned so far, 0 to 1; called as often as the world changes."""


def choose(bandit: Bandit, context: Floats, rng: np.random.Generator) -> Choice:
    """Draw an arm in a context (D,)."""
    propensities = bandit.propensities(context)
    bounds = propensities.cumsum()
    arm = int(bounds.searchsorted(rng.random() * bounds[-1], side="right"))
    arm = min(arm, len(propensities) - 1)
    return Choice(arm=arm, propensity=float(propensities[arm]), propensities=propensities)


class LinearArms:
    """A ridge regression of the reward on the context for each arm, kept current one by one.

    Args:
        arms: K, at least 1.
        size: D of a context.
        prior: Precision of the weights before anything is seen, above 0.

    Source: Sherman & Morrison 1950 for the inverse; Russac et al., Weighted linear bandits for
        non-stationary environments, NeurIPS 2019 for the discount.
    """

    def __init__(self, *, arms: int, size: int, prior: float = 1.0) -> None:
        if arms < 1 or size < 1 or not prior > 0:
            raise ConfigError(f"a bandit needs arms, size >= 1, prior > 0: {arms}, {size}, {prior}")
        self._prior = prior
        self.inverse = np.tile(np.eye(size) / prior, (arms, 1, 1))  # (K, D, D)
        self._quick = self.inverse.astype(np.float32)  # half the memory to read for each choice
        self._start = np.zeros((arms, size))
        self._moment = np.zeros((arms, size))
        self.weights = np.zeros((arms, size))

    def start(self, arm: int, weights: Floats) -> None:
        """Begin an arm at weights (D,) instead of 0, such as those of creatives with like texts.

        Raises:
            SourceError: There is no such arm, or the weights are no D finite numbers.
        """
        arms, size = self.weights.shape
        if not 0 <= arm < arms or weights.shape != (size,) or not np.isfinite(weights).all():
            raise SourceError(f"arm {arm} of {arms} needs ({size},) finite weights to start at")
        self._moment[arm] += self._prior * (weights - self._start[arm])
        self._start[arm] = weights
        self.weights[arm] = self.inverse[arm] @ self._moment[arm]

    def scores(self, context: Floats) -> tuple[Floats, Floats]:
        """Means (K,) and variances (K,) of the arms' rewards in units of the noise's variance."""
        arms, size = self.weights.shape
        if context.shape != (size,):
            raise SourceError(f"context has shape {context.shape}; it needs ({size},)")
        short = context.astype(np.float32)
        spread = (self._quick.reshape(arms * size, size) @ short).reshape(arms, size) @ context
        mean = self.weights @ context
        if not np.isfinite(mean.sum()):
            raise SourceError("context holds NaN or infinite numbers; fill them before choosing")
        return mean, np.maximum(spread, 0.0)

    def learn(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """Take in outcomes, see `Bandit.learn`."""
        if not (np.isfinite(contexts).all() and np.isfinite(rewards).all()):
            raise SourceError("contexts or rewards hold NaN or infinite numbers; drop those rows")
        count, size = self.weights.shape
        if contexts.shape != (len(arms), size) or len(rewards) != len(arms):
            raise SourceError(
                f"contexts {contexts.shape}, arms {arms.shape} and rewards {rewards.shape} differ"
            )
        if len(arms) and not 0 <= arms.min() <= arms.max() < count:
            raise SourceError(f"arms run from {arms.min()} to {arms.max()}; there are {count}")
        for context, arm, reward in zip(contexts, arms, rewards, strict=True):
            self._add(context, int(arm), float(reward))

    def _add(self, context: Floats, arm: int, reward: float) -> None:
        inverse = self.inverse[arm]
        gain = inverse @ context
        inverse -= np.multiply.outer(gain, gain / (1.0 + context @ gain))
        self._quick[arm] = inverse
        self._moment[arm] += reward * context
        self.weights[arm] = inverse @ self._moment[arm]

    def forget(self, keep: float) -> None:
        """Discount the past; the prior is not discounted, so every arm stays explorable."""
        if not 0 <= keep <= 1:
            raise ConfigError(f"keep is {keep}; it must lie between 0 and 1")
        size = self.weights.shape[1]
        precision = keep * np.linalg.inv(self.inverse) + (1 - keep) * self._prior * np.eye(size)
        self.inverse = np.linalg.inv(precision).astype(np.float64)
        self._quick = self.inverse.astype(np.float32)
        self._moment = keep * self._moment + (1 - keep) * self._prior * self._start
        self.weights = np.einsum("kij,kj->ki", self.inverse, self._moment)


def mixed(greedy: Floats, explore: float) -> Floats:
    """Propensities (K,) of a policy that ignores what it knows with probability `explore`."""
    return np.asarray((1 - explore) * greedy + explore / len(greedy))


class LinUcb:
    """Takes the arm whose reward could be highest, and now and then any.

    Args:
        arms: K.
        size: D of a context.
        width: Standard deviations of optimism.
        explore: Probability of a uniform draw, so that every arm can be evaluated later.
        prior: Precision of the weights.

    Source: Li et al., A contextual-bandit approach to personalized news article recommendation,
        WWW 2010.
    """

    def __init__(
        self, *, arms: int, size: int, width: float = 1.0, explore: float = 0.05, prior: float = 1.0
    ) -> None:
        self.arms = LinearArms(arms=arms, size=size, prior=prior)
        self._width = width
        self._explore = _share("explore", explore)

    def propensities(self, context: Floats) -> Floats:
        """Exact: the best arm, ties shared evenly, mixed with the uniform draw."""
        mean, variance = self.arms.scores(context)
        bound = mean + self._width * np.sqrt(variance)
        best = (bound == bound.max()).astype(np.float64)
        return mixed(best / best.sum(), self._explore)

    def learn(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """Take in outcomes."""
        self.arms.learn(contexts, arms, rewards)

    def forget(self, keep: float) -> None:
        """Discount the past."""
        self.arms.forget(keep)


class LinearThompson:
    """Takes each arm with the probability that it is the best one, as far as is known.

    The arms' posteriors are independent normals given the context, so that probability is an
    integral in one dimension; it is computed, not sampled, and the choice is drawn from it.

    Args:
        arms: K.
        size: D of a context.
        noise: Standard deviation of a reward around its mean.
        explore: Probability of a uniform draw.
        prior: Precision of the weights.

    Source: Thompson 1933; Agrawal & Goyal, Thompson sampling for contextual bandits, ICML 2013.
    """

    def __init__(
        self, *, arms: int, size: int, noise: float = 0.5, explore: float = 0.01, prior: float = 1.0
    ) -> None:
        if not noise > 0:
            raise ConfigError(f"noise is {noise}; it must be above 0")
        self.arms = LinearArms(arms=arms, size=size, prior=prior)
        self._noise = noise
        self._explore = _share("explore", explore)

    def propensities(self, context: Floats) -> Floats:
        """Probabilities of being best, by quadrature, mixed with the uniform draw."""
        mean, variance = self.arms.scores(context)
        return mixed(best_of_normals(mean, self._noise * np.sqrt(variance)), self._explore)

    def learn(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """Take in outcomes."""
        self.arms.learn(contexts, arms, rewards)

    def forget(self, keep: float) -> None:
        """Discount the past."""
        self.arms.forget(keep)


_QUANTILES = np.concatenate([[-6.0, -4.5], np.linspace(-3.5, 3.5, 11), [4.5, 6.0]])


def best_of_normals(mean: Floats, sd: Floats) -> Floats:
    """Probability that each of K independent normals is the largest, (K,).

    P(k) is the integral of the others' distribution functions over k's own mass. The integral is a
    sum over cells whose edges are quantiles of all that can win, so that it is fine wherever one
    of them has its mass; off by less than 0.01 even where spreads differ hundredfold.

    Args:
        mean: (K,).
        sd: (K,), 0 or more.

    Example:
        >>> best_of_normals(np.array([0.0, 0.0]), np.array([1.0, 1.0])).round(3)
        array([0.5, 0.5])
    """
    if sd.max() <= 1e-12:
        best = (mean == mean.max()).astype(np.float64)
        return np.asarray(best / best.sum())
    sd = np.maximum(sd, 1e-6 * sd.max())
    alive = mean + 6 * sd >= (mean - 6 * sd).max()  # the rest cannot win
    mean_alive, sd_alive = mean[alive], sd[alive]  # (L,)
    edges = np.sort((mean_alive[:, None] + sd_alive[:, None] * _QUANTILES).ravel())  # (G,)
    cdf = ndtr((edges[:, None] - mean_alive) / sd_alive)  # (G, L)
    log_cdf = np.log(np.maximum(cdf, 1e-300))
    others = np.exp(log_cdf.sum(axis=1, keepdims=True) - log_cdf)  # (G, L)
    chance = np.zeros(len(mean))
    chance[alive] = ((others[1:] + others[:-1]) / 2 * np.diff(cdf, axis=0)).sum(axis=0)
    return np.asarray(chance / chance.sum())


class NeuralLinear:
    """A linear bandit on features that a network has learned from past outcomes.

    Args:
        features: The network's last layer, contexts (N, D) -> (N, E).
        make: Makes the bandit over the E features.
        memory: Outcomes kept, so that they can be learned again when the features change.

    Source: Riquelme, Tucker, Snoek, Deep Bayesian bandits showdown, ICLR 2018.
    """

    def __init__(
        self,
        features: Callable[[Floats], Floats],
        make: Callable[[], Bandit],
        *,
        memory: int = 50_000,
    ) -> None:
        self._features = features
        self._make = make
        self._memory = memory
        self._bandit = make()
        self._past: list[tuple[Floats, Ints, Floats]] = []

    def propensities(self, context: Floats) -> Floats:
        """Of the bandit on the features of the context."""
        return self._bandit.propensities(self._features(context[None])[0])

    def learn(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """Take in outcomes and keep them."""
        self._bandit.learn(self._features(contexts), arms, rewards)
        self._past.append((contexts, arms, rewards))
        while sum(len(one[1]) for one in self._past[1:]) >= self._memory:
            self._past.pop(0)

    def forget(self, keep: float) -> None:
        """Discount the past."""
        self._bandit.forget(keep)

    def retrained(self, features: Callable[[Floats], Floats]) -> None:
        """Take over a newly trained network: what is kept is learned again on its features."""
        self._features = features
        self._bandit = self._make()
        for contexts, arms, rewards in self._past:
            self._bandit.learn(features(contexts), arms, rewards)


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}; it must lie between 0 and 1")
    return value
