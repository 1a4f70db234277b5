"""scikit-learn's conventions, held by its own checks wherever they need no table."""

import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks, get_tags

from singerlearn import (
    ClipClassifier,
    ClipEmbedder,
    CQTChunker,
    HandcraftedFeatures,
    MelChunker,
    SingerEmbedder,
    SingerNetClassifier,
    VoiceFeatures,
)

ESTIMATORS = [
    ClipClassifier(),
    ClipEmbedder(),
    CQTChunker(),
    HandcraftedFeatures(),
    MelChunker(),
    SingerEmbedder(),
    SingerNetClassifier(),
    VoiceFeatures(),
]
every_estimator = pytest.mark.parametrize(
    "estimator", ESTIMATORS, ids=lambda e: type(e).__name__
)


@every_estimator
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_scikit_learn_s_checks_that_need_no_table(estimator, check):
    getattr(estimator_checks, check)(type(estimator).__name__, clone(estimator))


@every_estimator
def test_its_input_is_no_table(estimator):
    tags = get_tags(estimator).input_tags
    assert not tags.two_d_array
    hears = "chunker" in estimator.get_params()
    assert tags.string or not hears


@every_estimator
def test_it_is_drawn_in_a_notebook(estimator):
    assert type(estimator).__name__ in estimator._repr_html_()


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_chunks", "predict_proba_chunks", "transform",
     "attention_weights"],
)  # fmt: skip
def test_an_unfitted_network_says_so(method, chunked):
    with pytest.raises(NotFittedError):
        getattr(SingerNetClassifier(), method)(chunked)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_chunks", "predict_proba_chunks"]
)
def test_an_unfitted_baseline_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(ClipClassifier(), method)([[[0.0, 1.0]]])
