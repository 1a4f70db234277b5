"""What `fit` learns and from whom, who is kept aside, and the paper's regime."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback

from singerlearn import SingerEmbedder, SingerNetClassifier
from singerlearn.batches import ChunkDataset
from singerlearn.nn.losses import LOSSES
from singerlearn.partners import PairBatches

OTHER_LOSSES = sorted(set(LOSSES) - {"contrastive"})


def weights(embedder):
    return torch.cat([p.flatten() for p in embedder.net_.module_.parameters()])


# ------------------------------------------------------------------- learning


@pytest.mark.parametrize("loss", OTHER_LOSSES)
def test_every_loss_learns(voices, small, loss):
    X, y, songs = voices
    small |= dict(max_epochs=10, dense=())
    embedder = SingerEmbedder(loss=loss, **small).fit(X, y, songs=songs)
    losses = embedder.history_[:, "train_loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert embedder.score(X, y) > 0.9


def test_parameters_reach_the_loss(voices, small):
    X, y, _ = voices
    small |= dict(max_epochs=1, stretches=(0.9,))
    triplet = SingerEmbedder(loss="triplet", margin=0.25, **small).fit(X, y)
    assert triplet.net_.criterion_.margin == 0.25
    cosines = SingerEmbedder(
        loss="supervised-contrastive", loss_params={"temperature": 0.5}, **small
    ).fit(X, y)
    assert cosines.net_.criterion_.temperature == 0.5
    named = SingerEmbedder(
        loss="margin-softmax", loss_params={"angle": 0.4, "scale": 16.0}, **small
    ).fit(X, y)
    assert (named.net_.criterion_.angle, named.net_.criterion_.scale) == (0.4, 16)
    assert named.net_.criterion_.directions.shape == (6 * 2, 4)


def test_the_directions_of_the_singers_are_learnt(voices, small):
    X, y, _ = voices
    first, last = (
        SingerEmbedder(loss="margin-softmax", **small | {"max_epochs": n}).fit(X, y)
        for n in (1, 3)
    )
    moved = last.net_.criterion_.directions - first.net_.criterion_.directions
    assert (moved.abs().amax(dim=1) > 1e-3).all()


def test_songs_decide_who_is_paired(voices, small, monkeypatch):
    X, y, _ = voices
    drawn = []

    def spy(self, anchors, same, rng):
        partners = draw(self, anchors, same, rng)
        recording = self.dataset.recording
        drawn.extend(
            zip(recording[anchors[same]], recording[partners[same]], strict=True)
        )
        return partners

    small |= dict(max_epochs=1, loss="contrastive")
    draw = PairBatches.draw_partners
    monkeypatch.setattr(PairBatches, "draw_partners", spy)
    SingerEmbedder(**small).fit(X, y)
    assert {abs(i - j) for i, j in drawn} == {1, 2, 3}
    drawn.clear()
    # The first two recordings of a singer are of one song, and so are the others.
    SingerEmbedder(**small).fit(X, y, songs=np.tile([7, 7, 9, 9], 6))
    assert {(i % 4 < 2, j % 4 < 2) for i, j in drawn} == {(True, False), (False, True)}
    drawn.clear()
    SingerEmbedder(partners_from="chunks", **small).fit(X, y)
    assert {abs(i - j) for i, j in drawn} == {0, 1, 2, 3}
    drawn.clear()
    songs = np.tile([7, 7, 9, 9], 6)
    SingerEmbedder(partners_from="chunks", **small).fit(X, y, songs=songs)
    assert {(i % 4 < 2, j % 4 < 2) for i, j in drawn} == {(True, False), (False, True)}


def test_one_seed_gives_one_model_bit_for_bit(voices, small):
    X, y, songs = voices
    state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    small |= dict(augment=True, early_stopping=True, max_epochs=2)
    first, second = (SingerEmbedder(**small).fit(X, y, songs=songs) for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    other = SingerEmbedder(**small | {"random_state": 1}).fit(X, y, songs=songs)
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(state[0], torch.random.get_rng_state())
    assert_array_equal(state[1], np.random.get_state()[1])


def test_fit_neither_warns_nor_changes_parameters(voices, small):
    embedder = SingerEmbedder(loss_params={"temperature": 0.5}, **small)
    before = embedder.get_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.fit(*voices[:2])
    assert embedder.get_params() == before


# ----------------------------------------------------------------- validation


def test_the_validation_loss_is_equations_4_and_5_over_fixed_pairs(voices, small):
    X, y, _ = voices
    small |= dict(max_epochs=2, batch_size=8)
    embedder = SingerEmbedder(loss="contrastive", margin=0.5, **small)
    embedder.fit(X, y, validation_singers=["e", "f"])
    aside = embedder.validation_indices_
    assert_array_equal(aside, np.flatnonzero(np.isin(y, ["e", "f"])))
    recordings, who = [X[i] for i in aside], (y[aside] == "e").astype(int)
    Z = np.concatenate(embedder.transform_chunks(recordings))
    who = who.repeat([len(c) for c in recordings])
    costs = []
    for batch in PairBatches(ChunkDataset(recordings, (y[aside] == "e") * 1), 8).draw():
        for i, j in batch.reshape(-1, 2):
            D = sum((Z[i] - Z[j]) ** 2)
            costs.append(0.5 * D if who[i] == who[j] else 0.5 * max(0, 0.5 - D))
    assert_allclose(embedder.history_[-1, "valid_loss"], np.mean(costs), rtol=1e-4)


@pytest.mark.parametrize("kind", [set, tuple, np.array, pd.Series])
def test_validation_singers_come_in_any_container(voices, small, kind):
    X, y, _ = voices
    embedder = SingerEmbedder(**small | {"max_epochs": 1})
    embedder.fit(
        X, pd.Series(y, index=range(9, 33)), validation_singers=kind(["e", "f"])
    )
    assert set(y[embedder.validation_indices_]) == {"e", "f"}


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_validation_singers_are_not_trained_on(voices, small, loss):
    X, y, _ = voices
    rest = np.flatnonzero(~np.isin(y, ["b", "e"]))
    with_them = SingerEmbedder(loss=loss, **small)
    with_them.fit(X, y, validation_singers=["b", "e"])
    without = SingerEmbedder(loss=loss, **small).fit([X[i] for i in rest], y[rest])
    assert torch.equal(weights(with_them), weights(without))
    assert len(with_them.history_[:, "valid_loss"]) == small["max_epochs"]


def test_early_stopping_goes_by_the_validation_singers(voices, small):
    X, y, _ = voices
    small |= dict(max_epochs=30, lr=1e-12, lr_schedule=None)  # so nothing improves
    embedder = SingerEmbedder(
        early_stopping=True, check_every=2, patience=4, min_improvement=0.99, **small
    ).fit(X, y, validation_singers=["e", "f"])
    assert len(embedder.history_) == 6
    assert set(y[embedder.validation_indices_]) == {"e", "f"}


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_epochs_are_validated_on_the_same_partners(voices, small, loss):
    seen = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch, training=False, **kwargs):
            if not training:
                seen.append((len(net.history), batch[0].sum().item()))

    embedder = SingerEmbedder(loss=loss, callbacks=[Watch()], **small)
    embedder.fit(*voices[:2], validation_singers=["a", "b"])
    epochs = [[total for epoch, total in seen if epoch == i] for i in (1, 2, 3)]
    assert epochs[0] and epochs[0] == epochs[1] == epochs[2]


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_early_stopping_sets_one_recording_of_each_singer_aside(voices, small, loss):
    X, y, _ = voices
    embedder = SingerEmbedder(loss=loss, early_stopping=True, **small).fit(X, y)
    assert sorted(y[embedder.validation_indices_]) == list("abcdef")
    assert np.isfinite(embedder.history_[:, "valid_loss"]).all()


def test_groups_stay_on_one_side_of_the_inner_split(voices, small):
    X, y, songs = voices
    embedder = SingerEmbedder(early_stopping=True, **small).fit(X, y, groups=songs)
    aside = embedder.validation_indices_
    assert len(set(songs[aside])) == 1 and len(aside) == 6


# -------------------------------------------------------------------- regimes


class Press(Callback):
    """Keeps the weights after every epoch, and interrupts the fourth."""

    def __init__(self):
        self.seen = []

    def __deepcopy__(self, memo):  # `fit` copies callbacks
        return self

    def on_batch_begin(self, net, training=False, **kwargs):
        if training and len(net.history) == 4:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        self.seen.append([p.detach().clone() for p in net.module_.parameters()])


@pytest.mark.parametrize("kind", [SingerNetClassifier, SingerEmbedder])
def test_ctrl_c_keeps_the_best_with_early_stopping(voices, small, kind):
    del small["n_components"]
    press = Press()
    small |= dict(max_epochs=6, early_stopping=True, min_improvement=0.99)
    model = kind(**small, callbacks=[press])
    with pytest.warns(UserWarning, match="interrupted after 3 of 6"):
        model.fit(*voices[:2])
    # No later loss is a hundredth of the first, so that epoch is the best.
    own = list(model.net_.module_.parameters())
    assert [all(map(torch.equal, own, s)) for s in press.seen] == [True, False, False]


def test_what_it_shares_with_the_classifier_has_the_same_defaults():
    classifier = SingerNetClassifier().get_params()
    # A step of the embedder's is several singers, and it has to know new ones.
    for its_own in ("batch_size", "stretches", "augment", "chunks_per_singer"):
        del classifier[its_own]
    assert classifier.items() <= SingerEmbedder().get_params().items()


def test_the_papers_regime_to_the_letter():
    embedder = SingerEmbedder.paper(aggregation="average")
    expected = dict(
        n_components=16, loss="contrastive", margin=1.0, block="resnext",
        filters=(128, 128), aggregation="average", dense=(1024, 1024, 1024),
        dropout=0.1, lr=1e-4, lr_schedule=None, weight_decay=1e-6, augment=False,
        batch_size=64, chunks_per_recording=None, early_stopping=True,
        check_every=50, patience=1000, min_improvement=0.005, partners_from="chunks",
        downsampling="max-pool", head_norm=False,
    )  # fmt: skip
    assert expected.items() <= embedder.get_params().items()


def test_the_papers_regime_trains(voices, small):
    X, y, _ = voices
    small = {k: v for k, v in small.items() if k not in ("lr", "batch_size")}
    embedder = SingerEmbedder.paper(**small, check_every=2)
    embedder.fit(X, y, validation_singers=["a", "f"])
    assert embedder.transform(X).shape == (24, 4)
    # 16 recordings of 3 chunks, each with a partner, 32 pairs in a step.
    assert embedder.history_[-1, "batches", :, "train_batch_size"] == [64, 32]
