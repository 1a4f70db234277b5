from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.spectrogram import log_mel
from singerlearn.synthesis import (
    draw_channel,
    draw_singer,
    draw_song,
    perform,
    render,
    render_mel,
)

RATE, HOP = 22050, 512
N_FRAMES = 160
SECONDS = (N_FRAMES - 1) * HOP / RATE
TELEPHONE = dict(low_cut=300.0, high_cut=3400.0)
RECORDER = dict(compression=3.0, gate=-35.0)
HALL = dict(reverberation=0.8, wet=-12.0, noise=-45.0)


def take(seed, gender, *, spoken=False, singer=None, song=None, **changes):
    """What is to be heard: a singer, a performance and a channel."""
    rng = np.random.RandomState(seed)
    drawn = draw_singer(rng, gender), draw_song(rng, spoken=spoken), draw_channel(rng)
    singer, song = singer or drawn[0], song or drawn[1]
    channel = replace(drawn[2], **changes)
    return singer, perform(singer, song, duration=SECONDS, rng=rng), channel


def heard(singer, performance, channel, **front_end):
    rate = front_end.get("sampling_rate", RATE)
    rng = np.random.RandomState(1)
    y = render(
        singer, performance, channel, sampling_rate=rate, duration=SECONDS, rng=rng
    )
    return log_mel(y, **front_end)


def written(*taken, n_frames=N_FRAMES, **front_end):
    rng = np.random.RandomState(2)
    return render_mel(*taken, n_frames=n_frames, rng=rng, **front_end)


def distances(a, b, floor=0):
    """Of the cells in which either is above the floor, dB."""
    return np.abs(a - b)[np.maximum(a, b) > floor]


@pytest.fixture(scope="module")
def pairs():
    """Takes, what is heard of them, and what is written."""
    takes = [
        take(1, "male"),
        take(2, "female"),
        take(3, "male", spoken=True),
        take(4, "female", spoken=True, **TELEPHONE),
        take(5, "male", **RECORDER),
        take(6, "female", **HALL),
    ]
    return [(taken, heard(*taken), written(*taken)) for taken in takes]


# What is written is what is heard


@pytest.mark.parametrize("i", range(6))
def test_it_shows_what_is_heard(pairs, i):
    _, a, b = pairs[i]
    assert a.shape == b.shape and b.dtype == np.float32
    assert b.min() >= 0 and b.max() == 60
    assert np.mean(distances(a, b)) < 3
    assert np.median(distances(a, b)) < 2
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.96
    assert abs(np.mean((b - a)[np.maximum(a, b) > 0])) < 2
    # No band is brighter or darker by much, where it has something to show.
    shown = np.maximum(a, b) > 0
    bias = np.sum((b - a) * shown, axis=1) / np.maximum(shown.sum(axis=1), 50)
    assert np.abs(bias).max() < 6


def test_another_singer_and_another_song_lie_several_times_further_off(pairs):
    right, singer, song = [], [], []
    for i, ((one, _, channel), a, b) in enumerate(pairs[:4]):
        gender, spoken = one.gender, i >= 2
        # The same numbers but for the singer's, and but for the song's.
        other = take(i + 1, gender, spoken=spoken, singer=take(50 + i, gender)[0])
        rng = np.random.RandomState(60 + i)
        words = take(i + 1, gender, singer=one, song=draw_song(rng, spoken=spoken))
        right.append(np.mean(distances(a, b)))
        singer.append(np.mean(distances(a, written(*other[:2], channel))))
        song.append(np.mean(distances(a, written(*words[:2], channel))))
    assert np.mean(singer) > 3 * np.mean(right)
    assert np.mean(song) > 5 * np.mean(right)
    assert np.all(np.array(singer) > 2 * np.array(right))
    assert np.all(np.array(song) > 4 * np.array(right))


@pytest.mark.parametrize("gender", ["female", "male"])
def test_without_noise_it_is_closer(gender):
    silent = dict(noise=-120.0, wet=-120.0)
    singer, performance, channel = take(7, gender, **silent)
    n_ticks = len(performance.f0)
    still = dict(breath=np.full(n_ticks, -120.0), hiss=np.full(n_ticks, -120.0))
    still |= dict(jitter=np.zeros(n_ticks), shimmer=np.zeros(n_ticks))
    taken = singer, replace(performance, **still), channel
    a, b = heard(*taken), written(*taken)
    assert np.median(distances(a, b, floor=10)) < 1.2
    assert np.median(distances(a, b, floor=30)) < 0.7
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.97


@pytest.mark.parametrize(
    "front_end",
    [
        dict(sampling_rate=16000, n_mels=64),
        dict(n_fft=1024, hop_length=256, n_mels=40, top_db=40.0),
        dict(fmin=100.0, fmax=8000.0, hop_length=700),
    ],
)
def test_it_does_so_behind_other_front_ends(front_end):
    taken = take(8, "female")
    a = heard(*taken, **front_end)
    b = written(*taken, n_frames=a.shape[1], **front_end)
    assert a.shape == b.shape
    assert np.mean(distances(a, b)) < 3
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.96


# Against formulas


