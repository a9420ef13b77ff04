"""Robots that say so in their user agent; they are flagged, never dropped."""

import re
from functools import lru_cache

_DECLARED = re.compile(
    r"(?<!cu)bot(?:\b|_)|crawl|spider|slurp|headless|phantomjs|lighthouse|pagespeed|scan"
    r"|preview|facebookexternalhit|whatsapp|telegram|mediapartners|monitor|uptime|pingdom"
    r"|curl/|wget/|python-requests|python-urllib|httpx/|aiohttp/|go-http-client|java/|okhttp/0"
    r"|libwww|scrapy|selenium|puppeteer|playwright",
    re.IGNORECASE,
)


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
    return _DECLARED.search(user_agent) is not None
