from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from handbill.placement.pairs import Campaign
from handbill.placement.response.walk_forward import ended_before, scored, walk
from handbill.placement.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Settings(walk_forward_from=3, walk_forward_pairs=100, min_redeemers=10, min_campaigns=2)


def campaign(rank: int, *, days: int = 10) -> Campaign:
    starts = START + timedelta(days=10 * rank)
    return Campaign(
        id=f"k{rank}", kind="A", starts_at=starts, ends_at=starts + timedelta(days=days),
        offers=3, products=9,
    )  # fmt: skip


def history(campaigns: int, people: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        [(f"p{who}", f"k{rank}") for rank in range(campaigns) for who in range(people)],
        columns=["person", "campaign_id"],
    )
    frame["liking"] = rng.normal(0, 1, len(frame))
    frame["redeemed"] = rng.random(len(frame)) < 1 / (1 + np.exp(1.5 - 1.5 * frame["liking"]))
    start = [campaign(int(one[1:])).starts_at.timestamp() for one in frame["campaign_id"]]
    moment = (np.array(start) + rng.uniform(0, 9 * 86_400, len(frame))) * 1e6
    frame["redeemed_at"] = np.where(frame["redeemed"], moment, np.nan)
    return frame.assign(kind="A", prior=0.05)


def quiet(name: str, part: float) -> None:
    assert name and 0 <= part < 1


def test_a_campaign_that_is_still_running_teaches_nothing() -> None:
    campaigns = (campaign(0), campaign(1, days=11), campaign(2))
    assert ended_before(campaigns, campaigns[2].starts_at) == (campaigns[0],)
    assert ended_before(campaigns, campaigns[1].ends_at) == campaigns[:2]


def test_later_outcomes_change_nothing_before_them() -> None:
    frame = history(6)
    campaigns = [campaign(rank) for rank in range(6)]
    plain = walk(frame, campaigns, SETTINGS, quiet)
    late = frame["campaign_id"].isin(["k4", "k5"])
    turned = frame.assign(redeemed=frame["redeemed"] ^ late, liking=frame["liking"])
    other = walk(turned, campaigns, SETTINGS, quiet)
    for before, after in zip(plain[:5], other[:5], strict=True):
        np.testing.assert_array_equal(before.pairs["probability"], after.pairs["probability"])
    assert not np.array_equal(plain[5].pairs["score"], other[5].pairs["score"])


def test_too_little_past_takes_the_prior() -> None:
    found = walk(history(4), [campaign(rank) for rank in range(4)], SETTINGS, quiet)
    assert [one.trained_on for one in found] == [0, 0, 2, 3]
    assert [one.trained_pairs for one in found] == [0, 0, 300, 450]
    assert (found[1].pairs["probability"] == 0.05).all()
    assert found[1].pairs["score"].isna().all()


def test_the_probabilities_hold_forward_in_time() -> None:
    found = walk(history(8), [campaign(rank) for rank in range(8)], SETTINGS, quiet)
    rows = pd.concat([one.pairs for one in found[3:]])
    spread = np.sqrt((rows["probability"] * (1 - rows["probability"])).sum())
    assert abs(rows["probability"].sum() - rows["redeemed"].sum()) < 3.5 * spread


def test_the_backtest_counts_from_its_start_and_leaves_small_campaigns_out() -> None:
    frame = history(5)
    small = frame[(frame["campaign_id"] != "k3") | (frame["person"].isin(["p1", "p2"]))]
    found = walk(small, [campaign(rank) for rank in range(5)], SETTINGS, quiet)
    assert [one.campaign.id for one in scored(found, SETTINGS)] == ["k2", "k4"]


def test_a_past_without_any_redeemer_has_no_model() -> None:
    frame = history(4).assign(redeemed=False)
    found = walk(frame, [campaign(rank) for rank in range(4)], SETTINGS, quiet)
    assert all(one.trained_on == 0 for one in found)
