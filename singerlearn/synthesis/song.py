"""A melody with its words, as plain numbers: what stays when the singer changes.

The module `singer` states the conventions.
"""

from dataclasses import dataclass

import numpy as np

from singerlearn.synthesis.phonemes import CONSONANTS, LANGUAGES, VOWELS

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, eq=False)
class Song:
    """A melody with its words, or a text to be spoken.

    Attributes
    ----------
    tonic : float
        MIDI note of the key.
    intervals : ndarray of shape (n_notes,)
        Notes, in semitones above the tonic.
    durations, rests : ndarray of shape (n_notes,)
        Length of each note and of the silence after it, in seconds.
    accents : ndarray of shape (n_notes,)
        Level of each note, dB.
    vowels, consonants : ndarray of shape (n_notes,)
        Rows of `VOWELS` and `CONSONANTS`: a note is a consonant and a vowel.
    register : float
        How far above the middle of a singer's range the song lies, in semitones.
    key_held : float in [0, 1]
        How far singers hold on to the song's key: at 0 everybody sings it at
        `register`, at 1 only octaves apart.
    brightness : float
        Added to the tilt of every singer, in dB per octave: a song to shout or whisper.
    is_spoken : bool
        Whether its notes are syllables of speech, between which the pitch glides
        without rest, scoop or vibrato.
    """

    tonic: float
    intervals: np.ndarray
    durations: np.ndarray
    rests: np.ndarray
    accents: np.ndarray
    vowels: np.ndarray
    consonants: np.ndarray
    register: float
    key_held: float
    brightness: float
    is_spoken: bool = False

    @property
    def duration(self):
        """Length of the song at its own tempo, in seconds."""
        return self.durations.sum() + self.rests.sum()

    def notes_of(self, singer):
        """MIDI notes as `singer` sings them, shape (n_notes,): moved by semitones."""
        middle = self.tonic + np.average(self.intervals, weights=self.durations)
        shift = singer.pitch + self.register - middle
        octaves = 12 * round(shift / 12)
        return (
            self.tonic
            + self.intervals
            + round(shift + self.key_held * (octaves - shift))
        )


def draw_song(rng, *, effect=1.0, spoken=False):
    """Draw a `Song`.

    Parameters
    ----------
    rng : RandomState
    effect : float, default=1.0
        How far songs differ. At 0 they are different notes and words in the same style;
        the larger it is, the more a song prefers a language, some vowels and
        consonants, a register, a tempo and a brightness of its own. From 1 on, singers
        keep its key.
    spoken : bool, default=False
        Draw a text to be spoken: faster syllables, on a pitch that falls from the start
        of a phrase to its end, below the middle of the range and in no key.

    Returns
    -------
    Song
    """

    def around(mean, deviation):
        return mean + effect * deviation * rng.standard_normal()

    tonic = 60.0 + rng.randint(12)
    if spoken:
        n_notes = rng.randint(24, 45)
        beat = 0.2 * np.exp(around(0, 0.15))  # seconds
        lengths = rng.uniform(0.6, 1.5, n_notes)
        phrase_ends = rng.uniform(size=n_notes) < 0.13
        intervals = _declination(rng, phrase_ends)
    else:
        n_notes = rng.randint(16, 29)
        beat = 0.6 * np.exp(around(0, 0.15))
        lengths = rng.choice((0.5, 0.5, 1, 1, 1, 1.5, 2), n_notes)
        phrase_ends = rng.uniform(size=n_notes) < 0.15
        intervals = _melody(rng, n_notes)

    language = np.isin(np.arange(len(VOWELS)), LANGUAGES[rng.randint(len(LANGUAGES))])
    words = rng.normal(0, 0.6, len(VOWELS))
    sounds = rng.normal(0, 0.4, len(CONSONANTS))
    onsets = np.zeros(len(CONSONANTS))
    onsets[-1] = 1.5  # a sixth of the notes or so begin with their vowel
    return Song(
        tonic=tonic,
        intervals=intervals,
        durations=beat * lengths,
        rests=np.where(phrase_ends, rng.choice((0.3, 0.6), n_notes), 0.0),
        accents=rng.normal(0, 2, n_notes),
        vowels=_choose(rng, n_notes, effect * (1.5 * language + words)),
        consonants=_choose(rng, n_notes, onsets + effect * sounds),
        register=around(-3 if spoken else 0, 1.5),
        key_held=0.0 if spoken else min(effect, 1.0),
        brightness=around(0, 0.5),
        is_spoken=spoken,
    )


def _melody(rng, n_notes):
    """Semitones above the tonic, in major or minor."""
    scale = np.array((MAJOR, MINOR)[rng.randint(2)])
    # A melody steps up or down by a degree or two, and turns back at its borders.
    degrees = np.cumsum(rng.choice((-2, -1, -1, 0, 1, 1, 2), n_notes)) + 3
    degrees = np.abs((degrees + 8) % 16 - 8)  # a fold into 0 .. 8
    return scale[degrees % 7] + 12 * (degrees // 7)


def _declination(rng, phrase_ends):
    """Semitones that fall through each phrase, most at its end, with accents."""
    starts = np.append(0, np.flatnonzero(phrase_ends[:-1]) + 1)
    lengths = np.diff(np.append(starts, len(phrase_ends)))
    phrase = np.repeat(np.arange(len(starts)), lengths)
    done = (np.arange(len(phrase_ends)) - starts[phrase] + 1) / lengths[phrase]
    return 3 - 5 * done - 2 * (done == 1) + rng.normal(0, 1.2, len(phrase_ends))


def _choose(rng, size, log_odds):
    """Draw `size` kinds, shape (size,)."""
    odds = np.exp(log_odds)
    return rng.choice(len(odds), size, p=odds / odds.sum())
