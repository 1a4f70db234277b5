"""Waveform to decibel spectrogram, as librosa's chain computes it, but faster.

Axes are librosa's, bands then frames. Frames are centred: the recording is padded with
half a window of silence at both ends, so frame t is centred on sample t * hop_length.

Decibels are relative to the recording's own maximum, clipped at -top_db and offset by
top_db, so that values lie in [0, top_db] and a gain changes nothing (paper, section
3.2). librosa's absolute floor of 1e-10 is therefore left out: it would raise the
silence in recordings below about -80 dB of full scale, and turn the quietest ones into
full scale.
"""

import warnings
from functools import lru_cache
from math import ceil, log2

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft
from scipy.sparse import csr_array

# Centre of the lowest band of librosa.cqt, the note C1, in Hz.
C1_HZ = 440.0 * 2 ** (-45 / 12)


def log_mel(
    y,
    *,
    sampling_rate=22050,
    n_fft=2048,
    hop_length=512,
    n_mels=96,
    top_db=60.0,
    fmin=0.0,
    fmax=None,
):
    """Mel power spectrogram in decibels relative to the recording's maximum.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Waveform.
    sampling_rate : float, default=22050
        Its rate, in Hz.
    n_fft : int, default=2048
        Samples in a frame, and the length of its Hann window.
    hop_length : int, default=512
        Samples between frames.
    n_mels : int, default=96
        Mel bands (Slaney's scale, each band of unit area).
    top_db : float, default=60.0
        Range kept, in dB.
    fmin, fmax : float, default=0.0 and None
        Lowest and highest frequency, in Hz; None means half the sampling rate.

    Returns
    -------
    spectrogram : ndarray of shape (n_mels, n_frames), float32
        Decibels in [0, top_db]; 1 + n_samples // hop_length frames if `n_fft` is even.

    Raises
    ------
    ValueError
        If the waveform is not 1-D, is empty or silent, or holds NaN; or unless
        ``0 <= fmin < fmax <= sampling_rate / 2``.

    See Also
    --------
    librosa.feature.melspectrogram : The same numbers with ``librosa.power_to_db``.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.spectrogram import log_mel
    >>> tone = np.sin(2 * np.pi * 440 / 22050 * np.arange(22050))
    >>> spectrogram = log_mel(tone)
    >>> spectrogram.shape, float(spectrogram.max())
    ((96, 44), 60.0)
    """
    bands = mel_bands(sampling_rate, n_fft, n_mels, fmin, fmax)
    mel = []
    for frames in _windowed(y, n_fft, hop_length):
        # Transformed as columns: the sparse product would first turn rows into columns.
        parts = rfft(frames.T, axis=0).view(np.float32)
        # Columns are real and imaginary parts in turn, whose squares add up to power.
        both = bands @ np.square(parts, out=parts)
        mel.append(both[:, ::2] + both[:, 1::2])
    return decibels(np.concatenate(mel, axis=1), top_db)


def spectra(y, *, n_fft, hop_length, block_frames=128):
    """Iterate over a waveform's short-time spectra, a block of frames at a time.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Waveform.
    n_fft : int
        Samples in a frame, and the length of its Hann window.
    hop_length : int
        Samples between frames.
    block_frames : int, default=128
        Frames in a block, except the last. Blocks of 64 and of 512 were slower.

    Yields
    ------
    block : ndarray of shape (block_frames, 1 + n_fft // 2), complex64
        The next columns of ``librosa.stft``, as rows.
    """
    for frames in _windowed(y, n_fft, hop_length, block_frames):
        yield rfft(frames, overwrite_x=True)


def _windowed(y, n_fft, hop_length, block_frames=128):
    """Yield the frames of a waveform, windowed, as rows: a block of them at a time."""
    y = _as_waveform(y)
    window = _hann(n_fft)
    before = n_fft // 2  # silence before the first sample, and after the last
    n_frames = 1 + (len(y) + 2 * before - n_fft) // hop_length
    for first in range(0, n_frames, block_frames):
        last = min(first + block_frames, n_frames) - 1
        start = first * hop_length - before
        stop = last * hop_length - before + n_fft
        samples = y[max(start, 0) : stop]
        if len(samples) < stop - start:
            samples = np.pad(samples, (max(-start, 0), max(stop - len(y), 0)))
        yield sliding_window_view(samples, n_fft)[::hop_length] * window


def _as_waveform(y):
    y = np.asarray(y, dtype=np.float32)
    if y.ndim != 1 or y.size == 0:
        raise ValueError(
            f"a waveform has shape (n_samples,) and at least one sample, got {y.shape}"
        )
    return y


@lru_cache(maxsize=8)
def _hann(n):
    return (0.5 - 0.5 * np.cos(2 * np.pi / n * np.arange(n))).astype(np.float32)


