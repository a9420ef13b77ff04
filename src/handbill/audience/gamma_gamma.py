"""What people pay when they buy: Gamma-Gamma, fit with an analytic gradient.

A purchase of a person is Gamma(p, nu), nu is Gamma(q, gamma) over people. How much does not depend
on how often; `handbill.audience.value` says how far that is so in the shop.

Source: Fader & Hardie (2013), The Gamma-Gamma model of monetary value, eq. 1a and 5.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from handbill.audience.bgnbd import FARTHEST, Matrix, laplace


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaGamma:
    """The fitted model.

    Attributes:
        p: Shape of a person's purchases.
        q: Shape of people's scales.
        gamma: Scale of people's scales, money.
        log_likelihood: At the optimum.
        spread: (3, 3) covariance of the logarithms of p, q and gamma (Laplace).
    """

    p: float
    q: float
    gamma: float
    log_likelihood: float
    spread: Matrix

    @property
    def parameters(self) -> Matrix:
        """(1, 3): p, q, gamma."""
        return np.array([[self.p, self.q, self.gamma]])

    def draws(self, count: int, rng: np.random.Generator) -> Matrix:
        """Parameters that the data leave possible, (count, 3)."""
        return np.exp(rng.multivariate_normal(np.log(self.parameters[0]), self.spread, count))

    def mean(self, purchases: Matrix, spend: Matrix) -> Matrix:
        """Expected worth of a person's purchase, (n,).

        Args:
            purchases: (n,) seen, 0 where nothing is known.
            spend: (n,) paid in all of them.
        """
        shape = self.p * purchases + self.q - 1.0
        # With q of 1 or less the mean over all people is not finite; who has bought has one.
        return np.asarray(self.p * (self.gamma + spend) / shape.clip(min=1e-3))


def fit_gamma_gamma(purchases: Matrix, spend: Matrix) -> GammaGamma | None:
    """Fit the model by maximum likelihood.

    Args:
        purchases: (n,) of each person; rows without purchases or worth nothing are left out.
        spend: (n,) paid in all of them.

    Returns:
        The model, or None where fewer than two people say anything or all pay the same.
    """
    told = (purchases > 0) & (spend > 0)
    x, total = purchases[told].astype(np.float64), spend[told].astype(np.float64)
    if len(x) < 2 or np.ptp(total / x) == 0:
        return None
    unit = float((total / x).mean())
    total = total / unit

    def loss(logs: Matrix) -> tuple[float, Matrix]:
        value, slope = _log_likelihood(logs, x, total)
        return -value, -slope

    bounds = [(-FARTHEST, FARTHEST)] * 3
    found = minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B", bounds=bounds,
                     options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-7})  # fmt: skip
    if not np.isfinite(found.fun):
        return None
    p, q, gamma = np.exp(found.x)
    return GammaGamma(
        p=float(p),
        q=float(q),
        gamma=float(gamma * unit),
        log_likelihood=-float(found.fun) - len(x) * float(np.log(unit)),
        spread=laplace(lambda logs: _log_likelihood(logs, x, total)[1], found.x),
    )


def _log_likelihood(logs: Matrix, x: Matrix, total: Matrix) -> tuple[float, Matrix]:
    """Of the mean purchase of each person, and its slope in the logarithms of p, q and gamma."""
    p, q, gamma = np.exp(logs)
    shape = p * x + q
    wide = np.log(gamma + total)
    value = (
        gammaln(shape) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        + p * x * np.log(total) - np.log(total / x) - shape * wide
    )  # fmt: skip
    slope_p = x * (digamma(shape) - digamma(p * x) + np.log(total) - wide)
    slope_q = digamma(shape) - digamma(q) + np.log(gamma) - wide
    slope_gamma = q / gamma - shape / (gamma + total)
    slope = np.array([slope_p.sum() * p, slope_q.sum() * q, slope_gamma.sum() * gamma])
    return float(value.sum()), slope
