"""Chunks read off the frames of whole recordings."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from singerlearn.batches import ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.inference import read_chunks, read_densely
from singerlearn.nn import AGGREGATIONS, BLOCKS, SingerNet


def build(aggregation="attention", filters=(4, 8, 8), chunk_frames=32, **parameters):
    torch.manual_seed(0)
    net = SingerNet(
        16, chunk_frames, 3, filters=filters, dense=(8,), aggregation=aggregation,
        **parameters,
    )  # fmt: skip
    for _ in range(3):  # batch norm has statistics of its own
        net(60 * torch.rand(4, 16, chunk_frames))
    return net.eval()


def recording(n_frames, hop_frames=8, chunk_frames=32, seed=0):
    spectrogram = 60 * np.random.RandomState(seed).rand(16, n_frames)
    return Chunks(spectrogram.astype(np.float32), chunk_frames, hop_frames)


def by_hand(net, chunks, reading):
    """All frames of the recording at once, and each chunk's window of them."""
    step, width = net.n_pooled, chunks.chunk_frames // net.n_pooled
    frames = net.frames(torch.tensor(chunks.spectrogram)[None])
    rows = []
    for start in chunks.starts:
        first = min(int(np.rint(start / step)), frames.shape[2] - width)
        rows.append(net.read(frames[:, :, first : first + width], reading))
    return torch.cat(rows).numpy()


@torch.inference_mode()
@pytest.mark.parametrize(
    ("aggregation", "block", "downsampling"),
    [(aggregation, "resnext", "max-pool") for aggregation in AGGREGATIONS]
    + [("average", "vanilla", "max-pool")]
    + [("average", block, "stride") for block in BLOCKS],
)
def test_stretches_give_what_the_whole_recording_gives(
    aggregation, block, downsampling
):
    net = build(aggregation, block=block, downsampling=downsampling)
    recordings = [recording(n, seed=n) for n in (32, 75, 400)]
    for batch_size in (1, 2, 64):
        for found, chunks in zip(
            read_densely(net, recordings, "outputs", batch_size),
            recordings,
            strict=True,
        ):
            expected = by_hand(net, chunks, "outputs")
            assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_no_stretch_is_longer_than_the_first(monkeypatch):
    net, lengths = build(), []
    frames = net.frames
    monkeypatch.setattr(
        net, "frames", lambda chunks: lengths.append(chunks.shape[2]) or frames(chunks)
    )
    list(read_densely(net, [recording(700)], "outputs", 4))
    assert len(lengths) > 4
    assert set(lengths[:-1]) == {lengths[0]}
    assert lengths[-1] <= lengths[0]


@torch.inference_mode()
@pytest.mark.parametrize("reading", ["outputs", "embeddings", "attention"])
def test_a_recording_of_one_chunk_is_the_same_both_ways(reading):
    net = build()
    recordings = [recording(32), recording(20)]
    for dense, chunk in zip(
        read_densely(net, recordings, reading, 4),
        read_chunks(net, recordings, reading, 4),
        strict=True,
    ):
        assert_allclose(dense, chunk, rtol=1e-5, atol=1e-6)


