"""Robots that do not say so: visitors whose rate, rhythm or missing page views no person has.

Only traffic is judged, the events that a visitor's own program sent. Orders, mailings and
redemptions from the shop's books are facts whoever caused them, and a purchase or a refund is never
flagged for behaviour: the money was real.

Source: rate, regular gaps and pages never loaded are the invalid-traffic signs of the Media Rating
Council's guidelines (2020); link scanners of mail gateways open a letter's links at once.
"""

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from handbill.events.robots import is_declared_robot
from handbill.events.settings import Settings

REASONS: Mapping[str, str] = {
    "declared": "the user agent names a program on the kept list",
    "rate": "one kind of page opened oftener in a minute than events.robot_per_minute",
    "timing": "pages opened like clockwork, or in nearly every hour of a day",
    "no_views": "acts on the shop's pages, and none of them was ever seen",
    "scanner": "the links of a letter opened within seconds, by the gateway before the reader",
}
"""Reason -> meaning, strongest first, as docs/cleaning.md lists them."""

TRAFFIC = (
    "collector", "handbill", "ga4", "segment", "shopify-pixel", "csv-events", "map-events",
)  # fmt: skip
"""Sources, by the name before the version, whose events a visitor's own program sent."""

VIEWS = ("page_view", "screen_view", "view_item", "view_item_list", "search", "view_cart")
ACTS = ("select_item", "add_to_cart", "remove_from_cart", "add_to_wishlist", "begin_checkout")
CLICKS = ("select_promotion", "click")

ENOUGH_GAPS = 20
"""Fewer gaps say nothing of a rhythm."""
ENOUGH_HOURS = 20
"""A person sleeps: activity in so many different hours of one day is a machine's."""
ENOUGH_ACTS = 3
USUAL_SHARE = 0.9
USUAL_VISITORS = 20
"""Missing views mean something where nine in ten of at least twenty acting visitors have them."""


HITS = """
CREATE OR REPLACE TEMP TABLE hits AS
    SELECT DISTINCT date, person, event, occurred_at, epoch_us(occurred_at) AS us, sender,
        coalesce(context ->> '$.user_agent', context ->> '$.userAgent', '') AS agent,
        if(event IN {clicks}, concat_ws('|', promotion_id, coupon, item_id,
            coalesce(context ->> '$.url', context ->> '$.page.url')), NULL) AS link
    FROM (SELECT *, split_part(source, '/', 1) AS sender FROM judged)
    WHERE is_human AND sender IN {traffic} AND event IN {known}
"""
"""Traffic of the days to judge, once per moment: an event with many lines is one act."""

WHOLE_DAYS = {
    "declared": """
        SELECT date, person FROM hits JOIN agents USING (agent)
        GROUP BY ALL HAVING bool_and(declared)""",
    "rate": """
        SELECT date, person FROM (
            SELECT date, person, count(*) OVER (PARTITION BY date, person, event ORDER BY us
                RANGE BETWEEN 59999999 PRECEDING AND CURRENT ROW) AS opened
            FROM hits WHERE event IN {views})
        GROUP BY ALL HAVING max(opened) > {per_minute}""",
    "timing": """
        SELECT date, person FROM (
            SELECT date, person, event, occurred_at,
                us - lag(us) OVER (PARTITION BY date, person, event ORDER BY us) AS gap
            FROM hits WHERE event IN {views})
        GROUP BY date, person, event
        HAVING (count(gap) >= {enough_gaps} AND stddev_pop(gap) <= {regularity} * avg(gap))
            OR count(DISTINCT hour(occurred_at)) >= {enough_hours}""",
    "no_views": """
        SELECT date, person FROM (
            SELECT *, count(*) OVER by_sender AS visitors,
                avg((views > 0)::INT) OVER by_sender AS seen
            FROM (SELECT date, sender, person, count(*) FILTER (event IN {acts}) AS acts,
                    count(*) FILTER (event IN {views}) AS views
                FROM hits GROUP BY ALL)
            WHERE acts > 0 WINDOW by_sender AS (PARTITION BY date, sender))
        WHERE acts >= {enough_acts} AND views = 0
            AND visitors >= {usual_visitors} AND seen >= {usual_share}""",
}
"""Reason -> the persons and days it holds for; the days are UTC."""

