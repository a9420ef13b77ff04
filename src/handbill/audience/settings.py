"""What a shop may set of the audience stage."""

from dataclasses import dataclass

from handbill.errors import ConfigError

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
        engine: Where the log is read and features are computed: `duckdb`, or a Spark master such as
            `local[2]` or `spark://host:7077`.
        seed: Of the clustering, its bootstrap, the look ahead and the trees.

    Raises:
        ConfigError: A value is out of its bounds.
    """

    min_segment: int = 50
    max_segments: int = 8
    segments: int = 0
    horizon_days: int = 28
    departments: int = 12
    engine: str = "duckdb"
    seed: int = 0

    def __post_init__(self) -> None:
        _bounded("min_segment", self.min_segment, 2, 100_000)
        _bounded("max_segments", self.max_segments, 1, 100)
        _bounded("segments", self.segments, 0, 100)
        _bounded("horizon_days", self.horizon_days, 1, 366)
        _bounded("departments", self.departments, 0, 50)
        _bounded("seed", self.seed, 0, 2**32 - 1)
        if not self.engine.startswith(ENGINES):
            known = ", ".join(ENGINES)
            raise ConfigError(
                f"audience.engine is {self.engine!r}; it must be or begin with one of: {known}"
            )


def _bounded(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(
            f"audience.{name} is {value!r}; it must be a whole number from {low} to {high}"
        )
