"""The backtest campaign by campaign."""

from collections.abc import Sequence
from functools import partial

from handbill.feedback.bootstrap import bootstrap, poisson_binomial, wilson
from handbill.feedback.metrics import auc
from handbill.feedback.pairs import Campaign, Pairs
from handbill.feedback.records import CampaignResult
from handbill.feedback.settings import Settings
from handbill.types import Text


def by_campaign(
    pairs: Pairs, campaigns: Sequence[Campaign], settings: Settings
) -> tuple[CampaignResult, ...]:
    """Each campaign with pairs, in order of start.

    Args:
        pairs: Of all campaigns.
        campaigns: Those that were scored.
        settings: Resamples, seed and least numbers.
    """
    results = ((one, pairs.where(pairs.campaign == one.id)) for one in campaigns)
    return tuple(_result(campaign, own, settings) for campaign, own in results if len(own))


def _result(campaign: Campaign, own: Pairs, settings: Settings) -> CampaignResult:
    redeemers = int(own.outcome.sum())
    expected = poisson_binomial(own.probability)
    draws, why = {}, too_few(redeemers, len(own) - redeemers, settings.min_each)
    if why is None:
        draws = bootstrap(
            {
                "auc": partial(auc, own.outcome, own.probability),
                "rf": partial(auc, own.outcome, own.score_rf),
            },
            own.person,
            resamples=settings.resamples,
            seed=settings.seed,
        )
    return CampaignResult(
        id=campaign.id,
        kind=campaign.kind,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        pairs=len(own),
        redeemers=redeemers,
        rate=wilson(redeemers, len(own)),
        expected=expected,
        inside=expected.low <= redeemers <= expected.high if campaign.ended else None,
        ended=campaign.ended,
        auc=draws["auc"].interval() if draws else None,
        auc_recency_frequency=draws["rf"].interval() if draws else None,
        trained_on=campaign.trained_on,
        trained_pairs=campaign.trained_pairs,
        why=why,
    )


def too_few(redeemers: int, others: int, least: int) -> Text | None:
    """Why a campaign has no AUC of its own, or None when it has enough of both.

    Example:
        >>> too_few(3, 80, 10).en
        'Not enough data for an AUC: 3 redeemed and 80 did not, 10 of each are needed.'
    """
    if min(redeemers, others) >= least:
        return None
    return Text(
        en=f"Not enough data for an AUC: {redeemers:,} redeemed and {others:,} did not, "
        f"{least} of each are needed.",
        zh=f"数据不足，无法计算 AUC：{redeemers:,} 人用券，{others:,} 人未用，"
        f"两边各需至少 {least} 人。",
    )
