"""What counts as a recording, and how error messages name it."""

import os
from contextlib import contextmanager
from numbers import Real

import numpy as np

# Rows of no more numbers are not waveforms, but samples of as many channels.
_MOST_CHANNELS = 16


def check_recordings(X):
    """Return X as a list of recordings, or say what X should have been.

    No file is opened and no sample is read: `load` judges each recording.

    Parameters
    ----------
    X : list, tuple, Series or ndarray of recordings
        One entry per recording: a path, a 1-D waveform, or a pair
        ``(waveform, sampling_rate)``; or a column of them. A 2-D array of numbers is a
        batch of waveforms of equal length, one per row; an array of more than 16 rows
        of at most 16 numbers is refused as the channels of one waveform.

    Returns
    -------
    recordings : list
        The recordings, in the order of X.

    Raises
    ------
    ValueError
        If X is a single recording, empty, or holds anything but recordings.
    """
    if isinstance(X, (str, os.PathLike)):
        raise ValueError(f"X is one path; wrap it in a list: [{os.fspath(X)!r}]")
    if _is_pair(X):
        raise ValueError(
            "X is one (waveform, sampling_rate) pair; wrap it in a list: "
            "[(waveform, sampling_rate)]"
        )
    if hasattr(X, "__array__"):  # an array, a Series, a tensor
        X = _list_rows(as_array(X))
    elif not isinstance(X, (list, tuple)):
        raise ValueError(
            f"X must be a list with one entry per recording, got {type(X).__name__}; "
            "a generator or a view of paths becomes one by list(X)"
        )
    if len(X) == 0:
        raise ValueError("X is empty; it must hold one entry per recording")
    for index, recording in enumerate(X):
        with naming(index, recording):
            check_kind(recording)
    return list(X)


def as_array(samples):
    """Return samples as an array, or say why they cannot become one."""
    if np.ma.is_masked(samples):
        raise ValueError(
            "some samples are masked; fill them (waveform.filled(0)) or cut them out"
        )
    try:
        return np.asarray(samples)
    except (TypeError, RuntimeError) as error:  # a tensor on a GPU, or with a gradient
        raise ValueError(f"samples cannot become a numpy array: {error}") from None


def _list_rows(X):
    """List an array's entries: paths or waveforms as objects, or rows of numbers."""
    is_numeric = X.dtype.kind in "biufc"
    if is_numeric and X.ndim == 1:
        raise ValueError(
            "X is one waveform; wrap it in a list, with its rate: "
            "[(waveform, sampling_rate)]"
        )
    if not is_numeric and X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if X.ndim != (2 if is_numeric else 1):
        raise ValueError(
            f"X is an array of shape {X.shape} and dtype {X.dtype}; it must be a list "
            "(or a 1-D array, or one column of a table) with one path or waveform a "
            "recording, or a 2-D array of numbers with one waveform a row"
        )
    if is_numeric and 0 < X.shape[1] <= _MOST_CHANNELS < len(X):
        raise ValueError(
            f"X is one waveform of {X.shape[1]} channels; wrap it in a list, with its "
            "rate: [(waveform, sampling_rate)]"
        )
    return list(X)


def _is_pair(recording):
    """True for ``(array, number)``."""
    return (
        isinstance(recording, tuple)
        and len(recording) == 2
        and hasattr(recording[0], "__array__")
        and np.ndim(recording[0]) > 0
        and isinstance(recording[1], Real)
    )


def check_kind(recording):
    """Refuse what is neither a path, nor a waveform, nor a pair."""
    if isinstance(recording, (str, os.PathLike)) or _is_pair(recording):
        return
    if isinstance(recording, tuple) and _is_pair(recording[::-1]):
        raise ValueError(
            "the pair is (sampling_rate, waveform); turn it round: "
            "(waveform, sampling_rate)"
        )
    if not hasattr(recording, "__array__") or np.ndim(recording) == 0:
        raise ValueError(
            f"got a {type(recording).__name__}; a recording is a path, a 1-D waveform "
            "as a numpy array, or a pair (waveform, sampling_rate)"
        )


def describe(index, recording):
    """Name a recording in a message by its place in X and, if it has one, its path.

    Parameters
    ----------
    index : int
        The place in X, from 0.
    recording : path, ndarray or tuple
        The recording.

    Returns
    -------
    name : str
        Such as ``recording 17 ('a/b.wav')`` or ``recording 17``.
    """
    if isinstance(recording, (str, os.PathLike)):
        return f"recording {index} ({os.fspath(recording)!r})"
    return f"recording {index}"


@contextmanager
def naming(index, recording):
    """Put the recording's name in front of any error raised inside the block.

    Parameters
    ----------
    index : int
        The place in X, from 0.
    recording : path, ndarray or tuple
        The recording.

    Examples
    --------
    >>> with naming(17, "a/b.wav"):
    ...     raise ValueError("nothing to hear")
    Traceback (most recent call last):
    ValueError: recording 17 ('a/b.wav'): nothing to hear
    """
    with _prefixing(f"{describe(index, recording)}: ", _path_prefix(recording)):
        yield


def naming_path(recording):
    """Put a path in front of any error, where there is no index for `naming`."""
    return _prefixing(_path_prefix(recording))


def _path_prefix(recording):
    is_path = isinstance(recording, (str, os.PathLike))
    return f"{os.fspath(recording)!r}: " if is_path else ""


@contextmanager
def _prefixing(prefix, instead_of=""):
    """Re-raise an error as its own type, with a prefix in place of `instead_of`."""
    try:
        yield
    except (OSError, ValueError) as error:
        # Some subclasses (UnicodeDecodeError) cannot be built from a message alone.
        kind = next(
            kind
            for kind in (FileNotFoundError, OSError, ValueError)
            if isinstance(error, kind)
        )
        renamed = kind(prefix + str(error).removeprefix(instead_of))
        raise renamed.with_traceback(error.__traceback__) from None


def without_path(error, recording):
    """Return an error's message without the path, which is named elsewhere."""
    return str(error).removeprefix(_path_prefix(recording))
