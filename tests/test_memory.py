"""Out of memory is one clear error, in training, in prediction and before either."""

import weakref
from functools import partial

import numpy as np
import pytest
import torch

from singerlearn import SingerEmbedder, SingerNetClassifier
from singerlearn.batches import ChunkDataset
from singerlearn.memory import (
    advise_batch,
    largest_batch,
    naming_what_does_not_fit,
)
from singerlearn.skorch_net import NetReadOnceAnEpoch


def full(*args, **kwargs):
    raise torch.OutOfMemoryError("full")


def test_the_largest_batch_that_fits_is_found_by_halving(recordings):
    class Net:
        batch_size, module_ = 10, torch.nn.Linear(1, 1)

        def __init__(self, most):
            self.most = most

        def train_step_single(self, batch):
            if len(batch[0]) > self.most:
                raise torch.OutOfMemoryError("full")

    train = ChunkDataset(recordings)
    cases = [(9, 1, 5), (9, 2, 4), (2, 1, 2), (1, 1, 1), (3, 4, 0), (0, 1, 0)]
    for most, unit, expected in cases:
        assert largest_batch(Net(most), train, unit) == expected


def test_an_embedders_batches_keep_their_pairs_and_singers(recordings, monkeypatch):
    step = NetReadOnceAnEpoch.train_step_single

    def limited(net, batch, **fit_params):
        if len(batch[0]) > 5:
            raise torch.OutOfMemoryError("full")
        return step(net, batch, **fit_params)

    monkeypatch.setattr(NetReadOnceAnEpoch, "train_step_single", limited)
    X, y = [*recordings, *recordings], [0, 1, 0, 1, 0, 1]
    options = dict(filters=(4,), device="cpu", verbose=0, batch_size=10)
    for loss, advice in [("contrastive", "batch_size=4 does"), ("triplet", "nor .* 8")]:
        with pytest.raises(ValueError, match=f"batch_size=10 does not fit .* {advice}"):
            SingerEmbedder(4, loss, **options).fit(X, y)


def test_what_the_failed_step_held_is_free_when_a_smaller_batch_is_tried(recordings):
    class Net:
        batch_size, device, module_ = 6, "cuda", torch.nn.Linear(1, 1)
        held = 0

        def train_step_single(self, batch):
            activations = Activations(self, len(batch[0]))
            if self.held > 3:
                raise torch.OutOfMemoryError("full")
            del activations

    class Activations:
        def __init__(self, net, n_chunks):
            self.net, self.n_chunks = net, n_chunks
            net.held += n_chunks

        def __del__(self):
            self.net.held -= self.n_chunks

    net, train = Net(), ChunkDataset(recordings)
    with (
        pytest.raises(ValueError, match="batch_size=6 does not fit .* batch_size=3 do"),
        naming_what_does_not_fit(partial(advise_batch, net, train)),
    ):
        net.train_step_single(train.batch(np.arange(6)))


def test_what_did_not_fit_is_let_go_before_the_error_is():
    held = []

    def fill():
        spectrograms = torch.zeros(1)
        held.append(weakref.ref(spectrograms))
        raise torch.OutOfMemoryError("full")

    with (
        pytest.raises(ValueError, match="too much") as caught,
        naming_what_does_not_fit(lambda: "too much"),
    ):
        fill()
    assert held[0]() is None
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_spectrograms_that_do_not_fit_are_counted(recordings, tiny, monkeypatch):
    monkeypatch.setattr("singerlearn.training.ChunkDataset", full)
    with pytest.raises(ValueError, match="3 recordings, 6.2e-07 GB, do not fit"):
        SingerNetClassifier(**tiny).fit(recordings, [0, 1, 0])


@pytest.mark.parametrize("inference", ["chunks", "dense"])
def test_prediction_asks_for_smaller_batches(recordings, tiny, monkeypatch, inference):
    net = SingerNetClassifier(**tiny, inference=inference).fit(recordings, [0, 1, 0])
    monkeypatch.setattr(net.net_.module_, "frames", full)
    with pytest.raises(ValueError, match="batch_size=16 does not fit .*set_params"):
        net.predict(recordings)
