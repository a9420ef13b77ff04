"""Text that has nothing to do with ads: what a tuned model may forget is measured on it."""

from collections.abc import Iterable
from importlib.resources import files


def read_general(texts: Iterable[str]) -> tuple[str, ...]:
    """General sentences in the scripts of these texts, English and Chinese.

    A model is asked what it forgot in the languages that it is tuned in; of one that it never
    wrote there is nothing to lose.
    """
    signs = "".join(texts)
    chinese = sum("\u4e00" <= sign <= "\u9fff" for sign in signs) > 0.05 * len(signs)
    latin = sum(sign.isascii() and sign.isalpha() for sign in signs) > 0.3 * len(signs)
    names = [name for name, there in (("en", latin), ("zh", chinese)) if there] or ["en"]
    folder = files("handbill.creative").joinpath("general")
    return tuple(
        line
        for name in names
        for line in folder.joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
        if line
    )
