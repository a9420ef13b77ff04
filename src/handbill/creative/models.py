"""A language model as transformers has it: loaded, framed, in the precision of this machine."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from handbill.errors import ModelError

SYSTEM = "You write ads."
"""Without it some templates put a longer one of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model that is ready to load.

    Attributes:
        id: Name and version, as ads and adapters record it.
        path: Folder with safetensors and tokenizer, or a hub id.
        offline: Whether loading may not touch the network.
        name: What `find` finds it by.
    """

    id: str
    path: str
    offline: bool = True
    name: str = ""


def precision(device: str = "cpu") -> Any:
    """The type to multiply in: bfloat16 where the device can, which halves the time here.

    Raises:
        ModelError: There is no such device.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("this machine has no GPU that torch can use; say --device cpu")
    if device != "cpu":
        return torch.bfloat16
    can = torch.cpu.get_capabilities()
    fast = can.get("avx512_bf16") or can.get("amx_bf16")
    return torch.bfloat16 if fast else torch.float32


def load(model: ModelFolder, *, threads: int) -> tuple[Any, Any]:
    """Load weights and tokenizer in float32, on the CPU.

    Returns:
        Model and tokenizer of transformers.

    Raises:
        ModelError: They do not load.
    """
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(threads)
    weights = load_weights(model)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=model.offline)
    except (OSError, ValueError, KeyError) as error:
        raise _unloadable(model, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return weights, tokenizer


def load_weights(model: ModelFolder) -> Any:
    """Load a model without its tokenizer, in float32, on the CPU.

    Raises:
        ModelError: It does not load.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            return AutoModelForCausalLM.from_pretrained(
                model.path, dtype=torch.float32, local_files_only=model.offline
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _unloadable(model, error) from error


def _unloadable(model: ModelFolder, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0]
    return ModelError(f"{model.id} does not load from {model.path}: {reason}")


def frame(tokenizer: Any, request: str) -> str:
    """A request as the model expects it: its chat template, or for a base model a blank line."""
    if not tokenizer.chat_template:
        return f"{request}\n\n"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": request}]
    framed: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    return framed


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and warnings of transformers and peft, for this call only."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # peft asks transformers for a property that transformers is renaming
            warnings.simplefilter("ignore", FutureWarning)
            # peft reads AdaLoRA's ranks, then wonders whose they are
            warnings.filterwarnings("ignore", ".*rank_pattern keys", RuntimeWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
