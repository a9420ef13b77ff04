"""The recommender inside the audience stage: from the log to a table, and a card that says how.

People unknown to the log are served by the rows of nobody: what is popular now.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.histories import Histories
from handbill.audience.recommend.ranking import Source
from handbill.audience.recommend.reading import catalogue_of, read_histories
from handbill.audience.recommend.recommender import LEAST_PEOPLE, Options, Recommender, fit
from handbill.audience.recommend.suggestions import NOBODY, TABLE
from handbill.audience.settings import Settings
from handbill.audience.tables import replacing_folder
from handbill.engine import Engine, read_parquet
from handbill.ports import Progress
from handbill.trust.reading import read_log
from handbill.types import ShopProfile, Text
from handbill.workspace import Workspace, write_json, write_parquet

AUTO_SECONDS = 20
SECONDS_PER_PAIR = 5e-7
"""Of learning, for each person times product: measured on two shops, one core."""

COLUMNS = pa.schema(
    [
        ("person", pa.string()),
        ("rank", pa.int32()),
        ("item_id", pa.string()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the stage reports of recommendations.

    Attributes:
        outputs: Files and folders.
        figures: Named numbers.
        notes: What there was too little data for.
    """

    outputs: tuple[Path, ...]
    figures: Mapping[str, float | int | str]
    notes: tuple[Text, ...]


def write_recommendations(
    engine: Engine, workspace: Workspace, shop: ShopProfile, settings: Settings,
    progress: Progress,
) -> Written:  # fmt: skip
    """Learn from the log and write `tables/recommendations.parquet` and `models/recommender`.

    Args:
        engine: An open engine.
        workspace: One that `events` has filled.
        shop: Its plan's day and clock.
        settings: The `[audience]` section.
        progress: Told what is being done, between 95 and 100 %.
    """

    def tell(message: str, share: float) -> None:
        progress(f"recommendations: {message}", 0.95 + 0.05 * share)

    path = workspace.tables / TABLE
    if settings.recommendations == 0:
        write_parquet(path, COLUMNS.empty_table())
        return Written(outputs=(path,), figures={}, notes=())
    events = read_log(engine, workspace)
    products = read_parquet(engine, workspace.catalog / "products.parquet")
    histories, items = read_histories(engine, events, products, shop.as_of, shop.timezone)
    if not len(histories):
        write_parquet(path, COLUMNS.empty_table())
        return Written(outputs=(path,), figures={}, notes=())
    learn = _learns(settings, histories)
    cache = workspace.root / ".handbill" / "vectors"
    read = learn or settings.diversity > 0
    catalogue = catalogue_of(items, encoder=settings.encoder if read else "none", cache=cache)
    options = Options(
        diversity=settings.diversity, novelty=settings.novelty, seed=settings.seed,
        each=max(60, settings.recommendations), learn=learn,
    )  # fmt: skip
    more = _transformer(workspace, catalogue, histories, settings)
    model = fit(histories, catalogue, options, more=more, tell=tell)
    tell("lists", 0.95)
    write_parquet(path, _rows(model, histories, catalogue, settings.recommendations))
    folder = _save(model, workspace, histories, catalogue, settings)
    return Written(outputs=(path, folder), figures=_figures(model), notes=_notes(learn, histories))


def _transformer(
    workspace: Workspace, catalogue: Catalogue, histories: Histories, settings: Settings
) -> list[Source]:
    """The Transformer where the settings give it time and the shop has people enough."""
    learners = int((histories.last_occasions >= 1).sum())
    if settings.transformer_minutes == 0 or learners < LEAST_PEOPLE:
        return []
    # torch is slow to load
    from handbill.audience.recommend.training import Training
    from handbill.audience.recommend.transformer import Transformer

    training = Training(
        minutes=settings.transformer_minutes, tracker=settings.tracker, seed=settings.seed
    )
    folder = workspace.models / "behaviour"
    return [Transformer(catalogue=catalogue, training=training, folder=folder)]


