"""What a segment may be described by: the measure, how it reads, the word it lends to a name."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from handbill.audience.segments import Matrix, column
from handbill.types import MICROS, Text

Unit = Literal["number", "days", "money", "percent"]

MONTH_OF_QUARTER = 3.0
CURRENCIES = {
    "CNY": "元",
    "EUR": "欧元",
    "GBP": "英镑",
    "HKD": "港元",
    "JPY": "日元",
    "TWD": "新台币",
    "USD": "美元",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measure of people and its words.

    Attributes:
        name: Column or category it rests on.
        family: Of one family, a portrait takes the strongest difference only.
        unit: How a value is written.
        sentence: With `{value}` and `{compared}`.
        high: What a segment above the others is called by; None to say nothing of it.
        low: The same below.
        least: A segment's mean below this is too small to be worth a sentence.
    """

    name: str
    family: str
    unit: Unit
    sentence: Text
    high: Text | None = None
    low: Text | None = None
    least: float = 0.0

    def write(self, value: float, currency: str) -> Text:
        """A value with its unit."""
        if self.unit == "percent":
            return Text(en=f"{_short(100 * value)} %", zh=f"{_short(100 * value)}%")
        if self.unit == "money":
            amount = _short(value / MICROS)
            return Text(
                en=f"{amount} {currency}", zh=f"{amount} {CURRENCIES.get(currency, currency)}"
            )
        suffix = Text(en="", zh=" 次") if self.unit == "number" else Text(en=" days", zh=" 天")
        return Text(en=f"{_short(value)}{suffix.en}", zh=f"{_short(value)}{suffix.zh}")


HABITS = (
    Metric(
        name="visits",
        family="volume",
        unit="number",
        sentence=Text(
            en="They shop {value} times a month, {compared}.", zh="每月购物 {value}，{compared}。"
        ),
        high=Text(en="Frequent", zh="高频"),
        low=Text(en="Occasional", zh="低频"),
    ),
    Metric(
        name="recency",
        family="recency",
        unit="days",
        sentence=Text(
            en="Their last purchase was {value} ago, {compared}.",
            zh="距上次购物平均 {value}，{compared}。",
        ),
        high=Text(en="Lapsing", zh="久未购买"),
    ),
    Metric(
        name="spend",
        family="spend",
        unit="money",
        sentence=Text(
            en="They spend {value} a month, {compared}.", zh="每月消费 {value}，{compared}。"
        ),
        high=Text(en="big spenders", zh="高消费"),
        low=Text(en="small spenders", zh="低消费"),
    ),
    Metric(
        name="basket",
        family="basket",
        unit="money",
        sentence=Text(
            en="A basket of theirs costs {value}, {compared}.",
            zh="每次购物花费 {value}，{compared}。",
        ),
        high=Text(en="big baskets", zh="大单"),
        low=Text(en="small baskets", zh="小单"),
    ),
    Metric(
        name="share_discounted",
        family="price",
        unit="percent",
        sentence=Text(
            en="{value} of what they spend goes to reduced goods, {compared}.",
            zh="消费中有 {value} 花在降价商品上，{compared}。",
        ),
        high=Text(en="deal seekers", zh="爱买折扣"),
        low=Text(en="regular-price buyers", zh="少买折扣"),
    ),
    Metric(
        name="share_private",
        family="label",
        unit="percent",
        sentence=Text(
            en="{value} of what they spend goes to the shop's own label, {compared}.",
            zh="消费中有 {value} 花在自有品牌上，{compared}。",
        ),
        high=Text(en="own-label buyers", zh="偏爱自有品牌"),
        low=Text(en="name-brand buyers", zh="偏爱品牌商品"),
    ),
    Metric(
        name="coupon_lines",
        family="coupons",
        unit="number",
        sentence=Text(
            en="They use a coupon {value} times a month, {compared}.",
            zh="每月使用优惠券 {value}，{compared}。",
        ),
        high=Text(en="coupon users", zh="爱用优惠券"),
        low=Text(en="few coupons", zh="少用优惠券"),
    ),
    Metric(
        name="response",
        family="response",
        unit="percent",
        sentence=Text(
            en="They redeem {value} of the campaigns sent to them, {compared}.",
            zh="收到的营销活动中有 {value} 会用券，{compared}。",
        ),
        high=Text(en="campaign responders", zh="乐于响应活动"),
        low=Text(en="campaign skippers", zh="少响应活动"),
    ),
    Metric(
        name="weekend",
        family="day",
        unit="percent",
        sentence=Text(
            en="{value} of their baskets fall on a weekend, {compared}.",
            zh="{value} 的购物在周末，{compared}。",
        ),
        high=Text(en="weekend shoppers", zh="周末购物"),
        low=Text(en="weekday shoppers", zh="工作日购物"),
    ),
    Metric(
        name="morning",
        family="hour",
        unit="percent",
        sentence=Text(
            en="{value} of their baskets fall between 5:00 and 11:00, {compared}.",
            zh="{value} 的购物在早上 5 点到 11 点，{compared}。",
        ),
        high=Text(en="morning shoppers", zh="早间购物"),
    ),
    Metric(
        name="evening",
        family="hour",
        unit="percent",
        sentence=Text(
            en="{value} of their baskets fall between 18:00 and 22:00, {compared}.",
            zh="{value} 的购物在晚上 6 点到 10 点，{compared}。",
        ),
        high=Text(en="evening shoppers", zh="晚间购物"),
    ),
)
"""The measures that every shop has."""


def habit_values(features: pa.Table) -> dict[str, Matrix]:
    """The measures of `HABITS` per person, (n,) each; NaN where a person has none."""

    def monthly(name: str) -> Matrix:
        values: Matrix = column(features, name) / MONTH_OF_QUARTER
        return values

    received = column(features, "campaigns_received")
    redeemed = column(features, "campaigns_redeemed")
    response = np.full(len(received), np.nan)
    np.divide(redeemed, received, out=response, where=received > 0)
    return {
        "visits": monthly("baskets_90"),
        "recency": column(features, "recency_days"),
        "spend": monthly("spend_micros_90"),
        "basket": column(features, "basket_micros"),
        "share_discounted": column(features, "share_discounted"),
        "share_private": column(features, "share_private"),
        "coupon_lines": monthly("coupon_lines_90"),
        "response": response.clip(max=1.0),
        "weekend": column(features, "share_saturday") + column(features, "share_sunday"),
        "morning": column(features, "share_morning"),
        "evening": column(features, "share_evening"),
    }


def category_metric(category: str, chinese: str | None) -> Metric:
    """The share of spend in a category, as a measure.

    Args:
        category: As the catalogue has it.
        chinese: Its Chinese name, when the catalogue has one.
    """
    en = _within_sentence(category)
    zh = chinese or category
    return Metric(
        name=category,
        family=f"category {category}",
        unit="percent",
        sentence=Text(
            en="{value} of what they spend goes to " + _literal(en) + ", {compared}.",
            zh=_literal(zh) + "占其消费的 {value}，{compared}。",
        ),
        high=Text(en=f"more {en}", zh=f"偏爱{zh}"),
        least=0.01,
    )


def _short(value: float) -> str:
    """Two digits that matter: 0.42, 6.1, 412."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _within_sentence(name: str) -> str:
    """Lower case first, unless it is an abbreviation."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
