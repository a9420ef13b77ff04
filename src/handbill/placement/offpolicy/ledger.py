"""What other choices would have brought, from the decision ledger and the log, or why not.

Who got a message was mostly certain, so nothing can be said of other people; which offers stood in
it was drawn, with every candidate's probability on record. A policy here is what it would have done
with those probabilities: sharper (the likely ones oftener), even, or as another plan draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np

from handbill.engine import connect
from handbill.errors import SourceError
from handbill.placement.offpolicy.estimators import Estimate
from handbill.placement.offpolicy.slots import LoggedSlots, estimate_slots
from handbill.placement.pairs import quoted, read_campaigns, view_events
from handbill.types import Text
from handbill.workspace import Workspace

REPLAY = "replay"
"""Consent basis of messages that were never sent: what followed them is not what they brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What stood in one slot and what could have.

    Attributes:
        creative: Chosen.
        candidates: Probability of each creative that could have stood there, given the slots above.
        reward: Whether its offer was redeemed within the campaign.
    """

    creative: str
    candidates: Mapping[str, float]
    reward: float


Message = tuple[Decision, ...]
"""Decisions of one message, lead first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Messages whose outcomes are in.

    Attributes:
        messages: By contact.
        unsent: Messages left out because they were only replayed.
        open: Messages left out because their campaign still ran.
    """

    messages: Mapping[str, Message]
    unsent: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A policy against the one that chose.

    Attributes:
        policy: Name.
        found: Redemptions per message by estimator, each with its interval or refusal.
    """

    policy: str
    found: tuple[Estimate, ...]


def read_ledger(workspace: Workspace, con: duckdb.DuckDBPyConnection, before: date) -> Ledger:
    """Join the ledger with the redemptions that followed.

    Args:
        workspace: With `log/decisions`.
        con: With the views `events` and `campaigns`.
        before: Outcomes are in for campaigns that ended by this day.

    Raises:
        SourceError: There is no ledger yet.
    """
    if next(workspace.decisions.rglob("*.parquet"), None) is None:
        raise SourceError(f"no decisions in {workspace.decisions}; run: handbill run DIR")
    path = workspace.decisions / "**" / "*.parquet"
    rows = con.execute(_FOLLOWED.format(ledger=quoted(path)), [before.isoformat()]).fetchall()
    messages: dict[str, list[Decision]] = {}
    left_out: dict[str, set[str]] = {"unsent": set(), "open": set()}
    for contact, creative, candidates, propensities, basis, ended, redeemed in rows:
        if basis == REPLAY or not ended:
            left_out["unsent" if basis == REPLAY else "open"].add(contact)
            continue
        messages.setdefault(contact, []).append(
            Decision(
                creative=creative,
                candidates=dict(zip(candidates, propensities, strict=True)),
                reward=float(redeemed),
            )
        )
    return Ledger(
        messages={contact: tuple(some) for contact, some in messages.items()},
        unsent=len(left_out["unsent"]),
        open=len(left_out["open"]),
    )


_FOLLOWED = """
    SELECT d.plan_id || '/' || d.contact_id, d.creative_id, d.candidates, d.propensities,
        d.consent_basis, c.ends_at <= ?::DATE::TIMESTAMPTZ,
        EXISTS (SELECT 1 FROM events e WHERE e.event = 'select_promotion'
            AND e.person = d.person AND e.promotion_id = d.campaign_id
            AND e.promotion_id || '-' || e.coupon = d.offer_id
            AND e.occurred_at >= d.send_at AND e.occurred_at < c.ends_at)
    FROM read_parquet({ledger}, hive_partitioning = false) d
    JOIN campaigns c ON c.id = d.campaign_id
    ORDER BY d.plan_id, d.contact_id, d.slot
"""


