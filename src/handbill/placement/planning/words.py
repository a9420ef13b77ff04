"""What a plan tells people, in English and Chinese."""

from handbill.placement.planning.chances import Chances
from handbill.placement.planning.choose import Chosen
from handbill.placement.settings import Settings
from handbill.types import ShopProfile, Text


def why_empty(chances: "Chances", settings: Settings, *, served: bool) -> Text:
    """Why a plan has no messages; `served` says whether any could have been sent."""
    if settings.budget_micros == 0:
        return Text(en="The budget is 0, so nothing is planned.", zh="预算为 0，因此没有计划。")
    if not chances.campaigns:
        return Text(
            en=f"No campaign begins within {settings.horizon_days} days, so nothing is planned.",
            zh=f"未来 {settings.horizon_days} 天内没有活动开始，因此没有计划。",
        )
    if not chances.creatives:
        return Text(
            en="No creative for the coming offers is approved, so nothing is planned.",
            zh="即将开始的优惠还没有通过审核的广告，因此没有计划。",
        )
    if not served:
        return Text(
            en="No approved creative fits anybody, so nothing is planned.",
            zh="通过审核的广告没有适合的人群，因此没有计划。",
        )
    return Text(
        en=f"No message is expected to earn its cost of {settings.cost_per_message:g}, so nothing "
        "is planned.",
        zh=f"预计没有一条消息能收回 {settings.cost_per_message:g} 的成本，因此没有计划。",
    )


def what_binds(chosen: Chosen, chances: "Chances", messages: int, settings: Settings) -> list[Text]:
    """What keeps the plan from doing more, the strongest first."""
    texts = []
    if chosen.next_value > 0:
        price = chosen.next_value / settings.cost_micros
        texts.append(
            Text(
                en=f"The budget: one more unit of it would bring an expected {price:.2f}.",
                zh=f"预算：每增加 1 个货币单位，预计多带来 {price:.2f}。",
            )
        )
    for reason, words in _KEPT_OUT.items():
        if count := chosen.kept_out[reason]:
            bound = getattr(settings, words[0])
            texts.append(
                Text(
                    en=words[1].format(count=count, bound=bound),
                    zh=words[2].format(count=count, bound=bound),
                )
            )
    if chosen.prices is not None and chosen.prices.segment.any():
        texts.append(
            Text(
                en=f"Fairness: every segment gets at least {settings.fairness:.0%} of its share of "
                "the people, though other messages would earn more.",
                zh=f"公平下限：每个人群得到的消息不少于其人数占比的 {settings.fairness:.0%}，"
                "尽管把这些消息发给别人预计收益更高。",
            )
        )
    if chosen.reached:
        texts.append(
            Text(
                en="Nothing more is needed: as many redemptions are expected as of the plan "
                "before.",
                zh="无需更多：预计核销数已达到上一份计划的水平。",
            )
        )
    if chosen.worthless and chosen.next_value == 0:
        texts.append(
            Text(
                en=f"{chosen.worthless} messages are not expected to earn their cost.",
                zh=f"{chosen.worthless} 条消息预计收不回成本。",
            )
        )
    without = [
        one.id
        for one in chances.campaigns
        if not any(chances.creatives.get(offer) for offer in chances.offers.get(one.id, ()))
    ]
    if without:
        texts.append(
            Text(
                en=f"No approved creative for campaign {', '.join(without)}.",
                zh=f"活动 {'、'.join(without)} 没有通过审核的广告。",
            )
        )
    if messages and not texts:
        texts.append(
            Text(
                en="Nothing: everyone whom a message is worth gets one.",
                zh="没有限制：凡值得发送的顾客都会收到消息。",
            )
        )
    return texts


_KEPT_OUT = {
    "cap": (
        "frequency_cap",
        "The frequency cap of {bound} in 7 days kept out {count} messages that are worth their "
        "cost.",
        "频次上限（7 天内 {bound} 条）挡下了 {count} 条值得发送的消息。",
    ),
    "day": (
        "daily_budget",
        "The daily budget of {bound:g} kept out {count} messages that are worth their cost.",
        "每日预算 {bound:g} 挡下了 {count} 条值得发送的消息。",
    ),
    "stock": (
        "stock_per_campaign",
        "Stock for {bound:g} redemptions a campaign kept out {count} messages that are worth "
        "their cost.",
        "每个活动的备货只够 {bound:g} 次核销，挡下了 {count} 条值得发送的消息。",
    ),
}
"""Reason -> the setting behind it, and how it is said."""


def spent_less(wanted: float | None, reached: bool | None) -> Text:
    """What became of the wish to spend less for the same result."""
    if wanted is None:
        return Text(
            en="There is no earlier plan whose result could be had for less, so the whole budget "
            "was planned.",
            zh="没有可供对照的上一份计划，无法“以更少花费达到同样效果”，因此按全部预算做了计划。",
        )
    if reached:
        return Text(
            en=f"Spent no more than it takes to expect {wanted:.1f} redemptions, as the last plan "
            "did.",
            zh=f"只花费预计达到上一份计划的 {wanted:.1f} 次核销所需的金额。",
        )
    return Text(
        en=f"The {wanted:.1f} redemptions that the last plan expected are out of reach under this "
        "budget and these limits; the plan comes as near as they allow.",
        zh=f"在当前预算和限制下，无法达到上一份计划预计的 {wanted:.1f} 次核销；"
        "本计划已尽可能接近。",
    )


def assumptions(attention: tuple[float, ...], shop: ShopProfile, settings: Settings) -> list[Text]:
    """Settings and guesses that the expected values rest on."""
    slots = ", ".join(f"{one:.2f}" for one in attention)
    return [
        Text(
            en=f"A redemption earns {settings.margin_per_redemption:g} {shop.currency}; this is a "
            "setting, the log does not say it.",
            zh=f"每次核销带来 {settings.margin_per_redemption:g} {shop.currency} 毛利；"
            "这是设定值，日志中没有记录。",
        ),
        Text(
            en="A message of this plan works as the shop's own mailings did: the model has seen "
            "only people whom the shop chose to mail.",
            zh="假定本计划的消息与商店以往的邮寄效果相同：模型只见过商店曾选中邮寄的顾客。",
        ),
        Text(
            en=f"The slots of a message are worth {slots} of the lead, as the places of the "
            "printed mailer are against its front page at the same price cut; e-mail may differ.",
            zh=f"消息各栏位相对首位的权重为 {slots}，取自印刷广告各版面在相同降价幅度下"
            "与头版的比较；电子邮件可能不同。",
        ),
    ]
