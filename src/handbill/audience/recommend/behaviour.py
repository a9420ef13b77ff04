"""A causal Transformer over what a person did: one trunk, four heads.

Each event is the sum of what is known of it: its item's text vector and own embedding, its kind,
the time since the event before, the hour, the price bucket and the channel. An item without history
is known by its text alone, and a person without history by nothing, so they get what all get.

Source: SASRec (Kang & McAuley 2018); shared negatives with the logQ correction (Bengio & Senécal
2008; Yi et al. 2019); time to the next purchase as a discrete hazard with censoring (Kvamme &
Borgan 2021).
"""

from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from handbill.audience.recommend.histories import KINDS, Floats, Histories, Ints

GAPS = 16
"""Buckets of the time since the event before, by powers of two of minutes; 0 is unknown."""
HOURS = 25
"""Hours of the shop's clock, and unknown."""
PRICES = 10
"""Nine ninths of the shop's prices, and unknown."""
CHANNELS = 32
WAITS = 12
"""Buckets of the days until the next purchase, by powers of two."""
NONE = len(KINDS)
"""The kind of what comes next when nothing comes."""

Batch: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large the Transformer is.

    Attributes:
        width: Of the trunk, d.
        blocks: Layers.
        heads: Of attention.
        dropout: In the trunk, 0 to 1.
        length: Most events looked back on, T.
        forget: Share of events in training whose item is known by its text alone, 0 to 1, so that
            new items are understood.
    """

    width: int = 64
    blocks: int = 2
    heads: int = 2
    dropout: float = 0.3
    length: int = 32
    forget: float = 0.0


class Block(nn.Module):  # type: ignore[misc]
    """Attention to what was before, then a small network; normalised first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.net = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(shape.dropout),
            nn.Linear(4 * width, width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        rows, length, width = x.shape
        drop = self.shape.dropout if self.training else 0.0
        query, key, value = (
            part.view(rows, length, self.shape.heads, -1).transpose(1, 2)
            for part in self.mixed(self.first(x)).chunk(3, -1)
        )
        seen = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=drop
        )
        seen = self.out(seen.transpose(1, 2).reshape(rows, length, width))
        x = x + functional.dropout(seen, drop)
        return x + functional.dropout(self.net(self.second(x)), drop)


class Behaviour(nn.Module):  # type: ignore[misc]
    """The trunk with its heads.

    Args:
        shape: Its size.
        vectors: (I, v) text of the items, rows of length one or zero.
    """

    def __init__(self, shape: Shape, vectors: Floats) -> None:
        super().__init__()
        width, size = shape.width, len(vectors)
        self.shape = shape
        self.size = size
        self.own = nn.Embedding(size + 1, width, padding_idx=size)
        self.text = nn.Linear(vectors.shape[1], width, bias=False)
        padded = np.vstack([vectors, np.zeros((1, vectors.shape[1]), np.float32)])
        self.register_buffer("vectors", torch.from_numpy(padded), persistent=False)
        self.place = nn.Embedding(shape.length, width)
        self.kind = nn.Embedding(len(KINDS), width)
        self.gap = nn.Embedding(GAPS, width)
        self.hour = nn.Embedding(HOURS, width)
        self.price = nn.Embedding(PRICES, width)
        self.channel = nn.Embedding(CHANNELS, width)
        self.trunk = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.normal = nn.LayerNorm(width)
        self.next_kind = nn.Linear(width, len(KINDS) + 1)
        self.wait = nn.Linear(width, WAITS)
        self.value = nn.Linear(width, 2)
        for table in (self.place, self.kind, self.gap, self.hour, self.price, self.channel):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.own.weight, std=0.02)
        with torch.no_grad():
            self.own.weight[size] = 0.0
        nn.init.normal_(self.text.weight, std=0.5 / width**0.5)

    def item(self, items: Tensor) -> Tensor:
        """Item embeddings, (..., d), of item indices; `size` is padding."""
        own = self.own(items)
        if self.training and self.shape.forget:
            known = torch.rand(items.shape, device=items.device) >= self.shape.forget
            own = own * known.unsqueeze(-1)
        vectors: Tensor = self.vectors
        return own + self.text(vectors[items])

    def forward(self, batch: Batch) -> Tensor:
        """States after each event, (B, T, d), of `items`, `kinds`, `gaps`, ... all (B, T)."""
        items = batch["items"]
        x = self.item(items) * self.shape.width**0.25
        x = x + self.place(torch.arange(items.shape[1], device=items.device))
        x = x + self.kind(batch["kinds"]) + self.gap(batch["gaps"]) + self.hour(batch["hours"])
        x = x + self.price(batch["prices"]) + self.channel(batch["channels"])
        x = functional.dropout(x, self.shape.dropout, self.training)
        for block in self.trunk:
            x = block(x)
        found: Tensor = self.normal(x)
        return found