def _rows(model: Recommender, histories: Histories, catalogue: Catalogue, k: int) -> pa.Table:
    """Lists of everyone in the log, and nobody's."""
    nobody = Histories.of_sequences([[]], len(catalogue))
    found = model.recommend(histories, k)
    names = np.array([source.name for source in model.candidates.sources])
    parts = [(histories.people, found), (np.array([NOBODY]), model.recommend(nobody, k))]
    people, ranks, items, reasons = [], [], [], []
    for who, lists in parts:
        rows, places = np.nonzero(lists.items >= 0)
        people.append(who[rows])
        ranks.append(places + 1)
        items.append(catalogue.ids[lists.items[rows, places]])
        reasons.append(names[lists.sources[rows, places]])
    columns = [np.concatenate(one) for one in (people, ranks, items, reasons)]
    arrays = [pa.array(one, kind) for one, kind in zip(columns, COLUMNS.types, strict=True)]
    table = pa.table(arrays, schema=COLUMNS)
    return table.sort_by([("person", "ascending"), ("rank", "ascending")])


def _save(
    model: Recommender, workspace: Workspace, histories: Histories, catalogue: Catalogue,
    settings: Settings,
) -> Path:  # fmt: skip
    """Write `models/recommender/<version>`; the versions before make room."""
    digest = hashlib.sha256(histories.items.tobytes() + histories.seconds.tobytes())
    digest.update("\n".join(histories.people).encode() + catalogue.vectors.tobytes())
    data = digest.hexdigest()
    record = {
        "kind": "recommender",
        "data_hash": data,
        "parents": [],
        "settings": {**asdict(model.options), "encoder": settings.encoder},
        "method": model.method,
        "encoder": catalogue.encoder,
        "sources": [source.name for source in model.candidates.sources],
        "repeats": model.candidates.repeats,
        "metrics": {name: asdict(found) for name, found in model.held_out.items()},
        "people": len(histories),
        "items": len(catalogue),
    }
    text = json.dumps(record, sort_keys=True)
    version = f"recommender-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    with replacing_folder(workspace.models / "recommender") as folder:
        part = folder / version
        part.mkdir()
        if model.ranker is not None:
            for number, booster in enumerate(model.ranker.trees):
                text = booster.model_to_string()
                (part / f"trees-{number}.txt").write_text(text, encoding="utf-8")
        write_json(part / "card.json", {"version": version, **record})
    return workspace.models / "recommender" / version


def _figures(model: Recommender) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {"recommender": model.method}
    if model.method in model.held_out:
        figures["next_ndcg10"] = round(model.held_out[model.method].ndcg, 4)
        figures["next_recall10"] = round(model.held_out[model.method].recall, 4)
    return figures


def _learns(settings: Settings, histories: Histories) -> bool:
    """Whether to learn a ranking, as the settings and the work it takes say."""
    if settings.recommender == "auto" and settings.transformer_minutes == 0:
        return len(histories) * histories.size * SECONDS_PER_PAIR <= AUTO_SECONDS
    return settings.recommender != "counted"


def _notes(learn: bool, histories: Histories) -> tuple[Text, ...]:
    learners = int((histories.last_occasions >= 1).sum())
    if learners < LEAST_PEOPLE:
        return (
            Text(
                en=f"{learners} people came twice or more; a ranking needs {LEAST_PEOPLE} to learn "
                "from, so recommendations count habits, what follows what and what is popular.",
                zh=f"只有 {learners} 位顾客来过两次或以上，学习排序至少需要 {LEAST_PEOPLE} 位，"
                "因此推荐按购买习惯、先后顺序和热门程度统计得出。",
            ),
        )
    if not learn:
        return (
            Text(
                en="Recommendations are counted, which takes seconds; audience.recommender = "
                '"learned" ranks them better and takes minutes.',
                zh="推荐按统计得出，只需数秒；设置 audience.recommender = "
                '"learned" 后排序更准，但需要几分钟。',
            ),
        )
    return ()
