"""A singer sings a song: curves of pitch, vowels and loudness, not yet any sound.

Every renderer starts here. The curves are sampled `CONTROL_RATE` times a second, fine
enough to be joined by straight lines.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d

from singerlearn.synthesis.phonemes import CONSONANTS, VOWEL_NASALITY

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
    formants : ndarray of shape (3, n_ticks)
        Those that change with the vowel, in Hz.
    nasality : ndarray of shape (n_ticks,)
        How much the nose sounds along, in [0, 1].
    voicing, breath, hiss : ndarray of shape (n_ticks,)
        Levels of the voice, of the breath relative to the voice, and of the noise of
        consonants, in dB.
    hiss_centre, hiss_width : ndarray of shape (n_ticks,)
        Where that noise lies, in Hz, and its width, in octaves.
    tilt, first_harmonic : ndarray of shape (n_ticks,)
        Slope of the harmonics, in dB per octave, and how far the first stands above it,
        in dB: louder is brighter, higher is purer.
    jitter, shimmer : ndarray of shape (n_ticks,)
        Deviation from one glottal cycle to the next, in cents and dB.
    """

    f0: np.ndarray
    formants: np.ndarray
    nasality: np.ndarray
    voicing: np.ndarray
    breath: np.ndarray
    hiss: np.ndarray
    hiss_centre: np.ndarray
    hiss_width: np.ndarray
    tilt: np.ndarray
    first_harmonic: np.ndarray
    jitter: np.ndarray
    shimmer: np.ndarray


def perform(singer, song, *, duration, rng, start=0.0):
    """Sing a part of a song; the song repeats if the part is longer.

    Parameters
    ----------
    singer : Singer
    song : Song
    duration : float
        In seconds.
    rng : RandomState
        For what differs from one performance to the next: tempo, intonation, dynamics.
    start : float, default=0.0
        Where in the song the part begins, in seconds.

    Returns
    -------
    Performance
        Curves of ``ceil(duration * CONTROL_RATE) + 1`` ticks.
    """
    n_ticks = int(np.ceil(duration * CONTROL_RATE)) + 1
    tempo = np.exp(rng.normal(0, 0.04))
    at = _follow(song, tempo, start + np.arange(n_ticks) / CONTROL_RATE)
    edge = _edge(singer, at)
    waning = np.where(at.ends_phrase, np.clip(1 - at.left / 0.35, 0, 1), 0)
    mood = rng.uniform(0.5, 1.5, at.n_sung)[at.place]
    creak = singer.creak * waning * mood * (2 if song.is_spoken else 1)
    creak = np.minimum(creak, 1)

    pitch = _pitch(singer, song, tempo, at, rng)
    f0 = 440 * 2 ** ((pitch - 69 - 6 * creak) / 12)
    head = 1 / (1 + np.exp((singer.passaggio - pitch) / 1.5))
    effort = song.accents[at.note] + 2.5 * _slow_noise(rng, n_ticks)
    fading = singer.fading * np.clip(at.vowel_since, 0, 2)
    tilt = singer.tilt + song.brightness + 0.2 * _smooth(effort, 0.1)
    tilt += singer.head_tilt * head + _smooth(fading, 0.1)
    breath = singer.breath + singer.head_breath * head + 8 * edge
    breath += singer.breath_drift * _slow_noise(rng, n_ticks)

    is_held = at.ends_phrase | (at.since < at.sounding * singer.legato)
    voicing = np.where(at.vowel_since < 0, at.consonant["voice"], 20 * (is_held - 1.0))
    voicing += effort - 25 * edge - 4 * creak
    voicing[at.left <= 0] = SILENCE
    is_hissing = (at.since >= at.closure) & (at.vowel_since < 0)
    # Once a consonant is over, the mouth prepares for the next.
    following = song.consonants[(at.note + 1) % len(song.consonants)]
    shape = np.where(at.vowel_since < 0.03, song.consonants[at.note], following)
    formants, nasality = _mouth(singer, song, at, rng)
    return Performance(
        f0=f0,
        # A high note lifts the first formant with it, or its fundamental would be lost.
        formants=np.vstack([np.maximum(formants[0], f0), formants[1:]]),
        nasality=nasality,
        voicing=_smooth(voicing, 0.05),
        breath=np.minimum(breath, -10),
        hiss=np.where(is_hissing, at.consonant["hiss"] + effort, SILENCE),
        hiss_centre=CONSONANTS["centre"][shape],
        hiss_width=CONSONANTS["width"][shape],
        tilt=np.minimum(tilt, 0),
        first_harmonic=singer.first_harmonic + singer.head_first_harmonic * head,
        jitter=singer.jitter * (1 + 25 * creak),
        shimmer=singer.shimmer * (1 + 12 * creak),
    )


