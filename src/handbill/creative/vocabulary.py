"""A vocabulary cut to what the shop writes: most of a small multilingual model is words of others.

Gemma 3 270M spends 168 of its 268 million weights on 262,144 tokens. Cut to the tokens of a corpus
and the common ones of its scripts, it says the same with a third of the memory and half the work.
"""

import hashlib
import json
import shutil
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from handbill.creative.models import ModelFolder, frame, load_weights, quiet
from handbill.errors import ModelError
from handbill.types import SLOT
from handbill.workspace import read_json, write_json

COMMON = 32_768
"""Latin pieces with a smaller number than this are kept: byte pairs are numbered by frequency."""

SHARE = 0.05
"""A script that makes up less than this of a corpus counts as absent."""

_LATIN = 0x180
_HAN = frozenset(
    bytes([high, low]).decode("gb2312")
    for high in range(0xB0, 0xD8)
    for low in range(0xA1, 0xFF if high < 0xD7 else 0xFA)
)
"""The 3,755 characters of everyday Chinese: level 1 of GB 2312."""


def choose(base: ModelFolder, texts: Iterable[str]) -> tuple[int, ...]:
    """The tokens worth keeping for texts like these.

    Every text given is cut into the same tokens as before: a merge is kept when what it makes is.
    What was not given still has its letters, its common pieces and, last, its bytes.

    Args:
        base: The whole model.
        texts: What will be read and written; the model's own frame around it is kept as well.

    Returns:
        Token ids of the base, ascending.

    Raises:
        ModelError: The tokenizer is not one of byte pairs.
    """
    from transformers import AutoTokenizer

    spec = _spec(base)
    vocabulary: dict[str, int] = spec["model"]["vocab"]
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(base.path, local_files_only=base.offline)
    corpus = [*texts, frame(tokenizer, "")]
    used = {one for ids in tokenizer(corpus)["input_ids"] for one in ids}
    special = set(tokenizer.all_special_ids)
    kept = {piece for piece, number in vocabulary.items() if number in used or number in special}
    signs = SLOT.sub("", "".join(corpus))  # slots are written in Latin whatever the language
    latin = sum(sign.isascii() and sign.isalpha() for sign in signs) >= SHARE * len(signs)
    chinese = sum("\u4e00" <= sign <= "\u9fff" for sign in signs) >= SHARE * len(signs)
    for piece, number in vocabulary.items():
        word = piece.strip("▁Ġ")
        common = latin and number < COMMON and word.isascii() and word.isalpha()
        if common or _atom(piece) or (chinese and word and _HAN.issuperset(word)):
            kept.add(piece)
    halves: dict[str, set[str]] = defaultdict(set)
    for one, other in map(_pair, spec["model"]["merges"]):
        halves[one + other] |= {one, other}
    waiting = list(kept)
    while waiting:
        for half in halves[waiting.pop()] - kept:
            kept.add(half)
            waiting.append(half)
    added = {one["id"] for one in spec["added_tokens"]} & (used | special)
    return tuple(sorted({vocabulary[piece] for piece in kept if piece in vocabulary} | added))


def prune(base: ModelFolder, kept: Sequence[int], folder: Path) -> ModelFolder:
    """The model with these tokens only, made once and kept as a folder of its own.

    Args:
        base: The whole model.
        kept: Token ids, ascending, as `choose` gave them.
        folder: Where models are kept.

    Raises:
        ModelError: It cannot be read, or this cannot be done to it.
    """
    digest = hashlib.sha256(json.dumps([base.id, list(kept)]).encode()).hexdigest()[:12]
    name, _, version = base.id.rpartition("/")[2].partition("@")
    path = folder / name / f"{version}-{digest}"
    model = ModelFolder(id=f"{base.id}-{digest}", path=str(path))
    if (path / "card.json").is_file():
        return model
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _write_weights(base, kept, part)
        _write_tokenizer(base, kept, part)
        card = {"name": name, "version": path.name, "parents": [base.id], "tokens": len(kept)}
        write_json(part / "card.json", card)
        shutil.rmtree(path, ignore_errors=True)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return model


