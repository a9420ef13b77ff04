"""Training examples from the log: who was shown what, and what came of it, as known at a time.

An outcome has a window. Until the window is over, what has not happened is not a "no": the label is
open, and nobody learns from it. What happened but had not arrived yet is not known either.

Source: delayed feedback, Chapelle 2014; point-in-time correctness, Kaufman et al. 2012 (leakage).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import ibis
from ibis import Table, _

from handbill.errors import ConfigError, SourceError

POSITIVE, NEGATIVE, OPEN = "positive", "negative", "open"
IMPRESSION = "view_promotion"

ARRIVED = r'"received_at":"([^"]+)"'
"""Where the collector notes in `context` when an event reached it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Something that may come of an impression.

    Attributes:
        name: Column of the label.
        event: GA4's name.
        of: What has to be the same: the `promotion`, or the `product` that it shows or advertises.
        window: Counts when it happens so soon after the impression.
    """

    name: str
    event: str
    of: Literal["promotion", "product"]
    window: timedelta

    def __post_init__(self) -> None:
        if self.window <= timedelta():
            raise ConfigError(f"the window of {self.name} is {self.window}; it must be above 0")


OUTCOMES = (
    Outcome(name="click", event="select_promotion", of="promotion", window=timedelta(days=1)),
    Outcome(name="view", event="view_item", of="product", window=timedelta(days=1)),
    Outcome(name="cart", event="add_to_cart", of="product", window=timedelta(days=3)),
    Outcome(name="buy", event="purchase", of="product", window=timedelta(days=7)),
)
"""For impressions on pages; letters and printed campaigns need longer windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How many examples stand where, for one outcome.

    Attributes:
        outcome: Its name.
        humans: Whether only people's impressions are counted, or all.
        positive: It happened in time.
        negative: Its window is over and it did not happen.
        open: It may still happen, or still arrive.
    """

    outcome: str
    humans: bool
    positive: int
    negative: int
    open: int


def labels(
    events: Table,
    as_of: datetime,
    outcomes: Sequence[Outcome] = OUTCOMES,
    *,
    advertised: Table | None = None,
    settle: timedelta = timedelta(),
) -> Table:
    """Every impression known at a time, with the state of its labels at that time.

    An outcome is credited to the last impression before it that it may have come of, so there are
    never more positives than outcomes. A robot's outcome makes no label positive.

    Args:
        events: The log, from `trust.reading.read_log`.
        as_of: Nothing that happened or arrived at or after it is looked at.
        outcomes: What to label.
        advertised: `promotion_id` and `item_id`: the products a promotion is about.
        settle: How long after its window an outcome may still arrive; a label stays open as long.

    Returns:
        `example_id`, `person`, `promotion_id`, `item_id`, `shown_at`, `is_human`; for each outcome
        its state under its name and `<name>_at`, when it first happened (null unless positive).
    """
    known = events.mutate(known_at=known_at(events)).filter(
        _.occurred_at < _moment(as_of), _.known_at < _moment(as_of)
    )
    shown = known.filter(_.event == IMPRESSION).select(
        "person", "promotion_id", "item_id", "is_human",
        example_id="event_id", shown_at="occurred_at",
    )  # fmt: skip
    labelled = shown
    for outcome in outcomes:
        happened = _first_credited(shown, known, outcome, advertised)
        over = labelled.shown_at < _moment(as_of - outcome.window - settle)
        joined = labelled.left_join(happened, labelled.example_id == happened.credited_id)
        state = ibis.cases((joined.happened_at.notnull(), POSITIVE), (over, NEGATIVE), else_=OPEN)
        labelled = joined.mutate(
            **{outcome.name: state, f"{outcome.name}_at": joined.happened_at}
        ).drop("credited_id", "happened_at")
    names = [part for one in outcomes for part in (one.name, f"{one.name}_at")]
    return labelled.select(
        "example_id", "person", "promotion_id", "item_id", "shown_at", "is_human", *names
    )


def known_at(events: Table) -> ibis.expr.types.TimestampValue:
    """When each event could be known: its arrival where the log has it, else its own time."""
    written = events.context.re_extract(ARRIVED, 1).nullif("")
    return ibis.coalesce(written.cast(events.occurred_at.type()), events.occurred_at)


def _first_credited(
    shown: Table, known: Table, outcome: Outcome, advertised: Table | None
) -> Table:
    """When an outcome first came of each impression: `credited_id`, `happened_at`."""
    after = known.filter(_.event == outcome.event, _.is_human).select(
        "person", "promotion_id", "item_id", outcome_id="event_id", at="occurred_at"
    )
    promotion = "p:" + after.promotion_id
    keys = [after.mutate(key=promotion)]
    key = "p:" + shown.promotion_id
    if outcome.of == "product":
        key = ibis.coalesce("i:" + shown.item_id, key)
        keys.append(after.mutate(key="i:" + after.item_id))
        if advertised is not None:
            about = advertised.select(about="promotion_id", item="item_id").distinct()
            joined = after.inner_join(about, after.item_id == about.item)
            keys.append(joined.mutate(key="p:" + joined.about).drop("about", "item"))
    candidates = ibis.union(*keys).filter(_.key.notnull()) if len(keys) > 1 else keys[0]
    candidates = candidates.select("person", "outcome_id", "at", "key").distinct()
    seen = shown.select("example_id", "shown_at", viewer="person", shown_key=key)
    pairs = seen.inner_join(
        candidates,
        [
            seen.viewer == candidates.person,
            seen.shown_key == candidates.key,
            seen.shown_at <= candidates["at"],
            candidates["at"] < seen.shown_at + _seconds(outcome.window),
        ],
    )
    last = ibis.window(
        group_by="outcome_id", order_by=[ibis.desc("shown_at"), ibis.desc("example_id")]
    )
    credited = pairs.mutate(rank=ibis.row_number().over(last)).filter(_.rank == 0)
    return credited.group_by(credited_id="example_id").aggregate(happened_at=credited["at"].min())


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Examples in order of time.

    Attributes:
        train: Shown before the cut, labelled as they stood at the cut.
        test: Shown from the cut on, labelled as they stand at the end.
    """

    train: Table
    test: Table


