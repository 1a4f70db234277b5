import warnings

import numpy as np
import pytest
import torch
from joblib import parallel_config
from numpy.testing import assert_array_equal

from singerlearn.augmentation import AUGMENTATIONS, stretch_bands
from singerlearn.batches import ChunkBatches, ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.partners import PairBatches


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
    assert [len(x) for x in first] == [4, 2]
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


def test_long_recordings_give_no_more_chunks_than_asked_for(recordings, rng):
    dataset = ChunkDataset(recordings)
    drawn = [dataset.draw(rng, most=2) for _ in range(100)]
    for order in drawn:
        assert_array_equal(np.bincount(dataset.recording[order]), [2, 1, 2])
        assert len(set(order)) == 5
    assert set(np.concatenate(drawn)) == set(range(6))


def test_an_epoch_has_as_many_recordings_as_the_weights_sum_to(recordings, rng):
    dataset = ChunkDataset(recordings, weights=[0.4, 0.3, 1.3])
    drawn = [dataset.draw(rng, most=1) for _ in range(50)]
    assert {len(order) for order in drawn} == {2}
    dataset = ChunkDataset(recordings, weights=[0.4, 0.3, 0.6])
    drawn = [dataset.draw(rng, most=1) for _ in range(500)]
    assert {len(order) for order in drawn} == {1, 2}
    assert np.mean([len(order) for order in drawn]) == pytest.approx(1.3, abs=0.06)


def test_random_chunks_are_cut_anywhere_in_their_recording(recordings, rng):
    dataset = ChunkDataset(recordings, [0, 1, 2])
    firsts = {0: set(), 1: set(), 2: set()}
    for _ in range(100):
        chunks, targets = dataset.batch(np.arange(6), rng)
        for chunk, i in zip(chunks.numpy(), targets.tolist(), strict=True):
            windows = np.lib.stride_tricks.sliding_window_view(
                recordings[i].spectrogram, 8, axis=1
            )
            (first,) = np.flatnonzero((windows == chunk[:, None]).all(axis=(0, 2)))
            firsts[i].add(first)
    assert firsts == {0: set(range(11)), 1: {0}, 2: set(range(6))}


def epoch(dataset, seed, augment=AUGMENTATIONS):
    """Return all chunks of the first epoch."""
    batches = ChunkBatches(dataset, 4, seed=seed, augment=augment)
    return torch.cat([chunks for chunks, _ in batches])


