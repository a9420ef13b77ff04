"""People like those of a list: whoever a model cannot tell from them, with its lift measured.

The model is a logistic regression on habits and tastes, members of the list against everyone else.
Its lift is that on members it did not see: each fifth of the list is found again by a model of the
other four among all who are not on it.

Source: Elkan & Noto (2008), learning from positive and unlabelled data: where members are drawn at
random from those who are alike, the order of the scores is the right one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from handbill.audience.segments import Labels as Rows
from handbill.audience.segments import Matrix
from handbill.types import Interval, Text

FEWEST_MEMBERS = 20
FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalikes:
    """Who is like a list.

    Attributes:
        people: Most alike first, none of the list among them.
        scores: (n,) 0 to 1, only their order means something.
        members: People of the list that the shop knows.
        unknown: Those it does not.
        lift: How much oftener a member that the model had not seen is within the same number of
            most alike than someone at random; None where there is not enough data.
        why: What there is not enough data for.
    """

    people: list[str]
    scores: list[float]
    members: int
    unknown: int
    lift: Interval | None
    why: Text | None = None


def lookalikes(
    points: Matrix, people: Sequence[str], listed: Sequence[str], most: int, seed: int
) -> Lookalikes:
    """Find who is most like the people of a list.

    Args:
        points: (n, d) habits and tastes, from `segments.spaces_of`.
        people: (n,) pseudonyms.
        listed: The list's pseudonyms.
        most: How many are wanted.
        seed: Of the fifths.
    """
    wanted = set(listed)
    inside = np.array([person in wanted for person in people], dtype=np.bool_)
    members, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    unknown = len(wanted) - len(members)
    if len(members) < FEWEST_MEMBERS or not len(others):
        return Lookalikes(
            people=[], scores=[], members=len(members), unknown=unknown, lift=None,
            why=_too_few(len(members), len(others)),
        )  # fmt: skip
    most = min(most, len(others))
    score = _scores(points, members, others, points[others])
    best = np.argsort(-score, kind="stable")[:most]
    found = _found_again(points, members, others, most, seed)
    part = most / len(others)
    bounds = binomtest(found, len(members)).proportion_ci(0.95, method="wilson")
    return Lookalikes(
        people=[people[others[row]] for row in best],
        scores=[float(score[row]) for row in best],
        members=len(members),
        unknown=unknown,
        lift=Interval(
            estimate=found / len(members) / part,
            low=float(bounds.low) / part,
            high=float(bounds.high) / part,
        ),
    )


def _found_again(points: Matrix, members: Rows, others: Rows, most: int, seed: int) -> int:
    """Members that a model of other members ranks within the `most` most alike."""
    fold = np.random.default_rng(seed).permutation(len(members)) % FOLDS
    found = 0
    for one in range(FOLDS):
        known, held = members[fold != one], members[fold == one]
        score = _scores(points, known, others, points[np.concatenate([held, others])])
        least = np.sort(score[len(held) :])[-most]
        found += int((score[: len(held)] > least).sum())
    return found


def _scores(points: Matrix, members: Rows, others: Rows, asked: Matrix) -> Matrix:
    rows = np.concatenate([members, others])
    label = np.arange(len(rows)) < len(members)
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)
    return np.asarray(model.fit(points[rows], label).predict_proba(asked)[:, 1])


def _too_few(members: int, others: int) -> Text:
    if not others:
        return Text(en="Everyone is on the list.", zh="名单已包含全部顾客。")
    return Text(
        en=f"Not enough data: the shop knows {members} people of the list, "
        f"{FEWEST_MEMBERS} are needed.",
        zh=f"数据不足：名单中只有 {members} 人是本店顾客，至少需要 {FEWEST_MEMBERS} 人。",
    )
