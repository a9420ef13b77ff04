"""Robots that say so in their user agent: one kept list, for the collector and for imported files.

The list is data, `robots.toml`, with its sources and the day it was looked over last.
"""

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files

BOT = r"(?<!cu)bot(?![a-z]{3})"
"""A word that ends in "bot" and, for a phone's sake, is not a Cubot."""
COMPATIBLE = r"\(compatible;(?! msie)"
"""How crawlers say Mozilla; of browsers only the Internet Explorer did."""


@cache
def declared_pattern() -> re.Pattern[str]:
    """The kept list as one expression, over user agents in small letters."""
    kept = tomllib.loads(files("handbill.events").joinpath("robots.toml").read_text("utf-8"))
    agents = sorted(
        agent for part in kept.values() if isinstance(part, dict) for agent in part["agents"]
    )
    return re.compile("|".join([BOT, COMPATIBLE, *map(re.escape, agents)]))


@lru_cache(maxsize=4_096)
def is_declared_robot(user_agent: str) -> bool:
    """Whether a browser's or program's own name says that nobody looks at the page.

    Args:
        user_agent: As the page's visitor sends it; empty means unknown, which is no declaration.

    Example:
        >>> is_declared_robot("Mozilla/5.0 (compatible; Googlebot/2.1)")
        True
        >>> is_declared_robot("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
        False
    """
    return declared_pattern().search(user_agent.lower()) is not None