@torch.inference_mode()
@settings(max_examples=15)
@example([70, 300], 7, 64, 16, (4, 8), "max-pool", None)
@example([70, 300], 4, 64, 16, (4, 8), ("max-pool", "stride"), 5)
@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=3),
    hop_frames=st.integers(1, 80),
    chunk_frames=st.integers(8, 70),
    batch_size=st.integers(1, 20),
    filters=st.sampled_from([(4,), (4, 8), (4, 8, 16)]),
    downsampling=st.sampled_from(["max-pool", "stride"]),
    n_cepstra=st.sampled_from([None, 5]),
)
def test_chunks_that_overlap_are_as_if_each_were_alone(
    lengths, hop_frames, chunk_frames, batch_size, filters, downsampling, n_cepstra
):
    net = build(
        "average",
        filters,
        chunk_frames=chunk_frames,
        downsampling=downsampling,
        n_cepstra=n_cepstra,
    )
    recordings = [recording(n, hop_frames, chunk_frames, seed=n) for n in lengths]
    for found, chunks in zip(
        read_chunks(net, recordings, "outputs", batch_size), recordings, strict=True
    ):
        expected = torch.cat([net(torch.tensor(chunk)[None]) for chunk in chunks])
        assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize(
    "memory_format", [torch.contiguous_format, torch.channels_last]
)
def test_chunks_share_layers_in_bfloat16_too(memory_format, monkeypatch):
    net = build(chunk_frames=64).to(memory_format=memory_format)
    net.precision = "bfloat16"
    chunks = recording(300, hop_frames=7, chunk_frames=64)
    expected = net(torch.tensor(np.asarray(chunks)))
    monkeypatch.setattr(net, "frames", None)  # of chunks one by one
    (found,) = read_chunks(net, [chunks], "outputs", 34)
    assert_allclose(found, expected, atol=1e-3)


def test_what_chunks_cover_lies_side_by_side():
    recordings = [recording(n, hop, 32, seed=n) for n in (90, 32) for hop in (5, 40)]
    recordings = recordings[::2] + recordings[1::2]
    dataset = ChunkDataset(recordings)
    indices = np.arange(2, len(dataset))
    spectrogram, starts = dataset.overlapping(indices)
    chunks = torch.stack([spectrogram[:, s : s + 32] for s in starts])
    assert torch.equal(chunks, dataset.batch(indices)[0])
    # Twelve chunks of the first recording, five frames apart, but for the first two.
    assert spectrogram.shape[1] == 32 + 9 * 5 + 32 + 2 * 32 + 32


@torch.inference_mode()
@pytest.mark.parametrize("downsampling", ["max-pool", "stride", ("stride", "max-pool")])
def test_frames_out_of_reach_of_a_chunks_ends_are_the_same_both_ways(downsampling):
    net = build(filters=(4, 8), chunk_frames=64, downsampling=downsampling)
    chunks = recording(160, hop_frames=48, chunk_frames=64)
    whole = net.frames(torch.tensor(chunks.spectrogram)[None])[0]
    alone = net.frames(torch.tensor(np.asarray(chunks)))
    step, reach = net.n_pooled, -(-net.reach // net.n_pooled)
    for start, frames in zip(chunks.starts // step, alone, strict=True):
        window = whole[:, start : start + 64 // step]
        inside = slice(reach, 64 // step - reach)
        assert_allclose(window[:, inside], frames[:, inside], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(window, frames, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    n_frames=st.integers(1, 300),
    hop_frames=st.integers(1, 60),
    chunk_frames=st.integers(8, 50),
    batch_size=st.integers(1, 8),
    downsampling=st.sampled_from(["max-pool", "stride"]),
)
def test_every_chunk_has_a_row_whatever_the_lengths(
    n_frames, hop_frames, chunk_frames, batch_size, downsampling
):
    net = build(
        "average", filters=(2,), chunk_frames=chunk_frames, downsampling=downsampling
    )
    chunks = recording(n_frames, hop_frames, chunk_frames)
    with torch.inference_mode():
        (found,) = read_densely(net, [chunks], "outputs", batch_size)
        assert found.shape == (len(chunks), 3)
        expected = by_hand(net, chunks, "outputs")
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_convolutions_never_see_more_than_a_batch_and_its_margins(monkeypatch):
    net = build()
    seen = []
    frames = net.frames
    monkeypatch.setattr(net, "frames", lambda x: seen.append(x.shape[2]) or frames(x))
    read_densely(net, [recording(5000)], "outputs", 4)
    margin = -(-net.reach // net.n_pooled) * net.n_pooled
    assert len(seen) > 10
    assert max(seen) <= 4 * 32 + 2 * margin