def judge(
    workspace: Workspace, before: date, powers: Sequence[float]
) -> tuple[Compared, ...] | Text:
    """Judge the ledger's own choices, even ones, and sharper or blunter ones.

    Args:
        workspace: The shop.
        before: Outcomes are in for campaigns that ended by this day.
        powers: Of the logged probabilities.

    Raises:
        SourceError: There is no ledger or no log, or a power is below 0.
    """
    if any(not power >= 0 for power in powers):
        raise SourceError(f"powers are {list(powers)}; give numbers of 0 or more")
    con = connect(memory_gb=2.0, threads=2).con
    if not view_events(workspace, con) or not read_campaigns(workspace, con):
        raise SourceError(f"no campaigns in {workspace.root}; run: handbill run DIR")
    policies = {"logged": 1.0, "even": 0.0, **{f"sharpened by {one:g}": one for one in powers}}
    return compare(read_ledger(workspace, con, before), policies)


def sharpened(candidates: Mapping[str, float], power: float) -> dict[str, float]:
    """Probabilities raised to a power: 0 makes them even, 1 leaves them, infinity takes the best.

    The choice of a plan with temperature T becomes that of T / power.

    Example:
        >>> sharpened({"a": 0.6, "b": 0.2, "c": 0.2}, 0)["a"]
        0.3333333333333333
        >>> sharpened({"a": 0.6, "b": 0.2, "c": 0.2}, float("inf"))
        {'a': 1.0, 'b': 0.0, 'c': 0.0}
    """
    p = np.array(list(candidates.values()))
    raised = (p == p.max()) * 1.0 if np.isinf(power) else np.where(p > 0, p / p.max(), 0) ** power
    raised[p == 0] = 0.0
    raised /= raised.sum()
    return dict(zip(candidates, raised.tolist(), strict=True))


def compare(ledger: Ledger, powers: Mapping[str, float]) -> tuple[Compared, ...] | Text:
    """Judge policies by what the ledger's own choices brought.

    Args:
        ledger: From `read_ledger`.
        powers: Policies by name, as powers of the logged probabilities.

    Returns:
        One answer per policy, or why there is none at all.
    """
    if not ledger.messages:
        return _nothing(ledger)
    return tuple(
        Compared(policy=name, found=_estimates(ledger, power)) for name, power in powers.items()
    )


def _estimates(ledger: Ledger, power: float) -> tuple[Estimate, ...]:
    """All but IIPS, which needs slots that do not depend on those above; no offer comes twice."""
    target = {
        contact: tuple(sharpened(one.candidates, power) for one in message)
        for contact, message in ledger.messages.items()
    }
    return tuple(
        one for one in estimate_slots(logged_slots(ledger, target)) if one.method != "iips"
    )


def logged_slots(
    ledger: Ledger, target: Mapping[str, tuple[Mapping[str, float], ...]]
) -> LoggedSlots:
    """The messages seen from another policy.

    Args:
        ledger: Messages.
        target: By contact, probabilities of the candidates of each slot under the other policy;
            a candidate that is not in it would not have been chosen.

    Returns:
        (N, S) arrays; a slot that a message lacks is certain and brings nothing.
    """
    slots = max(len(message) for message in ledger.messages.values())
    shape = (len(ledger.messages), slots)
    reward, propensity, wanted = np.zeros(shape), np.ones(shape), np.ones(shape)
    for row, (contact, message) in enumerate(ledger.messages.items()):
        for slot, one in enumerate(message):
            reward[row, slot] = one.reward
            propensity[row, slot] = one.candidates[one.creative]
            wanted[row, slot] = target[contact][slot].get(one.creative, 0.0)
    return LoggedSlots(reward=reward, propensity=propensity, target=wanted)


def _nothing(ledger: Ledger) -> Text:
    if ledger.unsent:
        return Text(
            en=f"Nothing can be compared: {ledger.unsent} messages of the ledger were replayed, "
            "never sent, so what followed is not what they brought.",
            zh=f"无法比较：决策账本中的 {ledger.unsent} 条消息只是回放，从未发出，"
            "此后的结果并非由它们带来。",
        )
    if ledger.open:
        return Text(
            en=f"Nothing can be compared yet: the campaigns of all {ledger.open} messages are "
            "still running.",
            zh=f"暂时无法比较：{ledger.open} 条消息所属的活动都还在进行。",
        )
    return Text(
        en="Nothing can be compared: the ledger holds no decision.",
        zh="无法比较：决策账本中没有决策。",
    )
