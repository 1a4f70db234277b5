import pickle

import numpy as np
import pytest
import torch

from singerlearn import SingerNetClassifier
from singerlearn.batches import ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.training import (
    check_alike,
    largest_batch,
    naming_the_batch_that_fits,
    seeded_torch,
)


@pytest.fixture
def recordings(rng):
    """Three recordings of 4 bands with 3, 1 and 2 chunks of 8 frames."""
    lengths = (18, 8, 13)
    return [Chunks(rng.rand(4, n).astype("float32"), 8, 5) for n in lengths]


def test_recordings_chunked_in_different_ways_are_an_error(recordings, rng):
    other = Chunks(rng.rand(5, 20).astype("float32"), 8, 5)
    with pytest.raises(ValueError, match="recording 3 was chunked otherwise"):
        check_alike([*recordings, other])


def test_the_callers_random_state_is_untouched():
    before = torch.random.get_rng_state()
    with seeded_torch(0, "cpu"):
        first = torch.rand(3)
    assert torch.equal(before, torch.random.get_rng_state())
    with seeded_torch(0, "cpu"):
        assert torch.equal(first, torch.rand(3))


def test_the_largest_batch_that_fits_is_found_by_halving(recordings):
    class Net:
        batch_size, module_ = 6, torch.nn.Linear(1, 1)

        def train_step_single(self, batch):
            if len(batch[0]) > 1:
                raise torch.OutOfMemoryError("full")

    assert largest_batch(Net(), ChunkDataset(recordings)) == 1


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
        naming_the_batch_that_fits(net, train),
    ):
        net.train_step_single(train.batch(np.arange(6)))


def test_a_compiled_network_trains_alike(recordings, tiny, monkeypatch):
    graphs, compile_module = [], torch.nn.Module.compile

    def backend(graph, inputs):  # which runs the graph as it is: no minute of compiling
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda net: compile_module(net, backend=backend)
    )
    plain, compiled = (
        SingerNetClassifier(**tiny, compile=compile).fit(recordings, [0, 1, 0])
        for compile in (False, True)
    )
    assert graphs
    losses = [[row["train_loss"] for row in m.history_] for m in (plain, compiled)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(
        again.predict_proba(recordings), compiled.predict_proba(recordings)
    )
