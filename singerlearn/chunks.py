"""One spectrogram seen as overlapping chunks, without a copy, and the way back."""

import operator
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import ClassifierMixin
from sklearn.utils._set_output import _get_container_adapter


class Chunks(Sequence):
    """Overlapping chunks of one recording's spectrogram.

    At the paper's overlap of 80 %, every frame is in five chunks. Here the chunks are
    views: a sequence of (n_bands, chunk_frames) arrays that takes no more memory, or
    space when pickled, than the spectrogram. ``np.asarray`` gives all of them as one
    read-only view, or as a copy if chunks of silence were left out.

    Parameters
    ----------
    spectrogram : array-like of shape (n_bands, n_frames)
        Any frame-wise features, time last; here decibels, where 0 is silence.
    chunk_frames : int, default=256
        Length of a chunk, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between chunks, in frames (1.18 s). Frames after the last whole chunk
        belong to none. Chunks of nothing but silence are left out, since they would
        vote for whichever singer silence resembles most.
    front_end : dict, default=None
        How the spectrogram was made: its kind and parameters, by name.

    Attributes
    ----------
    spectrogram : ndarray of shape (n_bands, max(n_frames, chunk_frames))
        The spectrogram, padded with silence (0) if it is shorter than a chunk.
    starts : ndarray of shape (n_chunks,)
        The first frame of each chunk, a multiple of `hop_frames`.
    shape : tuple
        (n_chunks, n_bands, chunk_frames)

    Raises
    ------
    ValueError
        If the spectrogram is not a 2-D array, is empty, or if a length is under one
        frame.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.chunks import Chunks
    >>> chunks = Chunks(np.ones((96, 600)))
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
            # Many times faster than np.pad, which matters with a store of spectrograms.
            padded = np.zeros((len(spectrogram), chunk_frames), spectrogram.dtype)
            padded[:, :-missing] = spectrogram
            spectrogram = padded
        self.spectrogram = spectrogram
        self.chunk_frames = operator.index(chunk_frames)
        self.hop_frames = operator.index(hop_frames)
        self.front_end = front_end
        self.starts = self._find_starts()

    def _find_starts(self):
        n_frames = self.spectrogram.shape[1]
        starts = np.arange(0, n_frames - self.chunk_frames + 1, self.hop_frames)
        n_heard = np.append(0, np.cumsum(self.spectrogram.any(axis=0)))
        heard = n_heard[starts + self.chunk_frames] > n_heard[starts]
        return starts[heard] if heard.any() else starts

    @property
    def shape(self):
        """(n_chunks, n_bands, chunk_frames)."""
        return len(self), len(self.spectrogram), self.chunk_frames

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        start = self.starts[operator.index(index)]
        return self.spectrogram[:, start : start + self.chunk_frames]

    def __array__(self, dtype=None, copy=None):
        windows = sliding_window_view(self.spectrogram, self.chunk_frames, axis=1)
        chunks = windows[:, :: self.hop_frames].swapaxes(0, 1)
        if len(chunks) > len(self):  # silence is left out
            chunks = chunks[self.starts // self.hop_frames]
        return np.array(chunks, dtype=dtype, copy=copy)

    def __repr__(self):
        n_chunks, n_bands, chunk_frames = self.shape
        return (
            f"Chunks(n_chunks={n_chunks}, n_bands={n_bands}, "
            f"chunk_frames={chunk_frames}, hop_frames={self.hop_frames})"
        )


def alike(chunks):
    """Pass recordings on, but refuse those not chunked as the first one, or with NaN.

    Parameters
    ----------
    chunks : iterable of Chunks

    Yields
    ------
    Chunks
    """
    first = None
    for i, other in enumerate(chunks):
        first = other if first is None else first
        if (other.shape[1:], other.front_end) != (first.shape[1:], first.front_end):
            raise ValueError(
                f"recording {i} was chunked differently from recording 0: "
                f"{other!r} with {other.front_end}, {first!r} with {first.front_end}; "
                "chunk all recordings with one chunker"
            )
        if not np.isfinite(other.spectrogram).all():
            raise ValueError(
                f"recording {i} has chunks that hold NaN or infinite values; chunk "
                "the recording again, or leave it out"
            )
        yield other


def in_groups(chunks, n_chunks):
    """Gather recordings into lists of about so many chunks.

    Parameters
    ----------
    chunks : iterable of Chunks, or of arrays of shape (n_clips, n_features)
    n_chunks : int
        A list is full when it has as many, or more.

    Yields
    ------
    list
    """
    group, n = [], 0
    for own in chunks:
        group.append(own)
        n += len(own)
        if n >= n_chunks:
            yield group
            group, n = [], 0
    if group:
        yield group


def check_front_end(chunks, learned):
    """Refuse chunks made in another way than those that a network learned from.

    Parameters
    ----------
    chunks : Chunks
    learned : dict
        The front end, and "bands" and "chunk_frames".
    """
    given = {"bands": chunks.shape[1], "chunk_frames": chunks.shape[2]}
    given |= chunks.front_end or {}
    differ = [k for k in learned | given if learned.get(k) != given.get(k)]
    if differ:
        raise ValueError(
            "the chunks differ from those this network was fitted on: "
            + ", ".join(
                f"{k} is {given.get(k)} but was {learned.get(k)}" for k in differ
            )
            + "; chunk both with the same chunker (give it as chunker=...)"
        )


def mean_of_each(rows):
    """Return the mean of each recording's rows, one row per chunk.

    Parameters
    ----------
    rows : iterable of n_recordings arrays of shape (n_chunks, width)

    Returns
    -------
    ndarray of shape (n_recordings, width)
    """
    return np.stack([own.mean(axis=0) for own in rows])


def by_recording(rows, n_chunks):
    """Split the rows of all chunks into one array per recording.

    Parameters
    ----------
    rows : ndarray of shape (n_all_chunks, ...)
    n_chunks : array-like of shape (n_recordings,)

    Returns
    -------
    list of n_recordings ndarrays of shape (n_chunks, ...)
    """
    return np.split(rows, np.cumsum(n_chunks)[:-1])


class ListOutputMixin:
    """Return one entry per recording: a list, or a Series if pandas output is set.

    A transformer of recordings calls `_as_configured` at the end of its ``transform``.
    """

    def set_output(self, *, transform=None):
        """Choose the container of the output.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Container of tables. Lists with one entry per recording stay lists, except
            that "pandas" makes a Series with X's index, if X has one, so that tables
            made of it later keep that index. None leaves the setting as it is.

        Returns
        -------
        self : object
            The transformer.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def _as_configured(self, entries, X):
        """Return one entry per recording of X in the container that was chosen."""
        adapter = _get_container_adapter("transform", self)
        wants_pandas = adapter is not None and adapter.container_lib == "pandas"
        if not (wants_pandas and hasattr(X, "iloc")):
            return entries
        from pandas import Series

        return Series(entries, index=X.index)


class ChunkClassifierMixin(ClassifierMixin):
    """Name recordings by the mean of their chunks' probabilities.

    The estimator provides ``classes_``, and a method `_probabilities` that yields the
    probabilities for the chunks of one recording after the other.
    """

    def predict(self, X):
        """Return the most probable singer of each recording.

        Parameters
        ----------
        X : list of n_recordings recordings
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings,)
            Labels from ``classes_``.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the singers' probabilities: the mean over a recording's chunks.

        Parameters
        ----------
        X : list of n_recordings recordings
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, n_classes)
            Rows sum to 1; columns as in ``classes_``.
        """
        return mean_of_each(self._probabilities(X))

    def predict_log_proba(self, X):
        """Return the logarithms of `predict_proba`.

        Parameters
        ----------
        X : list of n_recordings recordings
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, n_classes)
            Minus infinity where a probability is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
