"""What the stage tells people, in English and Chinese."""

from handbill.placement.chances import Chances
from handbill.placement.choose import Chosen
from handbill.placement.settings import Settings
from handbill.types import ShopProfile, Text


def no_model(campaigns: int, redeemers: int, settings: Settings) -> Text:
    """Why there is no response model."""
    return Text(
        en=f"Not enough data for a response model: {campaigns} ended campaigns with {redeemers} "
        f"redeemers, {settings.min_campaigns} and {settings.min_redeemers} are needed. People are "
        "ranked by how lately, how often and for how much they bought, and a redemption rate of "
        f"{settings.prior_rate:.1%} is assumed.",
        zh=f"数据不足，无法建立响应模型：已结束的活动 {campaigns} 个、核销 {redeemers} 人次，"
        f"至少需要 {settings.min_campaigns} 个活动和 {settings.min_redeemers} 人次。"
        f"暂按最近购买、购买频次和消费金额排序，并假定核销率为 {settings.prior_rate:.1%}。",
    )


def no_walk_forward(settings: Settings) -> Text:
    """Why nothing was scored forward in time."""
    return Text(
        en=f"Not enough campaigns to look back on: from number {settings.walk_forward_from} on, "
        f"none was mailed to {settings.walk_forward_pairs} people or more.",
        zh=f"可供回测的活动不足：从第 {settings.walk_forward_from} 个活动起，没有一个活动"
        f"触达 {settings.walk_forward_pairs} 人以上。",
    )


def no_positions() -> Text:
    """Why no place was measured."""
    return Text(
        en="The log does not say where products were shown, so places are not measured and the "
        "slots of a message are weighed by a guess.",
        zh="日志中没有商品陈列和广告位置的记录，因此未测量位置效果，消息中各栏位的权重为估计值。",
    )


def position_caveat() -> Text:
    """How the measured places are to be read."""
    return Text(
        en="Products are put on display or in the mailer together with a price cut, so their "
        "uplift is not of the place alone; beside it stands the uplift among weeks with the same "
        "price cut, for products that sell nearly every week.",
        zh="商品上陈列或广告时往往同时降价，因此所测提升并非全部来自位置；"
        "另列出几乎每周都有销售的商品在相同降价幅度下的提升，供对照。",
    )


def send_time_caveat() -> Text:
    """What a send time rests on."""
    return Text(
        en="A message is sent at the hour when the person usually shops; when they open messages "
        "is not in the log.",
        zh="消息在顾客通常购物的时段发出；日志中没有顾客何时打开消息的记录。",
    )


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
