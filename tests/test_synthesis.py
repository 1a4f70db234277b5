from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks, freqz

from singerlearn.synthesis.channel import draw_channel
from singerlearn.synthesis.performance import CONTROL_RATE, perform
from singerlearn.synthesis.phonemes import CONSONANTS, VOWELS
from singerlearn.synthesis.singer import draw_singer
from singerlearn.synthesis.song import Song, draw_song
from singerlearn.synthesis.waveform import (
    _overlap_add,
    _spectra,
    glottis,
    sing,
    transmit,
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


# The channel


def quiet_channel(**changes):
    channel = draw_channel(np.random.RandomState(0), effect=0)
    return replace(channel, **{"wet": -150, "noise": -150, "level": -6, **changes})


def test_a_quiet_channel_changes_only_the_level(rng):
    voice = rng.randn(5000).astype(np.float32)
    y = transmit(voice, quiet_channel(), RATE, rng)
    assert_allclose(y, voice / np.abs(voice).max() * 10 ** (-6 / 20), atol=1e-5)


def test_noise_stands_at_its_level(rng):
    voice = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    y = transmit(voice, quiet_channel(noise=-30), RATE, rng)
    residual = y - voice * (y @ voice) / (voice @ voice)
    assert 20 * np.log10(residual.std() / y.std()) == pytest.approx(-30, abs=0.5)


def test_an_echo_falls_by_60_dB_in_its_time(rng):
    click = np.zeros(RATE, dtype=np.float32)
    click[0] = 1
    y = transmit(click, quiet_channel(wet=-6, reverberation=0.5), RATE, rng)
    echo = np.sum(y[1:] ** 2) / y[0] ** 2
    assert 10 * np.log10(echo) == pytest.approx(-6, abs=0.5)
    early, late = (
        np.mean(y[int(t * RATE) : int((t + 0.05) * RATE)] ** 2) for t in (0.05, 0.4)
    )
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.35 / 0.5, abs=1.5)


def test_the_microphone_weighs_frequencies(rng):
    channel = quiet_channel(eq=np.array([0, 0, 0, 0, 0, 0, 0, -40.0]))
    low, high = (np.sin(2 * np.pi * f * np.arange(RATE) / RATE) for f in (500, 11_000))
    y = transmit((low + high).astype(np.float32), channel, RATE, rng)
    assert 20 * np.log10((y @ high) / (y @ low)) == pytest.approx(-40, abs=0.5)
