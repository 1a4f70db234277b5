"""Threads over recordings end before anything else goes on."""

import threading
import time

import numpy as np
import pytest
from joblib import parallel_config

from singerlearn.audio import map_in_threads
from singerlearn.features import MelChunker


@pytest.mark.parametrize("n_jobs", [None, 1, 3, -1])
def test_results_come_in_order(n_jobs):
    def slow(i, pause):
        time.sleep(pause)
        return i

    got = map_in_threads(slow, range(6), [0.02, 0, 0.01, 0, 0, 0], n_jobs=n_jobs)
    assert list(got) == list(range(6))


def test_their_number_is_as_joblib_has_it():
    def thread(_):
        time.sleep(0.01)
        return threading.get_ident()

    assert set(map_in_threads(thread, range(4))) == {threading.get_ident()}
    with parallel_config(n_jobs=2):
        assert len(set(map_in_threads(thread, range(9)))) == 2
    with pytest.raises(ValueError, match="n_jobs"):
        list(map_in_threads(thread, range(4), n_jobs=0))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_those_that_run_are_waited_for_and_the_rest_given_up(error):
    begun, ended = [], []

    def read(i):
        begun.append(i)
        if i == 0:
            raise error
        time.sleep(0.05)
        ended.append(i)

    before = threading.active_count()
    with pytest.raises(error):
        list(map_in_threads(read, range(100), n_jobs=2))
    assert threading.active_count() == before
    assert sorted(ended) == sorted(begun)[1:] and len(begun) < 50


def test_a_recording_that_cannot_be_read_ends_a_transform(tone):
    X = [tone, np.full(44100, np.nan), tone]
    before = threading.active_count()
    with pytest.raises(ValueError, match="recording 1"):
        MelChunker(n_jobs=2).transform(X)
    assert threading.active_count() == before


def test_threads_do_not_run_far_ahead():
    begun = []
    results = map_in_threads(begun.append, range(1000), n_jobs=2)
    next(results)
    assert len(begun) < 20
    list(results)
    assert sorted(begun) == list(range(1000))
