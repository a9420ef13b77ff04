"""Which creative to show next: learns while it serves, and logs exact probabilities."""

from handbill.placement.bandits.bandit import (
    Bandit,
    Choice,
    LinearThompson,
    LinUcb,
    NeuralLinear,
    choose,
)
from handbill.placement.bandits.cold import cold_weights, likeness
from handbill.placement.bandits.delayed import DelayedFeedback

__all__ = [
    "Bandit",
    "Choice",
    "DelayedFeedback",
    "LinUcb",
    "LinearThompson",
    "NeuralLinear",
    "choose",
    "cold_weights",
    "likeness",
]