def time_split(
    events: Table,
    cut: datetime,
    end: datetime,
    outcomes: Sequence[Outcome] = OUTCOMES,
    *,
    advertised: Table | None = None,
    settle: timedelta = timedelta(),
) -> Split:
    """Split by time, as a model trained at the cut would have lived it.

    An example shown before the cut that turned positive after it is open in `train`: a model that
    learned at the cut could not have known.

    Args:
        events: The log.
        cut: Training ends.
        end: The test's labels are read.
        outcomes: See `labels`.
        advertised: See `labels`.
        settle: See `labels`.

    Raises:
        ConfigError: The cut is not before the end.
    """
    if cut >= end:
        raise ConfigError(f"the cut {cut.isoformat()} is not before the end {end.isoformat()}")
    both = [
        labels(events, time, outcomes, advertised=advertised, settle=settle) for time in (cut, end)
    ]
    return Split(train=both[0], test=both[1].filter(_.shown_at >= _moment(cut)))


def thinned(examples: Table, outcome: str, keep: float, seed: int) -> Table:
    """The settled examples of people, all positives and a share of the negatives, with weights.

    Args:
        examples: From `labels`.
        outcome: Name of the label.
        keep: Share of the negatives to keep, above 0 to 1; by a hash of the example and the seed.
        seed: Another one keeps others.

    Returns:
        The examples and `weight`: what each stands for, so that weighted rates are unbiased.

    Raises:
        ConfigError: `keep` is out of its bounds.
    """
    if not 0 < keep <= 1:
        raise ConfigError(f"keep is {keep}; it must be above 0 and at most 1")
    settled = examples.filter(_.is_human, _[outcome] != OPEN)
    positive = settled[outcome] == POSITIVE
    chance = (settled.example_id + f"/{seed}").hexdigest("md5").substr(0, 8)
    kept = settled.filter(positive | (chance < f"{round(keep * 0xFFFFFFFF):08x}"))
    return kept.mutate(weight=ibis.ifelse(kept[outcome] == POSITIVE, 1.0, 1.0 / keep))


