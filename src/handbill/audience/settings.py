"""What a shop may set of the audience stage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from handbill.errors import ConfigError

RECOMMENDERS = ("auto", "learned", "counted")
TRACKERS = ("tensorboard", "wandb", "mlflow", "none")
ENGINES = ("duckdb", "local", "spark://", "yarn", "k8s://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The `[audience]` section of `handbill.toml`.

    Attributes:
        min_segment: Fewest people in a segment; a smaller group is dissolved, since it could
            point at a person. 2 to 100,000.
        max_segments: Most segments to look for; how many there are is chosen by how well they hold
            and by what their people bought afterwards. 1 to 100.
        segments: Exactly so many instead, where there are people enough; 0 leaves it to the choice.
            0 to 100.
        horizon_days: Campaigns that begin within so many days of the plan's day get affinities
            and offer interests as of that day. 1 to 366.
        departments: The largest departments by sales get a share column each. 0 to 50.
        rules: Segments by rule, name -> rule, in the language of `audience/rules.py`; also as a
            section `[audience.rules]`. A name is of small letters, digits and underscores.
        engine: Where the log is read and features are computed: `duckdb`, or a Spark master such as
            `local[2]` or `spark://host:7077`.
        recommender: `learned` ranks by trees over all sources; `counted` joins a person's habit,
            what follows what and what is popular; `auto` learns where that takes seconds.
        recommendations: Products recommended to each person; 0 recommends none. 0 to 200.
        diversity: How far a list avoids products alike; 0 not at all, 1 as much as it wants what
            the person would. 0 to 1.
        novelty: How far a list prefers what few know, in the same measure. 0 to 1.
        encoder: What turns product texts into vectors: `auto` takes an installed one, `lexical`
            counts letters; `minilm`, `multilingual`, or a sentence-transformers model by name.
        transformer_minutes: Time to train the behaviour Transformer in; 0 goes without. 0 to 1,440.
        tracker: Who is told how its training goes: `tensorboard`, `wandb`, `mlflow` or `none`.
        seed: Of the clustering, its bootstrap, the look ahead and the trees.

    Raises:
        ConfigError: A value is out of its bounds.
    """

    min_segment: int = 50
    max_segments: int = 8
    segments: int = 0
    horizon_days: int = 28
    departments: int = 12
    rules: Mapping[str, str] = field(default_factory=dict)
    engine: str = "duckdb"
    recommender: str = "auto"
    recommendations: int = 20
    diversity: float = 0.0
    novelty: float = 0.0
    encoder: str = "auto"
    transformer_minutes: float = 0.0
    tracker: str = "tensorboard"
    seed: int = 0

    def __post_init__(self) -> None:
        _bounded("min_segment", self.min_segment, 2, 100_000)
        _bounded("max_segments", self.max_segments, 1, 100)
        _bounded("segments", self.segments, 0, 100)
        _bounded("horizon_days", self.horizon_days, 1, 366)
        _bounded("departments", self.departments, 0, 50)
        _bounded("recommendations", self.recommendations, 0, 200)
        _between("diversity", self.diversity, 0, 1)
        _between("novelty", self.novelty, 0, 1)
        _between("transformer_minutes", self.transformer_minutes, 0, 1_440)
        _one_of("recommender", self.recommender, RECOMMENDERS)
        _one_of("tracker", self.tracker, TRACKERS)
        _bounded("seed", self.seed, 0, 2**32 - 1)
        for name in self.rules:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ConfigError(
                    f"audience.rules has {name!r}; a name is up to 40 small letters, digits and "
                    "underscores, a letter first"
                )
        if not self.engine.startswith(ENGINES):
            known = ", ".join(ENGINES)
            raise ConfigError(
                f"audience.engine is {self.engine!r}; it must be or begin with one of: {known}"
            )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"audience.{name} is {value!r}; it must be one of: {', '.join(known)}")


def _between(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(f"audience.{name} is {value!r}; it must be from {low:,} to {high:,}")


def _bounded(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(
            f"audience.{name} is {value!r}; it must be a whole number from {low} to {high}"
        )