def test_augmented_epochs_repeat_with_their_seed(recordings):
    dataset = ChunkDataset(recordings, [0, 1, 2])
    first, second, other = (epoch(dataset, seed) for seed in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_each_augmentation_can_be_had_alone():
    rising = np.tile(np.arange(100, 164, dtype="float32"), (96, 1))  # frame by frame
    dataset = ChunkDataset([Chunks(rising, 8, 8)])
    whole, crops, channels, masks = (
        epoch(dataset, 0, augment) for augment in ((), *[[a] for a in AUGMENTATIONS])
    )
    firsts = set(range(100, 164, 8))
    assert set(whole[:, 0, 0].tolist()) == firsts
    assert (crops == crops[:, :1, :1] + torch.arange(8)).all()
    assert not set(crops[:, 0, 0].tolist()) <= firsts
    torch.testing.assert_close(channels - channels[:, :, :1], whole - whole[:, :, :1])
    assert not torch.equal(channels, whole)
    assert ((masks == whole) | (masks == 0)).all() and (masks == 0).any()


def test_a_subset_is_the_data_set_of_those_recordings(recordings):
    whole = ChunkDataset(recordings, [7, 8, 9], [1, 2, 3], songs=[4, 5, 4])
    part = whole.subset(np.array([0, 2]))
    made = ChunkDataset([recordings[0], recordings[2]], [7, 9], [1, 3], songs=[4, 4])
    for one, other in zip(
        part.batch(np.arange(5)), made.batch(np.arange(5)), strict=True
    ):
        assert torch.equal(one, other)
    assert_array_equal(part.weights, made.weights)
    assert_array_equal(part.songs, made.songs)
    assert_array_equal(whole.subset(np.array([1]), np.zeros(1)).weights, [0])
    assert np.shares_memory(part.spectrograms[1].numpy(), recordings[2].spectrogram)


def test_what_weighs_nothing_is_in_no_batch(recordings):
    batches = ChunkBatches(ChunkDataset(recordings, [0, 1, 2], [1, 0, 1]), 4)
    assert torch.cat([t for _, t in batches]).tolist() == [0, 0, 0, 2, 2]


def test_a_part_of_stretched_recordings_is_stretched_as_they_are(recordings):
    several = ChunkDataset(recordings, [0, 1, 0]).stretched((1.2,), n_singers=2)
    part = several.subset(np.array([1, 4]))
    assert part.stretches.tolist() == several.stretches[[1, 4]].tolist()
    first = several.n_chunks[:4].sum()
    expected, _ = several.batch([first])
    np.testing.assert_array_equal(part.batch([part.n_chunks[0]])[0], expected)


def test_stretched_singers_are_singers_of_their_own(recordings, rng):
    whole = ChunkDataset(recordings, [0, 1, 0], [1, 1, 2], songs=[4, 5, 4])
    factors = (0.9, 1.2)
    several = whole.stretched(factors, n_singers=2)
    assert several.targets.tolist() == [0, 1, 0, 2, 3, 2, 4, 5, 4]
    assert_array_equal(several.songs, 3 * [4, 5, 4])
    assert several.spectrograms[7] is several.spectrograms[1]
    for i, factor in enumerate((1, *factors)):
        chunks, targets = several.batch(np.arange(6) + 6 * i)
        plain, own = whole.batch(np.arange(6))
        expected = stretch_bands(plain, torch.full((6,), float(factor)))
        assert torch.equal(chunks, expected) and torch.equal(targets, own + 2 * i)
    # An epoch stays as long, and every identity comes as often.
    drawn = np.concatenate([several.draw(rng) for _ in range(600)])
    of_each = np.bincount(several.recording[drawn], minlength=9) / 600
    np.testing.assert_allclose(of_each, np.tile([3, 1, 4], 3) / 3, rtol=0.15)


class Crowd:
    """Two singers with three songs, who sing their own numbers."""

    n_singers, n_songs = 2, 3

    def render(self, singer, take):
        return np.full((4, 8), 10 * singer + take % self.n_songs, "float32")


def test_a_crowd_sings_a_share_of_an_epoch(recordings):
    own = ChunkDataset(recordings, [0, 1, 0]).stretched((1.2,), n_singers=2)
    both = own.joined(Crowd(), first_target=4, share=0.75, most=2)
    batches = ChunkBatches(both, 5, seed=0, chunks_per_recording=2)
    drawn = {}
    for _ in range(100):
        for chunks, targets in batches:
            for chunk, target in zip(chunks, targets.tolist(), strict=True):
                drawn.setdefault(target, []).append(chunk)
    # Two chunks of two recordings and one of the third, in either stretch; of the rest
    # three times as many.
    counts = np.array([len(drawn[target]) for target in range(6)]) / 100
    np.testing.assert_allclose(counts, [2, 0.5, 2, 0.5, 7.5, 7.5], rtol=0.2)
    for singer in (0, 1):
        sung = torch.stack(drawn[4 + singer])
        values, times = np.unique(sung[:, 0, 0], return_counts=True)
        assert (sung == sung[:, :1, :1]).all()
        assert_array_equal(values, 10 * singer + np.arange(3))
        np.testing.assert_allclose(times / len(sung), 1 / 3, rtol=0.2)


def test_partners_of_a_synthetic_singer_sing_another_song(recordings):
    own = ChunkDataset(recordings, [0, 0, 0], songs=[7, 8, 9])
    both = own.joined(Crowd(), first_target=1, share=0.9)
    for first, second in (
        chunks.unflatten(0, (-1, 2)).unbind(1)
        for chunks, _ in PairBatches(both, 4, seed=0)
    ):
        for one, other in zip(first, second, strict=True):
            assert not torch.equal(one, other)


def test_what_a_crowd_sings_repeats_with_the_seed(recordings):
    both = ChunkDataset(recordings, [0, 1, 0]).joined(Crowd(), 2, share=0.5)
    first, second, other = (epoch(both, seed) for seed in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_a_crowd_does_not_sing_a_whole_epoch_ahead(recordings, rng, monkeypatch):
    monkeypatch.setattr("singerlearn.batches.SUNG_AHEAD", 8)
    sung = []

    class Busy(Crowd):
        def render(self, singer, take):
            sung.append(singer)
            return super().render(singer, take)

    both = ChunkDataset(recordings, [0, 1, 0]).joined(Busy(), 2, share=0.5)
    indices = np.resize(np.arange(6, 12), 60)  # the chunks after the recordings' own
    with parallel_config("threading", n_jobs=3):
        songs = both.sing(indices, rng)
        for n_heard in range(1, 61):
            value = next(songs)[0, 0]
            song = indices[n_heard - 1] - 6
            assert value == 10 * (song // 3) + song % 3
            assert n_heard <= len(sung) <= n_heard + 8


def test_synthetic_singers_sing_another_take_every_time(rng):
    asked = []

    class Crowd:
        n_singers, n_songs = 2, 2

        def render(self, *question):
            asked.append(question)
            return np.ones((3, 4), np.float32)

    chunks = Chunks(np.ones((3, 4), np.float32), 4, 4)
    both = ChunkDataset([chunks], [0]).joined(Crowd(), 1, 0.5)
    for _ in range(2):
        list(both.sing(np.arange(len(both)), rng))
    assert [(s, take % 2) for s, take in asked[:4]] == [
        (s, take % 2) for s, take in asked[4:]
    ]
    assert not set(asked[:4]) & set(asked[4:])


@pytest.mark.parametrize("n_after", [0, 100])
def test_crops_keep_out_of_pauses(rng, n_after):
    heard = np.r_[np.ones(100), np.zeros(400), np.ones(n_after)]
    chunks = Chunks(heard[None].astype(np.float32), 40, 8)
    dataset = ChunkDataset([chunks, Chunks(np.ones((1, 99), np.float32), 40, 8)])
    cropped, _ = dataset.batch(np.tile(np.arange(len(dataset)), 20), rng)
    silent = (cropped == 0).all(dim=2).ravel()
    assert silent.float().mean() < 0.03  # those that hold a frame or two, moved on


def test_crops_are_cut_anywhere_where_there_is_no_pause(rng):
    spectrogram = 1 + np.arange(100, dtype=np.float32)[None]
    dataset = ChunkDataset([Chunks(spectrogram, 40, 20)])
    first = dataset.batch(np.zeros(2000, dtype=int), rng)[0][:, 0, 0]
    assert set(first.tolist()) == set(range(1, 62))