BURSTS = """
    WITH clicks AS (
        SELECT date, person, us, link, count(DISTINCT link) OVER (
                PARTITION BY date, person ORDER BY us
                RANGE BETWEEN CURRENT ROW AND {span} FOLLOWING) AS links,
            EXISTS (FROM letters l WHERE l.person = hits.person
                AND us BETWEEN epoch_us(l.send_at) AND epoch_us(l.send_at) + {span}) AS at_once
        FROM hits WHERE link IS NOT NULL),
    flagged AS (
        SELECT date, person, us, at_once OR max(if(links >= {links}, us, NULL)) OVER (
            PARTITION BY date, person ORDER BY us
            RANGE BETWEEN {span} PRECEDING AND CURRENT ROW) IS NOT NULL AS scanned
        FROM clicks),
    islands AS (
        SELECT date, person, us, count(*) FILTER (NOT scanned) OVER (
            PARTITION BY date, person ORDER BY us, scanned) AS island, scanned
        FROM flagged)
    SELECT date, person, make_timestamptz(min(us)) AS first_at, make_timestamptz(max(us)) AS last_at
    FROM islands WHERE scanned GROUP BY date, person, island
"""
"""Runs of clicks that no reader makes; a click of the same person an hour later stands."""


def find_robots(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make the table `robots`: `date`, `person`, `first_at`, `last_at` (both inclusive), `reason`.

    The spans of one person never overlap, so that each event meets at most one.

    Args:
        connection: With `judged` (rows of the log and their `date`) and `letters` (`person` and
            `send_at` of e-mails).
        settings: What no person does.
    """
    names = {
        "traffic": TRAFFIC, "views": VIEWS, "acts": ACTS, "clicks": CLICKS,
        "known": VIEWS + ACTS + CLICKS, "per_minute": settings.robot_per_minute,
        "regularity": settings.robot_regularity, "links": settings.robot_links,
        "span": settings.robot_seconds * 1_000_000, "enough_gaps": ENOUGH_GAPS,
        "enough_hours": ENOUGH_HOURS, "enough_acts": ENOUGH_ACTS, "usual_share": USUAL_SHARE,
        "usual_visitors": USUAL_VISITORS,
    }  # fmt: skip
    connection.execute(HITS.format(**names))
    _register_agents(connection)
    found = " UNION ALL ".join(
        f"SELECT *, {rank} AS rank, '{reason}' AS reason FROM ({query.format(**names)})"
        for rank, (reason, query) in enumerate(WHOLE_DAYS.items())
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE robots AS
        WITH whole AS (
            SELECT date, person, arg_min(reason, rank) AS reason FROM ({found}) GROUP BY ALL)
        SELECT date, person, date::TIMESTAMPTZ AS first_at,
            date::TIMESTAMPTZ + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS last_at, reason
        FROM whole
        UNION ALL
        SELECT *, 'scanner' FROM ({BURSTS.format(**names)}) burst
        WHERE NOT EXISTS (FROM whole
            WHERE whole.date = burst.date AND whole.person = burst.person)"""
    )


def _register_agents(connection: duckdb.DuckDBPyConnection) -> None:
    """Table `agents`: each user agent of the days, and whether it declares a robot."""
    agents = [row[0] for row in connection.execute("SELECT DISTINCT agent FROM hits").fetchall()]
    table = pa.table(
        {"agent": agents, "declared": [is_declared_robot(agent) for agent in agents]},
        schema=pa.schema([("agent", pa.string()), ("declared", pa.bool_())]),
    )
    connection.register("agents_arrow", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE agents AS SELECT * FROM agents_arrow")
    connection.unregister("agents_arrow")