@dataclass(frozen=True, eq=False)
class _Places:
    """Where in its song a singer is at every tick, arrays of shape (n_ticks,)."""

    time: np.ndarray  # since the song's start, seconds, as all times here
    place: np.ndarray  # notes sung before
    note: np.ndarray  # of the song
    since: np.ndarray  # the note's start
    vowel_since: np.ndarray  # the vowel's start, negative in the consonant
    sounding: np.ndarray  # length of the note
    left: np.ndarray  # of the note, negative in the rest after it
    closure: np.ndarray  # length of the consonant's
    consonant: np.ndarray  # rows of `CONSONANTS`
    begins_phrase: np.ndarray
    ends_phrase: np.ndarray

    @property
    def n_sung(self):
        return self.place[-1] + 1


def _follow(song, tempo, time):
    ends = np.cumsum(song.durations + song.rests) * tempo
    n_rounds, time_left = np.divmod(time, ends[-1])
    note = np.searchsorted(ends[:-1], time_left, side="right")
    since = time_left - np.append(0, ends)[note]
    sounding = song.durations[note] * tempo
    consonant = CONSONANTS[song.consonants[note]]
    closure, length = consonant["closure"], consonant["length"]
    # Where notes are short, consonants take up to half of them.
    hurry = np.minimum(1, 0.5 * sounding / (closure + length))
    return _Places(
        time=time,
        place=n_rounds.astype(int) * len(ends) + note,
        note=note,
        since=since,
        vowel_since=since - (closure + length) * hurry,
        sounding=sounding,
        left=sounding - since,
        closure=closure * hurry,
        consonant=consonant,
        begins_phrase=song.rests[note - 1] > 0,
        ends_phrase=song.rests[note] > 0,
    )


def _edge(singer, at):
    """How close the voice is to its coming or going, from 0 to 1, shape (n_ticks,)."""
    is_voiced = at.consonant["voice"] > -30
    begun = np.where(is_voiced, at.since, at.vowel_since)
    coming = np.where(at.begins_phrase, 1 - begun / singer.attack, 0)
    going = np.where(at.ends_phrase, 1 - at.left / singer.release, 0)
    return np.clip(np.maximum(coming, going), 0, 1) ** 2


def _pitch(singer, song, tempo, at, rng):
    """MIDI note number, shape (n_ticks,)."""
    notes = song.notes_of(singer)
    off_key = rng.normal(0, 0.15, at.n_sung)  # semitones, an error for each note
    depth = singer.scoop * rng.exponential(size=at.n_sung)
    swell = np.clip((at.since - singer.vibrato_onset) / 0.2, 0, 1)
    turns = singer.vibrato_rate * at.time + rng.uniform()
    cents = singer.drift * _slow_noise(rng, len(at.time))
    if song.is_spoken:
        middles = np.cumsum(song.durations + song.rests) - song.rests
        middles -= song.durations / 2
        period = song.duration * tempo
        pitch = np.interp(at.time, middles * tempo, notes, period=period)
    else:
        scoop = depth[at.place] * np.exp(-np.maximum(at.vowel_since, 0) / 0.08)
        pitch = notes[at.note] - scoop
        cents += singer.vibrato_extent * swell * np.sin(2 * np.pi * turns)
    return _smooth(pitch + off_key[at.place], singer.glide) + cents / 100


def _mouth(singer, song, at, rng):
    """Formants, shape (3, n_ticks), and nasality, (n_ticks,)."""
    vowels = singer.formants(song.vowels)[at.note]
    vowels *= np.exp(rng.normal(0, 0.03, (at.n_sung, 3)))[at.place]  # never the same
    locus = at.consonant["locus"]
    is_shaped = (at.vowel_since < 0) & (locus[:, 0] > 0)
    formants = np.where(is_shaped[:, None], singer.scaled(locus), vowels)
    nasality = VOWEL_NASALITY[song.vowels][at.note]
    nasality = np.where(at.vowel_since < 0, at.consonant["nasality"], nasality)
    nasality = np.maximum(nasality, singer.nasality)
    return _smooth(formants.T, COARTICULATION), _smooth(nasality, COARTICULATION)


def _smooth(curves, seconds):
    """Move along `curves` in about `seconds` instead of jumping."""
    half = max(int(seconds * CONTROL_RATE / 2), 1)
    weights = np.hanning(2 * half + 3)[1:-1]  # without the zeros at its ends
    weights /= weights.sum()
    return convolve1d(curves, weights, mode="nearest")


def _slow_noise(rng, n_ticks):
    """Noise of deviation about one that changes twice a second, shape (n_ticks,)."""
    knots = np.arange(0, n_ticks + CONTROL_RATE, CONTROL_RATE // 2)
    return np.interp(np.arange(n_ticks), knots, rng.standard_normal(len(knots)))
