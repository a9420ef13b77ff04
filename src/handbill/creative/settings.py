"""What a shop may set about its ads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from handbill.errors import ConfigError
from handbill.types import LANGUAGES, Language

Approval = Literal["person", "checks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the creative stage, `[creative]` in `handbill.toml`.

    Attributes:
        languages: Ads are written in each of these.
        models: Language to the model that writes it: a name of the registry, a local folder or a
            hub id. A language without one gets plain factual templates.
        accept_licences: Models whose terms the shop has read and accepted, by name.
        channel: Where the ads appear; its limits apply.
        max_briefs: Briefs that the model answers per language; offers beyond get templates.
        candidates: Ads the model writes for each.
        variants: Ads kept per brief at most, so that placement can test one against the other.
        epochs: Times the tuning sees each example.
        learning_rate: Of the tuning, at its peak.
        rank: Of the LoRA matrices.
        threads: Cores for tuning and writing.
        horizon_days: Campaigns that begin within this many days of the plan's day get ads.
        approval: `person`: every ad waits for a person. `checks`: an ad that passes every check is
            approved by the rule `policy:checks`, and recorded so.
        seed: Of tuning and writing.
    """

    languages: tuple[Language, ...] = LANGUAGES
    models: Mapping[str, str] = field(default_factory=lambda: {"en": "smollm2-135m"})
    accept_licences: tuple[str, ...] = ()
    channel: Literal["email"] = "email"
    max_briefs: int = 24
    candidates: int = 4
    variants: int = 2
    epochs: int = 3
    learning_rate: float = 1.2e-3
    rank: int = 16
    threads: int = 2
    horizon_days: int = 28
    approval: Approval = "person"
    seed: int = 7

    def __post_init__(self) -> None:
        """Refuse what cannot work, by name."""
        _at_least("max_briefs", self.max_briefs, 0)
        _at_least("candidates", self.candidates, 1)
        _at_least("variants", self.variants, 1)
        _at_least("epochs", self.epochs, 0)
        _at_least("rank", self.rank, 1)
        _at_least("threads", self.threads, 1)
        _at_least("horizon_days", self.horizon_days, 1)
        _at_least("seed", self.seed, 0)
        _among("channel", self.channel, ("email",))
        _among("approval", self.approval, ("person", "checks"))
        for language in (*self.languages, *self.models):
            _among("languages", language, LANGUAGES)
        if not self.languages:
            raise ConfigError(f"creative.languages is empty; name one of {', '.join(LANGUAGES)}")
        if not 0 < self.learning_rate <= 0.1:
            raise ConfigError(
                f"creative.learning_rate is {self.learning_rate}; it must be above 0, at most 0.1"
            )


def _at_least(name: str, value: int, bound: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < bound:
        raise ConfigError(f"creative.{name} is {value!r}; it must be a whole number from {bound}")


def _among(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"creative.{name} has {value!r}; known: {', '.join(known)}")
