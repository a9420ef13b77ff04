"""What a plan changes against the one before it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from handbill.placement.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A plan that was made before, as the state remembers it.

    Attributes:
        id: Of the plan.
        as_of: Its day.
        settings: It was made under.
        expected: What it promised: `redemptions`, `messages`, `spend_micros`, ...; a plan of an
            older version may lack some.
    """

    id: str
    as_of: str
    settings: Mapping[str, Any]
    expected: Mapping[str, Any]

    @property
    def redemptions(self) -> float:
        """Redemptions it expected."""
        return float(self.expected["redemptions"]["estimate"])


def same_result(earlier: Sequence[Earlier]) -> float | None:
    """The redemptions that a plan that spends less must reach.

    Those of the newest plan that was not itself told to spend less: made twice, the plan aims at
    the same. None when there is no such plan.
    """
    for one in earlier:
        if not one.settings.get("spend_less"):
            return one.redemptions
    return None


def changes(
    plan_id: str,
    promised: Mapping[str, Any],
    settings: Settings,
    earlier: Sequence[Earlier],
) -> dict[str, Any] | None:
    """The difference from the newest other plan, None when there is none.

    Settings that the other plan did not know of yet are left out.

    Args:
        plan_id: Of the new plan.
        promised: Its `redemptions`, `messages` and `spend_micros`.
        settings: It was made under.
        earlier: Plans made before, the newest first.
    """
    last = next((one for one in earlier if one.id != plan_id), None)
    if last is None:
        return None
    figures = {"redemptions": (last.redemptions, float(promised["redemptions"]["estimate"]))}
    for name in ("messages", "spend_micros"):
        if name in last.expected:
            figures[name] = (last.expected[name], promised[name])
    now = asdict(settings)
    return {
        "plan_id": last.id,
        "as_of": last.as_of,
        "figures": [
            {"name": name, "before": round(before, 3), "after": round(after, 3)}
            for name, (before, after) in figures.items()
        ],
        "settings": [
            {"name": name, "before": last.settings[name], "after": value}
            for name, value in now.items()
            if name in last.settings and last.settings[name] != value
        ],
    }