def item_loss(
    model: Behaviour, states: Tensor, targets: Tensor, negatives: Tensor, chance: Tensor,
    correction: float,
) -> Tensor:  # fmt: skip
    """Cross-entropy of the next item against negatives that the whole batch shares.

    Args:
        model: Whose items.
        states: (M, d)
        targets: (M,)
        negatives: (K,) drawn with `chance`.
        chance: (I,) logarithm of each item's probability of being drawn.
        correction: Share of the logQ correction, 0 to 1; the whole makes the loss unbiased for the
            full softmax, less favours what few had.
    """
    wanted = (states * model.item(targets)).sum(-1) - correction * chance[targets]
    others = states @ model.item(negatives).T - correction * chance[negatives]
    others = others.masked_fill(targets[:, None] == negatives[None], -1e9)
    logits = torch.cat([wanted[:, None], others], 1)
    return functional.cross_entropy(logits, torch.zeros_like(targets))


def wait_loss(logits: Tensor, bucket: Tensor, happened: Tensor) -> Tensor:
    """Of the time to the next purchase; one that has not come yet counts as longer than so far.

    Args:
        logits: (M, WAITS)
        bucket: (M,) of the wait, or of how long it has been.
        happened: (M,) whether it came.
    """
    chance = functional.log_softmax(logits, -1)
    at = chance.gather(1, bucket[:, None])[:, 0]
    later = torch.arange(WAITS, device=bucket.device)[None] >= bucket[:, None]
    beyond = chance.masked_fill(~later, -1e9).logsumexp(-1)
    return -torch.where(happened, at, beyond).mean()


def value_loss(found: Tensor, value: Tensor) -> Tensor:
    """Gaussian, of the logarithm of the next basket's value.

    Args:
        found: (M, 2) mean and logarithm of the variance.
        value: (M,) logarithm of one plus the value.
    """
    spread = found[:, 1].clamp(-6, 6)
    return 0.5 * (spread + (value - found[:, 0]) ** 2 / spread.exp()).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """Histories as the Transformer reads them, with what each head is to say; all (N,).

    Attributes:
        columns: Inputs by name.
        kind: Of the next event, `NONE` at the end.
        wait: Bucket of the days to the next purchase, or so far.
        came: Whether that purchase came.
        value: Logarithm of one plus what the next occasion cost, NaN where unknown.
        timed: Whether times are known at all.
    """

    columns: dict[str, Ints]
    kind: Ints
    wait: Ints
    came: Ints
    value: Floats
    timed: bool


