"""A singer sings a song: the curves of pitch, vowels and loudness, still without sound.

Every renderer starts here. The curves are sampled `CONTROL_RATE` times a second, fine
enough to be joined by straight lines.
"""

from dataclasses import dataclass

import numpy as np

from singerlearn.synthesis.voices import CONSONANTS

CONTROL_RATE = 200  # Hz
COARTICULATION = 0.07  # seconds in which a vowel turns into the next
SILENCE = -90.0  # dB


@dataclass(frozen=True, eq=False)
class Performance:
    """Control curves of one performance, time last.

    Attributes
    ----------
    f0 : ndarray of shape (n_ticks,)
        Fundamental frequency in Hz, running on through silences.
    formants : ndarray of shape (n_formants, n_ticks)
        In Hz.
    voicing, hiss : ndarray of shape (n_ticks,)
        Levels of the voice and of the noise made by consonants, dB.
    hiss_centre, hiss_width : ndarray of shape (n_ticks,)
        Where that noise lies, in Hz, and its width, in octaves.
    tilt : ndarray of shape (n_ticks,)
        Slope of the harmonics, dB an octave: louder is brighter.
    """

    f0: np.ndarray
    formants: np.ndarray
    voicing: np.ndarray
    hiss: np.ndarray
    hiss_centre: np.ndarray
    hiss_width: np.ndarray
    tilt: np.ndarray


def perform(singer, song, *, duration, rng):
    """Sing the beginning of a song, repeated where `duration` outlasts it.

    Parameters
    ----------
    singer : Singer
    song : Song
    duration : float
        In seconds.
    rng : RandomState
        For what differs from one performance to the next: tempo, intonation, dynamics.

    Returns
    -------
    Performance
        Curves of ``ceil(duration * CONTROL_RATE) + 1`` ticks.
    """
    n_ticks = int(np.ceil(duration * CONTROL_RATE)) + 1
    tempo = np.exp(rng.normal(0, 0.04))
    lengths = (song.durations + song.rests) * tempo
    n_rounds = int(np.ceil(duration / lengths.sum())) + 1
    ends = np.cumsum(np.tile(lengths, n_rounds))

    time = np.arange(n_ticks) / CONTROL_RATE
    place = np.searchsorted(ends, time, side="right")  # notes sung before, (n_ticks,)
    note = place % len(lengths)
    since = time - np.append(0, ends)[place]  # seconds into the note
    sounding = song.durations[note] * tempo
    is_linked = song.rests[note] == 0

    n_sung = place[-1] + 1
    off_key = rng.normal(0, 0.15, n_sung)  # semitones, an error for each note
    pitch = _smooth(song.notes_of(singer)[note] + off_key[place], singer.glide)
    swell = np.clip((since - singer.vibrato_onset) / 0.2, 0, 1)
    turns = singer.vibrato_rate * time + rng.uniform()
    cents = singer.vibrato_extent * swell * np.sin(2 * np.pi * turns)
    cents += singer.drift * _slow_noise(rng, n_ticks)
    f0 = 440 * 2 ** ((pitch + cents / 100 - 69) / 12)

    vowels = np.array([singer.formants(vowel) for vowel in song.vowels])[note]
    vowels[:, :3] *= np.exp(rng.normal(0, 0.03, (n_sung, 3)))[place]  # never the same
    formants = _smooth(vowels.T, COARTICULATION)  # (n_formants, n_ticks)
    # A high note lifts the first formant with it, or its fundamental would be lost.
    formants[0] = np.maximum(formants[0], f0)

    dip, hiss, _, _, length = CONSONANTS[song.consonants[note]].T
    is_consonant = since < length
    # Once a consonant is over, the mouth prepares for the next.
    coming = np.where(is_consonant, note, (note + 1) % len(lengths))
    _, _, centre, width, _ = CONSONANTS[song.consonants[coming]].T
    effort = song.accents[note] + 2.5 * _slow_noise(rng, n_ticks)
    is_held = since < sounding * np.where(is_linked, singer.legato, 1)
    voicing = effort + np.where(is_consonant, dip, np.where(is_held, 0, -20))
    is_silent = since >= sounding
    return Performance(
        f0=f0,
        formants=formants,
        voicing=_smooth(np.where(is_silent, SILENCE, voicing), 0.05),
        hiss=np.where(is_consonant, hiss + effort, SILENCE),
        hiss_centre=centre,
        hiss_width=width,
        tilt=np.minimum(singer.tilt + song.brightness + 0.2 * _smooth(effort, 0.1), 0),
    )


def _smooth(curves, seconds):
    """Move along `curves` in about `seconds` instead of jumping."""
    half = max(int(seconds * CONTROL_RATE / 2), 1)
    weights = np.hanning(2 * half + 3)[1:-1]  # without the zeros at its ends
    weights /= weights.sum()
    padding = [(0, 0)] * (curves.ndim - 1) + [(half, half)]
    padded = np.pad(curves, padding, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=-1)
    return (windows * weights).sum(-1)


def _slow_noise(rng, n_ticks):
    """Noise of deviation about one that changes twice a second, shape (n_ticks,)."""
    knots = np.arange(0, n_ticks + CONTROL_RATE, CONTROL_RATE // 2)
    return np.interp(np.arange(n_ticks), knots, rng.standard_normal(len(knots)))
