"""Speed of the bandits, and their regret where the Open Bandit sample sets the click rates.

Two looks at regret. *Replay* walks the uniformly random log and counts only impressions where the
bandit picks what was shown: honest but tiny (some hundred matches, a click or two). *Simulated*
takes the men campaign's users in order and click rates by item and user group from a hierarchical
fit to its sample, multiplied by ten so that there is something to learn in 20,000 impressions.
"""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.open_bandit import Sample, archive, samples
from handbill.placement.bandits.bandit import Bandit, LinearThompson, LinUcb, NeuralLinear, choose

ARMS, SIZE = 50, 50
BATCH = 100
Maker = Callable[[int, int], Bandit]


def _neural(arms: int, size: int) -> Bandit:
    """A fixed random layer of 32 units stands for the network's features."""
    layer = np.random.default_rng(5).normal(0, 1 / np.sqrt(size), (size, 32))

    def features(contexts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.hstack([np.ones((len(contexts), 1)), np.tanh(contexts @ layer)])

    return NeuralLinear(features, lambda: LinUcb(arms=arms, size=33, width=0.3, explore=0.02))


MAKERS: dict[str, Maker] = {
    "linucb": lambda arms, size: LinUcb(arms=arms, size=size, width=0.3, explore=0.02),
    "thompson": lambda arms, size: LinearThompson(arms=arms, size=size, noise=0.25, explore=0.02),
    "neural_linear": _neural,
}


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Choose + update per second, then regret."""
    found: dict[str, float | int] = {}
    for name, make in MAKERS.items():
        wall, cpu = _speed(make, 500 if quick or name == "thompson" else 5_000)
        short = "bandit" if name == "linucb" else f"bandit_{name}"
        found |= {f"{short}_ops_s": round(wall), f"{short}_ops_cpu_s": round(cpu)}
    notes = [
        f"bandits: speed at {ARMS} arms x {SIZE} dimensions, best of five; _cpu_s per CPU second"
    ]
    with archive() as package:
        data = samples(package) if package else {}
    if not data:
        return found, [*notes, "bandits: the obp archive could not be fetched, no regret"]
    log = data["men", "random"]
    for name, make in MAKERS.items():
        matched, rate = _replay(make, log)
        found[f"bandit_{name}_replay_matches"] = matched
        found[f"bandit_{name}_replay_clicks"] = rate
        found[f"bandit_{name}_regret"] = round(_regret(make, log, 3_000 if quick else 20_000), 4)
    found["bandit_uniform_regret"] = round(_regret(None, log, 3_000 if quick else 20_000), 4)
    notes.append("bandits: _regret is the share of the best choices' clicks that was missed")
    notes.append("bandits: replay on 10,000 rows has a click or two; it ranks nothing")
    return found, notes


def _speed(make: Maker, rounds: int) -> tuple[float, float]:
    """Choices with their update per second of wall and of CPU time, the best of five."""
    rng = np.random.default_rng(1)
    contexts = rng.normal(0, 1 / np.sqrt(SIZE), (rounds, SIZE))
    rewards = (rng.random(rounds) < 0.1).astype(np.float64)
    best_wall = best_cpu = 0.0
    for _ in range(5):
        bandit = make(ARMS, SIZE)
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(rounds):
            arm = choose(bandit, contexts[number], rng).arm
            row = slice(number, number + 1)
            bandit.learn(contexts[row], np.array([arm]), rewards[row])
        best_wall = max(best_wall, rounds / (time.perf_counter() - wall))
        best_cpu = max(best_cpu, rounds / (time.process_time() - cpu))
    return best_wall, best_cpu


def _replay(make: Maker, log: Sample) -> tuple[int, int]:
    """Matches and their clicks, walking the random log once (Li et al., WSDM 2011)."""
    rng = np.random.default_rng(2)
    bandit = make(log.items, log.context.shape[1])
    matched = clicks = 0
    for number in range(len(log.click)):
        if choose(bandit, log.context[number], rng).arm != log.item[number]:
            continue
        matched += 1
        clicks += int(log.click[number])
        row = slice(number, number + 1)
        bandit.learn(log.context[row], log.item[row], log.click[row])
    return matched, clicks


def _regret(make: Maker | None, log: Sample, rounds: int) -> float:
    """Share of the best choices' expected clicks that is missed; outcomes come in batches."""
    rng = np.random.default_rng(3)
    rates = _click_rates(log, rng)  # (D, K) log-additive
    bandit = make(log.items, log.context.shape[1]) if make else None
    earned = best = 0.0
    held: list[tuple[npt.NDArray[np.float64], int, float]] = []
    for number in range(rounds):
        context = log.context[number % len(log.context)]
        expected = np.minimum(np.exp(context @ rates), 1.0)
        arm = choose(bandit, context, rng).arm if bandit else int(rng.integers(log.items))
        earned += float(expected[arm])
        best += float(expected.max())
        held.append((context, arm, float(rng.random() < expected[arm])))
        if bandit and len(held) == BATCH:
            contexts, arms, rewards = zip(*held, strict=True)
            bandit.learn(np.stack(contexts), np.array(arms), np.array(rewards))
            held.clear()
    return 1 - earned / best


def _click_rates(log: Sample, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Logarithms of click rates, (D, K): ten times the sample's by item, and users' differences.

    Items' rates are drawn from their posterior under a gamma prior of two clicks; the users'
    groups move them by a factor of about 1.3 either way, which the sample is too small to deny.
    """
    shown = np.bincount(log.item, minlength=log.items)
    clicks = np.bincount(log.item, weights=log.click, minlength=log.items)
    rate = float(log.click.mean())
    item = rng.gamma(clicks + 2, 1 / (shown + 2 / rate))
    effects = rng.normal(0, 0.15, (log.context.shape[1], log.items))
    effects[0] = np.log(10 * item)  # the constant
    return np.asarray(effects)
