"""Many frames become one vector, and how much each frame counts."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from singerlearn.nn import AGGREGATIONS
from singerlearn.nn.aggregation import (
    Attention,
    Average,
    Flatten,
    Max,
    SelfAttention,
    Statistics,
)

ATTENTIVE = ["attention", "attentive-statistics", "self-attention"]


def random_frames(rng, *shape):
    return torch.from_numpy(rng.randn(*shape).astype(np.float32))


def build(name, n_features=6, n_frames=9):
    torch.manual_seed(0)
    return AGGREGATIONS[name](n_features, n_frames)


def test_attention_equals_the_equations(rng):
    n_features, n_frames = 12, 7
    attention = Attention(n_features, n_frames)
    with torch.no_grad():
        attention.b.fill_(0.3)
    frames = rng.randn(4, n_features, n_frames).astype(np.float32)
    w, b = attention.w.detach().numpy(), 0.3

    weights = attention.weights(torch.from_numpy(frames)).detach().numpy()
    aggregated = attention(torch.from_numpy(frames)).detach().numpy()

    for x, sigma, x_hat in zip(frames, weights, aggregated, strict=True):
        X = x.T  # (N, D), as the paper writes it
        scores = np.array([np.tanh(sum(X[n] * w) + b) for n in range(n_frames)])
        expected = np.exp(scores) / sum(np.exp(scores))
        assert_allclose(sigma, expected, rtol=1e-5)
        assert_allclose(
            x_hat,
            sum(expected[n] * X[n] for n in range(n_frames)),
            rtol=1e-4,
            atol=1e-6,
        )


def test_attention_without_a_template_is_the_average(rng):
    attention = Attention(6, 9)
    torch.nn.init.zeros_(attention.w)
    frames = random_frames(rng, 2, 6, 9)
    assert_allclose(
        attention(frames).detach(), Average(6, 9)(frames), rtol=1e-5, atol=1e-6
    )


def test_other_aggregations_equal_numpy(rng):
    frames = random_frames(rng, 3, 5, 8)
    assert_allclose(Max(5, 8)(frames), frames.numpy().max(axis=2))
    means = frames.numpy().mean(axis=2)
    assert_allclose(Average(5, 8)(frames), means, rtol=1e-5, atol=1e-6)
    assert_allclose(Flatten(5, 8)(frames), frames.numpy().reshape(3, -1))
    deviations = frames.numpy().std(axis=2)
    expected = np.concatenate([means, deviations], axis=1)
    assert_allclose(Statistics(5, 8)(frames), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_aggregations_say_how_much_they_leave(name):
    module = AGGREGATIONS[name](6, 4)
    assert module(torch.zeros(2, 6, 4)).shape == (2, module.out_features)


@pytest.mark.parametrize("name", sorted(set(AGGREGATIONS) - {"none", "self-attention"}))
def test_the_order_of_frames_does_not_count(rng, name):
    frames = random_frames(rng, 2, 6, 9)
    module = build(name)
    shuffled = frames[:, :, rng.permutation(9)]
    assert_allclose(
        module(shuffled).detach(), module(frames).detach(), rtol=1e-4, atol=1e-6
    )


def test_the_order_of_frames_counts_for_self_attention_by_their_place(rng, monkeypatch):
    frames = random_frames(rng, 2, 6, 9)
    module = build("self-attention")
    backwards = frames.flip(-1)
    assert (module(backwards) - module(frames)).abs().max() > 1e-2
    monkeypatch.setattr(module, "_place", lambda frames: module.project(frames.mT))
    assert_allclose(
        module(backwards).detach(), module(frames).detach(), rtol=1e-4, atol=1e-6
    )


def test_attentive_statistics_equal_the_equations(rng):
    module = build("attentive-statistics", n_features=5, n_frames=7)
    with torch.no_grad():
        module.b.fill_(-0.2)
    frames = random_frames(rng, 3, 5, 7)
    weights = module.weights(frames).detach().numpy().astype(float)
    found = module(frames).detach().numpy()
    for x, alpha, row in zip(frames.numpy().astype(float), weights, found, strict=True):
        scores = np.tanh([x[:, n] @ module.w.detach().numpy() - 0.2 for n in range(7)])
        assert_allclose(alpha, np.exp(scores) / np.exp(scores).sum(), rtol=1e-5)
        for d in range(5):
            mean = sum(alpha[n] * x[d, n] for n in range(7))
            # Equation 6 of Okabe et al.: the mean square less the square of the mean.
            deviation = np.sqrt(
                sum(alpha[n] * x[d, n] ** 2 for n in range(7)) - mean**2
            )
            assert_allclose(row[[d, 5 + d]], [mean, deviation], rtol=1e-4, atol=1e-6)


def test_attentive_statistics_without_a_template_are_the_statistics(rng):
    module = build("attentive-statistics")
    torch.nn.init.zeros_(module.w)
    frames = random_frames(rng, 2, 6, 9)
    assert_allclose(
        module(frames).detach(), Statistics(6, 9)(frames), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("train", [True, False])
def test_self_attention_equals_torchs_function_over_placed_frames(rng, train):
    module = SelfAttention(6, 9, width=8, n_heads=2).train(train)
    frames = random_frames(rng, 3, 6, 9)
    linear = module.project[0]
    placed = layer_norm(frames.mT @ linear.weight.T + linear.bias, (8,))
    for n in range(9):
        for pair, rate in enumerate([1, 1 / 10, 1 / 100, 1 / 1000]):
            placed[:, n, pair] += math.sin(n * rate)
            placed[:, n, 4 + pair] += math.cos(n * rate)
    attend = module.attend
    projected = placed @ attend.in_proj_weight.T + attend.in_proj_bias
    query, key, value = (
        part.unflatten(2, (2, 4)).transpose(1, 2) for part in projected.chunk(3, dim=2)
    )  # (batch, heads, frames, 4)
    heads = scaled_dot_product_attention(query, key, value)
    gathered = heads.transpose(1, 2).flatten(2) @ attend.out_proj.weight.T
    expected = (gathered + attend.out_proj.bias).mean(dim=1)
    with torch.inference_mode():  # where torch takes a faster path
        found = module(frames)
    assert_allclose(found, expected.detach(), rtol=1e-4, atol=1e-5)

    weights = (query @ key.mT / 2).softmax(dim=-1)  # (batch, heads, asking, asked)
    assert_allclose(
        module.weights(frames).detach(), weights.mean(dim=(1, 2)).detach(), rtol=1e-4
    )


@pytest.mark.parametrize("name", ["statistics", "attentive-statistics"])
def test_a_small_deviation_around_a_large_mean_is_not_lost_to_rounding(rng, name):
    frames = 1000 + 0.1 * random_frames(rng, 2, 6, 50)
    module = build(name, n_frames=50)
    if name == "attentive-statistics":
        torch.nn.init.zeros_(module.w)
    deviations = module(frames)[:, 6:].detach()
    assert_allclose(deviations, frames.double().std(dim=2, correction=0), rtol=1e-3)


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("n_frames", [1, 9])
def test_gradients_are_finite_where_nothing_varies(name, n_frames):
    module = build(name, n_frames=n_frames)
    frames = torch.full((2, 6, n_frames), 3.0, requires_grad=True)
    output = module(frames)
    assert torch.isfinite(output).all()
    output.square().sum().backward()
    for tensor in (frames, *module.parameters()):
        assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize("name", ["statistics", "attentive-statistics"])
def test_gradients_are_those_of_finite_differences(rng, name):
    module = build(name, 3, 5).double()
    frames = random_frames(rng, 2, 3, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(module, frames)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(ATTENTIVE),
    n_frames=st.integers(1, 40),
    scale=st.floats(0, 1e3),
    seed=st.integers(0, 2**16),
)
def test_weights_are_positive_and_sum_to_one(name, n_frames, scale, seed):
    frames = scale * random_frames(np.random.RandomState(seed), 3, 6, n_frames)
    weights = build(name, 6, 40).weights(frames).detach()  # of any number of frames
    assert weights.shape == (3, n_frames)
    assert (weights >= 0).all()
    assert_allclose(weights.sum(dim=1), 1, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(-10, 10), seed=st.integers(0, 2**16))
def test_statistics_move_and_stretch_with_the_frames(shift, scale, seed):
    frames = random_frames(np.random.RandomState(seed), 2, 6, 9).double()
    mean, deviation = Statistics(6, 9)(frames).split(6, dim=1)
    found = Statistics(6, 9)(shift + scale * frames)
    expected = torch.cat([shift + scale * mean, abs(scale) * deviation], dim=1)
    assert_allclose(found, expected, rtol=1e-6, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("statistics", 0),
        ("attentive-statistics", 1536 + 1),
        # A projection and its norm; query, key and value; what the heads gathered.
        ("self-attention", 1537 * 256 + 2 * 256 + 4 * 257 * 256),
    ],
)
def test_what_came_after_the_paper_has_so_many_weights(name, expected):
    module = build(name, n_features=1536)
    assert sum(p.numel() for p in module.parameters()) == expected


def test_attention_starts_out_of_saturation():
    torch.manual_seed(0)
    frames = torch.randn(8, 2000, 50)
    scores = torch.einsum("f,bft->bt", Attention(2000, 50).w, frames)
    assert 0.5 < scores.std() < 2
