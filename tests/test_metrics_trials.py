import tracemalloc
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from singerlearn.audio import survey
from singerlearn.metrics import Trials, make_trials

SINGERS = np.repeat(["Ann", "Bob", "Cid", "Dan"], 6)
SONGS = np.tile(["x", "x", "y", "y", "z", "w"], 4)
GENDER = np.repeat(["f", "m", "m", "m"], 6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=4, max_size=14))
def test_all_pairs_that_qualify_are_trials(rows):
    singers, songs, lyrics, files = (
        np.array([*column, *last])
        for column, last in zip(
            zip(*rows, strict=True), ([8, 8, 9], [4, 5, 6], [4, 5, 6], [4, 5, 6]),
            strict=True,
        )
    )  # fmt: skip
    trials = make_trials(
        singers,
        songs=songs,
        recordings=[f"{i}.wav" for i in files],
        exclude_groups=[lyrics],
    )
    expected = [
        (i, j)
        for i, j in combinations(range(len(singers)), 2)
        if files[i] != files[j] and lyrics[i] != lyrics[j]
    ]
    assert trials.pairs.tolist() == [list(pair) for pair in expected]
    first, second = np.array(expected).T
    same_song = songs[first] == songs[second]
    assert trials.is_target.tolist() == (singers[first] == singers[second]).tolist()
    assert trials.same_song.tolist() == same_song.tolist()
    assert trials.singers.tolist() == np.column_stack(
        [singers[first], singers[second]]
    ).tolist()  # fmt: skip
    audit = trials.audit()
    assert audit["n_targets"] + audit["n_nontargets"] == len(trials) == len(expected)
    assert audit["n_repeated"] == 0
    assert audit["same_song_nontargets"] == pytest.approx(
        same_song[~trials.is_target].mean()
    )


def test_all_trials_counted_by_hand():
    trials = make_trials(SINGERS, songs=SONGS, gender=GENDER)
    assert trials.audit() == {
        "n_targets": 4 * 15,
        "n_nontargets": 6 * 36,
        "n_recordings": 24,
        "n_singers": 4,
        "n_repeated": 0,
        "same_song_targets": 2 / 15,
        "same_song_nontargets": pytest.approx((4 + 4 + 1 + 1) / 36),
        "same_gender_nontargets": 0.5,
    }
    assert str(trials) == (
        "276 trials of 24 recordings by 4 singers, 0 repeated\n"
        "  60 targets: 13% same song\n"
        "  216 non-targets: 28% same song, 50% same gender"
    )
    assert repr(trials) == "Trials(n_targets=60, n_nontargets=216)"
    unknown = make_trials(SINGERS)
    assert unknown.same_song is unknown.same_gender is None
    assert str(unknown).endswith("  60 targets\n  216 non-targets")


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_shares_are_as_asked_for(share):
    trials = make_trials(
        SINGERS, songs=SONGS, gender=GENDER, random_state=0,
        target_same_song=share, nontarget_same_song=share, nontarget_same_gender=0.75,
        n_targets=8, n_nontargets=16,
    )  # fmt: skip
    audit = trials.audit()
    assert (audit["n_targets"], audit["n_nontargets"]) == (8, 16)
    assert audit["same_song_targets"] == audit["same_song_nontargets"] == share
    assert audit["same_gender_nontargets"] == 0.75
    both = trials.same_song & trials.same_gender & ~trials.is_target
    assert both.sum() == 16 * share * 0.75


def test_shares_keep_as_many_as_they_allow():
    none = make_trials(SINGERS, songs=SONGS, nontarget_same_song=0.0)
    assert (none.is_target.sum(), (~none.is_target).sum()) == (60, 6 * 26)
    half = make_trials(SINGERS, songs=SONGS, nontarget_same_song=0.5)
    assert (~half.is_target).sum() == 2 * 60  # 60 non-targets are of one song
    assert half.same_song[~half.is_target].mean() == 0.5
    tenth = make_trials(SINGERS, songs=SONGS, target_same_song=0.1)
    assert tenth.is_target.sum() == 52 / 0.9 // 1  # 52 targets are of two songs
    assert tenth.same_song[tenth.is_target].sum() == 6


