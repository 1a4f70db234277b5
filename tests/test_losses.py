from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn.functional import cross_entropy

from singerlearn import SingerEmbedder
from singerlearn.nn.losses import (
    LOSSES,
    Contrastive,
    MarginSoftmax,
    SupervisedContrastive,
    Triplet,
)


def squared_distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))


def contrastive(Z, singers, margin=1.0):
    """Equations 4 and 5, pair by pair."""
    costs = []
    for i in range(0, len(Z), 2):
        D = squared_distance(Z[i], Z[i + 1])
        y = singers[i] == singers[i + 1]
        costs.append(0.5 * y * D + 0.5 * (1 - y) * max(0, margin - D))
    return np.mean(costs)


def triplet(Z, singers, margin=1.0):
    costs = [
        max(0, squared_distance(Z[a], Z[p]) - squared_distance(Z[a], Z[n]) + margin)
        for a, p, n in product(range(len(Z)), repeat=3)
        if a != p and singers[a] == singers[p] != singers[n]
    ]
    return np.mean(costs)


def supervised_contrastive(Z, singers, temperature=0.1):
    costs = []
    for i in range(len(Z)):
        others = [j for j in range(len(Z)) if j != i]
        odds = {j: np.exp(cosine(Z[i], Z[j]) / temperature) for j in others}
        partners = [j for j in others if singers[j] == singers[i]]
        if partners:
            shares = [odds[p] / sum(odds.values()) for p in partners]
            costs.append(-np.mean(np.log(shares)))
    return np.mean(costs)


def margin_softmax(Z, singers, directions, angle=0.2, scale=30.0):
    costs = []
    for z, singer in zip(Z, singers, strict=True):
        cosines = [cosine(z, direction) for direction in directions]
        theta = np.arccos(cosines[singer])
        moved = np.cos(theta + angle)
        if theta + angle > np.pi:
            moved = np.cos(theta) - angle * np.sin(angle)
        odds = np.exp([scale * (moved if i == singer else c)
                       for i, c in enumerate(cosines)])  # fmt: skip
        costs.append(-np.log(odds[singer] / sum(odds)))
    return np.mean(costs)


@pytest.fixture(params=["rows of four singers", "one recording of the last"])
def batch(request, rng):
    """Embeddings of 8 chunks, scattered so that margins are met and missed."""
    singers = [0, 0, 1, 2, 2, 2, 3, 1]
    if request.param == "one recording of the last":
        singers[0] = 1
    return rng.normal(scale=0.5, size=(8, 3)), np.array(singers)


def value(loss, Z, singers, dtype=torch.float64):
    return loss.to(dtype)(torch.tensor(Z, dtype=dtype), torch.tensor(singers)).item()


@pytest.mark.parametrize("margin", [0.3, 1.0])
def test_contrastive_is_equations_4_and_5_pair_by_pair(batch, margin):
    expected = contrastive(*batch, margin)
    assert_allclose(value(Contrastive(margin), *batch), expected, rtol=1e-12)
    single = value(Contrastive(margin), *batch, torch.float32)
    assert_allclose(single, expected, rtol=1e-5)


def test_contrastive_puts_the_margin_on_the_squared_distance():
    # At distance 0.8, D = 0.64: the margin of 1 is missed by 0.36, and not by 0.2.
    Z = np.array([[0.0, 0.0], [0.8, 0.0]])
    assert_allclose(value(Contrastive(), Z, [0, 1]), 0.18)
    assert_allclose(value(Contrastive(), Z, [0, 0]), 0.32)