def code(histories: Histories, price_edges: Floats) -> Coded:
    """Turn histories into buckets.

    Args:
        histories: (P)
        price_edges: (8,) from `edges`.
    """
    seconds, owners = histories.seconds, histories.owners
    timed = bool(seconds.any())
    first = np.zeros(len(seconds), bool)
    first[histories.offsets[:-1][histories.lengths > 0]] = True
    gap = np.diff(seconds, prepend=seconds[:1] if len(seconds) else 0)
    gaps = np.where(first, 0, 1 + np.log2(1 + np.maximum(gap, 0) / 60))
    bucket = np.searchsorted(price_edges, np.nan_to_num(histories.prices))
    priced = ~np.isnan(histories.prices)
    columns = {
        "items": histories.items.astype(np.int64),
        "kinds": histories.kinds.astype(np.int64),
        "gaps": np.minimum(gaps, GAPS - 1).astype(np.int64) if timed else gaps.astype(np.int64) * 0,
        "hours": seconds // 3_600 % 24 if timed else np.full(len(seconds), HOURS - 1),
        "prices": np.where(priced, bucket, PRICES - 1).astype(np.int64),
        "channels": histories.channels.astype(np.int64) % CHANNELS,
    }
    end = int(seconds.max()) if timed else 0
    later, came = _next_purchase(histories)
    wait = (np.where(came, later, end) - seconds) / 86_400
    ends = np.ones(len(seconds), bool)
    ends[:-1] = owners[1:] != owners[:-1]
    following = np.roll(columns["kinds"], -1)
    return Coded(
        columns=columns,
        kind=np.where(ends, NONE, following),
        wait=np.clip(np.log2(1 + np.maximum(wait, 0)), 0, WAITS - 1).astype(np.int64),
        came=came.astype(np.int64),
        value=_next_value(histories),
        timed=timed,
    )


def edges(histories: Histories) -> Floats:
    """(8,) bounds of nine equal parts of the prices; rising zeros where none is known."""
    known = histories.prices[~np.isnan(histories.prices)]
    if not len(known):
        return np.zeros(PRICES - 2, np.float32)
    return np.quantile(known, np.arange(1, PRICES - 1) / (PRICES - 1)).astype(np.float32)


def card(shape: Shape) -> dict[str, float | int]:
    """A shape for a model's card."""
    return asdict(shape)


def _next_purchase(histories: Histories) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Second of the first purchase of a later occasion, and whether there is one; both (N,)."""
    start, place = _occasions(histories)
    if not len(start):
        return np.zeros(0, np.int64), np.zeros(0, np.bool_)
    bought = np.bincount(place, histories.kinds == 0) > 0
    number = np.where(bought, np.arange(len(start)), len(start))
    after = np.append(np.minimum.accumulate(number[::-1])[::-1], len(start))[1:]
    known = np.minimum(after, len(start) - 1)
    owners = histories.owners[start]
    came = (after < len(start)) & (owners[known] == owners)
    return histories.seconds[start][known][place], came[place]


def _next_value(histories: Histories) -> Floats:
    """Logarithm of one plus what the next occasion cost, (N,), NaN where none or unknown."""
    if not len(histories.items):
        return np.zeros(0, np.float32)
    start, place = _occasions(histories)
    owner = histories.owners[start]
    total = np.append(np.bincount(place, np.nan_to_num(histories.prices)), 0.0)[1:]
    known = np.append(np.bincount(place, ~np.isnan(histories.prices)) > 0, False)[1:]
    follows = np.append(owner[1:] == owner[:-1], False) & known
    value = np.where(follows, np.log1p(np.maximum(total, 0)), np.nan)
    return value[place].astype(np.float32)


def _occasions(histories: Histories) -> tuple[Ints, Ints]:
    """First event of each occasion (O,), and which occasion each event is of (N,)."""
    new = np.ones(len(histories.items), np.bool_)
    owners, occasions = histories.owners, histories.occasions
    new[1:] = (owners[1:] != owners[:-1]) | (occasions[1:] != occasions[:-1])
    return np.flatnonzero(new), np.cumsum(new) - 1


def next_occasions(histories: Histories) -> tuple[Ints, Ints]:
    """First event of the occasion after each event's, and how many it has (0: there is none).

    Within an occasion the log's order says nothing, so what comes next is of the next one.
    """
    start, place = _occasions(histories)
    if not len(start):
        return place, place
    owner = histories.owners[start]
    sizes = np.diff(np.append(start, len(histories.items)))
    follows = np.append(owner[1:] == owner[:-1], False)
    after = np.minimum(np.arange(len(start)) + 1, len(start) - 1)
    return start[after][place], np.where(follows, sizes[after], 0)[place]
