import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.augmentation import AUGMENTATIONS
from singerlearn.batches import ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.partners import PairBatches, SingerBatches, check_partners
from singerlearn.synthesis import SyntheticSingers


def make_dataset(n_chunks, singers, songs=None, weights=1):
    """A data set whose chunks hold their own number from 1 on, of 2 frames each."""
    ends = np.cumsum(n_chunks)
    recordings = [
        Chunks(1 + np.arange(end - n, end, dtype="float32").repeat(2)[None], 2, 2)
        for n, end in zip(n_chunks, ends, strict=True)
    ]
    return ChunkDataset(recordings, singers, weights, songs=songs)


def indices(batches):
    """The chunks of an epoch, counted from 0, batch by batch."""
    return [x[:, 0, 0].numpy().astype(int) - 1 for x, _ in batches]


def pairs(batches):
    return np.concatenate(indices(batches)).reshape(-1, 2)


@pytest.fixture
def dataset():
    """Four singers; of the first, three recordings of two songs, of the others two."""
    return make_dataset(
        [5, 3, 1, 4, 4, 2, 6, 1, 1], [0, 0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 1] + [0, 1] * 3
    )


# Recordings as (chunks, song) of singers; every singer has two songs.
SINGERS = st.lists(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=2, max_size=5)
    .filter(lambda recordings: len({song for _, song in recordings}) > 1),
    min_size=2, max_size=5,
)  # fmt: skip


def dataset_of(singers, with_songs):
    rows = [(n, s, song) for s, rs in enumerate(singers) for n, song in rs]
    n_chunks, who, songs = map(list, zip(*rows, strict=True))
    return make_dataset(n_chunks, who, songs if with_songs else None)


@settings(max_examples=40, deadline=None)
@given(SINGERS, st.booleans(), st.integers(0, 99))
def test_pairs_keep_their_promises(singers, with_songs, seed):
    dataset = dataset_of(singers, with_songs)
    a, b = pairs(PairBatches(dataset, 7, seed=seed)).T
    who = dataset.targets.numpy()[dataset.recording]
    same = who[a] == who[b]
    # Every chunk has its turn, and with it every singer; same : different is 1 : 1.
    assert_array_equal(np.sort(a), np.arange(len(dataset)))
    assert abs(same.sum() - (~same).sum()) <= 1
    # No chunk meets itself, nor another of its recording, nor of its song if told.
    apart = dataset.songs[dataset.recording]
    assert (apart[a] != apart[b])[same].all()


@settings(max_examples=40, deadline=None)
@given(SINGERS, st.booleans(), st.integers(0, 99))
def test_batches_of_singers_keep_their_promises(singers, with_songs, seed):
    dataset = dataset_of(singers, with_songs)
    who = dataset.targets.numpy()[dataset.recording]
    songs = dataset.songs[dataset.recording]
    seen = set()
    for batch in indices(SingerBatches(dataset, 9, chunks_per_singer=3, seed=seed)):
        assert len(set(batch)) == len(batch) and len(set(who[batch])) >= 2
        for singer in set(who[batch]):
            hand = batch[who[batch] == singer]
            has = np.flatnonzero(who == singer)
            assert len(hand) == min(3, len(has))
            assert len(set(songs[hand])) == min(3, len(set(songs[has])))
        seen |= set(who[batch])
    assert seen == set(who)


def test_every_fitting_partner_is_drawn_equally_often(dataset):
    batches = PairBatches(dataset, 8, seed=0)
    who = dataset.targets.numpy()[dataset.recording]
    song = dataset.songs[dataset.recording]
    drawn = np.zeros((len(dataset), len(dataset)))
    for _ in range(600):
        np.add.at(drawn, tuple(pairs(batches).T), 1)
    # By loops: what may meet, and how often a chunk's partner is this one.
    for a in range(len(dataset)):
        for fits in (
            [b for b in range(len(dataset)) if who[b] == who[a] and song[b] != song[a]],
            [b for b in range(len(dataset)) if who[b] != who[a]],
        ):
            assert_allclose(drawn[a, fits] / 300, 1 / len(fits), atol=0.1)
            drawn[a, fits] = 0
    assert not drawn.any()


def test_a_batch_holds_whole_pairs(dataset):
    sizes = [len(batch) for batch in indices(PairBatches(dataset, 9, seed=0))]
    assert sizes == [8] * 6 + [6]


def test_partners_may_share_a_recording_but_a_chunk_never_meets_itself():
    dataset = make_dataset([3, 2], [0, 1])
    batches = PairBatches(dataset, 4, same_recording=True, seed=0)
    drawn = {tuple(pair) for _ in range(200) for pair in pairs(batches)}
    assert drawn == {(a, b) for a in range(5) for b in range(5) if a != b}
    batches = SingerBatches(
        dataset, 6, chunks_per_singer=3, same_recording=True, seed=0
    )
    assert {frozenset(batch) for batch in indices(batches)} == {frozenset(range(5))}


def test_a_singer_with_few_chunks_brings_those(dataset):
    who = dataset.targets.numpy()[dataset.recording]
    batches = SingerBatches(dataset, 16, chunks_per_singer=4, seed=0)
    for batch in indices(batches):
        assert_array_equal(np.bincount(who[batch]), [4, 4, 4, 2])


def test_an_epoch_of_singers_is_about_as_long_as_the_chunks(dataset):
    batches = SingerBatches(dataset, 8, chunks_per_singer=2, seed=0)
    assert sum(map(len, indices(batches))) == 32  # 27 chunks, 4 singers, 2 of each
    few = SingerBatches(dataset, 8, chunks_per_singer=2, chunks_per_recording=1, seed=0)
    assert sum(map(len, indices(few))) == 16  # 9 recordings


