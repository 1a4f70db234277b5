import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from scipy.fft import dct

from singerlearn.spectrogram import log_mel, mel_bands
from singerlearn.synthesis import SyntheticSingers

CROWD = SyntheticSingers(n_singers=6, n_songs=2, n_frames=128, random_state=5)
QUESTIONS = [(0, 0), (0, 1), (1, 0), (5, 3)]


@pytest.fixture(scope="module")
def answers():
    return [CROWD.render(*question) for question in QUESTIONS]


def test_answers_are_spectrograms_and_differ(answers):
    for i, a in enumerate(answers):
        assert a.shape == (96, 128) and a.dtype == np.float32
        assert a.flags.c_contiguous and 0 <= a.min() and a.max() <= 60
        assert all(np.abs(a - b).mean() > 1 for b in answers[:i])


def test_a_question_has_one_answer_wherever_it_is_asked(answers):
    copy = pickle.loads(pickle.dumps(CROWD))
    larger = replace(CROWD, n_singers=1000)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        assert_array_equal(copy.render(*question), answer)
        assert_array_equal(larger.render(*question), answer)
    with ThreadPoolExecutor(3) as threads:
        for a, b in zip(threads.map(CROWD.render, *zip(*QUESTIONS)), answers):  # noqa: B905
            assert_array_equal(a, b)


def test_processes_give_the_same_answers(answers):
    asked = Parallel(n_jobs=2)(delayed(CROWD.render)(*q) for q in QUESTIONS)
    assert_array_equal(asked, answers)


def test_a_take_sounds_as_it_is_rendered(answers):
    for question, answer in zip(QUESTIONS, answers, strict=True):
        heard = log_mel(CROWD.record(*question))
        assert heard.shape == answer.shape
        apart = [typical_distance(heard, other) for other in answers]
        assert min(apart) == typical_distance(heard, answer) < 2


@pytest.mark.parametrize("n_fft", [1024, 1023])
@pytest.mark.parametrize("n_frames", [1, 7])
def test_a_take_has_as_many_frames_as_it_is_rendered(n_fft, n_frames):
    front_end = {"n_fft": n_fft, "hop_length": 300}
    crowd = replace(CROWD, n_frames=n_frames, front_end=front_end)
    assert crowd.render(0, 0).shape == (96, n_frames)
    assert log_mel(crowd.record(0, 0), **front_end).shape == (96, n_frames)
    assert hash(crowd) == hash(replace(crowd))


def typical_distance(a, b):
    """Half of what both show, levels aside, lies closer than this, in dB."""
    difference = (a - b)[(a > 0) & (b > 0)]
    return np.median(np.abs(difference - np.median(difference)))


@pytest.mark.filterwarnings("ignore:.* Mel bands are narrower than a bin")
@pytest.mark.parametrize(
    "front_end",
    [
        {"sampling_rate": 44100, "n_fft": 512, "hop_length": 256, "n_mels": 128},
        {"sampling_rate": 22050, "n_fft": 256, "hop_length": 128, "n_mels": 96},
        {"sampling_rate": 48000, "n_fft": 1024, "hop_length": 512, "n_mels": 256},
    ],
)
def test_bands_too_narrow_to_hold_anything_are_silent_and_harm_no_other(front_end):
    crowd = replace(CROWD, n_singers=10, n_frames=32, front_end=front_end)
    bands = mel_bands(
        *(front_end[name] for name in ("sampling_rate", "n_fft", "n_mels")), 0.0, None
    )
    empty = bands.sum(1) == 0
    assert empty.any()
    for singer, take in product(range(10), range(4)):
        spectrogram = crowd.render(singer, take)
        assert np.isfinite(spectrogram).all() and spectrogram.max() > 20
        assert not spectrogram[empty].any()


def test_another_seed_is_another_crowd(answers):
    other = replace(CROWD, random_state=6).render(*QUESTIONS[0])
    assert np.abs(other - answers[0]).mean() > 1


def test_a_singer_has_songs_of_their_own():
    first, again, other, theirs = (
        CROWD.song(*key) for key in ((3, 0), (3, 0), (3, 1), (2, 0))
    )
    for field in fields(first):
        assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert not np.array_equal(first.vowels, other.vowels)
    assert not np.array_equal(first.vowels, theirs.vowels)
    assert [CROWD.singer(i).gender for i in range(3)] == ["female", "male", "female"]


def test_takes_go_through_the_songs_in_turn(monkeypatch):
    crowd = SyntheticSingers(4, n_songs=3, n_frames=8)
    song, asked = SyntheticSingers.song, []

    def spy(self, *key):
        asked.append(key)
        return song(self, *key)

    monkeypatch.setattr(SyntheticSingers, "song", spy)
    for take in (0, 1, 2, 3, 100):
        crowd.render(2, take)
    crowd.record(2, 5)
    assert asked == [(2, 0), (2, 1), (2, 2), (2, 0), (2, 1), (2, 2)]


def alike(a, b):
    return all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        for field in fields(a)
    )


def test_effects_are_the_crowds():
    effects = dict.fromkeys(
        ("singer_effect", "song_effect", "mood_effect", "channel_effect"), 0
    )
    none = SyntheticSingers(4, spoken=0.0, **effects)
    assert alike(none.singer(0), none.singer(2))
    assert none.song(0, 0).register == none.song(0, 0).key_held == 0
    voice, _, channel, _ = none._perform(0, 0, 1.0)
    assert alike(voice, none.singer(0)) and not channel.eq.any()
    moody, _, still, _ = replace(none, mood_effect=1.0)._perform(0, 0, 1.0)
    assert not alike(moody, none.singer(0)) and not still.eq.any()
    assert replace(none, channel_effect=1.0)._perform(0, 0, 1.0)[2].eq.all()


@pytest.mark.parametrize("spoken, expected", [(0.0, 0), (1.0, 12)])
def test_some_songs_are_spoken(spoken, expected):
    crowd = replace(CROWD, spoken=spoken)
    assert sum(crowd.song(i, j).is_spoken for i in range(6) for j in range(2)) == (
        expected
    )


def test_singers_can_be_told_apart():
    crowd = SyntheticSingers(n_singers=8, n_frames=200, spoken=0.0)
    singers = np.repeat(np.arange(8), 5)
    cepstra = np.array(
        [
            dct(crowd.render(singer, take), axis=0)[1:14].mean(1)
            for take, singer in enumerate(singers)
        ]
    )
    cepstra = (cepstra - cepstra.mean(0)) / cepstra.std(0)
    distances = ((cepstra[:, None] - cepstra) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(singers[distances.argmin(1)] == singers) > 0.4  # by chance 0.1


def test_the_front_end_is_the_users():
    crowd = replace(
        CROWD, front_end=dict(n_mels=40, sampling_rate=16000, hop_length=256, top_db=50)
    )
    answer = crowd.render(0, 0)
    assert answer.shape == (40, 128) and 40 < answer.max() <= 50


@pytest.mark.parametrize("singer", [-1, 6])
def test_says_that_there_is_no_such_singer(singer):
    for ask in (CROWD.render, CROWD.record):
        with pytest.raises(IndexError, match=f"no singer {singer} among 6"):
            ask(singer, 0)
        with pytest.raises(IndexError, match="no take -2"):
            ask(0, -2)
