import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.placement.bidding.landscape import PriceCurve
from handbill.placement.bidding.shading import shade


def test_uniform_prices_are_bid_half_of_the_worth() -> None:
    curve = PriceCurve.of(np.linspace(0, 1, 5001))  # the textbook: bid worth / 2
    worth = np.array([0.2, 0.5, 1.0])
    np.testing.assert_allclose(shade(worth, curve).bid, worth / 2, atol=0.005)


def test_shading_earns_more_than_bidding_the_worth_or_a_share_of_it() -> None:
    rng = np.random.default_rng(2)
    prices = rng.lognormal(0, 0.6, 4000)
    curve = PriceCurve.of(prices[:2000])
    worth = rng.lognormal(0.5, 0.5, 2000)

    def surplus(bid: Floats) -> float:
        return float(np.where(bid >= prices[2000:], worth - bid, 0).sum())

    ours = surplus(shade(worth, curve).bid)
    assert ours > max(surplus(share * worth) for share in (0.5, 0.6, 0.7, 0.8, 1.0))


@given(
    worth=hnp.arrays(np.float64, 6, elements=st.floats(0, 1e6)),
    floor=hnp.arrays(np.float64, 6, elements=st.floats(0, 1e6)),
    prices=hnp.arrays(np.float64, st.integers(1, 600), elements=st.floats(0, 1e6)),
)
def test_bids_lie_between_floor_and_worth(worth: Floats, floor: Floats, prices: Floats) -> None:
    shaded = shade(worth, PriceCurve.of(prices), floor=floor)
    made = shaded.bid > 0
    assert (shaded.bid[made] <= worth[made]).all()
    assert (shaded.bid[made] >= floor[made]).all()
    assert (shaded.surplus >= 0).all()


def test_a_deal_is_taken_when_it_is_the_better_buy() -> None:
    curve = PriceCurve.of(np.linspace(0, 10, 101))
    worth = np.array([8.0, 8.0, 8.0, 1.0])  # the auction is worth about 1.6 of surplus at 8
    shaded = shade(worth, curve, deal=np.array([5.0, 7.0, np.inf, 2.0]))
    assert shaded.take_deal.tolist() == [True, False, False, False]
    assert shaded.bid[0] == 0 and (shaded.bid[1:3] > 0).all()
    assert shaded.surplus[0] == 3.0


def test_nan_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match=r"worth\[0\]"):
        shade(np.array([np.nan]), PriceCurve.of(np.ones(3)))
