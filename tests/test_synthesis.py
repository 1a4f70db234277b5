from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks, freqz

from singerlearn.synthesis.performance import CONTROL_RATE, perform
from singerlearn.synthesis.phonemes import (
    CONSONANTS,
    LANGUAGES,
    VOWEL_NASALITY,
    VOWELS,
)
from singerlearn.synthesis.singer import draw_singer
from singerlearn.synthesis.song import Song, draw_song
from singerlearn.synthesis.waveform import (
    _overlap_add,
    _spectra,
    glottis,
    sing,
    vocal_tract,
)

RATE = 22050
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


def sung(singer, song, rng, duration=1.0):
    """Voice without a channel, and the curves behind it."""
    performance = perform(singer, song, duration=duration, rng=rng)
    return sing(singer, performance, int(duration * RATE), RATE, rng), performance


def period_of(y):
    """Lag of the highest peak of the autocorrelation, in samples, with a fraction."""
    r = np.correlate(y, y, mode="full")[len(y) - 1 :] / np.arange(len(y), 0, -1)
    shortest = RATE // 1000
    # The first of the peaks that are nearly the highest: not two periods.
    peaks, _ = find_peaks(r[: RATE // 60], height=0.9 * r[shortest : RATE // 60].max())
    lag = peaks[peaks >= shortest][0]
    a, b, c = r[lag - 1 : lag + 2]
    return lag + 0.5 * (a - c) / (a - 2 * b + c)


def cents_between(f, g):
    return 1200 * np.log2(f / g)


# The singer


@pytest.mark.parametrize("gender, pitch", [("male", 45), ("male", 57), ("female", 69)])
def test_the_note_asked_for_is_the_note_heard(gender, pitch, rng):
    singer = even_singer(gender, pitch=pitch, tilt=-12)
    y, performance = sung(singer, one_note(), rng)
    middle = slice(3 * RATE // 8, 5 * RATE // 8)
    heard = RATE / period_of(y[middle].astype(float))
    assert abs(cents_between(heard, performance.f0[CONTROL_RATE // 2])) < 3
    # Singers are off by some cents, and another each time.
    assert abs(cents_between(heard, 440 * 2 ** ((pitch - 69) / 12))) < 60


@pytest.mark.parametrize("tract_length", [14.0, 17.0, 18.5])
@pytest.mark.parametrize("vowel", [0, FATHER, 9], ids=["beat", "father", "bird"])
def test_formants_stand_where_the_vocal_tract_puts_them(vowel, tract_length, rng):
    # So low a voice has a harmonic every 33 Hz to show its formants.
    singer = even_singer(pitch=24, tract_length=tract_length, tilt=-3)
    y, performance = sung(singer, one_note(vowel), rng, duration=2.0)
    f0 = RATE / 675
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    width = round(2.5 * f0 / (RATE / len(y)))  # bins: two or three harmonics
    envelope = np.convolve(power, np.hanning(width), mode="same")
    frequencies = np.fft.rfftfreq(len(y), 1 / RATE)
    peaks, _ = find_peaks(np.log(envelope), prominence=0.3)
    formants = performance.formants[:, CONTROL_RATE]
    # A vowel is never quite the same.
    assert_allclose(formants, VOWELS[vowel] * 17 / tract_length, rtol=0.1)
    for formant in formants:
        nearest = frequencies[peaks][np.abs(frequencies[peaks] - formant).argmin()]
        assert abs(nearest - formant) < 30 + 0.04 * formant


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


def test_breath_fills_the_gaps_between_harmonics():
    def floor(breath):
        singer = even_singer(pitch=57, breath=breath)
        y, _ = sung(singer, one_note(), np.random.RandomState(0))
        spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))  # 1 Hz a bin
        return 20 * np.log10(np.median(spectrum[1000:4000]))

    assert floor(-20) - floor(-40) == pytest.approx(20, abs=0.5)


def test_pulses_are_the_sum_of_the_harmonics(rng):
    singer = even_singer(first_harmonic=6.0)
    performance = perform(singer, one_note(), duration=0.1, rng=rng)
    performance = replace(
        performance,
        f0=np.linspace(200, 230, len(performance.f0)),
        voicing=np.zeros_like(performance.f0),
    )
    n_samples = 1000
    pulses, _, _ = glottis(performance, n_samples, RATE, rng)

    f0 = 200 + 30 * np.arange(n_samples) / RATE / 0.1
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    expected = (10 ** (6 / 20) - 1) * np.cos(phase)
    for k in range(1, 60):
        expected += np.cos(k * phase) * (k * f0 <= RATE / 2)
    assert_allclose(pulses, expected, atol=1e-6)


def test_the_vocal_tract_is_a_cascade_of_resonators():
    formants = np.array([[500.0], [1500.0], [10_900.0]])
    response = vocal_tract(formants, np.ones(3), RATE, 1024)[0]
    expected = np.ones(513, dtype=complex)
    for f in (500, 1500):  # the third lies too close to half the sampling rate
        radius = np.exp(-np.pi * (50 + 0.04 * f) / RATE)
        poles = [1, -2 * radius * np.cos(2 * np.pi * f / RATE), radius**2]
        expected *= freqz([sum(poles)], poles, 2 * np.pi * np.arange(513) / 1024)[1]
    assert_allclose(response, expected, rtol=1e-9)


@pytest.mark.parametrize("n_samples", [1, 255, 256, 3000])
def test_short_time_spectra_add_up_to_their_signal(n_samples, rng):
    x = rng.randn(n_samples)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024))
    again = _overlap_add(_spectra(x, window, 256), window, 256)[:n_samples]
    assert_allclose(again, x, atol=1e-5)


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


def test_the_nose_takes_a_part_of_the_low_spectrum():
    def level(nasality):
        rng = np.random.RandomState(0)
        singer = even_singer(pitch=33, nasality=nasality, nasal_pole=300)
        y, _ = sung(singer, one_note(), rng)
        power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2  # 1 Hz a bin
        return 10 * np.log10(power[470:550].sum() / power[250:350].sum())

    assert level(1.0) < level(0.0) - 6  # the zero at 510 Hz against the pole at 300


def test_a_nasal_vowel_is_nasal_whoever_sings_it(rng):
    nasal, oral = (
        perform(even_singer(), one_note(vowel), duration=1, rng=rng).nasality[100]
        for vowel in (19, FATHER)
    )
    assert nasal == pytest.approx(1) and oral == pytest.approx(0)


@pytest.mark.parametrize("consonant", range(6, 15))
def test_a_stop_is_a_silence_and_a_burst(consonant, rng):
    kind = CONSONANTS[consonant]
    y, _ = sung(even_singer(), one_note(consonant=consonant), rng)
    power = np.cumsum(np.square(y, dtype=float))

    def level(start, stop):
        start, stop = int(start * RATE), int(stop * RATE)
        return 10 * np.log10((power[stop] - power[start]) / (stop - start) + 1e-12)

    vowel, closure = level(0.5, 0.7), level(0.005, kind["closure"] - 0.025)
    burst = level(kind["closure"], kind["closure"] + kind["length"])
    assert closure < vowel - 15 and burst > closure


def test_consonants_move_the_formants(rng):
    j, w = 23, 22
    second = [
        perform(even_singer(), one_note(consonant=c), duration=1, rng=rng).formants[1]
        for c in (j, w)
    ]
    assert second[0][0] > 1800 and second[1][0] < 900
    assert_allclose([f[100] for f in second], VOWELS[FATHER, 1], rtol=0.1)


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


def test_the_sounds_of_words_are_in_order():
    assert np.all(np.diff(VOWELS, axis=1) > 0)
    assert np.unique(VOWELS, axis=0).shape == VOWELS.shape
    assert set(VOWEL_NASALITY) == {0, 1}
    for language in LANGUAGES:
        assert len(set(language)) == len(language) and max(language) < len(VOWELS)
    assert len(np.unique(CONSONANTS)) == len(CONSONANTS)


def test_without_a_singer_effect_singers_of_a_gender_are_one(rng):
    a, b = (draw_singer(rng, "female", effect=0) for _ in range(2))
    for field in fields(a):
        assert_array_equal(getattr(a, field.name), getattr(b, field.name))


# The song


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


@pytest.mark.parametrize("consonant", [0, 1, 8], ids=["s", "sh", "k"])
def test_a_consonant_hisses_before_its_vowel(consonant, rng):
    y, _ = sung(even_singer(tilt=-12), one_note(consonant=consonant), rng)
    centre, width = CONSONANTS["centre"][consonant], CONSONANTS["width"][consonant]
    start, seconds = (CONSONANTS[x][consonant] for x in ("closure", "length"))

    def part_in_band(start, stop):
        part = y[int(start * RATE) : int(stop * RATE)]
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        octaves = np.log2(np.fft.rfftfreq(len(part), 1 / RATE)[1:] / centre)
        return power[1:][np.abs(octaves) < width].sum() / power.sum()

    assert part_in_band(start, start + seconds) > 0.8
    assert part_in_band(0.5, 0.7) < 0.2


def test_the_filter_moves_when_the_vowel_does(rng):
    song = replace(
        one_note(),
        intervals=np.zeros(2),
        durations=np.full(2, 0.5),
        rests=np.zeros(2),
        accents=np.zeros(2),
        vowels=np.array([0, FATHER]),  # the second formant falls from 2290 to 1090 Hz
        consonants=np.full(2, NO_CONSONANT),
    )
    y, performance = sung(even_singer(pitch=45, legato=1), song, rng)
    turn = np.flatnonzero(performance.formants[1] < 1690)[0] / CONTROL_RATE
    frames = np.lib.stride_tricks.sliding_window_view(y, 512)[::64]
    power = np.abs(np.fft.rfft(frames * np.hanning(512))) ** 2
    low, high = power[:, 19:30].sum(1), power[:, 46:60].sum(1)  # about both formants
    heard = (np.flatnonzero(low > high)[0] * 64 + 256) / RATE
    assert heard == pytest.approx(turn, abs=0.03)