def steady(f0, **curves):
    """A performance that does not move, and the average man behind no channel."""
    singer, performance, channel = take(0, "male", noise=-150.0, wet=-150.0)
    singer = draw_singer(np.random.RandomState(0), "male", effect=0)
    silent = dict.fromkeys(("breath", "hiss"), -150.0)
    even = dict.fromkeys(("jitter", "shimmer", "first_harmonic", "nasality"), 0.0)
    plain = silent | even | dict(voicing=0.0, tilt=-80.0, f0=f0) | curves
    n_ticks = len(performance.f0)
    plain = {name: np.broadcast_to(curve, n_ticks) for name, curve in plain.items()}
    vowel = np.broadcast_to([[500.0], [1500.0], [2500.0]], (3, n_ticks))
    performance = replace(performance, formants=vowel, **plain)
    plain_room = dict(eq=np.zeros(8), low_cut=0.0, high_cut=24_000.0)
    plain_room |= dict(compression=1.0, gate=-200.0)
    return singer, performance, replace(channel, **plain_room)


def tone(frequency):
    phase = (
        2 * np.pi * np.cumsum(np.broadcast_to(frequency, int(SECONDS * RATE))) / RATE
    )
    return np.cos(phase)


@pytest.mark.parametrize("f0", [150.0, 431.0, 2000.0])
def test_a_single_harmonic_is_a_tone(f0):
    # So steep a slope leaves the first harmonic alone.
    a, b = log_mel(tone(f0)), written(*steady(f0))
    a, b = a[:, 5:-5], b[:, 5:-5]
    assert distances(a, b, floor=40).max() < 0.5
    assert distances(a, b).max() < 8  # in its skirts, 40 dB below


def test_a_gliding_harmonic_is_as_wide_as_a_gliding_tone():
    singer, performance, channel = steady(1000.0)
    time = np.arange(len(performance.f0)) / 200
    performance = replace(performance, f0=2000 + 400 * np.sin(2 * np.pi * time))
    time = np.arange(int(SECONDS * RATE)) / RATE
    a = log_mel(tone(2000 + 400 * np.sin(2 * np.pi * time)))
    b = written(singer, performance, channel)
    # Its level is the vocal tract's; its shape in every frame is to be compared.
    a, b = ((x - x.max(axis=0))[:, 5:-5] for x in (a, b))
    assert np.mean(distances(a, b, floor=-15)) < 1.0
    still = written(*steady(2000.0))[:, 5:-5] - 60
    assert np.mean(distances(a, still, floor=-15)) > 5


def test_noise_has_the_texture_of_noise(rng):
    singer, performance, channel = steady(150.0, voicing=-200.0, hiss=0.0)
    flat = dict(
        hiss_width=np.full(len(performance.f0), 1e3), hiss_centre=performance.f0
    )
    a = log_mel(rng.randn(int(SECONDS * RATE)))
    b = written(singer, replace(performance, **flat), channel)
    bands, middle = slice(4, 90), slice(5, -5)  # audible, and between the edges
    a, b = a[bands, middle] - a.max(), b[bands, middle] - b.max()
    assert_allclose(np.mean(b - b.mean()), np.mean(a - a.mean()), atol=0.1)
    assert_allclose(b.mean(1) - b.mean(), a.mean(1) - a.mean(), atol=1.5)
    assert_allclose(b.std(1), a.std(1), rtol=0.5)

    def memory(x):
        x = x - x.mean(1, keepdims=True)
        return np.mean(x[:, 1:] * x[:, :-1]) / np.mean(x**2)

    assert memory(b) == pytest.approx(memory(a), abs=0.06)


def test_an_echo_falls_by_60_dB_in_its_time():
    singer, performance, channel = steady(200.0, tilt=-6.0)
    voicing = np.where(np.arange(len(performance.f0)) < 200, 0.0, -200.0)
    channel = replace(channel, wet=-6.0, reverberation=0.9)
    b = written(singer, replace(performance, voicing=voicing), channel)
    seconds = np.arange(N_FRAMES) * HOP / RATE
    tail = (seconds > 1.1) & (seconds < 1.5)
    fall = np.polyfit(seconds[tail], b[b[:, tail].min(1) > 5][:, tail].mean(0), 1)[0]
    assert fall == pytest.approx(-60 / 0.9, rel=0.1)


@pytest.mark.parametrize("level", [-50.0, -20.0])
def test_the_background_stands_at_its_level(level):
    taken = steady(200.0, tilt=-80.0)
    channel = replace(taken[2], noise=level, noise_slope=0.0)
    b = written(*taken[:2], channel)[:, 5:-5]
    a = tone(200.0)
    noise = np.random.RandomState(0).randn(len(a))
    a = log_mel(a + noise * a.std() * 10 ** (level / 20))[:, 5:-5]
    assert b[20:].mean() == pytest.approx(a[20:].mean(), abs=1)


# The same again


def test_it_is_the_same_for_the_same_numbers(pairs):
    taken, _, b = pairs[0]
    assert_array_equal(written(*taken), b)
    other = render_mel(*taken, n_frames=N_FRAMES, rng=np.random.RandomState(3))
    assert 0 < np.mean(distances(other, b)) < 3


@pytest.mark.parametrize("n_frames", [1, 2, 300])
def test_any_number_of_frames(n_frames):
    b = written(*take(9, "male"), n_frames=n_frames)
    assert b.shape == (96, n_frames) and np.isfinite(b).all()
