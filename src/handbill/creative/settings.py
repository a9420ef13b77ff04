"""What a shop may set about its ads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from handbill.errors import ConfigError
from handbill.types import LANGUAGES, Language

Approval = Literal["person", "checks"]
MARKETS = ("anywhere", "cn", "eu", "uk", "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the creative stage, `[creative]` in `handbill.toml`.

    Attributes:
        languages: Ads are written in each of these.
        models: Language to the model that writes it: a name of `handbill model list`, a local
            folder, a hub id, or a server that speaks OpenAI's chat completions, as
            `http://localhost:8000/v1#MODEL`. A language without one gets plain factual templates.
        accept_licences: Models whose terms the shop has read and accepted, by name; as good as
            `handbill model pull NAME --accept-licence`.
        server_timeout: Seconds for a server's whole reply.
        server_price_in: What a server charges for a million tokens read, in its currency.
        server_price_out: The same for a million tokens written.
        server_budget: What may be spent on servers in a month, UTC. It is never exceeded: a request
            that could is not sent.
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
        signatures: People who have to approve an ad before it runs, its author not among them.
        brand_color: Ground of the pictures' words, as `#rrggbb`.
        market: Where the ads run, for what pictures have to say of words that a model wrote;
            `anywhere` says whatever any of them asks.
        seed: Of tuning and writing.
    """

    languages: tuple[Language, ...] = LANGUAGES
    models: Mapping[str, str] = field(default_factory=lambda: {"en": "smollm2-135m"})
    accept_licences: tuple[str, ...] = ()
    server_timeout: float = 120.0
    server_price_in: float = 0.0
    server_price_out: float = 0.0
    server_budget: float = 0.0
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
    signatures: int = 1
    brand_color: str = "#12372a"
    market: Literal["anywhere", "cn", "eu", "uk", "us"] = "anywhere"
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
        if self.signatures not in (1, 2):
            raise ConfigError(f"creative.signatures is {self.signatures!r}; it must be 1 or 2")
        _among("approval", self.approval, ("person", "checks"))
        _among("market", self.market, MARKETS)
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.brand_color):
            raise ConfigError(
                f"creative.brand_color is {self.brand_color!r}; it must be a colour such as #12372a"
            )
        for language in (*self.languages, *self.models):
            _among("languages", language, LANGUAGES)
        if not self.languages:
            raise ConfigError(f"creative.languages is empty; name one of {', '.join(LANGUAGES)}")
        self._check_server()
        if not 0 < self.learning_rate <= 0.1:
            raise ConfigError(
                f"creative.learning_rate is {self.learning_rate}; it must be above 0, at most 0.1"
            )

    def _check_server(self) -> None:
        for name in ("server_price_in", "server_price_out", "server_budget"):
            if not 0 <= getattr(self, name) <= 1e6:
                raise ConfigError(
                    f"creative.{name} is {getattr(self, name)}; it must lie in 0 to 1,000,000"
                )
        if not 0 < self.server_timeout <= 3600:
            raise ConfigError(
                f"creative.server_timeout is {self.server_timeout}; it must be above 0, at most "
                "3600 seconds"
            )
        if (self.server_price_in or self.server_price_out) and not self.server_budget:
            raise ConfigError(
                "creative.server_budget is 0 while the server charges; say what a month may cost"
            )


def _at_least(name: str, value: int, bound: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < bound:
        raise ConfigError(f"creative.{name} is {value!r}; it must be a whole number from {bound}")


def _among(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"creative.{name} has {value!r}; known: {', '.join(known)}")
