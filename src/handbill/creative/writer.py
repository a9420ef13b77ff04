"""The local writer: a causal language model on this machine's processor."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from handbill.creative.models import ModelFolder, frame, load, precision, quiet
from handbill.errors import ModelError

OVERSAMPLE = 2
"""Continuations written for each that is returned."""

BATCH = 32
"""Sequences generated together: beyond it the memory grows, the speed hardly."""


@dataclass(slots=True)
class LocalWriter:
    """A `TextModel` of transformers, with an adapter merged into its weights.

    Attributes:
        name: Model and version.
        model: Of transformers.
        tokenizer: Its tokenizer.
        temperature: Of sampling; lower is plainer, 0 always takes the likeliest token.
        top_p: Mass of the tokens that may be sampled.
        repetition_penalty: Makes words that were said less likely; 1 does nothing.
        no_repeat: Runs of so many tokens come once; 0 does nothing.
        lines: Lines that every text has, none of them empty; 0 leaves it to the model.
        tokens: Tokens written so far.
        seconds: Time spent writing so far.
    """

    name: str
    model: Any
    tokenizer: Any
    temperature: float = 0.65
    top_p: float = 0.9
    repetition_penalty: float = 1.0
    no_repeat: int = 0
    lines: int = 0
    tokens: int = 0
    seconds: float = 0.0

    @classmethod
    def open(
        cls, base: ModelFolder, adapter: Path | None, *, threads: int, device: str = "cpu"
    ) -> "LocalWriter":
        """Load a model and, when given, merge an adapter into it.

        An adapter that holds a whole model, since all of it was tuned, takes the base's place.

        Raises:
            ModelError: One of them does not load.
        """
        if adapter is not None and (adapter / "model.safetensors").is_file():
            base, adapter = replace(base, path=str(adapter)), None
        model, tokenizer = load(base, threads=threads)
        if adapter is not None:
            from peft import PeftModel
            from safetensors import SafetensorError

            try:
                with quiet():
                    model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
            except (OSError, ValueError, RuntimeError, SafetensorError) as error:
                reason = str(error).strip().splitlines()[0]
                raise ModelError(
                    f"the adapter in {adapter} does not load; delete it and run again: {reason}"
                ) from error
        model = model.to(device, precision(device)).eval()
        return cls(name=base.id, model=model, tokenizer=tokenizer)

    @property
    def greedy(self) -> "LocalWriter":
        """The same model, plainly: the likeliest token each time, kept from going in circles."""
        return replace(self, temperature=0.0, repetition_penalty=1.1, no_repeat=4, tokens=0)

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        """Continue each prompt; see `ports.TextModel`.

        It writes `OVERSAMPLE` times as many and returns the likeliest, likeliest first: a small
        model's odd sentences are the ones it was least sure of.
        """
        # similar lengths together: padding is work too
        order = sorted(range(len(prompts)), key=lambda at: (len(prompts[at]), at))
        answers: list[list[str]] = [[] for _ in prompts]
        started = time.perf_counter()
        drawn = samples * OVERSAMPLE if self.temperature else 1
        step = max(1, BATCH // drawn)
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            for at in range(0, len(order), step):
                chosen = order[at : at + step]
                framed = [frame(self.tokenizer, prompts[one]) for one in chosen]
                scored = self._continue(framed, drawn, max_new_tokens)
                for place, one in enumerate(chosen):
                    mine = scored[place * drawn : (place + 1) * drawn]
                    likely = sorted(mine, key=lambda pair: -pair[1])
                    # the likeliest tokens are the same every time
                    texts = [text for text, _ in likely[:samples]]
                    answers[one] = texts if self.temperature else texts * samples
        self.seconds += time.perf_counter() - started
        return answers

    def _continue(
        self, prompts: list[str], samples: int, max_new_tokens: int
    ) -> list[tuple[str, float]]:
        """Continuations, each with its mean log-likelihood per token."""
        inputs = self.tokenizer(
            prompts,
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=not self.tokenizer.chat_template,
        )
        inputs.pop("token_type_ids", None)
        inputs = inputs.to(self.model.device)
        watching: list[LogitsProcessor] = [likelihood := _Likelihood()]
        if self.lines:
            start = inputs["input_ids"].shape[1]
            watching.insert(0, _Lines.of(self.tokenizer, self.lines, start))
        output = self.model.generate(
            **inputs,
            **self._decoding(),
            num_return_sequences=samples,
            max_new_tokens=max_new_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
            logits_processor=LogitsProcessorList(watching),
        )
        new = output[:, inputs["input_ids"].shape[1] :]  # (P * N, T)
        written = (new == self.tokenizer.eos_token_id).cumsum(dim=1) == 0
        self.tokens += int(written.sum())
        known = torch.stack([*likelihood.steps, likelihood.of(new[:, -1])], dim=1)  # (P * N, T)
        means = (known * written).sum(dim=1) / written.sum(dim=1).clamp(min=1)
        texts = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return list(zip(texts, means.tolist(), strict=True))

    def _decoding(self) -> dict[str, Any]:
        guards = {
            "repetition_penalty": self.repetition_penalty,
            "no_repeat_ngram_size": self.no_repeat,
        }
        if not self.temperature:
            return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, **guards}
        drawn = {"temperature": self.temperature, "top_p": self.top_p, "top_k": 0}
        return {"do_sample": True, **drawn, **guards}


class _Lines(LogitsProcessor):  # type: ignore[misc]
    """Lets a text end on its last line only, and no line be empty."""

    def __init__(self, lines: int, start: int, end: int, one: int, breaks: torch.Tensor) -> None:
        self.lines = lines
        self.start = start
        self.end = end
        self.one = one
        self.breaks = breaks

    @classmethod
    def of(cls, tokenizer: Any, lines: int, start: int) -> "_Lines":
        """For texts that begin at a place.

        Raises:
            ModelError: The tokenizer has no token for a line break.
        """
        ids = list(range(len(tokenizer)))
        pieces = tokenizer.convert_ids_to_tokens(ids)
        breaks = [one for one in ids if {"\n", "Ċ"} & set(pieces[one] or "")]
        single = [one for one in breaks if pieces[one] in ("\n", "Ċ")]
        if not single:
            raise ModelError("the model's vocabulary has no line break; give it one that has")
        return cls(lines, start, tokenizer.eos_token_id, single[0], torch.tensor(breaks))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        said = input_ids[:, self.start :]
        broken = (said == self.one).sum(dim=1)  # (B,)
        fresh = (
            said[:, -1] == self.one if said.shape[1] else torch.ones_like(broken, dtype=torch.bool)
        )
        over = (said == self.end).any(dim=1)
        single = scores[:, self.one]
        scores = scores.index_fill(1, self.breaks.to(scores.device), -torch.inf)
        may_break = ~fresh & (broken < self.lines - 1)
        may_end = over | (~fresh & (broken >= self.lines - 1))
        raw = scores.new_full((len(scores),), -torch.inf)
        scores[:, self.one] = torch.where(may_break, single, raw)
        scores[:, self.end] = torch.where(may_end, scores[:, self.end], raw)
        return scores


class _Likelihood(LogitsProcessor):  # type: ignore[misc]
    """Notes how likely the model found each token it drew; leaves the scores alone."""

    def __init__(self) -> None:
        self.steps: list[torch.Tensor] = []
        self.last: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self.last is not None:
            self.steps.append(self.of(input_ids[:, -1]))
        self.last = scores.log_softmax(dim=-1)  # (B, V), one step only: the vocabulary is large
        return scores

    def of(self, tokens: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of the tokens drawn in the last step, (B,)."""
        if self.last is None:
            raise ModelError("the model drew a token before it scored any")
        return self.last.gather(1, tokens[:, None])[:, 0]
