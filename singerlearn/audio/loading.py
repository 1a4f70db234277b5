"""The one place that opens audio: recordings of any kind become mono float32.

A *recording* is a path, a 1-D waveform, or a ``(waveform, sampling_rate)`` pair; ``X``
is a list with one entry a recording. Float waveforms are taken as they are, whatever
their scale; integers are PCM and are divided by the full scale of their type. Channels
are averaged.
"""

import hashlib
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from numbers import Real

import numpy as np
import soundfile as sf
import soxr

# What libsndfile does not read and PyAV, with the codecs in its wheel, does.
_PYAV_SUFFIXES = (".aac", ".m4a", ".m4b", ".mp4")

# Samples decoded, mixed down and resampled at a time: they stay in the cache, and hours
# of stereo never lie in memory at their own rate.
_BLOCK = 2**16

# The least step of 24-bit audio: what varies by less has nothing to hear, be it digital
# silence, a constant offset, or the rounding of either.
_AUDIBLE = 2.0**-23

# Beyond any scale of samples; float32 would overflow in the power spectrum.
_ABSURD = 1e10

# Where converters clip: full scale, but for a rounding or a dither below it.
_FULL_SCALE = 0.999


def check_recordings(X):
    """Return X as a list of recordings, or say what X should have been.

    No file is opened and no sample is read: `load` judges each recording.

    Parameters
    ----------
    X : list, tuple, Series or ndarray of recordings
        One entry a recording: a path, a 1-D waveform, or a pair
        ``(waveform, sampling_rate)``. A 2-D array of numbers is a batch of waveforms of
        equal length, one a row.

    Returns
    -------
    recordings : list
        The recordings, in the order of X.

    Raises
    ------
    ValueError
        If X is a single recording, empty, or holds anything else than recordings.
    """
    if isinstance(X, (str, os.PathLike)):
        raise ValueError(f"X is one path; wrap it in a list: [{os.fspath(X)!r}]")
    if _is_pair(X):
        raise ValueError(
            "X is one (waveform, sampling_rate) pair; wrap it in a list: "
            "[(waveform, sampling_rate)]"
        )
    if hasattr(X, "__array__"):  # an array, a Series, a tensor
        X = _list_rows(np.asarray(X))
    elif not isinstance(X, (list, tuple)):
        raise ValueError(
            f"X must be a list with one entry a recording, got {type(X).__name__}; "
            "a generator or a view of paths becomes one by list(X)"
        )
    if len(X) == 0:
        raise ValueError("X is empty; it must hold one entry a recording")
    for index, recording in enumerate(X):
        with naming(index, recording):
            _check_kind(recording)
    return list(X)