@pytest.mark.parametrize("dtype", ["u1", "i4", "i8"])
def test_repeated_trials_are_counted_in_any_type(dtype):
    pairs = np.argwhere(np.triu(np.ones((60, 60)), 1)).astype(dtype)
    singers = np.repeat(np.arange(30), 2)
    assert Trials(pairs, singers).audit()["n_repeated"] == 0
    twice = np.concatenate([pairs, pairs[:7, ::-1]])
    assert Trials(twice, singers).audit()["n_repeated"] == 7


def test_drawn_without_replacement_and_evenly():
    drawn = np.zeros((24, 24))
    for seed in range(100):
        trials = make_trials(SINGERS, n_targets=30, n_nontargets=54, random_state=seed)
        assert trials.audit()["n_repeated"] == 0
        assert (trials.pairs[:, 0] < trials.pairs[:, 1]).all()
        drawn[tuple(trials.pairs.T)] += 1
    same = SINGERS[:, None] == SINGERS
    upper = np.triu(np.ones((24, 24), dtype=bool), 1)
    # 100 draws each: six standard deviations of a binomial.
    assert np.abs(drawn[same & upper] - 50).max() < 6 * np.sqrt(25)
    assert np.abs(drawn[~same & upper] - 25).max() < 6 * np.sqrt(18.75)


def test_same_seed_same_trials():
    def draw(seed):
        return make_trials(
            SINGERS, n_targets=9, n_nontargets=9, random_state=seed
        ).pairs.tolist()

    assert draw(0) == draw(0) != draw(1)


def test_identical_recordings_are_not_paired(rng):
    same = rng.randn(50).astype("float32")
    waveforms = [same, rng.randn(50), (same.copy(), 22050), same.copy(), rng.randn(50)]
    singers = ["Ann", "Ann", "Bob", "Bob", "Bob"]
    pairs = make_trials(singers, recordings=waveforms).pairs.tolist()
    assert [0, 3] not in pairs and [0, 2] in pairs  # (waveform, rate) says the rate too
    waveforms = [(same, 22050), (same.astype(float), 22050.0), rng.randn(9)]
    trials = make_trials(["Ann", "Bob", "Ann"], recordings=waveforms)
    assert trials.pairs.tolist() == [[0, 2], [1, 2]]
    paths = ["a.wav", Path("b.wav"), "./a.wav", "c/../a.wav", "d.wav"]
    pairs = make_trials(singers, recordings=paths).pairs.tolist()
    assert pairs == [[0, 1], [0, 4], [1, 2], [1, 3], [1, 4], [2, 4], [3, 4]]


