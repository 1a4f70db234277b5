"""A room, a microphone and a codec, as plain numbers, and what they do to a spectrum.

The module `singer` states the conventions.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

EQ_FREQUENCIES = np.geomspace(60, 11_025, 8)  # Hz, where a channel's gains are given
GATED = -30.0  # dB; what a closed gate lets through
LOUD = -10.0  # dB relative to the mean power; a compressor acts above this


@dataclass(frozen=True, eq=False)
class Channel:
    """What a recording adds to the voice.

    Attributes
    ----------
    eq : ndarray of shape (8,)
        Gain of the microphone at `EQ_FREQUENCIES`, dB.
    reverberation, wet : float
        Time in which the room's echo falls by 60 dB, in seconds, and its level, in dB.
    noise, noise_slope : float
        Level of the background relative to the voice, in dB, and its slope, in dB per
        octave.
    low_cut, high_cut : float
        Corner frequencies of the microphone's high-pass (12 dB per octave) and of the
        codec's low-pass (a cliff), in Hz.
    compression : float
        Compression ratio of loud passages: decibels in per decibel out; 1 is none.
    gate : float
        Level below which the recorder's gate closes, in dB relative to the mean.
    level : float
        Peak of the recording, dB below full scale.
    """

    eq: np.ndarray
    reverberation: float
    wet: float
    noise: float
    noise_slope: float
    low_cut: float
    high_cut: float
    compression: float
    gate: float
    level: float

    def response(self, frequencies):
        """Gain of microphone and codec, in dB, at each of `frequencies`, in Hz."""
        eq = np.interp(np.log(frequencies), np.log(EQ_FREQUENCIES), self.eq)
        rumble = -10 * np.log10(1 + (self.low_cut / frequencies) ** 4)
        beyond = np.maximum(np.log2(frequencies / self.high_cut), 0)  # octaves
        return eq + rumble + np.maximum(-200 * beyond, -80)

    def dynamics(self, power, rate):
        """Gain of compressor and gate in dB.

        Parameters
        ----------
        power : ndarray of shape (n_ticks,)
            Of the sound, on any scale.
        rate : float
            Ticks per second.

        Returns
        -------
        ndarray of shape (n_ticks,)
        """
        kept = np.exp(-1 / (0.05 * rate))  # the level is a mean over 50 ms or so
        mean = power.mean()
        smooth, _ = lfilter([1 - kept], [1, -kept], power, zi=[kept * mean])
        level = 10 * np.log10(smooth / mean + 1e-12)
        closing = 1 / (1 + np.exp(np.clip(level - self.gate, -30, 30)))
        return GATED * closing - (1 - 1 / self.compression) * (level - LOUD).clip(min=0)


def draw_channel(rng, *, effect=1.0):
    """Draw a `Channel`.

    Parameters
    ----------
    rng : RandomState
    effect : float, default=1.0
        How far channels differ from a dry, quiet and even one. It is also how likely
        they are to have a codec, a compressor and a gate, up to some maximum.

    Returns
    -------
    Channel
    """

    def happens(odds):
        return rng.uniform() < min(effect, 1.0) * odds

    # Codecs by what they leave: all, the band below 4 to 16 kHz, a telephone line.
    low_cut, high_cut = effect * rng.uniform(20, 100), 24_000.0
    if happens(0.15):
        high_cut = 16_000 * 2 ** -rng.uniform(0, 2)
    if happens(0.04):
        low_cut, high_cut = 300.0, 3400.0
    return Channel(
        eq=effect * rng.normal(0, 2, len(EQ_FREQUENCIES)),
        reverberation=rng.uniform(0.2, 0.8),
        wet=min(-60 + effect * rng.uniform(20, 42), -6),
        noise=min(-80 + effect * rng.uniform(10, 40), -10),
        noise_slope=-3 + effect * rng.normal(0, 1.5),
        low_cut=low_cut,
        high_cut=high_cut,
        compression=rng.uniform(1, 3) if happens(0.2) else 1.0,
        gate=rng.uniform(-50, -35) if happens(0.1) else -200.0,
        level=max(-1 - effect * rng.uniform(0, 15), -40),
    )