@pytest.mark.parametrize("margin", [0.3, 1.0])
def test_triplet_is_the_mean_over_all_triplets(batch, margin):
    assert_allclose(value(Triplet(margin), *batch), triplet(*batch, margin), rtol=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_supervised_contrastive_is_the_papers_sum(batch, temperature):
    loss = SupervisedContrastive(temperature)
    expected = supervised_contrastive(*batch, temperature)
    assert_allclose(value(loss, *batch), expected, rtol=1e-10)


@pytest.mark.parametrize("options", [{}, {"angle": 0.5, "scale": 10.0}])
def test_margin_softmax_is_the_cross_entropy_of_moved_angles(batch, options):
    loss = MarginSoftmax(3, 4, **options).double()
    directions = loss.directions.detach().numpy()
    # One embedding looks away from its singer, where the margin reaches past pi.
    Z, singers = batch
    Z[3] = -directions[singers[3]] + 0.01
    expected = margin_softmax(Z, singers, directions, **options)
    assert_allclose(value(loss, Z, singers), expected, rtol=1e-6)


def test_margin_softmax_without_a_margin_is_the_plain_softmax(batch):
    Z, singers = map(torch.tensor, batch)
    loss = MarginSoftmax(3, 4, angle=0.0, scale=7.0).double()
    cosines = torch.cosine_similarity(Z[:, None], loss.directions, dim=2)
    expected = cross_entropy(7 * cosines, singers)
    assert_allclose(loss(Z, singers).item(), expected.item(), rtol=1e-6)


def make(name, **options):
    return LOSSES[name](*((3, 4) if name == "margin-softmax" else ()), **options)


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_downhill_lowers_the_loss(name, batch):
    Z, singers = map(torch.tensor, batch)
    Z.requires_grad_()
    loss = make(name).double()
    before = loss(Z, singers)
    (slope,) = torch.autograd.grad(before, Z)
    assert torch.isfinite(slope).all()
    assert loss(Z - 1e-3 * slope, singers) < before


@pytest.mark.parametrize("name", LOSSES)
def test_only_directions_count_on_the_sphere(name, batch):
    Z, singers = batch
    loss = make(name)
    alike = np.isclose(value(loss, Z, singers), value(loss, 3 * Z, singers), rtol=1e-9)
    assert alike == loss.on_sphere


@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_singers_codes_is_irrelevant(name, batch):
    Z, singers = batch
    loss = make(name).double()
    expected = value(loss, Z, singers)
    if name == "margin-softmax":
        loss.directions.data = loss.directions.data.flip(0)
    assert_allclose(value(loss, Z, 3 - singers), expected, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("singers", [[0, 0], [0, 1], [0, 0, 1, 1]])
def test_embeddings_that_coincide_keep_loss_and_slope_finite(name, singers):
    loss = make(name)
    Z = torch.zeros(len(singers), 3)
    if name == "margin-softmax":  # on its singer's direction, the slope's steep place
        Z += loss.directions.detach()[0]
    Z.requires_grad_()
    loss(Z, torch.tensor(singers)).backward()
    assert torch.isfinite(Z.grad).all()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("contrastive", {"margin": 0}),
        ("contrastive", {"margin": float("inf")}),
        ("triplet", {"margin": -1.0}),
        ("supervised-contrastive", {"temperature": 0.0}),
        ("supervised-contrastive", {"temperature": float("nan")}),
        ("margin-softmax", {"scale": 0}),
        ("margin-softmax", {"angle": -0.1}),
        ("margin-softmax", {"angle": 11.5}),  # degrees
    ],
)
def test_a_loss_that_means_nothing_is_refused(name, wrong):
    ((parameter, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{parameter}={value} must"):
        make(name, **wrong)


def test_a_loss_that_does_not_say_what_it_compares_is_named(monkeypatch):
    monkeypatch.setitem(LOSSES, "mine", lambda Z, y: Z.sum())
    with pytest.raises(ValueError, match="'mine'. does not say what it compares"):
        SingerEmbedder(loss="mine").fit([np.ones(9)] * 4, list("aabb"))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_slope_is_finite_on_a_singer_s_own_direction(sign):
    loss = MarginSoftmax(2, 2)
    with torch.no_grad():
        loss.directions[:] = torch.eye(2)
    embedding = torch.tensor([[sign, 0.0]], requires_grad=True)
    loss(embedding, torch.tensor([0])).backward()
    assert embedding.grad.isfinite().all() and loss.directions.grad.isfinite().all()


def test_singers_start_in_directions_of_about_unit_length():
    torch.manual_seed(0)
    lengths = MarginSoftmax(64, 500).directions.norm(dim=1)
    assert lengths.mean().item() == pytest.approx(1, abs=0.05)
