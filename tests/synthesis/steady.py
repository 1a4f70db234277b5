"""The steadiest of singers, the plainest of songs, and the cents between pitches."""

from dataclasses import replace

import numpy as np

from singerlearn.synthesis.phonemes import CONSONANTS
from singerlearn.synthesis.singer import draw_singer
from singerlearn.synthesis.song import Song

FATHER, NO_CONSONANT = 4, len(CONSONANTS) - 1


def even_singer(gender="male", **changes):
    """The average voice, without what moves its pitch or covers its formants."""
    singer = draw_singer(np.random.RandomState(0), gender, effect=0)
    steady = dict(vibrato_extent=0, drift=0, jitter=0, shimmer=0, creak=0, scoop=0)
    steady |= dict(fading=0, breath_drift=0, passaggio=120)
    plain = dict(breath=-120, ring=0, dip=0, first_harmonic=0, nasality=0)
    return replace(singer, **{**steady, **plain, **changes})


def one_note(vowel=FATHER, consonant=NO_CONSONANT, seconds=2.0):
    return Song(
        tonic=60.0,
        intervals=np.array([0]),
        durations=np.array([seconds]),
        rests=np.array([0.0]),
        accents=np.array([0.0]),
        vowels=np.array([vowel]),
        consonants=np.array([consonant]),
        register=0.0,
        key_held=0.0,
        brightness=0.0,
    )


def cents_between(f, g):
    return 1200 * np.log2(f / g)
