import pytest
import torch

from singerlearn.batches import ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.training import check_alike, largest_batch, seeded_torch


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