def size_of(base: ModelFolder) -> int:
    """How many tokens the model knows.

    Raises:
        ModelError: Its configuration does not load.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(base.path, local_files_only=base.offline)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{base.id} does not load from {base.path}: {reason}") from error
    return int(config.get_text_config().vocab_size)


def _spec(base: ModelFolder) -> dict[str, Any]:
    path = Path(base.path) / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{base.id} has no tokenizer.json here; keep its vocabulary whole")
    spec: dict[str, Any] = read_json(path)
    if spec["model"].get("type") != "BPE" or spec["model"].get("ignore_merges"):
        raise ModelError(f"the vocabulary of {base.id} cannot be cut; keep it whole")
    return spec


def _atom(piece: str) -> bool:
    """What anything can be spelled with: bytes and Latin letters."""
    return (len(piece) == 1 and ord(piece) < _LATIN) or (
        len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")
    )


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    one, other = merge.split(" ") if isinstance(merge, str) else merge
    return one, other


def _write_tokenizer(base: ModelFolder, kept: Sequence[int], part: Path) -> None:
    spec = _spec(base)
    numbers = {old: new for new, old in enumerate(kept)}
    vocabulary = {
        piece: numbers[old] for piece, old in spec["model"]["vocab"].items() if old in numbers
    }
    spec["model"]["vocab"] = vocabulary
    spec["model"]["merges"] = [
        [one, other]
        for one, other in map(_pair, spec["model"]["merges"])
        if one in vocabulary and other in vocabulary and one + other in vocabulary
    ]
    spec["added_tokens"] = [
        one | {"id": numbers[one["id"]]} for one in spec["added_tokens"] if one["id"] in numbers
    ]
    for token in _templates(spec.get("post_processor")):
        token["ids"] = [numbers[old] for old in token["ids"]]
    write_json(part / "tokenizer.json", spec)
    for extra in ("tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"):
        if (Path(base.path) / extra).is_file():
            shutil.copyfile(Path(base.path) / extra, part / extra)
    settings = part / "tokenizer_config.json"
    if settings.is_file():
        # it may list tokens under their old numbers; tokenizer.json has them all
        named = {key: value for key, value in read_json(settings).items() if "decoder" not in key}
        write_json(settings, named)


def _templates(processor: Any) -> list[dict[str, Any]]:
    """The special tokens that a post-processor puts in by number."""
    if not processor:
        return []
    inner = [one for step in processor.get("processors", ()) for one in _templates(step)]
    return [*processor.get("special_tokens", {}).values(), *inner]


def _write_weights(base: ModelFolder, kept: Sequence[int], part: Path) -> None:
    import torch

    model = load_weights(base)
    numbers = {old: new for new, old in enumerate(kept)}
    rows = torch.tensor(kept)
    head = model.get_output_embeddings()
    for layer in {id(one): one for one in (model.get_input_embeddings(), head)}.values():
        layer.weight = torch.nn.Parameter(layer.weight.detach()[rows], requires_grad=False)
        if getattr(layer, "padding_idx", None) is not None:
            layer.padding_idx = numbers.get(layer.padding_idx)
    model.config.get_text_config().vocab_size = len(kept)
    model.tie_weights()
    for settings in (model.config, model.generation_config):
        for role in ("bos_token_id", "eos_token_id", "pad_token_id"):
            setattr(settings, role, _renumbered(getattr(settings, role, None), numbers))
    try:
        with quiet():
            model.to(torch.float16).save_pretrained(part)
    except (ValueError, RuntimeError, struct.error) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"the vocabulary of {base.id} cannot be cut: {reason}") from error


def _renumbered(value: Any, numbers: dict[int, int]) -> Any:
    if isinstance(value, list):
        return [numbers[one] for one in value if one in numbers]
    return numbers.get(value) if value is not None else None
