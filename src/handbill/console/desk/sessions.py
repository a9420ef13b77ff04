"""Sessions: who is signed in, in this process only; a restart signs everybody out."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

COOKIE = "handbill_desk"
LASTS = timedelta(hours=12)


@dataclass(slots=True)
class Sessions:
    """Who holds which token, until when.

    Attributes:
        open: Token -> name and end.
    """

    open: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def begin(self, name: str, now: datetime) -> str:
        """A token for someone who has shown a key."""
        self.open = {one: held for one, held in self.open.items() if held[1] > now}
        token = secrets.token_urlsafe(32)
        self.open[token] = (name, now + LASTS)
        return token

    def who(self, token: str, now: datetime) -> str | None:
        """Who holds a token; None when it is unknown or over."""
        held = self.open.get(token)
        return held[0] if held is not None and held[1] > now else None

    def end(self, token: str) -> None:
        """Sign out."""
        self.open.pop(token, None)