def test_the_last_batch_is_filled_up_with_other_singers():
    dataset = make_dataset([1] * 10, np.repeat(range(5), 2))
    who = dataset.targets.numpy()[dataset.recording]
    for seed in range(20):
        batches = indices(SingerBatches(dataset, 4, chunks_per_singer=2, seed=seed))
        assert [len(set(who[batch])) for batch in batches] == [2, 2, 2]


def test_singers_who_do_not_fill_a_batch_wait_for_the_next_round():
    dataset = make_dataset([5] * 20, np.repeat(range(10), 2))
    who = dataset.targets.numpy()[dataset.recording]
    for seed in range(20):
        batches = indices(SingerBatches(dataset, 32, chunks_per_singer=4, seed=seed))
        # 100 chunks are three rounds of ten singers with four: eight of them at once.
        assert [len(set(who[batch])) for batch in batches] == [8, 8, 8, 8]
        times = np.bincount(who[np.concatenate(batches)], minlength=10) / 4
        assert set(times) <= {3, 4} and sum(times) == 32


@pytest.mark.parametrize("n_own, share", [(4, 0.2), (4, 0.5), (4, 0.9), (3, 0.1)])
def test_synthetic_singers_sing_their_share(n_own, share):
    own = make_dataset([4] * 2 * n_own, np.repeat(range(n_own), 2))
    both = own.joined(SyntheticSingers(40, n_songs=3), n_own, share)
    batches = SingerBatches(both, 16, chunks_per_singer=2, seed=0)
    drawn = [np.concatenate(list(batches.draw())) for _ in range(200)]
    who = [both.targets.numpy()[both.recording[epoch]] for epoch in drawn]
    # Batches that are filled up with singers of the first blur it a little.
    assert abs(np.mean(np.concatenate(who) >= n_own) - share) < 0.04
    assert all(set(range(n_own)) <= set(singers) for singers in who)
    assert set(np.concatenate(who)) == set(range(n_own + 40))  # each has a turn


@pytest.mark.parametrize("batches", [PairBatches, SingerBatches])
def test_seeded_epochs_differ_and_repeat_with_their_seed(batches, dataset):
    first, again, other = (batches(dataset, 8, seed=s) for s in (0, 0, 1))
    epochs = [np.concatenate(indices(first)) for _ in range(2)]
    assert epochs[0].tolist() != epochs[1].tolist()
    assert_array_equal(np.concatenate(indices(again)), epochs[0])
    assert np.concatenate(indices(other)).tolist() != epochs[0].tolist()


@pytest.mark.parametrize("batches", [PairBatches, SingerBatches])
def test_to_validate_every_epoch_is_the_same(batches, dataset):
    fixed = batches(dataset, 8)
    for one, other in zip(indices(fixed), indices(fixed), strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("batches", [PairBatches, SingerBatches])
def test_to_validate_only_what_is_set_aside_is_an_anchor(batches):
    # The second recording of each singer is set aside.
    dataset = make_dataset([3, 2] * 3, np.repeat(range(3), 2), weights=[0, 1] * 3)
    aside = dataset.weights[dataset.recording] > 0
    who = dataset.targets.numpy()[dataset.recording]
    anchors, partners = pairs(batches(dataset, 6)).T
    assert aside[anchors].all() and set(who[anchors]) == {0, 1, 2}
    same = who[anchors] == who[partners]
    assert not aside[partners[same]].any()


def test_several_singers_are_needed_to_validate_on():
    dataset = make_dataset([2] * 4, [0, 0, 1, 1], weights=[1, 0, 0, 0])
    with pytest.raises(ValueError, match="recordings of one"):
        list(SingerBatches(dataset, 4))


def test_partners_are_augmented_like_all_chunks():
    recordings = [Chunks(np.full((96, 40), 30.0, "float32"), 20, 20)] * 4
    dataset = ChunkDataset(recordings, [0, 0, 1, 1])
    for batches in (PairBatches, SingerBatches):
        ((chunks, _),) = batches(dataset, 16, seed=0, augment=AUGMENTATIONS)
        assert chunks.shape[1:] == (96, 20) and not torch.all(chunks == 30)


def test_singers_without_two_songs_are_named():
    names = np.array(["Ann", "Bob", "Cem", "Dan", "Eve"])
    check_partners(names, np.repeat(range(5), 2), np.tile([0, 1], 5), "song")
    with pytest.raises(ValueError, match="two songs .* of 'Bob': give more"):
        check_partners(
            names[:2], np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2]), "song"
        )
    with pytest.raises(ValueError, match="'Ann', 'Bob', 'Cem' and 2 more"):
        check_partners(names, np.arange(5), np.arange(5), "recording")


def test_partners_come_from_all_other_songs():
    dataset = make_dataset([2] * 10, np.repeat([0, 1], 5))
    batches = SingerBatches(dataset, 4, chunks_per_singer=2, seed=0)
    met = {dataset.recording[batches.hand(0, batches.rng)[1]] for _ in range(200)}
    assert met == {1, 2, 3, 4}


def test_an_epoch_with_a_crowd_is_no_longer_than_its_chunks():
    dataset = make_dataset([9] * 40, np.repeat(np.arange(8), 5))
    both = dataset.joined(SyntheticSingers(50, n_songs=2), 8, 0.5)
    batches = SingerBatches(both, 32, chunks_per_singer=2, seed=0)
    lengths = [sum(map(len, batches.draw())) for _ in range(10)]
    assert 0.9 < np.mean(lengths) / (2 * 9 * 40) < 1.2