def test_fingerprints_tell_copies_under_two_names(rng, tmp_path):
    one, other = (3000 * rng.randn(2, 4000)).astype(np.int16)
    paths = [tmp_path / name for name in ("a.wav", "copy.flac", "b.wav", "c.wav")]
    for path, samples in zip(paths, (one, one, other, other[::-1]), strict=True):
        sf.write(path, samples, 8000)
    fingerprints = [survey(path).fingerprint for path in paths]
    singers = ["Ann", "Bob", "Bob", "Ann"]
    pairs = make_trials(singers, recordings=fingerprints).pairs.tolist()
    assert pairs == [[0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    with pytest.raises(ValueError, match="its copy.* recordings 0 and 1"):
        Trials([(0, 1), (0, 3)], singers, recordings=fingerprints)


def test_recordings_of_which_nothing_is_known_are_no_copies():
    unknown = ["x", "y", None, None]
    pairs = make_trials(list("aabb"), recordings=unknown).pairs.tolist()
    assert pairs == make_trials(list("aabb")).pairs.tolist()
    Trials([(0, 1), (2, 3), (0, 2)], list("aabb"), recordings=unknown)
    for column in (pd.Series(unknown), ["x", "y", np.nan, pd.NA]):
        assert make_trials(list("aabb"), recordings=column).pairs.tolist() == pairs


def test_distances_of_many_pairs_take_no_more_memory_than_they_are(rng):
    singers = np.repeat(np.arange(20), 10)
    trials, Z = make_trials(singers), rng.randn(len(singers), 512)
    tracemalloc.start()
    distances = trials.distances(Z)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    first, second = trials.pairs.T
    np.testing.assert_array_equal(
        distances, np.square(Z[first] - Z[second]).sum(axis=1)
    )
    assert peak < len(trials) * Z.shape[1] * 8 / 3  # of all differences at once


def test_a_foreign_list_is_audited():
    pairs = [(0, 1), (1, 0), (0, 6), (0, 6), (7, 13)]
    trials = Trials(pairs, SINGERS, songs=SONGS, gender=GENDER)
    audit = trials.audit()
    assert audit["n_repeated"] == 2 and audit["n_recordings"] == 5
    assert audit["same_gender_nontargets"] == pytest.approx(1 / 3)
    with pytest.raises(
        ValueError, match="1 of 3 trials .* trial 1: recordings 4 and 4"
    ):
        Trials([(0, 1), (4, 4), (0, 7)], SINGERS)
    paths = [f"{i % 12}.wav" for i in range(24)]
    with pytest.raises(ValueError, match="its copy.* trial 2: recordings 1 and 13"):
        Trials([(0, 1), (0, 7), (1, 13)], SINGERS, recordings=paths)


def test_distances_are_squared_and_scores_negated(rng):
    Z = rng.randn(24, 3)
    trials = make_trials(SINGERS, n_targets=5, n_nontargets=5, random_state=0)
    expected = [np.linalg.norm(Z[i] - Z[j]) ** 2 for i, j in trials.pairs]
    np.testing.assert_allclose(trials.distances(Z), expected)
    np.testing.assert_array_equal(trials.scores(Z), -trials.distances(Z))
    with pytest.raises(ValueError, match="Z holds 23 embeddings .* 24 recordings"):
        trials.distances(Z[1:])
    Z[3, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 24 embeddings .* sample 3"):
        trials.scores(Z)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(singers=["Ann"] * 6), "no non-target trials"),
        (dict(singers=list("abcdef")), "no target trials"),
        (dict(exclude_groups=list("aabbcc")), "no target trials"),
        (dict(exclude_groups=[0] * 6), "no target trials"),
        (dict(recordings=["a.wav"] * 6), "no target trials"),
        (dict(recordings=["a.wav"]), "recordings holds 1 entries for 6 samples"),
        (dict(songs=[1, 2]), "songs holds 2 labels for 6 recordings"),
        (dict(gender=list("fmmmmm")), "singer 'a' two genders"),
        (dict(n_targets=4), "there are 3 targets, too few"),
        (dict(n_nontargets=13), "there are 12 nontargets, too few"),
        (dict(n_targets=0), "n_targets=0 must be"),
        (dict(n_targets=2.5), "n_targets=2.5 must be"),
        (dict(nontarget_same_song=0.5), "nontarget_same_song=0.5 needs songs"),
        (dict(nontarget_same_gender=0.5), "nontarget_same_gender=0.5 needs gender"),
        (dict(songs=list("xyxyxy"), target_same_song=2), "must lie in"),
        (dict(songs=list("xyxyxy"), target_same_song=0.5),
         "there are 0 targets of one song, too few"),
        (dict(songs=list("xyxyxy"), nontarget_same_song=1, n_nontargets=7),
         "there are 6 nontargets of one song, too few"),
        (dict(gender=list("ffffmm"), songs=list("xyzzxy"), nontarget_same_song=0.5,
              nontarget_same_gender=1),
         "there are 0 nontargets of one song of one gender"),
        (dict(singers=[]), r"singers has shape \(0,\)"),
    ],
)  # fmt: skip
def test_malformed_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_trials(**dict(singers=list("aabbcc")) | wrong)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], r"pairs has shape \(0,\)"),
        ([(0, 1, 2)], r"shape \(1, 3\)"),
        ([(0.0, 1.0)], "type float64"),
        ([(0, 24)], "outside 0 to 23"),
        ([(-1, 2)], "outside 0 to 23"),
        ([(0, 6)], "no target trials"),
        ([(0, 1)], "no non-target trials"),
    ],
)
def test_malformed_pairs_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        Trials(pairs, SINGERS)
