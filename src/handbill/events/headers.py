"""What shop systems call the columns: our name and the ones it is also known by.

Headers are compared without case, spaces and punctuation, so `Customer ID`, `customer_id` and
`customerId` are one. Beside plain names there are those of the order exports of Shopify and of
WooCommerce's export plugins, and of Chinese shop systems.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from handbill.errors import SourceError
from handbill.trust.privacy import kind_of

HEADERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "orders": {
        "customer_id": (
            "customer", "user_id", "client_id", "household_id", "member_id", "customer_email",
            "email", "email_billing", "billing_email", "买家会员名", "会员名", "客户编号",
            "买家昵称",
        ),
        "order_id": (
            "order", "order_number", "order_no", "transaction_id", "basket_id",
            "invoice_no", "invoice", "订单编号", "订单号", "主订单编号",
        ),
        "product_id": (
            "product", "sku", "item_id", "lineitem_sku", "item_sku", "stock_code", "variant_sku",
            "商品编码", "商家编码", "商品编号", "商品id",
        ),
        "ordered_at": (
            "order_date", "created_at", "date", "timestamp", "ordered", "date_created",
            "invoice_date", "purchase_date", "paid_at", "订单创建时间", "下单时间", "付款时间",
            "订单付款时间",
        ),
        "quantity": (
            "qty", "units", "lineitem_quantity", "item_quantity", "quantity_refund", "数量",
            "购买数量", "商品数量", "宝贝总数量",
        ),
        "paid": (
            "line_total", "total_paid", "order_line_total", "item_total",
            "实付金额", "买家实付金额", "买家实际支付金额", "商品实付",
        ),
        "unit_price": (
            "price", "lineitem_price", "item_cost", "item_price", "单价", "商品单价", "商品价格",
        ),
        "discount": ("lineitem_discount", "item_discount", "discount_value", "优惠金额"),
        "coupon_discount": ("coupon_amount", "coupon_value", "优惠券金额"),
        "coupon": ("coupon_code", "discount_code", "promo_code", "优惠券", "优惠码"),
        "store": ("store_id", "shop", "location", "affiliation", "店铺", "店铺名称", "门店"),
        "line_id": ("line", "line_number", "item_number", "lineitem_id", "子订单编号"),
        "product_title": (
            "title", "product_name", "item_name", "lineitem_name", "description", "商品名称",
            "商品标题", "宝贝标题",
        ),
    },
    "products": {
        "product_id": (
            "id", "sku", "item_id", "handle", "variant_sku", "商品编码", "商家编码", "商品编号",
            "商品id",
        ),
        "title": ("name", "product_name", "product_title", "商品名称", "商品标题", "宝贝标题"),
        "brand": ("vendor", "brands", "manufacturer", "品牌"),
        "brand_kind": (),
        "department": ("部门", "一级类目"),
        "category": ("categories", "product_category", "类目", "分类", "商品分类"),
        "category_zh": (),
        "type": ("product_type", "子类目", "二级类目"),
        "size": ("package_size", "规格"),
    },
    "events": {
        "customer_id": (
            "customer", "user_id", "client_id", "visitor_id", "household_id", "member_id",
            "customer_email", "email", "会员名", "客户编号", "用户编号", "用户id",
        ),
        "device_id": ("device", "anonymous_id", "user_pseudo_id", "cookie_id", "设备号", "设备id"),
        "event_id": ("id", "message_id", "事件编号"),
        "event": (
            "event_name", "event_type", "behavior_type", "behavior", "action", "事件", "事件名称",
            "行为类型", "行为",
        ),
        "occurred_at": (
            "event_time", "timestamp", "time", "date", "created_at", "datetime", "发生时间", "时间",
        ),
        "order_id": ("transaction_id", "order", "order_number", "订单编号", "订单号"),
        "product_id": (
            "product", "sku", "item_id", "variant_sku", "商品编码", "商家编码", "商品编号",
            "商品id",
        ),
        "quantity": ("qty", "units", "数量"),
        "paid": ("value", "revenue", "金额"),
        "discount": ("discount_value", "优惠金额"),
        "coupon_discount": ("coupon_amount", "优惠券金额"),
        "coupon": ("coupon_code", "discount_code", "promo_code", "优惠券", "优惠码"),
        "store": ("store_id", "shop", "affiliation", "店铺", "店铺名称", "门店"),
        "campaign_id": ("campaign", "promotion_id", "utm_campaign", "活动编号"),
    },
    "campaigns": {
        "campaign_id": ("id", "campaign", "活动编号"),
        "kind": ("type", "campaign_type", "活动类型"),
        "starts_at": ("start_date", "start", "starts", "开始时间", "开始日期"),
        "ends_at": ("end_date", "end", "ends", "结束时间", "结束日期"),
    },
    "mailings": {
        "customer_id": (
            "customer", "user_id", "household_id", "member_id", "customer_email", "email",
            "会员名", "客户编号",
        ),
        "campaign_id": ("campaign", "活动编号"),
        "mailed_at": ("sent_at", "date", "mailed", "sent", "发送时间"),
    },
    "redemptions": {
        "customer_id": (
            "customer", "user_id", "household_id", "member_id", "customer_email", "email",
            "会员名", "客户编号",
        ),
        "campaign_id": ("campaign", "活动编号"),
        "coupon": ("coupon_code", "coupon_id", "coupon_upc", "优惠券", "优惠码"),
        "redeemed_at": ("date", "redemption_date", "used_at", "使用时间", "核销时间"),
    },
    "offers": {
        "campaign_id": ("campaign", "活动编号"),
        "coupon": ("coupon_code", "coupon_id", "coupon_upc", "优惠券", "优惠码"),
        "product_id": ("product", "sku", "item_id", "商品编码", "商家编码", "商品编号"),
    },
    "exposures": {
        "product_id": ("product", "sku", "item_id", "商品编码"),
        "store_id": ("store", "门店"),
        "week_start": ("week", "date", "周起始日"),
        "display": ("display_location",),
        "mailer": ("mailer_location",),
    },
}  # fmt: skip
"""File -> our column -> other names for it."""

OPTIONAL: Mapping[str, frozenset[str]] = {
    "orders": frozenset(
        {"paid", "unit_price", "discount", "coupon_discount", "coupon", "store", "line_id"}
        | {"product_title"}
    ),
    "products": frozenset(HEADERS["products"]) - {"product_id"},
    "events": frozenset(HEADERS["events"]) - {"event", "occurred_at"},
    "campaigns": frozenset({"kind"}),
    "mailings": frozenset({"mailed_at"}),
    "redemptions": frozenset(),
    "offers": frozenset(),
    "exposures": frozenset({"display", "mailer"}),
}
"""Columns a file may do without; of `paid` and `unit_price` orders need one, of `customer_id` and
`device_id` events."""

_PERSONAL = re.compile(
    r"姓名|电话|手机|地址|身份证|邮箱|会员名|昵称|收货人|收件人|旺旺|留言|备注|e-?mail|"
    r"adresse|straße|strasse|telefon|téléphone|vorname|nachname|prénom|"
    r"(phone|mobile|street|address\d?|zip|postal|postal.?code|postcode|birthday|birth.?date|notes?)$|"
    r"(first|last|full|given|family|nick|user|customer|client|buyer|member|recipient|receiver|"
    r"contact|cardholder)[\W_]*name$|(billing|shipping|delivery)[\W_]*(name|city|company)$",
    re.IGNORECASE,
)


def match_headers(file: str, relation: str, headers: Sequence[str]) -> dict[str, str]:
    """Find our columns among a file's headers.

    Args:
        file: Name of the file, for the message.
        relation: Which relation it holds.
        headers: As the file has them.

    Returns:
        Our column -> the file's header. The first name listed that is there wins, so an id is
        taken before an e-mail address.

    Raises:
        SourceError: A column is missing; the message names the file, the column and what is there.
    """
    found = find_headers(HEADERS[relation], headers)
    missing = missing_columns(relation, found)
    if missing:
        raise SourceError(
            f"{file} has no column {', '.join(missing)}; it has {', '.join(headers) or 'none'}. "
            "docs/import.md lists the names that are understood"
        )
    return found


def find_headers(names: Mapping[str, Sequence[str]], headers: Sequence[str]) -> dict[str, str]:
    """Our column -> the file's header, for those that are there.

    Args:
        names: Our column -> other names for it.
        headers: As the file has them.
    """
    there = {plain(header): header for header in reversed(headers)}
    if "lineitemquantity" in there and "name" in there:
        there.setdefault("orderid", there["name"])  # Shopify calls the order's number "Name"
    found: dict[str, str] = {}
    for column, others in names.items():
        for name in (column, *others):
            header = there.get(plain(name))
            if header is not None and header not in found.values():
                found[column] = header
                break
    return found


def missing_columns(relation: str, found: Collection[str]) -> list[str]:
    """Columns that the relation cannot do without and that were not found."""
    missing = [
        column
        for column in HEADERS[relation]
        if column not in found and column not in OPTIONAL[relation]
    ]
    if relation == "orders" and not {"paid", "unit_price"} & set(found):
        missing.append("paid (or unit_price)")
    if relation == "events" and not {"customer_id", "device_id"} & set(found):
        missing.append("customer_id (or device_id)")
    return missing


def free_columns(
    headers: Sequence[str], used: Collection[str], *, people: bool = True
) -> dict[str, str]:
    """Columns that are kept as they are, in the context: `x0`, `x1`, ... -> header.

    Args:
        headers: As the file has them.
        used: Those that have a column.
        people: Whether its rows are about people: then what says who they are is left out.

    Example:
        >>> free_columns(["order_id", "Gift wrap", "Billing Name"], ["order_id"])
        {'x0': 'Gift wrap'}
    """
    free = [
        header
        for header in dict.fromkeys(headers)
        if header and header not in used and not (people and is_personal(header))
    ]
    return {f"x{number}": header for number, header in enumerate(free)}


def is_personal(header: str) -> bool:
    """Whether a column says who a person is.

    Example:
        >>> is_personal("Billing Name"), is_personal("收货人姓名"), is_personal("store name")
        (True, True, False)
    """
    return kind_of(header) != "free" or _PERSONAL.search(header) is not None


def plain(header: str) -> str:
    """A header as it is compared.

    Example:
        >>> plain(" Customer ID "), plain("customerId"), plain("Email (Billing)")
        ('customerid', 'customerid', 'emailbilling')
    """
    return re.sub(r"[\W_]+", "", header).lower()
