"""Handbill: the marketing department of an online shop, as software the shop runs itself.

Example:
    >>> import handbill
    >>> shop = handbill.Shop.open("myshop")  # doctest: +SKIP
    >>> shop.run()  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handbill.shop import Shop

__version__ = "0.1.0"
__all__ = ["Shop", "__version__"]


def __getattr__(name: str) -> object:
    """Load `Shop` when it is asked for, so that importing a single module stays light."""
    if name == "Shop":
        from handbill.shop import Shop

        return Shop
    raise AttributeError(f"module 'handbill' has no attribute {name!r}")
