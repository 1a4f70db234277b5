import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.datasets import make_singers

RATE = 22050

# What comes back


def test_every_singer_sings_every_song_once():
    data = make_singers(3, 2, duration=0.5, random_state=0)
    assert data.singers.tolist() == ["singer01"] * 2 + ["singer02"] * 2 + (
        ["singer03"] * 2
    )
    assert data.songs.tolist() == ["song01", "song02"] * 3
    assert data.gender.tolist() == ["female"] * 2 + ["male"] * 2 + ["female"] * 2
    assert data.sampling_rate == RATE
    assert "formants" in data.DESCR
    assert list(data.singer_parameters) == ["singer01", "singer02", "singer03"]
    assert list(data.song_parameters) == ["song01", "song02"]
    for y, channel in zip(data.recordings, data.channel_parameters, strict=True):
        assert y.shape == (RATE // 2,) and y.dtype == np.float32
        assert_allclose(20 * np.log10(np.abs(y).max()), channel.level, atol=1e-3)


def test_returns_recordings_and_singers_as_scikit_learn_does():
    data = make_singers(2, 2, duration=0.3, random_state=1)
    X, y = make_singers(2, 2, duration=0.3, random_state=1, return_X_y=True)
    assert_array_equal(y, data.singers)
    for a, b in zip(X, data.recordings, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("sampling_rate", [8000, 16000, 48000])
def test_sings_at_any_sampling_rate(sampling_rate):
    X, _ = make_singers(
        1, 1, duration=0.5, sampling_rate=sampling_rate, random_state=0, return_X_y=True
    )
    assert X[0].shape == (sampling_rate // 2,)
    assert np.isfinite(X[0]).all()


@pytest.mark.parametrize("effect", [0, 4])
def test_extreme_effects_still_give_sound(effect):
    X, _ = make_singers(
        2,
        3,
        duration=1.0,
        singer_effect=effect,
        song_effect=2.5 * effect,
        channel_effect=2.5 * effect,
        random_state=0,
        return_X_y=True,
    )
    for y in X:
        assert np.isfinite(y).all() and 0.005 < np.abs(y).max() < 1


def test_there_is_sound_at_high_rates():
    rate = 192_000
    X, _ = make_singers(
        4, 1, duration=0.5, sampling_rate=rate, random_state=0, return_X_y=True
    )
    for y in X:
        power = np.abs(np.fft.rfft(y)) ** 2
        assert power[: len(y) * 12_000 // rate].sum() > 0.99 * power.sum()


# The same again, to the bit


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_same_seed_gives_the_same_bits(n_jobs):
    first, _ = make_singers(2, 2, duration=1.0, random_state=3, return_X_y=True)
    again, _ = make_singers(
        2, 2, duration=1.0, random_state=3, n_jobs=n_jobs, return_X_y=True
    )
    for a, b in zip(first, again, strict=True):
        assert a.tobytes() == b.tobytes()


def test_another_seed_gives_other_singers():
    (a,), _ = make_singers(1, 1, duration=0.3, random_state=0, return_X_y=True)
    (b,), _ = make_singers(1, 1, duration=0.3, random_state=1, return_X_y=True)
    assert not np.array_equal(a, b)


def test_a_larger_set_holds_the_smaller_one():
    small = make_singers(2, 1, duration=0.3, random_state=0)
    large = make_singers(3, 2, duration=0.3, random_state=0)
    assert_array_equal(small.recordings[0], large.recordings[0])
    assert_array_equal(small.recordings[1], large.recordings[2])


def test_leaves_the_global_random_state_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    make_singers(1, 1, duration=0.2, random_state=0)
    assert_array_equal(np.random.get_state()[1], before)


# Sung or spoken


def test_a_part_of_the_songs_is_spoken_and_the_others_stay_to_the_bit():
    sung = make_singers(2, 8, duration=0.3, random_state=0)
    half = make_singers(2, 8, duration=0.3, spoken=0.5, random_state=0)
    is_spoken = [song.is_spoken for song in half.song_parameters.values()]
    assert 0 < sum(is_spoken) < 8
    for a, b, spoken in zip(
        sung.recordings, half.recordings, 2 * is_spoken, strict=True
    ):
        assert np.array_equal(a, b) != spoken


@pytest.mark.parametrize("spoken", [0, 1])
def test_all_songs_are_sung_or_spoken(spoken):
    data = make_singers(1, 4, duration=0.1, spoken=spoken, random_state=0)
    assert {s.is_spoken for s in data.song_parameters.values()} == {spoken == 1}


# The song effect


def nearest_neighbour_accuracy(Z, labels):
    distances = ((Z[:, None] - Z[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    return np.mean(labels[distances.argmin(1)] == labels)


def test_a_strong_song_effect_hides_the_singers_behind_the_songs():
    import librosa

    def features(y):
        power = np.abs(librosa.stft(y)) ** 2
        mel = librosa.feature.melspectrogram(S=power, sr=RATE)
        mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, ref=np.max), n_mfcc=13)
        chroma = librosa.feature.chroma_stft(S=power, sr=RATE, tuning=0)
        return np.concatenate([mfcc.mean(1), mfcc.std(1), chroma.mean(1)])

    accuracy = {}
    for effect in (0, 3):
        data = make_singers(
            4, 4, duration=6.0, song_effect=effect, channel_effect=0, random_state=0
        )
        Z = np.array([features(y) for y in data.recordings])
        Z = (Z - Z.mean(0)) / Z.std(0)
        accuracy["singer", effect] = nearest_neighbour_accuracy(Z, data.singers)
        accuracy["song", effect] = nearest_neighbour_accuracy(Z, data.songs)
    assert accuracy["singer", 0] > 0.6 > 0.4 > accuracy["song", 0]
    assert accuracy["song", 3] > 0.6 > 0.4 > accuracy["singer", 3]


# Bad parameters


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"n_singers": 0}, "n_singers == 0"),
        ({"n_songs": 2.5}, "n_songs must be an instance of int"),
        ({"duration": 0}, "duration == 0"),
        ({"song_effect": -1}, "song_effect == -1"),
        ({"song_effect": np.nan}, "song_effect == nan, must be a finite number"),
        ({"singer_effect": np.inf}, "singer_effect == inf, must be a finite number"),
        ({"channel_effect": np.nan}, "channel_effect == nan, must be"),
        ({"duration": np.nan}, "duration == nan, must be"),
        ({"spoken": 1.5}, "spoken == 1.5, must be <= 1"),
        ({"spoken": np.nan}, "spoken == nan, must be"),
        ({"sampling_rate": 4000}, "sampling_rate == 4000"),
    ],
)
def test_says_which_parameter_is_wrong(bad, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make_singers(**bad)
