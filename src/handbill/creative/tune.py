"""Fine-tuning: a LoRA adapter learns the shop's voice from its example ads."""

import hashlib
import json
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy

from handbill.creative.example import Example
from handbill.creative.models import ModelFolder, frame, load, precision, quiet
from handbill.creative.prompt import PROMPT, completion_for, prompt_for
from handbill.creative.template import without_terms
from handbill.errors import ModelError
from handbill.ports import Progress
from handbill.workspace import read_json, write_json

RECIPE = "lora-3"
"""Version of all that is fixed here; a change of it trains anew."""

BATCH = 8
JITTER = 12.0
"""Tokens by which lengths are blurred, so that every epoch batches anew."""

HELD_OUT = 8
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How an adapter is trained.

    Attributes:
        epochs: Times each example is seen.
        learning_rate: Peak of a cosine with a short warm-up.
        rank: Of the LoRA matrices.
        threads: Cores.
        seed: Of initial weights and order.
    """

    epochs: int
    learning_rate: float
    rank: int
    threads: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A trained adapter and what is known of it.

    Attributes:
        version: Content hash of base model, examples, prompt and settings.
        path: Folder with the safetensors and card.json.
        seconds: Time the training took.
        loss_before: Mean loss per token on held-out examples, without the adapter.
        loss_after: The same with it.
        trained: Whether this call trained it, or found it.
    """

    version: str
    path: Path
    seconds: float
    loss_before: float
    loss_after: float
    trained: bool


