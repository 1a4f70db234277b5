import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from singerlearn.batches import ChunkBatches, ChunkDataset, draw_validation
from singerlearn.chunks import Chunks


@pytest.fixture
def recordings(rng):
    """Three recordings of 4 bands with 3, 1 and 2 chunks of 8 frames."""
    lengths = (18, 8, 13)
    return [Chunks(rng.rand(4, n).astype("float32"), 8, 5) for n in lengths]


def test_a_batch_holds_the_chunks_of_its_indices(recordings):
    dataset = ChunkDataset(recordings, targets=[7, 8, 9])
    every = np.concatenate([np.asarray(r) for r in recordings])
    batch, targets = dataset.batch(np.array([5, 0, 3]))
    assert_array_equal(batch.numpy(), every[[5, 0, 3]])
    assert_array_equal(targets.numpy(), [9, 7, 8])
    one, target = dataset[4]
    assert_array_equal(one.numpy(), every[4])
    assert target == 9 and len(dataset) == 6


def test_the_data_set_shares_the_memory_of_the_spectrograms(recordings):
    dataset = ChunkDataset(recordings)
    for tensor, recording in zip(dataset.spectrograms, recordings, strict=True):
        assert np.shares_memory(tensor.numpy(), recording.spectrogram)


def test_read_only_spectrograms_raise_no_warning(recordings):
    for recording in recordings:
        recording.spectrogram.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChunkDataset(recordings).batch(np.arange(6))


def test_an_epoch_visits_every_chunk_once_in_another_order_each_time(recordings):
    batches = ChunkBatches(ChunkDataset(recordings, [0, 1, 2]), 4, seed=0)
    first, second = ([x.clone() for x, _ in batches] for _ in range(2))
    assert [len(x) for x in first] == [4, 2] and len(batches) == 2
    keys = [sorted(x.sum().item() for x in torch.cat(e)) for e in (first, second)]
    assert keys[0] == keys[1] and len(set(keys[0])) == 6
    assert not torch.equal(torch.cat(first), torch.cat(second))


def test_doubling_a_weight_is_repeating_the_recording(recordings):
    repeated = [recordings[i] for i in (0, 0, 1, 2)]
    one = ChunkBatches(ChunkDataset(recordings, [0, 1, 2], [2, 1, 1]), 4, seed=0)
    two = ChunkBatches(ChunkDataset(repeated, [0, 0, 1, 2]), 4, seed=0)
    for _ in range(2):
        for (x, t), (x2, t2) in zip(one, two, strict=True):
            assert torch.equal(x, x2) and torch.equal(t, t2)


def test_fractional_weights_hold_on_average(recordings, rng):
    dataset = ChunkDataset(recordings, weights=[0.25, 1.5, 0])
    drawn = np.bincount(
        np.concatenate([dataset.recording[dataset.draw(rng)] for _ in range(2000)]),
        minlength=3,
    )
    # Standard deviations of the shares over 2,000 epochs are about 0.01.
    np.testing.assert_allclose(drawn / 2000 / [3, 1, 2], [0.25, 1.5, 0], atol=0.05)


def test_validation_is_one_recording_of_each_singer_who_has_two(rng):
    singers = np.repeat([0, 1, 2, 3], [5, 2, 1, 10])
    valid = draw_validation(singers, np.arange(18), rng)
    assert_array_equal(np.bincount(singers[valid], minlength=4), [1, 1, 0, 1])


def test_every_recording_may_be_drawn_for_validation(rng):
    singers = np.repeat([0, 1], 4)
    drawn = sum(draw_validation(singers, np.arange(8), rng) for _ in range(400))
    np.testing.assert_allclose(drawn / 400, 0.25, atol=0.1)


def test_validation_keeps_groups_together_and_every_singer_in_training(rng):
    for _ in range(50):
        singers = rng.randint(5, size=30)
        songs = rng.randint(6, size=30)
        valid = draw_validation(singers, songs, rng)
        assert not set(songs[valid]) & set(songs[~valid])
        assert set(singers[~valid]) == set(singers)


def test_validation_without_a_recording_to_spare_is_an_error(rng):
    with pytest.raises(ValueError, match="early_stopping=False"):
        draw_validation(np.arange(4), np.arange(4), rng)
