"""Recordings that early stopping validates on."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from singerlearn.inner_split import draw_validation


def test_validation_is_one_recording_of_each_singer_who_has_two(rng):
    singers = np.repeat([0, 1, 2, 3], [5, 2, 1, 10])
    valid = draw_validation(singers, np.arange(18), rng)
    assert_array_equal(np.bincount(singers[valid], minlength=4), [1, 1, 0, 1])


def test_every_recording_may_be_drawn_for_validation(rng):
    singers = np.repeat([0, 1], 4)
    drawn = sum(draw_validation(singers, np.arange(8), rng) for _ in range(400))
    np.testing.assert_allclose(drawn / 400, 0.25, atol=0.1)


def test_validation_keeps_groups_together_and_every_singer_in_training(rng):
    for _ in range(50):
        singers = rng.randint(5, size=30)
        songs = rng.randint(6, size=30)
        valid = draw_validation(singers, songs, rng)
        assert not set(songs[valid]) & set(songs[~valid])
        assert set(singers[~valid]) == set(singers)


def test_validation_without_a_recording_to_spare_is_an_error(rng):
    with pytest.raises(ValueError, match="early_stopping=False"):
        draw_validation(np.arange(4), np.arange(4), rng)


def test_validation_leaves_every_singer_two_songs(rng):
    for _ in range(50):
        singers, songs = rng.randint(5, size=30), rng.randint(4, size=30)
        valid = draw_validation(singers, np.arange(30), rng, songs)
        for singer in range(5):
            before = set(songs[singers == singer])
            after = set(songs[(singers == singer) & ~valid])
            assert len(after) >= min(2, len(before))


def test_validation_takes_from_three_songs_but_not_from_two(rng):
    singers, songs = np.repeat([0, 1, 2], [3, 2, 4]), np.r_[0, 1, 2, 0, 1, 0, 0, 1, 1]
    valid = draw_validation(singers, np.arange(9), rng, songs)
    # The last singer has two recordings of each of two songs, and can spare one.
    assert_array_equal(np.bincount(singers[valid], minlength=3), [1, 0, 1])
    with pytest.raises(ValueError, match="keep 2; .* early_stopping=False"):
        draw_validation(np.repeat([0, 1], 2), np.arange(4), rng, np.arange(4))


def test_a_singer_who_shares_all_groups_is_validated_on():
    singers, groups = np.array([0, 0, 1, 0, 1, 0]), np.array([0, 1, 1, 2, 2, 3])
    for seed in range(20):
        valid = draw_validation(singers, groups, np.random.RandomState(seed))
        assert set(singers[valid]) == {0, 1}
