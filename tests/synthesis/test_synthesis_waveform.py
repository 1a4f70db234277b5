"""What is heard of a performance: pulses and breath through a vocal tract."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.signal import find_peaks, freqz
from steady import FATHER, NO_CONSONANT, cents_between, even_singer, one_note

from singerlearn.synthesis.performance import CONTROL_RATE, perform
from singerlearn.synthesis.phonemes import CONSONANTS, VOWELS
from singerlearn.synthesis.waveform import (
    _overlap_add,
    _spectra,
    glottis,
    sing,
    vocal_tract,
)

RATE = 22050


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


# ---------------------------------------------------------- source and filter


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


# ------------------------------------------------------------------ the voice


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


def test_breath_fills_the_gaps_between_harmonics():
    def floor(breath):
        singer = even_singer(pitch=57, breath=breath)
        y, _ = sung(singer, one_note(), np.random.RandomState(0))
        spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))  # 1 Hz a bin
        return 20 * np.log10(np.median(spectrum[1000:4000]))

    assert floor(-20) - floor(-40) == pytest.approx(20, abs=0.5)


def test_the_nose_takes_a_part_of_the_low_spectrum():
    def level(nasality):
        rng = np.random.RandomState(0)
        singer = even_singer(pitch=33, nasality=nasality, nasal_pole=300)
        y, _ = sung(singer, one_note(), rng)
        power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2  # 1 Hz a bin
        return 10 * np.log10(power[470:550].sum() / power[250:350].sum())

    assert level(1.0) < level(0.0) - 6  # the zero at 510 Hz against the pole at 300


# ----------------------------------------------------------------- consonants


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