def tune(
    base: ModelFolder,
    examples: Sequence[Example],
    tuning: Tuning,
    folder: Path,
    progress: Progress,
) -> Adapter:
    """Train an adapter, or find the one already trained from the same things.

    Loss counts only on the ad, not on its prompt; an eighth or so of the examples is held out.

    Args:
        base: The model.
        examples: Briefs with ads.
        tuning: Settings.
        folder: `models/adapter`; the adapter gets a folder of its own below.
        progress: Told each step.

    Raises:
        ModelError: The base does not load, or the loss is not a number.
    """
    data = _data_hash(examples)
    identity = {
        "base": base.id,
        "data": data,
        "prompt": PROMPT,
        "recipe": RECIPE,
        "precision": str(precision()),
        "settings": asdict(tuning),
    }
    version = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / version
    if (path / "card.json").is_file():
        return _adapter(path, trained=False)
    started = time.perf_counter()
    model, tokenizer = load(base, threads=tuning.threads)
    rows = [_encode(tokenizer, example) for example in examples]
    held_out, train = rows[:: max(2, len(rows) // HELD_OUT)], []
    taken = {id(row) for row in held_out}
    train = [row for row in rows if id(row) not in taken]
    before = _loss(model, held_out)
    peft_model, losses = _fit(model, train, tuning, progress)
    after = _loss(model, held_out)
    card = identity | {
        "version": version,
        "kind": "lora",
        "parents": [base.id],
        "examples": len(train),
        "held_out": len(held_out),
        "loss_before": before,
        "loss_after": after,
        "losses": losses,
        "seconds": time.perf_counter() - started,
    }
    part = folder / f".{version}.part"
    shutil.rmtree(part, ignore_errors=True)
    peft_model.save_pretrained(part, safe_serialization=True, save_embedding_layers=False)
    (part / "README.md").unlink(missing_ok=True)
    write_json(part / "card.json", card)
    shutil.rmtree(path, ignore_errors=True)
    part.replace(path)
    return _adapter(path, trained=True)


def _adapter(path: Path, *, trained: bool) -> Adapter:
    card = read_json(path / "card.json")
    return Adapter(
        version=card["version"],
        path=path,
        seconds=card["seconds"],
        loss_before=card["loss_before"],
        loss_after=card["loss_after"],
        trained=trained,
    )


def _data_hash(examples: Sequence[Example]) -> str:
    pairs = [[prompt_for(one.brief), completion_for(one.draft)] for one in examples]
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()


def _encode(tokenizer: Any, example: Example) -> tuple[list[int], int]:
    """Token ids of prompt and ad, and where the ad begins."""
    request = frame(tokenizer, prompt_for(example.brief))
    answer = completion_for(without_terms(example.draft, example.brief))
    prompt = tokenizer(request, add_special_tokens=not tokenizer.chat_template)["input_ids"]
    ad = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return [*prompt, *ad, tokenizer.eos_token_id], len(prompt)


def _batch_loss(model: Any, rows: Sequence[tuple[list[int], int]]) -> tuple[torch.Tensor, int]:
    """Summed loss over the ads' tokens; the vocabulary is scored at those positions only."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)  # (B, T)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    target = torch.zeros(len(rows), width, dtype=torch.bool)
    for row, (tokens, start) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        target[row, start : len(tokens)] = True
    hidden = model.get_decoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    scored = hidden[:, :-1][target[:, 1:]]  # (positions, D): each predicts the next token
    logits = model.get_output_embeddings()(scored)
    return cross_entropy(logits, ids[:, 1:][target[:, 1:]], reduction="sum"), int(target.sum())


def _loss(model: Any, rows: Sequence[tuple[list[int], int]]) -> float:
    """Mean loss per token."""
    model.eval()
    with torch.inference_mode():
        sums = [_batch_loss(model, rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]
    total = sum(float(loss) for loss, _ in sums)
    return total / max(1, sum(count for _, count in sums))


def _fit(
    model: Any, rows: Sequence[tuple[list[int], int]], tuning: Tuning, progress: Progress
) -> tuple[Any, list[float]]:
    """Train LoRA matrices; the model's own weights stay."""
    order = torch.Generator().manual_seed(tuning.seed)
    layers = model.config.num_hidden_layers
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(tuning.seed)
        config = LoraConfig(
            r=tuning.rank,
            lora_alpha=2 * tuning.rank,
            lora_dropout=0.0,
            target_modules=TARGETS,
            # the lowest third stays as it is: a fifth less work
            layers_to_transform=list(range(layers // 3, layers)),
            task_type="CAUSAL_LM",
        )
        with quiet():
            peft_model = get_peft_model(model, config)
    weights = [weight for weight in peft_model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=tuning.learning_rate, weight_decay=0.01)
    steps = tuning.epochs * math.ceil(len(rows) / BATCH)
    losses: list[float] = []
    peft_model.train()
    for _ in range(tuning.epochs):
        for batch in _batches(rows, order):
            for group in optimizer.param_groups:
                group["lr"] = tuning.learning_rate * _schedule(len(losses), steps)
            losses.append(_step(model, batch, weights, optimizer))
            progress(f"tuning, loss {losses[-1]:.2f}", len(losses) / steps)
    return peft_model, losses


def _batches(
    rows: Sequence[tuple[list[int], int]], order: torch.Generator
) -> list[list[tuple[list[int], int]]]:
    """An epoch's batches in random order, each of about one length: padding is work, too."""
    lengths = torch.tensor([len(ids) for ids, _ in rows])
    near = (lengths + torch.rand(len(rows), generator=order) * JITTER).argsort().tolist()
    batches = [[rows[one] for one in near[at : at + BATCH]] for at in range(0, len(near), BATCH)]
    return [batches[at] for at in torch.randperm(len(batches), generator=order).tolist()]


def _step(
    model: Any, batch: Sequence[tuple[list[int], int]], weights: Sequence[Any], optimizer: Any
) -> float:
    kind = precision()
    with torch.autocast("cpu", dtype=kind, enabled=kind != torch.float32):
        loss, count = _batch_loss(model, batch)
    mean = loss.float() / count
    if not math.isfinite(float(mean.detach())):
        raise ModelError("the tuning's loss is not a number; lower creative.learning_rate")
    mean.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(mean.detach())


def _schedule(step: int, steps: int) -> float:
    """Cosine to a tenth, after a warm-up of a tenth."""
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
