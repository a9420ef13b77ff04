"""Ways of fine-tuning: which weights learn, and what each way asks of a training step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig, get_peft_model

from handbill.creative.models import quiet

Method = Literal["lora", "adalora", "ia3", "full"]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
FEEDFORWARD = ["gate_proj", "up_proj", "down_proj"]


@dataclass(slots=True)
class Tunable:
    """A model some of whose weights learn.

    Attributes:
        model: Of transformers, the adapter in its layers.
        wrapped: Of peft; the model itself when all of it learns.
        method: The way.
    """

    model: Any
    wrapped: Any
    method: Method

    @property
    def weights(self) -> dict[str, Any]:
        """What learns, by name."""
        return {
            name: weight for name, weight in self.wrapped.named_parameters() if weight.requires_grad
        }

    def penalty(self) -> torch.Tensor | float:
        """What AdaLoRA adds to the loss: singular vectors are to stay orthogonal.

        Source: Zhang et al. 2023, equation 4; its reference implementation adds it in a forward
        pass that scores every position, which ours does not take.
        """
        if self.method != "adalora":
            return 0.0
        gaps = [
            torch.norm(square - torch.eye(len(square), device=square.device))
            for name, weight in self.weights.items()
            if "lora_A" in name or "lora_B" in name
            for square in [weight @ weight.T if "lora_A" in name else weight.T @ weight]
        ]
        config = self.wrapped.peft_config["default"]
        mean: torch.Tensor = config.orth_reg_weight * torch.stack(gaps).mean()
        return mean

    def after_step(self, step: int) -> None:
        """Move AdaLoRA's ranks to where they count; nobody else calls this for us."""
        if self.method == "adalora":
            self.wrapped.base_model.update_and_allocate(step)

    def memory(self) -> dict[str, torch.Tensor]:
        """What the method remembers between steps besides weights, by name."""
        if self.method != "adalora":
            return {}
        ranks = self.wrapped.base_model.rankallocator
        return {
            f"{kind}/{name}": value.detach()
            for kind in ("ipt", "exp_avg_ipt", "exp_avg_unc")
            for name, value in getattr(ranks, kind).items()
        }

    def remember(self, memory: dict[str, torch.Tensor]) -> None:
        """Take back what `memory` gave."""
        for key, value in memory.items():
            kind, _, name = key.partition("/")
            getattr(self.wrapped.base_model.rankallocator, kind)[name] = value.clone()

    def save(self, folder: Path, base: str, tokenizer: Any) -> None:
        """Write what was learned as safetensors; the whole model when all of it learned."""
        with quiet():
            if self.method == "full":
                self.model.save_pretrained(folder)
                tokenizer.save_pretrained(folder)
                return
            self.wrapped.peft_config["default"].base_model_name_or_path = base
            self.wrapped.save_pretrained(
                folder, safe_serialization=True, save_embedding_layers=False
            )
        (folder / "README.md").unlink(missing_ok=True)


def prepare(
    model: Any, method: Method, *, rank: int, dropout: float, steps: int, seed: int
) -> Tunable:
    """Put an adapter into a model.

    Args:
        model: Of transformers; its layers are changed in place.
        method: `full` trains everything and adds nothing.
        rank: Of the low-rank matrices; AdaLoRA begins at one and a half times of it.
        dropout: In front of them.
        steps: Of the whole training, for AdaLoRA's schedule.
        seed: Of the first weights.
    """
    if method == "full":
        return Tunable(model=model, wrapped=model, method=method)
    depth = model.config.get_text_config().num_hidden_layers
    # the lowest third stays as it is: a fifth less work
    layers = list(range(depth // 3, depth))
    config: Any
    if method == "ia3":
        config = IA3Config(
            target_modules=["k_proj", "v_proj", "down_proj"],
            feedforward_modules=["down_proj"],
            task_type="CAUSAL_LM",
        )
    elif method == "adalora":
        config = AdaLoraConfig(
            init_r=rank + rank // 2,
            target_r=rank,
            tinit=steps // 10,
            tfinal=steps // 4,
            deltaT=max(1, steps // 50),
            total_step=steps,
            lora_alpha=2 * rank,
            lora_dropout=dropout,
            target_modules=[*ATTENTION, *FEEDFORWARD],
            layers_to_transform=layers,
            task_type="CAUSAL_LM",
        )
    else:
        config = LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            lora_dropout=dropout,
            target_modules=[*ATTENTION, *FEEDFORWARD],
            layers_to_transform=layers,
            task_type="CAUSAL_LM",
        )
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        wrapped = get_peft_model(model, config)
    return Tunable(model=model, wrapped=wrapped, method=method)