@lru_cache(maxsize=8)
def mel_bands(sampling_rate, n_fft, n_mels, fmin, fmax):
    """Weights that sum a power spectrum into Mel bands.

    Parameters
    ----------
    sampling_rate, n_fft, n_mels, fmin, fmax
        As for `log_mel`.

    Returns
    -------
    csr_array of shape (n_mels, 1 + n_fft // 2), float32

    Raises
    ------
    ValueError
        Unless ``0 <= fmin < fmax <= sampling_rate / 2``.
    """
    highest = sampling_rate / 2
    fmax = highest if fmax is None else fmax
    if not 0 <= fmin < fmax <= highest:
        raise ValueError(
            f"Mel bands from fmin={fmin} to fmax={fmax} Hz: fmin must be under fmax, "
            f"and fmax at most half of sampling_rate={sampling_rate}"
        )
    edges = _mel_to_hz(np.linspace(_hz_to_mel(fmin), _hz_to_mel(fmax), n_mels + 2))
    frequencies = np.fft.rfftfreq(n_fft, 1 / sampling_rate)
    # Triangles between each band's lower and upper neighbour, in Hz, of area one.
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    bands = np.minimum(rising, falling).clip(min=0)
    bands *= 2 / (edges[2:] - edges[:-2])[:, None]
    n_empty = np.count_nonzero(bands.max(axis=1) == 0)
    if n_empty:
        warnings.warn(
            f"{n_empty} of {n_mels} Mel bands are narrower than a bin of the spectrum, "
            "hold none and stay silent; lower n_mels or raise n_fft",
            stacklevel=3,
        )
    return csr_array(bands.astype(np.float32))


def _hz_to_mel(hz):
    # Slaney's scale: 3 Mel per 200 Hz up to 1 kHz, then 27 Mel per factor 6.4.
    linear = np.minimum(hz, 1000.0) * 3 / 200
    return linear + 27 * np.log(np.maximum(hz, 1000.0) / 1000) / np.log(6.4)


def _mel_to_hz(mel):
    linear = np.minimum(mel, 15.0) * 200 / 3
    return linear * 6.4 ** (np.maximum(mel - 15.0, 0) / 27)


def log_cqt(
    y,
    *,
    sampling_rate=22050,
    hop_length=512,
    n_bins=96,
    bins_per_octave=12,
    fmin=C1_HZ,
    top_db=60.0,
):
    """Constant-Q power spectrogram in decibels relative to the recording's maximum.

    The defaults are semitones over 8 octaves from C1. A ninth octave would not fit
    below half of 22 050 Hz, and with 96 bands the network has as many parameters as
    with Mel: those that the paper's Table 1 counts. A recording shorter than the
    longest filter (0.74 s) is padded with silence at its end.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Waveform.
    sampling_rate : float, default=22050
        Its rate, in Hz.
    hop_length : int, default=512
        Samples between frames.
    n_bins : int, default=96
        Bands.
    bins_per_octave : int, default=12
        Bands in an octave.
    fmin : float, default=32.70319566257483
        Centre of the lowest band, in Hz (the note C1).
    top_db : float, default=60.0
        Range kept, in dB.

    Returns
    -------
    spectrogram : ndarray of shape (n_bins, 1 + n_samples // hop_length), float32
        Decibels in [0, top_db].

    Raises
    ------
    ValueError
        If the waveform is not 1-D, is empty or silent, or holds NaN, or if the highest
        band does not fit under half the sampling rate.

    See Also
    --------
    librosa.cqt : Computes the transform.
    """
    import librosa

    y = _as_waveform(y)
    n_frames = 1 + len(y) // hop_length
    # The longest filter, a power of two, holds under 2 * bins_per_octave periods of
    # fmin. If the recording is shorter, librosa warns, and cuts off ringing octaves.
    n_longest = 2 ** ceil(log2(2 * bins_per_octave * sampling_rate / fmin))
    if len(y) < n_longest:
        y = np.pad(y, (0, n_longest - len(y)))
    try:
        transform = librosa.cqt(
            y,
            sr=sampling_rate,
            hop_length=hop_length,
            fmin=fmin,
            n_bins=n_bins,
            bins_per_octave=bins_per_octave,
        )
    except librosa.ParameterError as error:
        raise ValueError(str(error)) from error
    return decibels(np.square(np.abs(transform[:, :n_frames])), top_db)


def decibels(power, top_db):
    """Turn power, in place, into decibels in [0, top_db], its maximum into top_db.

    Parameters
    ----------
    power : ndarray
        Overwritten.
    top_db : float
        Range kept, in dB.

    Returns
    -------
    ndarray
        `power`.

    Raises
    ------
    ValueError
        If the power is all zero, or holds NaN or infinity.
    """
    reference = power.max()
    if not 0 < reference < np.inf:  # NaN fails, too
        raise ValueError(
            "nothing to hear: the recording is silent, or holds NaN or samples of "
            "absurd size"
        )
    np.maximum(power, reference * 10 ** (-top_db / 10), out=power)
    power /= reference
    np.log10(power, out=power)
    power *= 10
    power += top_db
    return np.clip(power, 0, top_db, out=power)