def _list_rows(X):
    """List an array's entries: paths or waveforms as objects, or rows of numbers."""
    is_numeric = X.dtype.kind in "biufc"
    if is_numeric and X.ndim == 1:
        raise ValueError(
            "X is one waveform; wrap it in a list, with its rate: "
            "[(waveform, sampling_rate)]"
        )
    if X.ndim != (2 if is_numeric else 1):
        raise ValueError(
            f"X is an array of shape {X.shape} and dtype {X.dtype}; it must be a list "
            "(or a 1-D array, or one column of a table) with one path or waveform a "
            "recording, or a 2-D array of numbers with one waveform a row"
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


def _check_kind(recording):
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


def _path_prefix(recording):
    """Name a path for who calls `load` alone and has no index."""
    is_path = isinstance(recording, (str, os.PathLike))
    return f"{os.fspath(recording)!r}: " if is_path else ""


@contextmanager
def _prefixing(prefix, instead_of=""):
    """Re-raise an error as its own type with a prefix, in place of another if set."""
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


def load(recording, sampling_rate=22050):
    """Return a recording as one channel at the rate asked for.

    Parameters
    ----------
    recording : str, Path, ndarray or tuple
        A file (wav, flac, ogg, mp3 and what else libsndfile reads; m4a and aac with
        PyAV), a waveform of shape (n_samples,) at `sampling_rate` already, or a pair of
        a waveform and its own rate in Hz. In a pair the waveform may have channels, the
        shorter of its two axes.
    sampling_rate : float, default=22050
        Rate of the result, in Hz.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The waveform; PCM lies in [-1, 1). It may be the array that was passed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be decoded to its end, or if the recording is empty, holds
        NaN or infinite samples, or has nothing to hear.

    Examples
    --------
    >>> import numpy as np
    >>> pcm = np.array([[0, 16384, -32768], [0, 0, 0]], dtype=np.int16)
    >>> load((pcm, 22050))
    array([ 0.  ,  0.25, -0.5 ], dtype=float32)
    """
    with _prefixing(_path_prefix(recording)):
        _check_kind(recording)
        _check_rate(sampling_rate)
        return _resample(_blocks(recording, sampling_rate), sampling_rate)


@dataclass(frozen=True)
class Survey:
    """What one pass over a recording finds, at its own rate, its channels averaged.

    Attributes
    ----------
    sampling_rate : float
        In Hz.
    n_samples, n_clipped : int
        All samples, and those at full scale or beyond it.
    peak : float
        The largest magnitude; full scale is 1.
    is_silent : bool
        Whether there is nothing to hear, so that `load` refuses the recording.
    fingerprint : str
        The identity of the audio: equal where the samples and their rate are, in
        whichever file, lossless format or array they lie.
    """

    sampling_rate: float
    n_samples: int
    n_clipped: int
    peak: float
    is_silent: bool
    fingerprint: str

    @property
    def duration(self):
        """Length in seconds."""
        return self.n_samples / self.sampling_rate


def survey(recording, sampling_rate=22050):
    """Read a recording to its end and tell what it holds, keeping no sample.

    Parameters
    ----------
    recording : str, Path, ndarray or tuple
        As `load` takes it.
    sampling_rate : float, default=22050
        Rate of a waveform that comes without one, in Hz.

    Returns
    -------
    Survey

    Raises
    ------
    FileNotFoundError, ValueError
        As `load` does, but for a recording that is silent.

    Examples
    --------
    >>> import numpy as np
    >>> pcm = np.array([0, 16384, -32768], dtype=np.int16)
    >>> found = survey((pcm, 8000))
    >>> found.n_samples, found.peak, found.n_clipped
    (3, 1.0, 1)
    >>> found.fingerprint == survey((pcm / 32768, 8000)).fingerprint
    True
    """
    with _prefixing(_path_prefix(recording)):
        _check_kind(recording)
        _check_rate(sampling_rate)
        digest = hashlib.sha256()
        n_samples = n_clipped = 0
        extremes = []
        for block, rate in _blocks(recording, sampling_rate):
            digest.update(block + 0.0)  # -0.0 becomes 0.0, which has other bytes
            n_samples += len(block)
            n_clipped += int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))
            extremes += [block.min(), block.max()]
            own_rate = float(rate)
        return Survey(
            is_silent=_is_silent(extremes),
            sampling_rate=own_rate,
            n_samples=n_samples,
            n_clipped=n_clipped,
            peak=float(np.max(np.abs(extremes))),
            fingerprint=f"{own_rate} {digest.hexdigest()}",
        )


def _check_rate(sampling_rate):
    if isinstance(sampling_rate, bool) or not (
        isinstance(sampling_rate, Real) and 0 < sampling_rate < np.inf
    ):
        raise ValueError(
            f"sampling_rate={sampling_rate!r} must be a positive number of samples a "
            "second, such as 22050"
        )


def _blocks(recording, sampling_rate):
    """Iterate over a recording as pairs of a mono block and its sampling rate."""
    if isinstance(recording, (str, os.PathLike)):
        path = os.fspath(recording)
        _check_file(path)
        is_pyav = path.lower().endswith(_PYAV_SUFFIXES)
        return _pyav_blocks(path) if is_pyav else _soundfile_blocks(path)
    if isinstance(recording, tuple):
        recording, sampling_rate = recording
        _check_rate(sampling_rate)
    elif np.ndim(recording) != 1:  # two axes may as well be a spectrogram's
        raise ValueError(
            f"the waveform has shape {np.shape(recording)} and no rate; pass one of "
            "shape (n_samples,), or (waveform, sampling_rate) if it has channels"
        )
    waveform = np.asarray(recording)
    return [(_as_mono(waveform), sampling_rate)] if waveform.size else []


def _resample(blocks, sampling_rate):
    """Join the blocks at the rate asked for, if there is something to hear in them."""
    extremes = []
    y = _join(_resampled(blocks, sampling_rate, extremes))
    if _is_silent(extremes):
        raise ValueError(
            "nothing to hear: the recording is silent or constant; leave it out (or "
            "scale it up, if its samples are far too small)"
        )
    if y.size == 0:
        raise ValueError(f"too short: under one sample at {sampling_rate} Hz")
    return y


def _resampled(blocks, sampling_rate, extremes):
    """Yield the blocks at the rate asked for, and note the extremes of each."""
    stream = None
    for block, rate in blocks:
        # Judged before resampling, which rings at the ends of a constant.
        extremes += [block.min(), block.max()]
        if rate != sampling_rate:
            if stream is None:
                stream = soxr.ResampleStream(rate, sampling_rate, 1, dtype="float32")
            block = stream.resample_chunk(block)
        yield block
    if stream is not None:
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _join(blocks):
    """Concatenate blocks as they come: hours would not fit into memory twice."""
    blocks = iter(blocks)
    first, second = next(blocks, np.empty(0, np.float32)), next(blocks, None)
    if second is None:
        return first
    samples = bytearray(first)
    for block in chain([second], blocks):
        samples.extend(block.data)
    return np.frombuffer(samples, np.float32)


