"""What a shop may set of the placement stage."""

from dataclasses import dataclass
from math import isfinite

from handbill.errors import ConfigError
from handbill.types import MICROS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The `[placement]` section of `handbill.toml`. Money is in units of the shop's currency.

    Attributes:
        budget: What the plan may spend in all.
        daily_budget: What the messages of one day may cost; 0 for no bound but the budget.
        spend_less: Spend only what it takes to expect as many redemptions as the last plan that
            was made without this.
        cost_per_message: What one message costs.
        margin_per_redemption: What the shop earns when a message leads to a redemption. An
            assumption of the merchant's; nothing in the log says it.
        horizon_days: Campaigns that begin within so many days of the plan's day are planned.
        frequency_cap: Most messages to one person in any 7 days.
        slots: Offers in one message.
        max_candidates: Offers of a campaign that are considered for one person's message.
        choice_temperature: How freely slots are filled: near 0 the best-liked offers nearly always
            win; larger, the choice is more even and teaches more.
        exploration: Least share of messages whose people are drawn at random.
        fairness: A segment's least share of the messages that are not drawn at random, over its
            share of the people who could get one: 0 for no bound, 1 for the same share.
        stock_per_campaign: Most redemptions to be expected of one campaign, as far as its goods
            last; 0 for no bound.
        quiet_from: Hour of the shop's clock from which nothing is sent.
        quiet_to: Hour from which messages are sent again; equal to `quiet_from` for no quiet hours.
        min_campaigns: Ended campaigns below which no response model is fit.
        min_redeemers: Redeeming pairs below which no response model is fit.
        prior_rate: Redemption rate that is assumed where there is no model.
        walk_forward_from: The backtest scores campaigns from this one on, counted by their start.
        walk_forward_pairs: The backtest leaves out campaigns that were mailed to fewer people.
        min_position_sales: Units sold in a display or mailer location below which its effect is
            not reported.
        min_curve_answers: Redemptions below which a point of a response curve is not reported.
        min_person_baskets: Baskets below which a person's habits count as their segment's.
        seed: Seed of every draw.

    Raises:
        ConfigError: A value is out of its bounds.
    """

    budget: float = 400.0
    daily_budget: float = 0.0
    spend_less: bool = False
    cost_per_message: float = 0.5
    margin_per_redemption: float = 8.0
    horizon_days: int = 28
    frequency_cap: int = 1
    slots: int = 3
    max_candidates: int = 12
    choice_temperature: float = 0.1
    exploration: float = 0.05
    fairness: float = 0.0
    stock_per_campaign: float = 0.0
    quiet_from: int = 21
    quiet_to: int = 8
    min_campaigns: int = 3
    min_redeemers: int = 20
    prior_rate: float = 0.05
    walk_forward_from: int = 9
    walk_forward_pairs: int = 100
    min_position_sales: int = 200
    min_curve_answers: int = 20
    min_person_baskets: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        _number("budget", self.budget, 0, 1e9)
        _number("daily_budget", self.daily_budget, 0, 1e9)
        if not isinstance(self.spend_less, bool):
            raise ConfigError(f"placement.spend_less is {self.spend_less!r}; it must be a bool")
        _number("cost_per_message", self.cost_per_message, 1 / MICROS, 1e6)
        _number("margin_per_redemption", self.margin_per_redemption, 0, 1e6)
        _number("choice_temperature", self.choice_temperature, 0.01, 10)
        _number("exploration", self.exploration, 0, 1)
        _number("fairness", self.fairness, 0, 1)
        _number("stock_per_campaign", self.stock_per_campaign, 0, 1e9)
        _number("prior_rate", self.prior_rate, 0, 0.5)
        _whole("horizon_days", self.horizon_days, 1, 366)
        _whole("frequency_cap", self.frequency_cap, 0, 100)
        _whole("slots", self.slots, 1, 20)
        _whole("max_candidates", self.max_candidates, 1, 200)
        _whole("quiet_from", self.quiet_from, 0, 23)
        _whole("quiet_to", self.quiet_to, 0, 23)
        _whole("min_campaigns", self.min_campaigns, 2, 10_000)
        _whole("min_redeemers", self.min_redeemers, 10, 10_000_000)
        _whole("walk_forward_from", self.walk_forward_from, 2, 10_000)
        _whole("walk_forward_pairs", self.walk_forward_pairs, 1, 10_000_000)
        _whole("min_position_sales", self.min_position_sales, 20, 10_000_000)
        _whole("min_curve_answers", self.min_curve_answers, 5, 10_000_000)
        _whole("min_person_baskets", self.min_person_baskets, 1, 10_000)
        _whole("seed", self.seed, 0, 2**31 - 1)

    @property
    def budget_micros(self) -> int:
        """`budget` in micros."""
        return round(self.budget * MICROS)

    @property
    def daily_messages(self) -> int | None:
        """Messages that a day's budget pays for; None without one."""
        return round(self.daily_budget * MICROS) // self.cost_micros if self.daily_budget else None

    @property
    def cost_micros(self) -> int:
        """`cost_per_message` in micros."""
        return round(self.cost_per_message * MICROS)

    @property
    def margin_micros(self) -> int:
        """`margin_per_redemption` in micros."""
        return round(self.margin_per_redemption * MICROS)


def _number(name: str, value: object, low: float, high: float) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not good or not low <= float(value) <= high:  # type: ignore[arg-type]
        raise ConfigError(
            f"placement.{name} is {value!r}; it must be a number, {low:g} to {high:g}"
        )


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(
            f"placement.{name} is {value!r}; it must be a whole number from {low} to {high}"
        )
