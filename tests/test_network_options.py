"""The networks after the paper, as the estimators build, train and ask them."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.fft import dct, idct
from sklearn.base import clone

from singerlearn import SingerEmbedder, SingerNetClassifier
from singerlearn.chunks import Chunks
from singerlearn.nn import SingerNet

LIGHT = dict(
    downsampling=("stride", "max-pool"), aggregation="statistics", head_norm=True,
    dense=(),
)  # fmt: skip


@pytest.fixture(scope="module")
def voices():
    """Four singers, each a pattern over 16 bands, with five recordings and noise."""
    rng = np.random.RandomState(0)
    chunks = [
        # Long enough that most frames after the pools see no end of their chunk, which
        # is where dense inference differs.
        Chunks((who + rng.uniform(0, 20, (16, 128))).astype("float32"), 64, 32)
        for who in rng.uniform(0, 40, (4, 16, 1))
        for _ in range(5)
    ]
    return chunks, np.repeat(list("abcd"), 5)


@pytest.fixture
def small(tiny):
    return tiny | dict(filters=(4, 8), augment=False, max_epochs=10)


@pytest.mark.parametrize(
    "estimator", [SingerNetClassifier(), SingerEmbedder(4, "margin-softmax")]
)
def test_a_light_network_learns_its_singers(voices, small, estimator):
    X, y = voices
    # 19 recordings of 3 chunks: the last of 9 batches has one chunk.
    model = clone(estimator).set_params(**small | LIGHT | {"batch_size": 7})
    model.fit(X[1:], y[1:])
    assert model.score(X, y) > 0.9
    assert model.set_params(inference="dense").score(X, y) > 0.9
    layers = [type(layer).__name__ for layer in model.net_.module_.modules()]
    assert layers.count("PairwiseMaxPool2d") == layers.count("HeadNorm") == 1
    assert layers.count("Linear") == 1


def test_a_network_hears_envelopes_and_no_harmonics(voices, small):
    X, y = voices
    chunk = np.asarray(X[0])[:1]
    cepstra = dct(chunk, axis=1, norm="ortho")
    assert abs(cepstra[:, 6:]).max() > 10
    cepstra[:, 6:] = 0
    smooth = torch.tensor(idct(cepstra, axis=1, norm="ortho"))
    net = SingerNet(16, 64, 3, filters=(4, 8), dense=(5,), n_cepstra=6).eval()
    with torch.inference_mode():
        assert_allclose(net.smooth(torch.tensor(chunk)), smooth, atol=1e-4)
        assert_allclose(net(torch.tensor(chunk)), net(smooth), atol=1e-5)
        plain = SingerNet(16, 64, 3, filters=(4, 8), dense=(5,)).eval()
        # No weight more, nor less: those of one fit the other.
        plain.load_state_dict(net.state_dict())
        assert_allclose(net(torch.tensor(chunk)), plain(smooth), atol=1e-5)
    model = SingerNetClassifier(**small | {"n_cepstra": 6, "max_epochs": 1}).fit(X, y)
    assert_allclose(model.net_.module_.smooth(torch.tensor(chunk)), smooth, atol=1e-4)


def test_the_output_of_a_light_network_is_linear_in_what_it_transforms_to(
    voices, small
):
    X, y = voices
    net = SingerNetClassifier(**small | LIGHT | {"max_epochs": 1}).fit(X, y)
    features = net.transform(X)
    assert features.shape == (20, 2 * 8 * (16 // 4))
    output = net.net_.module_.output
    logits = features @ output.weight.detach().numpy().T + output.bias.detach().numpy()
    with torch.inference_mode():
        chunks = [net.net_.module_(torch.tensor(np.asarray(c))).mean(dim=0) for c in X]
    assert_allclose(logits, np.stack(chunks), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "aggregation", ["attention", "attentive-statistics", "self-attention"]
)
@pytest.mark.parametrize("inference", ["chunks", "dense"])
def test_every_attention_tells_its_weights(voices, small, aggregation, inference):
    X, y = voices
    small |= dict(
        aggregation=aggregation, inference=inference, downsampling="stride",
        max_epochs=1,
    )  # fmt: skip
    weights = SingerNetClassifier(**small).fit(X, y).attention_weights(X[:2])
    assert [w.shape for w in weights] == [(3, 16)] * 2
    assert_allclose(weights[0].sum(axis=1), 1, rtol=1e-5)


def test_statistics_have_no_attention(voices, small):
    net = SingerNetClassifier(**small | LIGHT | {"max_epochs": 1}).fit(*voices)
    with pytest.raises(ValueError, match="has Statistics"):
        net.attention_weights(voices[0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"downsampling": "pool"}, "downsampling='pool' is not one of max-pool, str"),
        (
            {"downsampling": ("stride",)},
            "is of length 1, but a chunk is halved 2 times",
        ),
        ({"downsampling": None}, "'downsampling' parameter .* must be"),
        ({"aggregation": "mean"}, "aggregation='mean' is not one of none, max, aver"),
        ({"n_cepstra": 17}, "n_cepstra=17 must lie between 1 and .* bands, 16"),
        ({"n_cepstra": 0}, "'n_cepstra' parameter .* must be"),
        ({"head_norm": "batch"}, "'head_norm' parameter .* must be"),
    ],
)
@pytest.mark.parametrize("estimator", [SingerNetClassifier(), SingerEmbedder()])
def test_a_network_that_cannot_be_built_says_why(
    voices, small, estimator, parameters, message
):
    model = clone(estimator).set_params(**small | parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(*voices)


@pytest.mark.parametrize(
    "own", [{"block": "vanilla"}, {"block": "resnet"}, {"cardinality": 2}]
)
@pytest.mark.parametrize("build", [SingerNetClassifier, partial(SingerEmbedder, 2)])
def test_the_network_is_built_as_asked(recordings, tiny, own, build):
    own = own | {"dropout": 0.25}
    model = build(**tiny | own | {"max_epochs": 1}).fit(2 * recordings, 2 * [0, 1, 0])
    expected = SingerNet(
        4, 8, 2, filters=(8, 16), dense=(32,), aggregation="average", **own
    )
    # Kinds of layers, groups of channels and the share that is dropped.
    assert repr(model.net_.module_) == repr(expected)
