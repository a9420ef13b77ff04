"""Proofreading: copy that people wrote, claim by claim, against the catalogue and the law."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handbill.creative.claims import Claim, find, languages
from handbill.creative.disguise import plain
from handbill.creative.goods import NOTHING, Field, Product
from handbill.creative.packs import SEVERITY, Outcome, Rule, read_pack, rules_for
from handbill.creative.support import Support, bare, support
from handbill.types import Finding, Text

NAMED = ("title", "brand", "model", "mpn", "product_type", "category", "type")
"""Fields whose words name the product: to call it by its name asserts nothing."""

_UNNAMED = ("absolute", "new", "natural", "certainty", "personal", "beauty", "health", "green")
"""Kinds that words of a name do not assert."""

LONGEST = 5_000
"""Characters of one text; a longer one is not an ad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one claim comes to.

    Attributes:
        kind: Of claim, or `gate:` and a kind of goods.
        start: Where it begins in the text as written.
        end: Where it ends.
        span: The words as written.
        outcome: `block`, `evidence` (a person has to add a record) or `pass`.
        pack: That ruled.
        article: Of law or guide.
        why: One sentence.
        way: The way out.
        source: Field or record that it rests on, or that says otherwise; empty for none.
        disguise: How it was hidden; empty when it was not.
        loose: Whether only topic or sound says that it is a claim.
    """

    kind: str
    start: int
    end: int
    span: str
    outcome: Outcome
    pack: str
    article: str
    why: Text
    way: Text
    source: str
    disguise: str
    loose: bool = False

    def finding(self) -> Finding:
        """As the shelf keeps it."""
        rests = f" It rests on {self.source}." if self.outcome == "pass" and self.source else ""
        return Finding(
            rule=self.kind,
            span=self.span,
            outcome=self.outcome,
            reason=f"{self.why.en.rstrip('.')}: {self.article}.{rests}",
        )


def proofread(
    text: str,
    product: Product = NOTHING,
    *,
    packs: Sequence[str],
    records: Sequence[Field] = (),
) -> tuple[Ruling, ...]:
    """Find every claim of a text and rule on it.

    Args:
        text: As a person wrote it.
        product: What it is about; without one, nothing supports its claims.
        packs: Names of the markets and platforms it is for.
        records: Evidence that people added and nobody withdrew.

    Returns:
        One ruling for each claim, the strictest of the packs', in the order of their places; what
        is supported is there as `pass` with its source.

    Example:
        >>> [(one.kind, one.outcome) for one in proofread("全国第一的咖啡", packs=["cn"])]
        [('absolute', 'block')]
    """
    if len(text) > LONGEST:
        return (_too_long(text),)
    found = _gates(text, product, packs)
    for claim in find(text):
        if not ((claim.loose or claim.kind in _UNNAMED) and _is_name(claim, product)):
            rules = rules_for(claim.kind, packs)
            rulings = [_rule_on(claim, text, product, records, rule) for rule in rules]
            if rulings:
                found.append(max(rulings, key=lambda one: SEVERITY[one.outcome]))
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.kind)))


def bears(record: Field, words: str) -> bool:
    """Whether a record states some words."""
    return bare(words) in bare(record.value)


def worst(rulings: Iterable[Ruling]) -> Outcome:
    """The outcome of a text: that of its worst claim."""
    return max((one.outcome for one in rulings), key=SEVERITY.__getitem__, default="pass")


def _rule_on(
    claim: Claim, text: str, product: Product, records: Sequence[Field], rule: Rule
) -> Ruling:
    borne = support(claim, product, records, rule)
    outcome: Outcome = rule.outcome
    if borne.state == "supported":
        outcome = "pass"
    elif borne.state == "contradicted":
        outcome = "block"
    elif claim.loose and outcome == "block":
        outcome = "evidence"
    return Ruling(
        kind=claim.kind,
        start=claim.start,
        end=claim.end,
        span=text[claim.start : claim.end],
        outcome=outcome,
        pack=rule.pack,
        article=rule.article,
        why=_why(rule, borne),
        way=rule.way,
        source=borne.source,
        disguise=claim.disguise,
        loose=claim.loose,
    )


def _why(rule: Rule, borne: Support) -> Text:
    if borne.state == "supported":
        return Text(en=f"It says what {borne.source} says.", zh=f"与 {borne.source} 一致。")
    if borne.state == "contradicted":
        return Text(
            en=f"{borne.source} says otherwise: {borne.says}.",
            zh=f"与 {borne.source} 不符：{borne.says}。",
        )
    return rule.why


def _is_name(claim: Claim, product: Product) -> bool:
    """Whether the words stand in the product's own name or mark."""
    named = "\n".join(one.value for one in product.fields if one.name in NAMED)
    return bool(claim.words.strip()) and claim.words in plain(named, "zh").text


def _gates(text: str, product: Product, packs: Sequence[str]) -> list[Ruling]:
    named = [one.value for one in product.fields if one.name in NAMED]
    read = [plain("\n".join(named), language).text for language in languages("\n".join(named))]
    whole = "\n".join(plain(text, language).text for language in languages(text))
    found = []
    for name in packs:
        for gate in read_pack(name).gates:
            bare = [gate.unless.sub(" ", one) if gate.unless else one for one in read]
            if not any(gate.words.search(one) for one in bare):
                continue
            if gate.says is not None and gate.says.search(whole):
                continue
            found.append(
                Ruling(
                    kind=f"gate:{gate.name}",
                    start=0,
                    end=0,
                    span="",
                    outcome=gate.outcome,
                    pack=name,
                    article=gate.article,
                    why=gate.why,
                    way=Text(en="A person looks at it.", zh="由人核对。"),
                    source=f"catalog#{product.id}",
                    disguise="",
                )
            )
    return found


def implied(text: str) -> Ruling:
    """What a model's suspicion of a whole text comes to: a person looks."""
    return Ruling(
        kind="implied", start=0, end=len(text), span=text, outcome="evidence", pack="facts",
        article="Directive 2005/29/EC art. 6(1); FTC Act s. 5; 广告法第二十八条",
        why=Text(en="It seems to claim something without saying so.", zh="像是话里有话的宣称。"),
        way=Text(en="A person reads it.", zh="由人读一遍。"), source="", disguise="", loose=True,
    )  # fmt: skip


def _too_long(text: str) -> Ruling:
    return Ruling(
        kind="length", start=0, end=len(text), span=text[:60], outcome="block", pack="facts",
        article="Handbill's own bound",
        why=Text(en=f"{len(text)} characters are no ad.", zh=f"{len(text)} 个字不是广告。"),
        way=Text(en=f"Cut it to {LONGEST}.", zh=f"删到 {LONGEST} 字以内。"),
        source="", disguise="",
    )  # fmt: skip
