"""What is drawn: a singer, a song, and the sounds of its words."""

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from steady import even_singer

from singerlearn.synthesis.performance import perform
from singerlearn.synthesis.phonemes import CONSONANTS, LANGUAGES, VOWEL_NASALITY, VOWELS
from singerlearn.synthesis.singer import draw_singer, in_mood
from singerlearn.synthesis.song import draw_song


def test_without_a_singer_effect_singers_of_a_gender_are_one(rng):
    a, b = (draw_singer(rng, "female", effect=0) for _ in range(2))
    for field in fields(a):
        assert_array_equal(getattr(a, field.name), getattr(b, field.name))


def test_a_mood_changes_a_voice_less_than_another_singer_does(rng):
    singers = [draw_singer(rng, "male") for _ in range(60)]
    for field in fields(singers[0]):
        same = in_mood(singers[0], rng, effect=0)
        expected = getattr(singers[0], field.name)
        if field.name == "tilt":  # nobody's is flatter in any mood
            expected = min(expected, -1.5)
        assert_array_equal(getattr(same, field.name), expected)
    moods = [in_mood(singers[0], rng) for _ in range(60)]

    def spread(voices, name):
        return np.std([getattr(voice, name) for voice in voices], axis=0).mean()

    for name in ("tract_length", "formant_offsets", "tilt", "breath", "pitch"):
        assert 0 < spread(moods, name) < 0.8 * spread(singers, name)
    # Who makes an effort is both higher and brighter.
    tilts, pitches = ([getattr(m, name) for m in moods] for name in ("tilt", "pitch"))
    assert np.corrcoef(tilts, pitches)[0, 1] > 0.2


@given(seed=st.integers(0, 2**31), pitch=st.floats(40, 75), effect=st.floats(0, 4))
@settings(max_examples=50, deadline=None)
def test_a_song_lies_in_its_singers_range(seed, pitch, effect):
    song = draw_song(np.random.RandomState(seed), effect=effect)
    singer = even_singer(pitch=pitch)
    middle = np.average(song.notes_of(singer), weights=song.durations)
    assert abs(middle - pitch - song.register) <= 6.5 + 1e-9
    # Whoever sings it, it is the same melody,
    assert_allclose(np.diff(song.notes_of(singer)), np.diff(song.intervals))
    # in its own key once songs have one, or in the middle of the range where they don't
    if effect >= 1:
        assert np.all((song.notes_of(singer) - song.tonic - song.intervals) % 12 == 0)
    if effect == 0:
        assert abs(middle - pitch) <= 0.5 + 1e-9


def test_speech_glides_and_falls_where_singing_stays_and_shakes(rng):
    singer = even_singer(vibrato_extent=60)
    spoken, sung = (draw_song(rng, spoken=spoken) for spoken in (True, False))
    assert spoken.is_spoken and not sung.is_spoken
    assert np.mean(spoken.durations) < 0.5 * np.mean(sung.durations)
    falls = []
    for _ in range(20):
        song = draw_song(rng, spoken=True)
        ends = np.flatnonzero(song.rests > 0)
        starts = np.append(0, ends[:-1] + 1)
        falls.extend(song.intervals[ends] - song.intervals[starts])
    assert np.mean(falls) < -3

    def shaking(song):
        f0 = perform(singer, song, duration=10, rng=rng).f0
        spectrum = np.abs(np.fft.rfft(np.diff(np.log(f0)) * np.hanning(len(f0) - 1)))
        return spectrum[52:58].sum() / spectrum[:200].sum()  # about 5.5 Hz

    assert shaking(sung) > 2 * shaking(spoken)


def test_the_sounds_of_words_are_in_order():
    assert np.all(np.diff(VOWELS, axis=1) > 0)
    assert np.unique(VOWELS, axis=0).shape == VOWELS.shape
    assert set(VOWEL_NASALITY) == {0, 1}
    for language in LANGUAGES:
        assert len(set(language)) == len(language) and max(language) < len(VOWELS)
    assert len(np.unique(CONSONANTS)) == len(CONSONANTS)
