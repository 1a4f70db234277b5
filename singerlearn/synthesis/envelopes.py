"""Shapes over frequency that all renderers share.

Frequencies are in Hz and above zero; levels in dB unless a gain is asked for.
"""

import math

import numpy as np

LOWEST = 50.0  # Hz; what lies below is rumble
NASAL_WIDTH = 1.5  # factor on the bandwidth of the nose, whose walls are soft
NEPERS = math.log(10) / 20  # in a decibel


def gain(decibels):
    """Factor on the amplitude."""
    return np.exp(NEPERS * np.asarray(decibels))


def audible(frequencies, sampling_rate):
    """Gain that fades in to `LOWEST` and out before half the sampling rate."""
    rise = frequencies / LOWEST
    fall = (0.5 - frequencies / sampling_rate) / 0.03
    return np.clip(np.minimum(rise, fall), 0, 1)


def breath_color(singer, frequencies):
    """Level of the breath relative to that at 2 kHz."""
    return singer.breath_slope * np.log2(frequencies / 2000)


def side_branches(singer, frequencies):
    """Level of the singer's formant and of the notch of the side cavities."""
    ring = np.exp(-(((frequencies - singer.ring_frequency) / 400) ** 2))
    dip = np.exp(-(((frequencies - singer.dip_frequency) / 500) ** 2))
    return singer.ring * ring - singer.dip * dip


def hiss_gain(frequencies, centre, width):
    """Gain of the consonants' noise, a bell over log frequency."""
    return np.exp(-2 * (np.log2(frequencies / centre) / width) ** 2)


def nasal_zero(singer, nasality):
    """Frequency that the nose absorbs, in Hz: its own resonance at no nasality."""
    return singer.nasal_pole * (1 + 0.7 * nasality)


def resonator(frequencies, bandwidths, sampling_rate):
    """Polynomial of a pair of poles, ``1 + b1 z**-1 + b2 z**-2``.

    Parameters
    ----------
    frequencies : ndarray
        In Hz. Resonances too high for the sampling rate are left out.
    bandwidths : ndarray
        Factors on 50 Hz and 4 % of the frequency.
    sampling_rate : int

    Returns
    -------
    b1, b2 : ndarray of the shape of `frequencies`
    """
    width = bandwidths * (50 + 0.04 * frequencies)
    radius = np.exp(-np.pi * width / sampling_rate)
    radius = np.where(frequencies > 0.48 * sampling_rate, 0, radius)
    return -2 * radius * np.cos(2 * np.pi * frequencies / sampling_rate), radius**2
