"""The plain ad: says the facts and nothing else, for when no written one passes."""

from handbill.creative.prompt import Draft
from handbill.types import Brief

_COUPON = {
    "en": Draft(
        headline="Your coupon for {category}",
        body="It is ready for you at {shop} and good through {offer_ends}.",
        call_to_action="Use my coupon",
    ),
    "zh": Draft(
        headline="{category}优惠券，给你备好了",
        body="到{shop}就可以使用，有效期至{offer_ends}。",
        call_to_action="去用券",
    ),
}


def plain_ad(brief: Brief) -> Draft:
    """The factual template for a coupon."""
    return _COUPON[brief.language]
