"""From the curves of a performance to a waveform: source, filter, channel.

The source is a train of glottal pulses with jitter and shimmer, and noise that breathes
in time with them. The filter has a pair of poles for each formant and changes from
frame to frame: it multiplies short-time spectra, which are then added up again. The
levels of voice, breath and hiss are relative to the first harmonic of a full voice.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from singerlearn.synthesis.envelopes import (
    LOWEST,
    NASAL_WIDTH,
    audible,
    breath_color,
    gain,
    hiss_gain,
    nasal_zero,
    resonator,
    side_branches,
)
from singerlearn.synthesis.performance import CONTROL_RATE
from singerlearn.synthesis.singer import MOVING

FRAME = 0.046  # seconds: longer than a formant rings, shorter than a syllable
OVERLAP = 4  # frames that cover a sample


def render(singer, performance, channel, *, sampling_rate, duration, rng):
    """Return the sound of a performance as it was recorded.

    Parameters
    ----------
    singer : Singer
    performance : Performance
    channel : Channel
    sampling_rate : int
        In Hz.
    duration : float
        In seconds.
    rng : RandomState
        For glottal cycles, noises and echoes.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        Its peak is at the channel's level.
    """
    n_samples = round(duration * sampling_rate)
    voice = sing(singer, performance, n_samples, sampling_rate, rng)
    return transmit(voice, channel, sampling_rate, rng)


def sing(singer, performance, n_samples, sampling_rate, rng):
    """Sound of the voice alone, shape (n_samples,)."""
    n_fft = 2 ** round(np.log2(FRAME * sampling_rate))
    hop = n_fft // OVERLAP
    frequencies = np.maximum(rfftfreq(n_fft, 1 / sampling_rate), LOWEST)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft))

    sources = glottis(performance, n_samples, sampling_rate, rng)
    voice, breath, hiss = (_spectra(source, window, hop) for source in sources)

    ticks = (np.arange(len(voice)) + 1 - OVERLAP / 2) * hop / sampling_rate
    ticks *= CONTROL_RATE  # of the frames' centres
    f0, tilt = _at(ticks, performance.f0), _at(ticks, performance.tilt)

    voice *= harmonic_gain(frequencies, f0, tilt)  # (n_frames, n_bins)
    breath *= gain(breath_color(singer, frequencies))
    voice += breath
    voice *= throat(singer, performance, ticks, sampling_rate, n_fft)
    voice *= gain(side_branches(singer, frequencies))
    # Consonants differ in kind: take the nearest tick, do not interpolate.
    nearest = np.clip(np.rint(ticks), 0, len(performance.hiss) - 1).astype(int)
    bells = (performance.hiss_centre, performance.hiss_width)
    hiss *= hiss_gain(frequencies, *(bell[nearest, None] for bell in bells))
    voice += hiss
    voice *= audible(rfftfreq(n_fft, 1 / sampling_rate), sampling_rate)
    return _overlap_add(voice, window, hop)[:n_samples]


def glottis(performance, n_samples, sampling_rate, rng):
    """Pulses with a flat spectrum, breath, and the noise of consonants, still unshaped.

    The pulses are the sum of all cosines below half the sampling rate, in closed form.

    Returns
    -------
    pulses, breath, hiss : ndarray of shape (n_samples,)
    """
    ticks = np.arange(n_samples) * (CONTROL_RATE / sampling_rate)
    f0 = _at(ticks, performance.f0)
    step = f0 / sampling_rate  # cycles a sample

    cycles = np.cumsum(step).astype(int)
    jitter = _at(ticks, performance.jitter) / 1200  # octaves
    jitter *= rng.standard_normal(cycles[-1] + 1)[cycles]
    cycles = np.cumsum(step * 2**jitter)
    phase = 2 * np.pi * cycles

    n_harmonics = (0.5 / step).astype(int)
    half = np.sin(phase / 2)
    is_peak = np.abs(half) < 1e-6  # where the quotient loses its digits
    pulses = np.sin((n_harmonics + 0.5) * phase) / np.where(is_peak, 1, 2 * half)
    pulses = np.where(is_peak, n_harmonics, pulses - 0.5)
    fundamental = np.cos(phase)
    pulses += (gain(_at(ticks, performance.first_harmonic)) - 1) * fundamental

    # A cycle's amplitude is its own from the middle between two pulses to the next.
    cycles = (cycles + 0.5).astype(int)
    shimmer = _at(ticks, performance.shimmer)
    shimmer *= rng.standard_normal(cycles[-1] + 1)[cycles]
    voicing = gain(_at(ticks, performance.voicing) + shimmer)

    # Breath at 0 dB has the power of the first harmonic in a band as wide as f0, and
    # flows while the glottis is open: between the pulses, which stand at its closing.
    breath = rng.standard_normal(n_samples) * np.sqrt(0.25 / step)
    breath *= (1 - 0.5 * fundamental) * gain(_at(ticks, performance.breath))
    hiss = rng.standard_normal(n_samples) * np.sqrt(sampling_rate / 22_050)
    hiss *= gain(_at(ticks, performance.hiss))
    return pulses * voicing, breath * voicing, hiss


def harmonic_gain(frequencies, f0, tilt):
    """Glottal slope: `tilt` dB per octave above the fundamental, (n_frames, n_bins)."""
    octaves = np.maximum(np.log2(frequencies) - np.log2(f0)[:, None], 0)
    return gain((tilt[:, None] * octaves).astype(np.float32))


def throat(singer, performance, ticks, sampling_rate, n_fft):
    """Response of mouth and nose, complex, shape (n_frames, n_bins)."""
    formants = np.array([_at(ticks, formant) for formant in performance.formants])
    zero = nasal_zero(singer, _at(ticks, performance.nasality))[None]
    steady = np.append(singer.upper_formants, singer.nasal_pole)[:, None]
    widths = np.append(singer.bandwidths[MOVING:], NASAL_WIDTH)
    response = vocal_tract(steady, widths, sampling_rate, n_fft)
    response = response / vocal_tract(zero, widths[-1:], sampling_rate, n_fft)
    widths = singer.bandwidths[:MOVING]
    response *= vocal_tract(formants, widths, sampling_rate, n_fft)
    return response


def vocal_tract(formants, bandwidths, sampling_rate, n_fft):
    """Response of the cascade of formants, normalised to 1 at 0 Hz.

    Parameters
    ----------
    formants : ndarray of shape (n_formants, n_frames)
        In Hz.
    bandwidths : ndarray of shape (n_formants,)
        Factors, as `resonator` takes them.
    sampling_rate, n_fft : int

    Returns
    -------
    ndarray of shape (n_frames, n_fft // 2 + 1), complex
    """
    linear, square = resonator(formants, bandwidths[:, None], sampling_rate)
    delay = np.exp(-2j * np.pi * rfftfreq(n_fft))
    response = np.ones((formants.shape[1], len(delay)), dtype=complex)
    # Not the polynomial of their product, whose sum loses precision at high rates.
    for b1, b2 in zip(linear[:, :, None], square[:, :, None], strict=True):
        response *= (1 + b1 + b2) / (1 + (b1 + b2 * delay) * delay)
    return response


def transmit(voice, channel, sampling_rate, rng):
    """Sound of `voice` through a channel, float32, as long as `voice`."""
    n_echo = int(channel.reverberation * sampling_rate)
    echo = rng.standard_normal(n_echo) * np.geomspace(1, 1e-3, n_echo)
    echo *= gain(channel.wet) / (_rms(echo) * np.sqrt(n_echo))
    echo[0] += 1  # the direct sound

    n_fft = next_fast_len(len(voice) + n_echo, real=True)
    frequencies = np.maximum(rfftfreq(n_fft, 1 / sampling_rate), LOWEST)
    noise = gain(channel.noise_slope * np.log2(frequencies / 1000))
    noise *= gain(channel.noise) * _rms(voice) / _rms(noise)

    spectrum = rfft(voice, n_fft) * rfft(echo.astype(np.float32), n_fft)
    white = rng.standard_normal(len(voice)).astype(np.float32)
    spectrum += rfft(white, n_fft) * noise.astype(np.float32)
    spectrum *= gain(channel.response(frequencies)).astype(np.float32)
    recording = irfft(spectrum, n_fft)[: len(voice)]

    # Compressor and gate listen to the power of each tick of the clock.
    clock = np.arange(len(voice)) * (CONTROL_RATE / sampling_rate)
    power = np.bincount(clock.astype(int), recording**2)
    decibels = channel.dynamics(power, CONTROL_RATE)
    recording *= gain(_at(clock - 0.5, decibels)).astype(np.float32)
    recording *= gain(channel.level) / np.abs(recording).max()
    return recording


def _rms(values):
    # Not with BLAS, whose sums depend on its number of threads.
    return np.sqrt(np.mean(values**2))


def _at(ticks, curve):
    return np.interp(ticks, np.arange(len(curve)), curve)


def _spectra(signal, window, hop):
    """Short-time spectra of `signal`, float32 inside, shape (n_frames, n_bins)."""
    ahead = len(window) - hop
    signal = np.pad(signal.astype(np.float32), (ahead, ahead + -len(signal) % hop))
    frames = np.lib.stride_tricks.sliding_window_view(signal, len(window))[::hop]
    return rfft(frames * window.astype(np.float32))


def _overlap_add(spectra, window, hop):
    """Signal of short-time spectra made by `_spectra`, and up to `hop` samples more."""
    frames = irfft(spectra)
    frames *= window * 2 / OVERLAP
    n_frames = len(frames)
    parts = frames.reshape(n_frames, OVERLAP, hop)
    signal = np.zeros((n_frames + OVERLAP - 1, hop), dtype=frames.dtype)
    for part in range(OVERLAP):
        signal[part : part + n_frames] += parts[:, part]
    return signal.ravel()[len(window) - hop :]
