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


def leans(habit: str, redeemers: int) -> Text:
    """What a model of few redeemers rests on."""
    en, zh = {
        "couponed": ("who uses coupons on a campaign's products", "哪些人会对活动商品用券"),
        "bought": ("who buys a campaign's products", "哪些人会购买活动商品"),
    }[habit]
    return Text(
        en=f"With {redeemers} redeemers so far the response model leans on {en} without having "
        "been reached by it.",
        zh=f"目前核销仅 {redeemers} 人次，响应模型因此参考未被活动触达的人群中{zh}。",
    )


def stale(days: int) -> Text:
    """How old the newest outcome is that the model knows."""
    return Text(
        en=f"The response model is stale: the newest campaign whose outcome it knows ended {days} "
        "days ago. Mail a small campaign first, or trust its probabilities less.",
        zh=f"响应模型已过时：它所知的最近一次活动在 {days} 天前就已结束。"
        "建议先做一次小规模活动，否则请对概率打折看待。",
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


WEEKDAYS = (
    Text(en="Monday", zh="星期一"),
    Text(en="Tuesday", zh="星期二"),
    Text(en="Wednesday", zh="星期三"),
    Text(en="Thursday", zh="星期四"),
    Text(en="Friday", zh="星期五"),
    Text(en="Saturday", zh="星期六"),
    Text(en="Sunday", zh="星期日"),
)


def weekday(number: int) -> Text:
    """A day of the week, 0 for Monday."""
    return WEEKDAYS[number]


def hour(number: int) -> Text:
    """An hour of the day."""
    return Text(en=f"{number}:00", zh=f"{number} 时")


def hours(start: int, end: int) -> Text:
    """A stretch of the day."""
    return Text(en=f"{start}:00–{end}:00", zh=f"{start} 时至 {end} 时")


def messages(count: int, *, more: bool) -> Text:
    """Messages that came before."""
    if count == 0:
        return Text(en="none before", zh="此前没有")
    if more:
        return Text(en=f"{count} or more before", zh=f"此前 {count} 条及以上")
    return Text(en=f"{count} before", zh=f"此前 {count} 条")


def cut(low: float, high: float) -> Text:
    """A band of price cuts."""
    if high >= 1:
        return Text(en=f"{low:.0%} off or more", zh=f"降价 {low:.0%} 及以上")
    return Text(en=f"{low:.0%}–{high:.0%} off", zh=f"降价 {low:.0%}–{high:.0%}")


def few_baskets(count: int) -> Text:
    """Why there is no curve of habits."""
    return Text(en=f"Not enough data: {count} baskets.", zh=f"数据不足：仅有 {count} 次购物。")


def few_answers(count: int, needed: int) -> Text:
    """Why there is no curve of answers."""
    return Text(
        en=f"Not enough data: {count} redemptions in ended campaigns, {needed} are needed.",
        zh=f"数据不足：已结束的活动共核销 {count} 人次，至少需要 {needed} 人次。",
    )


def few_answers_apart(needed: int) -> Text:
    """Why a curve has only its base."""
    return Text(
        en=f"Not enough data: no second point has {needed} redemptions by people who also got "
        "messages at another one.",
        zh=f"数据不足：除基准外，没有一个点有 {needed} 次核销可供同一人前后比较。",
    )


def all_alike() -> Text:
    """Why nothing can be compared."""
    return Text(
        en="Not enough data: all messages came alike, so nothing can be compared.",
        zh="数据不足：所有消息的情形都相同，无从比较。",
    )


def no_clock() -> Text:
    """Why answers cannot be told by hour."""
    return Text(
        en="Not enough data: messages in the log have no time of day, only their campaign's first "
        "day.",
        zh="数据不足：日志中的消息没有具体时刻，只有所属活动的首日。",
    )


def no_cuts() -> Text:
    """Why there is no curve of prices."""
    return Text(
        en="Not enough data: no product that sells steadily was ever reduced.",
        zh="数据不足：稳定销售的商品中没有降价记录。",
    )


def few_sales(needed: int) -> Text:
    """Why a price cut's effect is not told."""
    return Text(
        en=f"Not enough data: fewer than {needed} units were sold at each price cut.",
        zh=f"数据不足：每一档降价的销量都不到 {needed} 件。",
    )


def few_forward(redeemers: int, needed: int) -> Text:
    """Why the model's quality is not told."""
    return Text(
        en=f"Not enough data: {redeemers} redeemers; at least {needed} of them and of others are "
        "needed.",
        zh=f"数据不足：核销 {redeemers} 人次；核销与未核销至少各需 {needed} 人次。",
    )


def few_outcomes(hits: int, needed: int) -> Text:
    """Why an outcome after messages is not told."""
    return Text(
        en=f"Not enough data: the log has {hits} such outcomes after messages, {needed} are "
        "needed.",
        zh=f"数据不足：日志中消息之后的此类结果有 {hits} 次，至少需要 {needed} 次。",
    )