def _is_silent(extremes):
    """True if samples with these extremes hold nothing to hear; refuse non-samples."""
    if not extremes:
        raise ValueError("holds no samples")
    low, high = np.min(extremes), np.max(extremes)
    # NaN fails every comparison, so this asks for what must hold.
    if not max(-low, high) < _ABSURD:
        raise ValueError(
            "holds NaN, infinite or absurdly large samples; repair it, for instance "
            "with numpy.nan_to_num, or leave it out"
        )
    return bool(high - low < _AUDIBLE)


def _as_mono(waveform):
    """Scale an array of samples to float32 and average its channels."""
    if waveform.dtype.kind == "f":
        with np.errstate(over="ignore"):  # an overflow is found as infinite
            y = waveform.astype(np.float32, copy=False)
    elif waveform.dtype.kind in "iu" and waveform.dtype.itemsize <= 4:
        y = _scale_pcm(waveform)
    else:
        raise ValueError(
            f"samples are {waveform.dtype}; convert them to floats, or to the PCM type "
            "that they are (uint8, int16, int32)"
        )
    if y.ndim == 1:
        return y
    if y.ndim == 2:
        return _mix(y if y.shape[0] <= y.shape[1] else y.T)
    raise ValueError(
        f"the waveform has shape {y.shape}; it must be (n_samples,) or channels by "
        "samples"
    )


def _scale_pcm(pcm):
    half = 2.0 ** (8 * pcm.dtype.itemsize - 1)
    if pcm.dtype.kind == "u":  # offset binary: silence lies at half of the scale
        pcm = pcm - half
    return np.multiply(pcm, 1 / half, dtype=np.float32, casting="same_kind")


def _mix(channels):
    """Average (n_channels, n_samples) to (n_samples,)."""
    # Python's sum adds whole channels: many times faster than a mean of short columns.
    return sum(channels) / np.float32(len(channels))


def _check_file(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file (looked from {os.getcwd()!r})")
    if os.path.isdir(path):
        raise ValueError("is a folder, not a recording; list the files in it")
    if not os.access(path, os.R_OK):
        raise ValueError("cannot be read: permission denied")
    if os.path.getsize(path) == 0:
        raise ValueError("the file is empty (0 bytes)")


class _StreamedFile(sf.SoundFile):
    """A sound file that is read once, from start to end.

    After every read of a file that can, soundfile seeks to where it is. That leaves a
    gap in an mp3, and fails at the end of a FLAC of unknown length (from a pipe).
    """

    def seekable(self):
        return False


def _soundfile_blocks(path):
    decoded = 0
    try:
        with _StreamedFile(path) as file:
            rate, announced = file.samplerate, _announced_frames(file)
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                decoded += len(block)
                yield _mix(block.T), rate
    except sf.LibsndfileError as error:
        raise _undecodable(error) from error
    _check_whole(decoded / rate, announced / rate)


def _announced_frames(file):
    """Frames by the header, 0 if it does not know."""
    if file.frames > 2**62:
        return 0
    # Of a WAV or AIFF cut off, libsndfile counts the frames that are there.
    sizes = re.search(
        r"(?:data|SSND) *: (\d+) \(should be ([1-9]\d*)\)", file.extra_info
    )
    # Writers to a pipe announce about 2 or 4 GiB, whatever will come.
    if sizes is None or int(sizes[1]) > 2**31 - 2**16:
        return file.frames
    return file.frames * int(sizes[1]) / int(sizes[2])


def _pyav_blocks(path):
    try:
        import av
    except ImportError as error:
        raise ValueError(
            "this kind of file needs PyAV: pip install 'singerlearn[m4a]'"
        ) from error

    decoded = 0.0
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise ValueError("the file has no audio stream")
            stream = container.streams.audio[0]
            announced = float((stream.duration or 0) * stream.time_base)
            if container.format.name == "aac":  # no header: guessed from the bit rate
                announced = 0.0
            planar = av.AudioResampler(format="fltp")  # of all formats, channels first
            for frame in container.decode(stream):
                for part in planar.resample(frame):
                    decoded += part.samples / part.sample_rate
                    yield _mix(part.to_ndarray()), part.sample_rate
    except av.FFmpegError as error:
        raise _undecodable(error) from error
    _check_whole(decoded, announced)


def _undecodable(error):
    return ValueError(
        f"cannot be decoded ({error}); it is damaged, cut off, or no audio file"
    )


def _check_whole(decoded, announced):
    """Compare the seconds decoded with those of the header, which may be a little off.

    An Ogg stream announces nothing: it is whole wherever it ends.
    """
    if decoded < 0.99 * announced:
        raise ValueError(
            f"the file is cut off: its header announces {announced:.2f} s, and only "
            f"{decoded:.2f} s are there; get it again, or convert what there is to WAV"
        )
