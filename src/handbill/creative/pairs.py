"""What a writer is tuned on and judged by: pairs of what was asked and what a person wrote."""

import hashlib
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handbill.errors import SourceError

SHAPE = (
    '{"attributes": [["material", "linen"], ...], "completion": "..."} or '
    '{"prompt": "...", "completion": "..."}, either with a "product"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A request and the text that answers it.

    Attributes:
        prompt: The request, when it is not made of attributes.
        attributes: Names and values of the product, in order; a name may come again.
        completion: What a person wrote.
        product: Pairs of one product never part between training and held-out data.
    """

    prompt: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    completion: str
    product: str

    @property
    def request(self) -> str:
        """What the model is asked.

        Example:
            >>> pair = Pair(attributes=(("图案", "条纹"), ("类型", "裙"), ("图案", "撞色")),
            ...             completion="", product="")
            >>> pair.request
            '图案:条纹,撞色 类型:裙'
        """
        values: dict[str, list[str]] = {}
        for name, value in self.attributes:
            values.setdefault(name, []).append(value)
        said = " ".join(f"{name}:{','.join(some)}" for name, some in values.items())
        return f"{self.prompt}\n{said}".strip() if self.prompt else said


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """Read pairs from JSON lines; blank lines are passed over.

    Raises:
        SourceError: The file is missing, or a line is not a pair.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read the pairs in {path}: {error}") from error
    pairs = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            pairs.append(_pair(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{path}, line {number} is not a pair; one is {SHAPE}") from error
    if not pairs:
        raise SourceError(f"{path} holds no pairs; one a line: {SHAPE}")
    return tuple(pairs)


def write_pairs(pairs: Iterable[Pair]) -> str:
    """Pairs as JSON lines."""
    rows = (
        {
            **({"prompt": one.prompt} if one.prompt else {}),
            **({"attributes": one.attributes} if one.attributes else {}),
            "completion": one.completion,
            "product": one.product,
        }
        for one in pairs
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def split(
    pairs: Sequence[Pair], *, share: float, most: int, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Part pairs into training and held-out ones; a product is on one side only.

    Args:
        pairs: All.
        share: Of the pairs that are held out, about, 0 to 1.
        most: Held-out pairs at most.
        seed: Of the choice.

    Returns:
        Training and held-out pairs, each in the order given.
    """
    products = sorted({one.product for one in pairs})
    random.Random(seed).shuffle(products)  # noqa: S311  a split, not a secret
    counts: dict[str, int] = {}
    for one in pairs:
        counts[one.product] = counts.get(one.product, 0) + 1
    wanted, held = min(most, round(share * len(pairs))), set[str]()
    taken = 0
    for product in products[:-1]:  # one stays for training, whatever the share
        if taken + counts[product] <= wanted:
            held.add(product)
            taken += counts[product]
    return (
        [one for one in pairs if one.product not in held],
        [one for one in pairs if one.product in held],
    )


def augmented(pair: Pair, *, shuffle: bool, drop: float, chance: random.Random) -> Pair:
    """The pair with its attributes in another order, some of those that it does not mention gone.

    An attribute that the text mentions stays: without it the model would learn to make one up.
    """
    kept = [
        (name, value)
        for name, value in pair.attributes
        if value in pair.completion or chance.random() >= drop
    ]
    if shuffle:
        chance.shuffle(kept)
    return replace(pair, attributes=tuple(kept))


def slotted(pair: Pair) -> Pair:
    """The pair with the values of its attributes written as `{name}`, to be copied in later.

    The longest values first, so that a value within another does not break it; a name that comes
    again is numbered: `{图案}`, `{图案2}`.

    Example:
        >>> slotted(Pair(attributes=(("面料", "棉"), ("风格", "清新")),
        ...              completion="清新的棉布裙", product="1")).completion
        '{风格}的{面料}布裙'
    """
    text = pair.completion
    marks: dict[str, str] = {}
    for slot, value in sorted(slots(pair).items(), key=lambda item: -len(item[1])):
        mark = chr(0xE000 + len(marks))  # private use: a later value cannot match inside it
        if value in text:
            marks[mark] = f"{{{slot}}}"
            text = text.replace(value, mark)
    for mark, slot in marks.items():
        text = text.replace(mark, slot)
    return replace(pair, completion=text)


def slots(pair: Pair) -> dict[str, str]:
    """The pair's values by slot."""
    named: dict[str, str] = {}
    for name, value in pair.attributes:
        number = 1
        slot = name
        while slot in named:
            number += 1
            slot = f"{name}{number}"
        named[slot] = value
    return named


def filled(text: str, pair: Pair) -> str:
    """A text with slots, the pair's values in their places; a slot it has no value for goes."""
    values = slots(pair)
    return re.sub(r"\{([^{}\n]*)\}", lambda slot: values.get(slot[1], ""), text)


def data_hash(pairs: Iterable[Pair]) -> str:
    """What an adapter's card records of its data."""
    return hashlib.sha256(write_pairs(pairs).encode()).hexdigest()


def _pair(row: dict[str, Any]) -> Pair:
    given = row.get("attributes", [])
    items = list(given.items()) if isinstance(given, dict) else given
    attributes = tuple(
        (_text(name), _text(one))
        for name, values in items
        for one in (values if isinstance(values, list) else [values])
    )
    prompt, completion = _text(row.get("prompt", "")), _text(row["completion"])
    if not completion.strip() or not (prompt.strip() or attributes):
        raise ValueError("empty")
    product = (
        _text(row.get("product", ""))
        or hashlib.sha256(f"{prompt}{sorted(attributes)}".encode()).hexdigest()[:16]
    )
    return Pair(prompt=prompt, attributes=attributes, completion=completion, product=product)


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise TypeError("not a text")
    return str(value)
