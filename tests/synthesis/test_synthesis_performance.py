"""How a singer sings a song: pitch, voice and formants as curves over time."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from steady import FATHER, NO_CONSONANT, cents_between, even_singer, one_note

from singerlearn.synthesis.performance import CONTROL_RATE, perform
from singerlearn.synthesis.phonemes import VOWELS
from singerlearn.synthesis.song import draw_song

# ------------------------------------------------------------- pitch and time


def test_singers_are_in_tune_on_the_whole(rng):
    singer = even_singer(pitch=57)
    song = one_note(seconds=0.1)
    f0 = perform(singer, song, duration=60.0, rng=rng).f0  # some 600 notes
    assert abs(cents_between(f0, 220.0).mean()) < 3


def test_vibrato_swings_as_far_and_as_often_as_its_singer_does(rng):
    singer = even_singer(vibrato_extent=50, vibrato_rate=5.0, vibrato_onset=0.1)
    song = one_note(seconds=5.0)
    f0 = perform(singer, song, duration=3.0, rng=rng).f0[CONTROL_RATE:]
    cents = cents_between(f0, np.exp(np.log(f0).mean()))
    assert_allclose([cents.min(), cents.max()], [-50, 50], atol=3)
    assert np.sum(np.diff(np.sign(cents)) > 0) == pytest.approx(5 * 2, abs=1)


def test_a_song_is_sung_in_time_and_from_the_start_again(rng):
    song = replace(
        one_note(),
        intervals=np.array([0, 7]),
        durations=np.array([0.5, 0.5]),
        rests=np.array([0.0, 0.5]),
        accents=np.zeros(2),
        vowels=np.array([FATHER, FATHER]),
        consonants=np.array([NO_CONSONANT, NO_CONSONANT]),
    )
    performance = perform(even_singer(), song, duration=4.0, rng=rng)
    is_sounding = performance.voicing > -30
    starts = np.flatnonzero(np.diff(is_sounding.astype(int)) == 1) / CONTROL_RATE
    assert_allclose(np.diff(starts), 1.5, rtol=0.15)  # the tempo is the singer's
    steps = cents_between(performance.f0[1:], performance.f0[:-1])
    assert steps[:CONTROL_RATE].sum() == pytest.approx(700, abs=80)


def test_a_song_goes_on_where_it_is_started():
    singer, song = even_singer(), draw_song(np.random.RandomState(0))
    whole, part = (
        perform(
            singer, song, duration=8 - start, rng=np.random.RandomState(0), start=start
        )
        for start in (0.0, 5.0)
    )
    # The tempo is the same; the errors of each performance are its own.
    assert np.mean(np.abs(cents_between(whole.f0[1000:], part.f0))) < 60
    assert_array_equal(whole.hiss_centre[1000:], part.hiss_centre)


# ------------------------------------------------------------------ the voice


def phrase(singer, rng, seconds=1.0, **song):
    """One note and then a rest, so that the voice comes and goes."""
    song = replace(one_note(seconds=seconds), rests=np.array([0.5]), **song)
    performance = perform(singer, song, duration=seconds + 0.4, rng=rng)
    ends = np.flatnonzero(performance.voicing > -30)[-1]  # ticks
    return performance, ends


@pytest.mark.parametrize("name", ["attack", "release"])
def test_voices_come_and_go_in_their_own_time(name, rng):
    def rise(seconds):
        singer = even_singer(**{"attack": 0.01, "release": 0.01, name: seconds})
        voicing = phrase(singer, rng)[0].voicing
        voicing = voicing if name == "attack" else voicing[::-1]
        loud = np.flatnonzero(voicing > -80)[0]
        return np.flatnonzero(voicing > -5)[0] - loud

    assert rise(0.3) > 2 * rise(0.05)


def test_a_note_is_scooped_from_below(rng):
    performance, _ = phrase(even_singer(scoop=2.0, pitch=57), rng, seconds=2.0)
    cents = cents_between(performance.f0, performance.f0[300])
    assert cents[2] < -30 and abs(cents[200:]).max() < 5


def test_a_creaking_voice_breaks_as_the_phrase_ends(rng):
    performance, ends = phrase(even_singer(creak=0.8, jitter=5.0), rng)
    assert_allclose(performance.jitter[: ends - 100], 5.0)
    assert performance.jitter[ends] > 20
    assert performance.f0[ends] < 0.95 * performance.f0[ends - 100]


def test_breath_comes_and_goes(rng):
    still, _ = phrase(even_singer(breath=-40), rng)
    assert_allclose(still.breath[50:150], -40)
    moving = perform(
        even_singer(breath=-40, breath_drift=3), one_note(), duration=60, rng=rng
    )
    assert 2 < np.std(moving.breath[200:]) < 4


def test_the_head_voice_is_steeper_and_purer(rng):
    head = dict(passaggio=60, head_tilt=-4, head_first_harmonic=6, head_breath=3)
    curves = [
        perform(even_singer(pitch=pitch, **head), one_note(), duration=1, rng=rng)
        for pitch in (50, 70)
    ]
    chest, head = (
        {k: getattr(c, k)[100] for k in vars(c) if k != "formants"} for c in curves
    )
    assert head["first_harmonic"] - chest["first_harmonic"] == pytest.approx(6, abs=0.2)
    assert head["tilt"] - chest["tilt"] < -2
    assert head["breath"] - chest["breath"] == pytest.approx(3, abs=0.2)


def test_a_held_notes_spectrum_ages(rng):
    def tilt(fading):
        rng = np.random.RandomState(0)
        singer = even_singer(fading=fading, tilt=-12)
        return perform(singer, one_note(), duration=2, rng=rng).tilt

    assert_allclose((tilt(-1) - tilt(0))[[100, 300]], [-0.5, -1.5], atol=0.05)


# ---------------------------------------------------------------------- words


def test_a_nasal_vowel_is_nasal_whoever_sings_it(rng):
    nasal, oral = (
        perform(even_singer(), one_note(vowel), duration=1, rng=rng).nasality[100]
        for vowel in (19, FATHER)
    )
    assert nasal == pytest.approx(1) and oral == pytest.approx(0)


def test_consonants_move_the_formants(rng):
    j, w = 23, 22
    second = [
        perform(even_singer(), one_note(consonant=c), duration=1, rng=rng).formants[1]
        for c in (j, w)
    ]
    assert second[0][0] > 1800 and second[1][0] < 900
    assert_allclose([f[100] for f in second], VOWELS[FATHER, 1], rtol=0.1)
