"""The shop's example ads: what the writer is tuned on."""

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from handbill.creative.pairs import Pair
from handbill.creative.prompt import Draft, completion_for, prompt_for
from handbill.creative.template import without_terms
from handbill.errors import SourceError
from handbill.types import Brief, Fact, Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A brief with the ad that a person wrote for it.

    Attributes:
        brief: Facts and audience.
        draft: The ad.
    """

    brief: Brief
    draft: Draft


def read_examples(language: Language) -> tuple[Example, ...]:
    """The examples that come with Handbill, in one language."""
    name = f"{language}.jsonl"
    text = files("handbill.creative").joinpath("examples", name).read_text(encoding="utf-8")
    return parse_examples(text, name)


def parse_examples(text: str, name: str) -> tuple[Example, ...]:
    """Read examples from JSON lines.

    Args:
        text: One object a line: facts, audience, language, channel, headline, body, call_to_action.
        name: Of the file, for the error.

    Raises:
        SourceError: A line is not such an object.
    """
    examples = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            examples.append(_example(json.loads(line), line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{name}, line {number} is not an example ad: {error!r}") from error
    return tuple(examples)


def pair_of(example: Example) -> Pair:
    """What a model learns from an example: the request, and the part of the ad that it writes."""
    values = {fact.name: fact.value for fact in example.brief.facts}
    return Pair(
        prompt=prompt_for(example.brief),
        completion=completion_for(without_terms(example.draft, example.brief)),
        product=values.get("product", values.get("category", example.brief.id)),
    )


def _example(row: dict[str, Any], line: str) -> Example:
    facts = tuple(
        Fact(name=slot, value=str(value), source="example") for slot, value in row["facts"].items()
    )
    brief = Brief(
        id=hashlib.sha256(line.encode()).hexdigest()[:16],
        segment_id="",
        offer_id="",
        language=row["language"],
        channel=row["channel"],
        facts=facts,
        audience=row["audience"],
    )
    draft = Draft(headline=row["headline"], body=row["body"], call_to_action=row["call_to_action"])
    return Example(brief=brief, draft=draft)
