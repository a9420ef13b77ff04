from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from handbill.placement.pairs import Campaign
from handbill.placement.response.known import arrived, known_at, shares
from handbill.placement.response.model import fit

START = datetime(2026, 1, 1, tzinfo=UTC)


def campaign(name: str, first: int, days: int = 20) -> Campaign:
    starts = START + timedelta(days=first)
    return Campaign(
        id=name, kind="A", starts_at=starts, ends_at=starts + timedelta(days=days),
        offers=1, products=1,
    )  # fmt: skip


def pairs(one: Campaign, count: int, seed: int, *, slow: float = 0.3) -> pd.DataFrame:
    """A column drives who redeems; when follows a law of its own."""
    rng = np.random.default_rng(seed)
    liking = rng.normal(size=count)
    redeemed = rng.random(count) < 1 / (1 + np.exp(1.5 - 1.5 * liking))
    length = (one.ends_at - one.starts_at).total_seconds()
    at = one.starts_at.timestamp() + length * rng.uniform(0, 1, count) ** (1 / slow - 1)
    return pd.DataFrame(
        {
            "person": [f"p{rank}" for rank in range(count)],
            "campaign_id": one.id,
            "kind": "A",
            "liking": liking,
            "redeemed": redeemed,
            "redeemed_at": np.where(redeemed, at * 1e6, np.nan),
        }
    )


ENDED, RUNNING, COMING = campaign("ended", 0), campaign("running", 15), campaign("coming", 30)
MOMENT = RUNNING.starts_at + timedelta(days=6)


def test_what_had_not_happened_is_not_known() -> None:
    frame = pd.concat([pairs(one, 400, rank) for rank, one in enumerate((ENDED, RUNNING, COMING))])
    stated = {"running": np.full(400, 0.2), "ended": np.full(400, 0.2)}
    found = known_at(frame, (ENDED, RUNNING, COMING), MOMENT, stated)
    assert found["campaign_id"].unique().tolist() == ["ended", "running"]
    run = found[found["campaign_id"] == "running"]
    assert run["redeemed"].sum() == (run["redeemed_at"] < MOMENT.timestamp() * 1e6).sum() > 0
    later = frame.assign(
        redeemed_at=frame["redeemed_at"].where(
            frame["redeemed_at"] < MOMENT.timestamp() * 1e6, frame["redeemed_at"] + 1e9
        )
    )
    again = known_at(later, (ENDED, RUNNING, COMING), MOMENT, stated)
    pd.testing.assert_frame_equal(
        found.drop(columns="redeemed_at"), again.drop(columns="redeemed_at")
    )


def test_silence_counts_as_much_as_it_is_sure() -> None:
    frame = pd.concat([pairs(ENDED, 2_000, 1), pairs(RUNNING, 3, 2).assign(redeemed=False)])
    chance = np.array([0.0, 0.3, 1.0])
    found = known_at(frame, (ENDED, RUNNING), MOMENT, {"running": chance})
    weight = found.loc[found["campaign_id"] == "running", "weight"].to_numpy()
    came = arrived(shares(frame[frame["campaign_id"] == "ended"], [ENDED]), 0.3)
    assert came == pytest.approx(0.3 ** (3 / 7), abs=0.06)  # of uniform^(7/3)
    assert weight[0] == 1
    assert weight[1] == pytest.approx(1 - 0.3 * (1 - came) / (1 - 0.3 * came))
    assert weight[2] == pytest.approx(0)
    assert (found.loc[found["campaign_id"] == "ended", "weight"] == 1).all()


def test_without_a_stated_chance_or_an_ended_campaign_nothing_running_is_taken() -> None:
    frame = pd.concat([pairs(ENDED, 50, 1), pairs(RUNNING, 50, 2)])
    assert known_at(frame, (ENDED, RUNNING), MOMENT, {})["campaign_id"].unique() == ["ended"]
    alone = known_at(frame[50:], (RUNNING,), MOMENT, {"running": np.full(50, 0.1)})
    assert alone.empty
    assert "weight" in alone


def test_half_seen_campaigns_bring_the_model_nearer_to_the_truth() -> None:
    """The running campaign has many pairs, the ended few: weights beat leaving it out."""
    test = pairs(COMING, 4_000, 50)
    gains = []
    for seed in range(6):
        frame = pd.concat([pairs(ENDED, 150, seed), pairs(RUNNING, 1_500, 100 + seed)])
        stated = {"running": np.full(1_500, 0.25)}
        found = known_at(frame, (ENDED, RUNNING), MOMENT, stated)
        whole, ended = fit(found, seed=0), fit(found[found["campaign_id"] == "ended"], seed=0)
        y = test["redeemed"].to_numpy()
        losses = [
            -np.mean(np.where(y, np.log(p), np.log1p(-p)))
            for p in (one.probability(test) for one in (whole, ended))
        ]
        gains.append(losses[1] - losses[0])
        as_negatives = fit(found.assign(weight=1.0), seed=0)
        share = whole.probability(test).mean() / y.mean()
        assert abs(share - 1) < abs(as_negatives.probability(test).mean() / y.mean() - 1) + 0.02
    assert np.mean(gains) > 0.002
