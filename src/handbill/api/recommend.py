"""`GET /v1/recommend`: what to show a customer, from the table that the last run wrote.

Reading tells what people bought, so it takes a key of its own, never the tag's public one.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from handbill.api.writekeys import WriteKeys
from handbill.audience.recommend.suggestions import read_recommendations
from handbill.errors import SourceError
from handbill.trust.identity import pseudonym
from handbill.workspace import Workspace

MOST = 200
READ_VARIABLE = "HANDBILL_READ_KEYS"
READ_FILE = "read.keys"


class Recommending:
    """Answers who may ask.

    Args:
        workspace: Whose audience stage has run.
        keys: Who may read.
        key: The identity key.
    """

    def __init__(self, workspace: Workspace, keys: WriteKeys, key: bytes) -> None:
        self._workspace = workspace
        self._keys = keys
        self._key = key

    async def answer(self, authorization: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """HTTP status and body.

        Args:
            authorization: The header: `Bearer` and a read key.
            query: `customer`, the shop's own id, and `k`.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or token.strip() not in self._keys:
            return said(403, "unknown_key", "give a read key: Authorization: Bearer KEY")
        customer, k = query.get("customer", ""), query.get("k", "20")
        if not customer:
            return said(400, "invalid", "name a customer: ?customer=ID")
        if not k.isdigit() or not 1 <= int(k) <= MOST:
            return said(400, "invalid", f"k is a whole number from 1 to {MOST}")
        try:
            found = await asyncio.to_thread(self._find, customer, int(k))
        except SourceError as error:
            return said(503, "not_ready", str(error).replace(str(self._workspace.root), "DIR"))
        return 200, msgspec.json.encode(found)

    def _find(self, customer: str, k: int) -> dict[str, Any]:
        person = pseudonym(self._key, "customer", customer)
        items, known = read_recommendations(self._workspace, person, k)
        return {"known": known, "items": [asdict(one) for one in items]}


def said(status: int, error: str, detail: str) -> tuple[int, bytes]:
    """A refusal with its reason."""
    return status, msgspec.json.encode({"error": error, "detail": detail})
