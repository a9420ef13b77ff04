"""What the models and measurements tell people, in English and Chinese."""

from handbill.placement.settings import Settings
from handbill.types import Text


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
