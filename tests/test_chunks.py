import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from singerlearn.chunks import Chunks, alike, by_recording, in_groups, mean_of_each

lengths = st.integers(1, 40)


def cut(spectrogram, chunk_frames, hop_frames):
    """Copy the chunks one by one."""
    n_bands, n_frames = spectrogram.shape
    padded = np.zeros((n_bands, max(n_frames, chunk_frames)))
    padded[:, :n_frames] = spectrogram
    chunks, start = [], 0
    while start + chunk_frames <= padded.shape[1]:
        chunks.append(padded[:, start : start + chunk_frames].copy())
        start += hop_frames
    return chunks


@given(n_frames=lengths, chunk_frames=lengths, hop_frames=lengths)
def test_chunks_are_those_of_a_loop(n_frames, chunk_frames, hop_frames):
    spectrogram = 1.0 + np.arange(3 * n_frames).reshape(3, n_frames)
    expected = cut(spectrogram, chunk_frames, hop_frames)
    chunks = Chunks(spectrogram, chunk_frames, hop_frames)

    assert len(chunks) == len(expected)
    assert chunks.shape == np.shape(expected) == np.asarray(chunks).shape
    assert_array_equal(list(chunks), expected)
    assert_array_equal(np.asarray(chunks), expected)
    assert_array_equal(chunks[::-1], expected[::-1])
    assert_array_equal(chunks[-1], expected[-1])
    assert_array_equal(chunks.starts, np.arange(len(expected)) * hop_frames)


def test_the_paper_s_four_minutes_are_198_chunks():
    n_frames = 1 + 240 * 22050 // 512
    assert len(Chunks(np.zeros((96, n_frames), np.float32))) == 198


@given(st.lists(st.booleans(), min_size=1, max_size=60), lengths, lengths)
def test_chunks_of_silence_alone_are_left_out(heard, chunk_frames, hop_frames):
    spectrogram = np.arange(1.0, 3 * len(heard) + 1).reshape(3, -1) * heard
    everything = cut(spectrogram, chunk_frames, hop_frames)
    numbers = [i for i, chunk in enumerate(everything) if chunk.any()]
    numbers = numbers or list(range(len(everything)))  # something has to be there
    expected = [everything[i] for i in numbers]
    chunks = Chunks(spectrogram, chunk_frames, hop_frames)
    assert_array_equal(chunks.starts, np.array(numbers) * hop_frames)
    assert chunks.shape == np.shape(expected)
    assert_array_equal(np.asarray(chunks), expected)
    assert_array_equal(list(chunks), expected)
    assert_array_equal(chunks[-1], expected[-1])
    assert_array_equal(chunks[1:], expected[1:])


def test_chunks_copy_nothing(rng):
    spectrogram = rng.rand(96, 1000).astype(np.float32)
    chunks = Chunks(spectrogram)
    assert chunks.spectrogram is spectrogram
    for view in [chunks[3], *chunks[2:4], np.asarray(chunks)]:
        assert np.shares_memory(view, spectrogram)
    assert not np.shares_memory(np.array(chunks), spectrogram)


def test_conversion_to_another_type_is_a_copy_or_refused(rng):
    chunks = Chunks(rng.rand(2, 9).astype(np.float32), 4, 2)
    assert np.asarray(chunks, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.array(chunks, dtype=np.float64, copy=False)


def test_pickle_weighs_one_spectrogram_and_keeps_everything(rng):
    spectrogram = rng.rand(96, 3000).astype(np.float32)
    chunks = Chunks(spectrogram, 256, 51, front_end={"spectrogram": "mel"})
    pickled = pickle.dumps(chunks)
    assert len(pickled) < spectrogram.nbytes + 1000
    again = pickle.loads(pickled)
    assert_array_equal(again, chunks)
    assert (again.chunk_frames, again.hop_frames) == (256, 51)
    assert again.front_end == {"spectrogram": "mel"}


def test_short_recordings_are_padded_with_silence_to_one_chunk():
    chunks = Chunks(np.ones((96, 7), np.float32))
    assert chunks.shape == (1, 96, 256)
    assert chunks.spectrogram.dtype == np.float32
    assert_array_equal(chunks[0].sum(axis=0), np.r_[np.full(7, 96), np.zeros(249)])


def test_it_is_a_sequence():
    chunks = Chunks(np.zeros((2, 10)), 4, 2)
    assert len(list(reversed(chunks))) == len(chunks) == 4
    assert_array_equal(chunks[np.int64(1)], chunks[1])
    for index in (4, -5):
        with pytest.raises(IndexError):
            chunks[index]
    with pytest.raises(TypeError):
        chunks["first"]
    assert repr(chunks) == "Chunks(n_chunks=4, n_bands=2, chunk_frames=4, hop_frames=2)"


@pytest.mark.parametrize("shape", [(96,), (2, 3, 4), (96, 0), (0, 5), ()])
def test_what_is_no_spectrogram_is_refused(shape):
    with pytest.raises(ValueError, match="n_bands, n_frames"):
        Chunks(np.zeros(shape))


@pytest.mark.parametrize("frames", [{"chunk_frames": 0}, {"hop_frames": -1}])
def test_lengths_under_one_frame_are_refused(frames):
    with pytest.raises(ValueError, match="at least 1"):
        Chunks(np.zeros((96, 300)), **frames)


def test_recordings_chunked_in_different_ways_are_an_error(rng):
    chunks = [Chunks(rng.rand(5, 20), 8, 4), Chunks(rng.rand(5, 30), 8, 4)]
    assert list(alike(iter(chunks))) == chunks
    with pytest.raises(ValueError, match="recording 2 was chunked differently"):
        list(alike([*chunks, Chunks(rng.rand(5, 20), 9, 4)]))
    chunks[1].spectrogram[0, 0] = np.nan
    with pytest.raises(ValueError, match="recording 1 has chunks that hold NaN"):
        list(alike(chunks))


@pytest.mark.parametrize(
    ("n_chunks", "lengths"),
    [(1, [[2], [1], [3], [1]]), (3, [[2, 1], [3], [1]]), (9, [[2, 1, 3, 1]])],
)
def test_recordings_are_gathered_by_their_chunks(n_chunks, lengths):
    recordings = [np.zeros((n, 2)) for n in (2, 1, 3, 1)]
    groups = list(in_groups(iter(recordings), n_chunks))
    assert [[len(own) for own in group] for group in groups] == lengths
    assert sum(groups, []) == recordings
    assert list(in_groups([], n_chunks)) == []


def test_rows_of_chunks_are_those_of_recordings(rng):
    rows, n_chunks = rng.rand(6, 3), [2, 1, 3]
    each = by_recording(rows, n_chunks)
    assert [len(own) for own in each] == n_chunks
    assert_array_equal(np.concatenate(each), rows)
    means = mean_of_each(each)
    assert_array_equal(means[0], (rows[0] + rows[1]) / 2)
    assert_array_equal(means[1], rows[2])


def test_infinity_is_no_chunk():
    good, bad = (Chunks(np.full((2, 8), value), 8, 3) for value in (1.0, np.inf))
    with pytest.raises(ValueError, match="recording 1 has chunks that hold NaN or inf"):
        list(alike([good, bad]))
