"""The local writer: a causal language model on this machine's processor."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from handbill.creative.models import ModelFolder, frame, load, quiet
from handbill.errors import ModelError

BATCH = 24
"""Sequences generated together: beyond it the memory grows, the speed hardly."""


@dataclass(slots=True)
class LocalWriter:
    """A `TextModel` of transformers, with an adapter merged into its weights.

    Attributes:
        name: Model and version.
        model: Of transformers.
        tokenizer: Its tokenizer.
        temperature: Of sampling; lower is plainer.
        top_p: Mass of the tokens that may be sampled.
        tokens: Tokens written so far.
        seconds: Time spent writing so far.
    """

    name: str
    model: Any
    tokenizer: Any
    temperature: float = 0.7
    top_p: float = 0.9
    tokens: int = 0
    seconds: float = 0.0

    @classmethod
    def open(cls, base: ModelFolder, adapter: Path | None, *, threads: int) -> "LocalWriter":
        """Load a model and, when given, merge an adapter into it.

        Raises:
            ModelError: One of them does not load.
        """
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
        return cls(name=base.id, model=model.eval(), tokenizer=tokenizer)

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        """Continue each prompt; see `ports.TextModel`."""
        # similar lengths together: padding is work too
        order = sorted(range(len(prompts)), key=lambda at: (len(prompts[at]), at))
        answers: list[list[str]] = [[] for _ in prompts]
        started = time.perf_counter()
        step = max(1, BATCH // samples)
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            for at in range(0, len(order), step):
                chosen = order[at : at + step]
                framed = [frame(self.tokenizer, prompts[one]) for one in chosen]
                texts = self._continue(framed, samples, max_new_tokens)
                for place, one in enumerate(chosen):
                    answers[one] = texts[place * samples : (place + 1) * samples]
        self.seconds += time.perf_counter() - started
        return answers

    def _continue(self, prompts: list[str], samples: int, max_new_tokens: int) -> list[str]:
        inputs = self.tokenizer(
            prompts,
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=not self.tokenizer.chat_template,
        )
        inputs.pop("token_type_ids", None)
        output = self.model.generate(
            **inputs,
            do_sample=True,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=0,
            num_return_sequences=samples,
            max_new_tokens=max_new_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        new = output[:, inputs["input_ids"].shape[1] :]  # (P * N, T)
        ends = new == self.tokenizer.eos_token_id
        self.tokens += int((ends.cumsum(dim=1) == 0).sum())
        texts: list[str] = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return texts
