"""Recordings of any kind to one channel, at one rate, with something to hear."""

import os
from itertools import chain
from numbers import Real

import numpy as np
import soxr

from singerlearn.audio.decoding import decode
from singerlearn.audio.recordings import as_array, check_kind, naming_path

# The least step of 24-bit audio: what varies by less has nothing to hear, be it digital
# silence, a constant offset, or the rounding of either.
_AUDIBLE = 2.0**-23

# What a sampling rate is never below or beyond, in Hz: kHz, or samples, by mistake.
_RATES = 1e3, 1e6

# Beyond any scale of samples; float32 would overflow in the power spectrum.
_ABSURD = 1e10


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
        The waveform; PCM lies in [-1, 1). It may share memory with the array that was
        passed.

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
    with naming_path(recording):
        return _resample(mono_blocks(recording, sampling_rate), sampling_rate)


def mono_blocks(recording, sampling_rate):
    """Iterate over a recording as pairs of a mono block and its sampling rate."""
    check_kind(recording)
    _check_rate(sampling_rate)
    if isinstance(recording, (str, os.PathLike)):
        blocks = decode(os.fspath(recording))
        return ((_mix(channels), rate) for channels, rate in blocks)
    if isinstance(recording, tuple):
        recording, sampling_rate = recording
        _check_rate(sampling_rate)
    elif np.ndim(recording) != 1:  # two axes may as well be a spectrogram's
        raise ValueError(
            f"the waveform has shape {np.shape(recording)} and no rate; pass one of "
            "shape (n_samples,), or (waveform, sampling_rate) if it has channels"
        )
    waveform = as_array(recording)
    return [(_as_mono(waveform), sampling_rate)] if waveform.size else []


def _check_rate(sampling_rate):
    if isinstance(sampling_rate, bool) or not (
        isinstance(sampling_rate, Real) and _RATES[0] <= sampling_rate <= _RATES[1]
    ):
        raise ValueError(
            f"sampling_rate={sampling_rate!r} must be samples a second, from "
            "{:,.0f} to {:,.0f}, such as 22050".format(*_RATES)
        )


def _resample(blocks, sampling_rate):
    """Join the blocks at the rate asked for, if there is something to hear in them."""
    extremes = []
    y = _join(_resampled(blocks, sampling_rate, extremes))
    if is_silent(extremes):
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


def is_silent(extremes):
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
    """Average (n_channels, n_samples) to (n_samples,); of one channel, a view."""
    if len(channels) == 1:
        return channels[0]
    # Python's sum adds whole channels: many times faster than a mean of short columns.
    return sum(channels) / np.float32(len(channels))
