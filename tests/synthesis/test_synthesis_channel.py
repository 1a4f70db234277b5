from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from singerlearn.synthesis.channel import draw_channel
from singerlearn.synthesis.waveform import transmit

RATE = 22050


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


def test_a_telephone_leaves_out_both_ends():
    channel = quiet_channel(low_cut=300.0, high_cut=3400.0)
    low, edge, voice, high = channel.response(np.array([75.0, 300.0, 1000.0, 5000.0]))
    assert low < -20 and edge == pytest.approx(-3, abs=0.1)
    assert abs(voice) < 0.1 and high < -60


def steps(*decibels):
    return np.repeat(10 ** (np.array(decibels) / 10), 200)  # a second each


def test_a_compressor_takes_from_what_is_loud():
    gain = quiet_channel(compression=4.0).dynamics(steps(0, -40), 200)
    power = steps(0, -40)
    loud = 10 * np.log10(power[150] / power.mean()) + 10  # over where it takes hold
    assert_allclose(gain[[150, 350]], [-0.75 * loud, 0], atol=0.05)


def test_a_gate_closes_where_it_is_quiet():
    gain = quiet_channel(gate=-35.0).dynamics(steps(0, -60), 200)
    assert_allclose(gain[[150, 390]], [0, -30], atol=0.1)


def test_a_gate_is_heard(rng):
    voice = rng.randn(2 * RATE).astype(np.float32)
    voice[RATE:] *= 10 ** (-50 / 20)
    y = transmit(voice, quiet_channel(gate=-35.0), RATE, rng)
    early, late = y[RATE // 2 : RATE].std(), y[-RATE // 4 :].std()
    assert 20 * np.log10(early / late) == pytest.approx(50 + 30, abs=1)