def class_counts(examples: Table, outcomes: Sequence[Outcome] = OUTCOMES) -> tuple[ClassCount, ...]:
    """Positives, negatives and open ones of each outcome: of people, and of everyone.

    Args:
        examples: From `labels`.
        outcomes: Those it was asked for.
    """
    counted = {
        f"{one.name}/{state}/{humans}": (
            (examples[one.name] == state) & (examples.is_human | (not humans))
        )
        .cast("int64")
        .sum()
        .fill_null(0)
        for one in outcomes
        for state in (POSITIVE, NEGATIVE, OPEN)
        for humans in (True, False)
    }
    [row] = examples.aggregate(**counted).to_pyarrow().to_pylist()
    return tuple(
        ClassCount(
            outcome=one.name,
            humans=humans,
            positive=row[f"{one.name}/{POSITIVE}/{humans}"],
            negative=row[f"{one.name}/{NEGATIVE}/{humans}"],
            open=row[f"{one.name}/{OPEN}/{humans}"],
        )
        for one in outcomes
        for humans in (True, False)
    )


def attach(examples: Table, features: Table) -> Table:
    """Give each example its person's newest features from before it was shown.

    Args:
        examples: With `example_id`, `person`, `shown_at`.
        features: With `person`, `as_of` (a timestamp: made only from what came before it) and
            features. A row as of later than the example is never used.

    Returns:
        The examples and the features, null where the person had none yet, and `as_of`.
    """
    renamed = features.rename(features_of="person")
    joined = examples.left_join(
        renamed,
        [examples.person == renamed.features_of, renamed.as_of <= examples.shown_at],
    )
    newest = ibis.window(group_by="example_id", order_by=ibis.desc("as_of"))
    ranked = joined.mutate(age=ibis.row_number().over(newest))
    return ranked.filter(_.age == 0).drop("age", "features_of")


def leaks(
    features: Callable[[Table], Table],
    events: Table,
    as_of: datetime,
    key: str = "person",
    *,
    arrivals: bool = False,
) -> tuple[str, ...]:
    """Which features read past their time: those that change when the future is taken away.

    Args:
        features: The features as of `as_of`, from a log.
        events: A log that goes on after `as_of`; without a future nothing can be shown.
        as_of: What happened at or after it is the future.
        key: Column that tells the rows apart.
        arrivals: Whether what happened before but arrived later counts as future, too.

    Returns:
        Names of the features that leak, and `key` when there are rows that only the future makes.

    Raises:
        SourceError: The log has no future.
    """
    known = events.mutate(known_at=known_at(events))
    time = known.known_at if arrivals else known.occurred_at
    past = known.filter((time < _moment(as_of)) & (known.occurred_at < _moment(as_of)))
    past = past.select(events.columns)
    if events.count().to_pyarrow().as_py() == past.count().to_pyarrow().as_py():
        raise SourceError(
            f"the log has nothing at or after {as_of.isoformat()}, so no leak could show; "
            "take an earlier time"
        )
    before, after = (_by_key(features(log), key) for log in (past, events))
    found = {key} if before.keys() != after.keys() else set()
    for one in before.keys() & after.keys():
        found |= {name for name, value in before[one].items() if after[one][name] != value}
    return tuple(sorted(found))


def _by_key(table: Table, key: str) -> dict[Any, dict[str, Any]]:
    rows = table.to_pyarrow().to_pylist()
    # NaN is not equal to itself, and would look like a leak.
    plain = ({k: None if v != v else v for k, v in row.items()} for row in rows)
    return {row[key]: row for row in plain}


def _moment(time: datetime) -> ibis.expr.types.TimestampScalar:
    return ibis.literal(time, type="timestamp('UTC', 6)")


def _seconds(span: timedelta) -> ibis.expr.types.IntervalScalar:
    return ibis.interval(seconds=round(span.total_seconds()))
