"""What was written: ads as their readers see them, where each fact comes from, what was refused."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from handbill.console.reading import Reader, offer_labels, segment_names
from handbill.types import LANGUAGES, SLOT, Text, as_written

SHOWN_PAIRS = 6
SHOWN_REJECTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of an ad.

    Attributes:
        text: As the reader sees it.
        source: The field a fact comes from; empty for words the writer chose.
    """

    text: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ad:
    """One ad, rendered from its template and facts.

    Attributes:
        id: As in the tables.
        language: `en` or `zh`.
        headline: Subject.
        body: One or two sentences.
        call_to_action: Button.
        origin: `model` or `template`.
    """

    id: str
    language: str
    headline: tuple[Span, ...]
    body: tuple[Span, ...]
    call_to_action: tuple[Span, ...]
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One offer for one segment, in the languages it was written in.

    Attributes:
        offer: What is offered.
        segment: Whom it is for.
        ads: English first.
    """

    offer: Text
    segment: Text
    ads: tuple[Ad, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A candidate that the checks did not let through.

    Attributes:
        ad: What the model wrote.
        rule: The rule it broke.
        span: The words it concerns.
        reason: One sentence.
    """

    ad: Ad
    rule: str
    span: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Ads of one language, by what became of them.

    Attributes:
        language: `en` or `zh`.
        written: All of them.
        passed: Every check; some of them others outranked.
        waiting: For a person's approval.
        rejected: By a check.
        by_model: Of those not rejected, written by the model and not filled from a template.
        by_template: The others of those not rejected.
    """

    language: str
    written: int
    passed: int
    waiting: int
    rejected: int
    by_model: int
    by_template: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ads:
    """All ads.

    Attributes:
        tallies: Per language.
        pairs: Some that passed, side by side.
        refused: Some that did not, one per rule where possible.
        rules: Rule and how many candidates it stopped, most first.
        models: Model and adapter, each once.
    """

    tallies: tuple[Tally, ...]
    pairs: tuple[Pair, ...]
    refused: tuple[Refused, ...]
    rules: tuple[tuple[str, int], ...]
    models: tuple[str, ...]

    @property
    def written(self) -> int:
        """All ads."""
        return sum(tally.written for tally in self.tallies)

    @property
    def passed(self) -> int:
        """Ads that passed every check."""
        return sum(tally.passed for tally in self.tallies)

    @property
    def by_model(self) -> int:
        """Ads kept that the model wrote."""
        return sum(tally.by_model for tally in self.tallies)

    @property
    def rejected(self) -> int:
        """Ads that a check stopped."""
        return sum(tally.rejected for tally in self.tallies)


def read_ads(reader: Reader) -> Ads | None:
    """The ads; None when none were written yet."""
    path = reader.workspace.tables / "creatives.parquet"
    rows = reader.rows("SELECT * FROM {creatives} ORDER BY id", creatives=path)
    if not rows:
        return None
    stopped = [row for row in rows if row["status"] == "rejected" and _rules(row)]
    rules = Counter(rule for row in stopped for rule in sorted(_rules(row)))
    models = {" + ".join(filter(None, (row["model"], row["adapter"]))) for row in rows}
    return Ads(
        tallies=tuple(
            _tally(one, rows) for one in LANGUAGES if any(r["language"] == one for r in rows)
        ),
        pairs=_pairs(reader, [row for row in rows if row["status"] != "rejected"]),
        refused=_refused(stopped),
        rules=tuple(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
        models=tuple(sorted(models - {""})),
    )


def spans(template: str, slots: Mapping[str, Any]) -> tuple[Span, ...]:
    """A template with its slots filled, each filled stretch with its source.

    Example:
        >>> spans("Until {day}.", {"day": {"value": "Friday", "source": "campaigns#ends"}})[1]
        Span(text='Friday', source='campaigns#ends')
    """
    parts: list[Span] = []
    last = 0
    for match in re.finditer(SLOT, template):
        fact = slots.get(match.group(1))
        if fact is None:  # an unknown slot stays visible: it is why such an ad was refused
            continue
        if match.start() > last:
            parts.append(Span(text=template[last : match.start()]))
        value = as_written(str(fact["value"]), template[: match.start()])
        parts.append(Span(text=value, source=str(fact.get("source", ""))))
        last = match.end()
    if last < len(template):
        parts.append(Span(text=template[last:]))
    return tuple(parts)


def _tally(language: str, rows: Iterable[dict[str, Any]]) -> Tally:
    mine = [row for row in rows if row["language"] == language]
    kept = [row for row in mine if row["status"] != "rejected"]
    by_model = sum(row["origin"] == "model" for row in kept)
    return Tally(
        language=language,
        written=len(mine),
        passed=sum(not _rules(row) for row in mine),
        waiting=sum(row["status"] == "waiting" for row in kept),
        rejected=sum(row["status"] == "rejected" and bool(_rules(row)) for row in mine),
        by_model=by_model,
        by_template=len(kept) - by_model,
    )


def _ad(row: Mapping[str, Any]) -> Ad:
    slots = json.loads(row["slots"] or "{}")
    return Ad(
        id=row["id"],
        language=row["language"],
        headline=spans(row["headline"] or "", slots),
        body=spans(row["body"] or "", slots),
        call_to_action=spans(row["call_to_action"] or "", slots),
        origin=row["origin"],
    )


def _pairs(reader: Reader, rows: list[dict[str, Any]]) -> tuple[Pair, ...]:
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda one: (one["origin"] != "model", one["id"])):
        group = groups.setdefault((row["segment_id"], row["offer_id"]), {})
        group.setdefault(row["language"], row)
    chosen: list[tuple[str, str]] = []
    uses: Counter[str] = Counter()
    while len(chosen) < min(SHOWN_PAIRS, len(groups)):
        # The model's ads in both languages first; then a new offer and a new segment each time.
        key = min(
            groups.keys() - set(chosen),
            key=lambda one: (-_merit(groups[one]), 2 * uses[one[1]] + uses[one[0]], one),
        )
        chosen.append(key)
        uses.update(key)
    names, offers = segment_names(reader), offer_labels(reader)
    return tuple(
        Pair(
            offer=offers.get(offer, Text(en=offer, zh=offer)),
            segment=names.get(segment, Text(en="Everyone", zh="全部顾客")),
            ads=tuple(_ad(group[one]) for one in LANGUAGES if one in group),
        )
        for segment, offer in chosen
        for group in (groups[segment, offer],)
    )


def _merit(group: Mapping[str, Mapping[str, Any]]) -> int:
    by_model = [row for row in group.values() if row["origin"] == "model"]
    return 2 * len(by_model) + len(group)


def _rules(row: Mapping[str, Any]) -> set[str]:
    return {one["rule"] for one in json.loads(row["findings"] or "[]") if one["outcome"] != "pass"}


def _refused(rows: list[dict[str, Any]]) -> tuple[Refused, ...]:
    """One example per rule and language, the rules that stop most first, then the rest."""
    stops = Counter(rule for row in rows for rule in _rules(row))
    examples: list[tuple[int, str, Refused]] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        for finding in json.loads(row["findings"] or "[]"):
            key = (finding["rule"], row["language"])
            if finding["outcome"] == "pass" or key in seen or not (row["body"] or "").strip():
                continue
            seen.add(key)
            one = Refused(
                ad=_ad(row), rule=finding["rule"], span=finding["span"], reason=finding["reason"]
            )
            examples.append((-stops[finding["rule"]], row["id"], one))
            break
    examples.sort(key=lambda item: item[:2])
    return tuple(one for _, _, one in examples[:SHOWN_REJECTED])
