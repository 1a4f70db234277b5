"""A network over the chunks of recordings, as they are or off longer stretches."""

import numpy as np
import torch

from singerlearn.batches import ChunkDataset, as_tensor, in_runs
from singerlearn.chunks import by_recording


def read_chunks(module, recordings, reading, batch_size):
    """Run the network on every chunk.

    What chunks that overlap have in common is computed once, as far as that pays.

    Parameters
    ----------
    module : SingerNet
    recordings : list of Chunks
    reading : {"outputs", "embeddings", "attention"}
        As `SingerNet.read` has it.
    batch_size : int
        Chunks at once.

    Returns
    -------
    list of ndarray of shape (n_chunks, width)
        One entry per recording.
    """
    dataset = ChunkDataset(recordings, device=next(module.parameters()).device)

    def read():
        for batch in in_runs(np.arange(len(dataset)), batch_size):
            spectrogram, starts = dataset.overlapping(batch)
            frames = module.frames_of_chunks(spectrogram, starts, dataset.chunk_frames)
            yield module.read(frames, reading)

    return _by_recording(read(), recordings)


def read_densely(module, recordings, reading, batch_size):
    """Run the convolutions once over each recording, and read chunks off the frames.

    Chunks that overlap share all that the convolutions make of their frames. Two things
    differ from `read_chunks`: a chunk's first and last frames see their neighbours
    where the chunk alone would see zeros, and a chunk begins at the nearest frame
    after the pools, up to half of `SingerNet.n_pooled` away.

    Parameters
    ----------
    module, recordings, reading
        As for `read_chunks`.
    batch_size : int
        Memory: the convolutions see as many frames at once as a batch of so many
        chunks has, however long the recording.

    Returns
    -------
    list of ndarray of shape (n_chunks, width)
        One entry per recording.
    """

    def read():
        for chunks in recordings:
            for stretch, windows in _stretches(module, chunks, batch_size):
                yield _read_windows(module, stretch, windows, reading)

    return _by_recording(read(), recordings)


def _by_recording(pieces, recordings):
    """Return rows, some chunks at a time, by recording.

    Copied from the device all at once: every copy waits until all is done before.
    """
    lengths = np.array([len(chunks) for chunks in recordings])
    return by_recording(_joined(pieces, lengths.sum()).cpu().numpy(), lengths)


def _joined(pieces, n_rows):
    """Join rows where they have their place before they come.

    Small results that stayed would come to lie between the large ones that go, whose
    memory could then not be used again.
    """
    rows, first = None, 0
    for piece in pieces:
        if rows is None:
            rows = piece.new_empty((n_rows, piece.shape[1]))
        rows[first : first + len(piece)] = piece
        first += len(piece)
    return rows


def _stretches(module, chunks, batch_size):
    """Yield stretches of one recording, and where its chunks lie after the pools.

    Yields
    ------
    Tensor of shape (n_bands, n_frames)
        With the neighbours that matter to its first and last chunk.
    list of slice
        Each chunk's share of the frames that the convolutions leave.
    """
    step = module.n_pooled
    n_frames = chunks.spectrogram.shape[1]
    width = chunks.chunk_frames // step
    starts = np.minimum(np.rint(chunks.starts / step), n_frames // step - width)
    starts = starts.astype(int)
    margin = -(-module.reach // step)
    # A stretch, without its margins, has the frames of a batch of chunks.
    length = max(1, (batch_size - 1) * width)
    spectrogram = as_tensor(chunks.spectrogram, next(module.parameters()).device)
    for part in np.split(starts, np.flatnonzero(np.diff(starts // length)) + 1):
        # Equally long, so that each fits into the memory that the one before left.
        first = max(0, part[0] - margin)
        last = first + length + width + 2 * margin
        windows = [slice(i, i + width) for i in (part - first).tolist()]
        yield spectrogram[:, first * step : last * step], windows


def _read_windows(module, stretch, windows, reading):
    """Read chunks off what the convolutions make of a stretch."""
    (frames,) = module.frames(stretch[None])
    return module.read(torch.stack([frames[:, window] for window in windows]), reading)
