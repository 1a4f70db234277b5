"""One spectrogram seen as overlapping chunks, without a copy."""

import operator
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def mean_of_each(rows):
    """Return what is known of each recording: the mean over its chunks.

    Parameters
    ----------
    rows : list of n_recordings arrays of shape (n_chunks, width)

    Returns
    -------
    ndarray of shape (n_recordings, width)
    """
    return np.stack([own.mean(axis=0) for own in rows])


def by_recording(rows, n_chunks):
    """Cut the rows of all chunks, below each other, into those of each recording.

    Parameters
    ----------
    rows : ndarray of shape (n_all_chunks, ...)
    n_chunks : array-like of shape (n_recordings,)

    Returns
    -------
    list of n_recordings ndarrays of shape (n_chunks, ...)
    """
    return np.split(rows, np.cumsum(n_chunks)[:-1])


class Chunks(Sequence):
    """Overlapping chunks of one recording's spectrogram.

    At the paper's overlap of 80 % the chunks hold every frame five times. Here they are
    views: a sequence of (n_bands, chunk_frames) arrays that weighs, and pickles as, the
    spectrogram alone. ``np.asarray`` gives all of them as one read-only view.

    Parameters
    ----------
    spectrogram : array-like of shape (n_bands, n_frames)
        Any frame-wise features, time last; here decibels, where 0 is silence.
    chunk_frames : int, default=256
        Length of a chunk, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between chunks, in frames (1.19 s); the frames after the last whole chunk
        belong to none.
    front_end : dict, default=None
        How the spectrogram was made: its kind and parameters, by name.

    Attributes
    ----------
    spectrogram : ndarray of shape (n_bands, max(n_frames, chunk_frames))
        The spectrogram; one shorter than a chunk is padded with silence (0) to one.
    starts : ndarray of shape (n_chunks,)
        The first frame of each chunk.
    shape : tuple
        (n_chunks, n_bands, chunk_frames)

    Raises
    ------
    ValueError
        If the spectrogram is not a 2-D array with something in it, or if a length is
        under one frame.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.chunks import Chunks
    >>> chunks = Chunks(np.zeros((96, 600)))
    >>> chunks
    Chunks(n_chunks=7, n_bands=96, chunk_frames=256, hop_frames=51)
    >>> chunks[0].shape, chunks.spectrogram.shape
    ((96, 256), (96, 600))
    """

    def __init__(self, spectrogram, chunk_frames=256, hop_frames=51, front_end=None):
        spectrogram = np.asarray(spectrogram)
        if spectrogram.ndim != 2 or spectrogram.size == 0:
            raise ValueError(
                "a spectrogram has shape (n_bands, n_frames) and at least one of each, "
                f"got {spectrogram.shape}"
            )
        if chunk_frames < 1 or hop_frames < 1:
            raise ValueError(
                f"chunk_frames={chunk_frames} and hop_frames={hop_frames} must be at "
                "least 1"
            )
        missing = chunk_frames - spectrogram.shape[1]
        if missing > 0:
            # Many times faster than np.pad, which counts with a store of spectrograms.
            padded = np.zeros((len(spectrogram), chunk_frames), spectrogram.dtype)
            padded[:, :-missing] = spectrogram
            spectrogram = padded
        self.spectrogram = spectrogram
        self.chunk_frames = operator.index(chunk_frames)
        self.hop_frames = operator.index(hop_frames)
        self.front_end = front_end

    @property
    def starts(self):
        """The first frame of each chunk."""
        return np.arange(len(self)) * self.hop_frames

    @property
    def shape(self):
        """(n_chunks, n_bands, chunk_frames)."""
        return len(self), len(self.spectrogram), self.chunk_frames

    def __len__(self):
        n_frames = self.spectrogram.shape[1]
        return 1 + (n_frames - self.chunk_frames) // self.hop_frames

    def __getitem__(self, index):
        # A range knows negative numbers, slices and the end.
        positions = range(len(self))[index]
        if isinstance(positions, range):
            return [self[position] for position in positions]
        start = positions * self.hop_frames
        return self.spectrogram[:, start : start + self.chunk_frames]

    def __array__(self, dtype=None, copy=None):
        windows = sliding_window_view(self.spectrogram, self.chunk_frames, axis=1)
        chunks = windows[:, :: self.hop_frames].swapaxes(0, 1)
        return np.array(chunks, dtype=dtype, copy=copy)

    def __repr__(self):
        n_chunks, n_bands, chunk_frames = self.shape
        return (
            f"Chunks(n_chunks={n_chunks}, n_bands={n_bands}, "
            f"chunk_frames={chunk_frames}, hop_frames={self.hop_frames})"
        )
