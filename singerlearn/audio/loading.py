"""Load recordings of any kind as one channel at one rate, and refuse silent ones."""

import os
from itertools import chain
from numbers import Real

import numpy as np
import soxr

from singerlearn.audio.decoding import decode
from singerlearn.audio.recordings import as_array, check_kind, naming_path

# The smallest step of 24-bit audio: samples that vary by less hold nothing to hear, be
# it digital silence, a constant offset, or the rounding of either.
_AUDIBLE = 2.0**-23

# Sampling rates outside this range, in Hz, are mistakes: kHz, or numbers of samples.
_RATES = 1e3, 1e6

# Energy of the sum of channels over the sum of their energies: 1 if they have nothing
# in common, and below this, 30 dB less, if one is another turned upside down.
_CANCELLED = 1e-3

# Beyond any scale of samples; float32 would overflow in the power spectrum.
_ABSURD = 1e10


def load(recording, sampling_rate=22050):
    """Return a recording as one channel at the rate asked for.

    Parameters
    ----------
    recording : str, Path, ndarray or tuple
        A file (wav, flac, ogg, mp3 and whatever else libsndfile reads; m4a, aac and
        whatever else FFmpeg reads, with PyAV; its suffix does not matter), a waveform
        of shape (n_samples,) that is already at `sampling_rate`, or a pair of a
        waveform and its own rate in Hz. In a pair the waveform may have several
        channels, along the shorter of its two axes.
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
        NaN, infinite or masked samples, has nothing to hear, or has channels that
        cancel each other out.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.audio import load
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
        return _mixed(decode(os.fspath(recording)))
    if isinstance(recording, tuple):
        recording, sampling_rate = recording
        _check_rate(sampling_rate)
    elif np.ndim(recording) != 1:  # two axes may as well be a spectrogram's
        raise ValueError(
            f"the waveform has shape {np.shape(recording)} and no rate; pass one of "
            "shape (n_samples,), or (waveform, sampling_rate) if it has channels"
        )
    waveform = as_array(recording)
    if waveform.size == 0:
        return []
    channels = _as_channels(waveform)
    blocks = [(channels, sampling_rate)]
    return blocks if channels.ndim == 1 else _mixed(blocks)


def _mixed(blocks):
    """Average the channels of every block; refuse those that cancel each other out."""
    alone = together = 0.0
    for channels, rate in blocks:
        if not _RATES[0] <= rate <= _RATES[1]:  # a file's: a pair's has been checked
            raise ValueError(
                f"the file's header is damaged: it tells a rate of {rate:,} Hz; get it "
                "again, or pass (waveform, sampling_rate) with its true rate"
            )
        if len(channels) > 1:
            n_samples = channels.shape[1]
            few = channels[:, :: 1 + n_samples // 2**15]  # enough to tell energies
            with np.errstate(all="ignore"):  # `is_silent` refuses what is not finite
                few = np.subtract(few, few[:, :1], order="C")  # constants become 0
                alone += n_samples * np.var(few, axis=1).sum()
                together += n_samples * np.var(few.sum(axis=0))
        yield _mix(channels), rate
    if together < _CANCELLED * alone:
        raise ValueError(
            "the channels cancel out: their average is next to nothing (one is wired "
            "the wrong way round?); pass a channel, as (waveform[0], sampling_rate)"
        )


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
        # Noted before resampling, which rings at the ends of a constant.
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


def _as_channels(waveform):
    """Scale an array to float32, of shape (n_samples,) or (n_channels, n_samples)."""
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
        return y if y.shape[0] <= y.shape[1] else y.T
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
