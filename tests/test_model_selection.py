import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier

from singerlearn.datasets import load_ravdess_song
from singerlearn.model_selection import (
    NewSingerFolds,
    NewSingerSongFolds,
    NewSongFolds,
    SingerFolds,
    audit_split,
)

# Six singers, four songs of two lyrics and two melodies, each sung twice.
DESIGN = list(product("ABCDEF", ["kids", "dogs"], ["major", "minor"], "12"))
SINGERS, LYRIC, MELODY, _ = (np.array(column) for column in zip(*DESIGN, strict=True))
SONGS = np.char.add(LYRIC, MELODY)
X = np.arange(len(DESIGN), dtype=float)[:, None]

SPLITTERS = [
    SingerFolds(4, shuffle=True, random_state=0),
    NewSongFolds(4, songs=[LYRIC, MELODY]),
    NewSongFolds(2, songs=SONGS, shuffle=True, random_state=0),
    NewSingerFolds(3),
    NewSingerSongFolds(3, 2, songs=SONGS),
]


def as_lists(splits):
    return [(train.tolist(), test.tolist()) for train, test in splits]


# ------------------------------------------------------------------ all splitters


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_splitters_are_scikit_learns(cv):
    splits = list(cv.split(X, SINGERS))
    assert len(splits) == cv.get_n_splits() == cv.get_n_splits(X, SINGERS)
    for train, test in splits:
        assert train.dtype.kind == test.dtype.kind == "i"
        assert len(train) and len(test) and not set(train) & set(test)
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
    assert as_lists(cv.split(X, SINGERS)) == as_lists(splits)
    assert as_lists(pickle.loads(pickle.dumps(cv)).split(X, SINGERS)) == as_lists(
        splits
    )
    assert check_cv(cv) is cv
    assert repr(cv).startswith(f"{type(cv).__name__}(")
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 2]}, cv=cv)
    assert clone(search).fit(X, SINGERS).n_splits_ == len(splits)


def test_repr_shows_the_parameters():
    assert repr(SingerFolds(4)) == (
        "SingerFolds(n_splits=4, random_state=None, shuffle=False)"
    )
    assert "n_song_folds=2" in repr(NewSingerSongFolds(n_song_folds=2))


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_carried_labels_need_no_routing(cv, routing):
    with config_context(enable_metadata_routing=routing):
        scores = cross_val_score(DummyClassifier(), X, SINGERS, cv=cv)
    assert scores.shape == (cv.get_n_splits(),)


@pytest.mark.parametrize("groups", [SONGS, np.column_stack([LYRIC, MELODY])])
def test_groups_come_through_split_where_none_are_carried(groups):
    bare = NewSongFolds(4)
    carrying = NewSongFolds(4, songs=groups)
    expected = as_lists(carrying.split(X, SINGERS))
    assert as_lists(bare.split(X, SINGERS, groups)) == expected
    # What is carried counts, whatever else travels as groups.
    assert as_lists(carrying.split(X, SINGERS, np.zeros(len(X)))) == expected
    search = GridSearchCV(DummyClassifier(), {}, cv=bare)
    assert search.fit(X, SINGERS, groups=groups).n_splits_ == 4
    with config_context(enable_metadata_routing=True):
        result = cross_validate(
            DummyClassifier(), X, SINGERS, cv=bare, params={"groups": groups},
            return_indices=True,
        )  # fmt: skip
    assert as_lists(zip(*result["indices"].values(), strict=True)) == expected


def test_groupings_may_be_a_list_an_array_or_a_table():
    table = pd.DataFrame({"lyric": LYRIC, "take": np.arange(len(X)) % 4})
    columns = [table["lyric"], table["take"].to_numpy()]
    expected = as_lists(NewSongFolds(8, songs=columns).split(X))
    assert as_lists(NewSongFolds(8, songs=table).split(X)) == expected
    assert as_lists(NewSongFolds(8, songs=table.to_numpy()).split(X)) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SingerFolds(1), "n_splits=1 must be an integer of 2 or more"),
        (lambda: NewSongFolds(2.0), "n_splits=2.0 must be an integer"),
        (lambda: NewSingerFolds(True), "n_splits=True must be"),
        (lambda: NewSingerSongFolds(3, 1), "n_song_folds=1 must be"),
        (lambda: SingerFolds(random_state=0), "random_state is used with shuffle=True"),
    ],
)
def test_bad_parameters_are_refused_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ------------------------------------------------------------------ SingerFolds


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_fold_tests_one_recording_of_every_singer(shuffle):
    y = np.random.RandomState(0).permutation(np.repeat(np.arange(46), 10))  # the paper
    cv = SingerFolds(shuffle=shuffle, random_state=0 if shuffle else None)
    tested = []
    for train, test in cv.split(y, y):
        assert sorted(y[test]) == list(range(46))
        assert_array_equal(np.bincount(y[train]), np.full(46, 9))
        tested += test.tolist()
    assert sorted(tested) == list(range(460))
    assert cross_val_predict(DummyClassifier(), y[:, None], y, cv=cv).shape == (460,)


def test_unshuffled_folds_are_those_of_stratified_k_fold():
    expected = StratifiedKFold(8).split(X, SINGERS)
    assert as_lists(SingerFolds(8).split(X, SINGERS)) == as_lists(expected)


def test_shuffled_folds_pair_the_songs_anew_and_by_seed():
    plain, first, again, other = (
        as_lists(SingerFolds(8, **how).split(X, SINGERS))
        for how in (
            {},
            {"shuffle": True, "random_state": 0},
            {"shuffle": True, "random_state": 0},
            {"shuffle": True, "random_state": 1},
        )
    )
    assert first == again != other
    assert all(len(set(SONGS[test])) == 1 for _, test in plain)
    assert all(len(set(SONGS[test])) > 1 for _, test in first)


def test_what_is_beyond_the_folds_is_always_trained_on():
    y = np.array(["Ann"] * 5 + ["Bob"] * 3)
    splits = list(SingerFolds(3).split(y, y))
    assert sorted(np.concatenate([test for _, test in splits])) == [0, 1, 2, 5, 6, 7]
    assert all({3, 4} <= set(train) for train, _ in splits)


def test_too_few_recordings_of_a_singer_are_counted():
    y = np.array(["Ann"] * 9 + ["Bob"] * 2 + ["Cid"])
    with pytest.raises(
        ValueError, match=r"3 folds .* 2 of 3 singers have fewer, and 'Cid' has 1;"
    ):
        next(SingerFolds(3).split(y, y))


# ------------------------------------------------------------------ apart


def test_new_songs_of_one_grouping_are_those_of_group_k_fold():
    for how in ({}, {"shuffle": True, "random_state": 3}):
        expected = GroupKFold(3, **how).split(X, SINGERS, SONGS)
        found = NewSongFolds(3, songs=SONGS, **how).split(X, SINGERS)
        assert as_lists(found) == as_lists(expected)


def test_new_singers_are_those_of_group_k_fold_by_y_or_else_groups():
    expected = as_lists(GroupKFold(3).split(X, groups=SINGERS))
    assert as_lists(NewSingerFolds(3).split(X, SINGERS)) == expected
    assert as_lists(NewSingerFolds(3).split(X, groups=SINGERS)) == expected
    named = NewSingerFolds(3, singers=SINGERS)
    assert (
        as_lists(named.split(X)) == as_lists(named.split(X, SONGS, LYRIC)) == expected
    )


def test_songs_that_are_routed_as_groups_do_not_part_singers():
    with config_context(enable_metadata_routing=True):
        result = cross_validate(
            DummyClassifier(), X, SINGERS, cv=NewSingerFolds(3),
            params={"groups": SONGS}, return_indices=True,
        )  # fmt: skip
    for train, test in zip(*result["indices"].values(), strict=True):
        assert not set(SINGERS[train]) & set(SINGERS[test])


def test_a_song_that_shares_a_lyric_or_a_melody_is_left_out():
    seen = set()
    for train, test in NewSongFolds(4, songs=[LYRIC, MELODY]).split(X, SINGERS):
        assert len(train) == len(test) == 12
        assert not set(LYRIC[train]) & set(LYRIC[test])
        assert not set(MELODY[train]) & set(MELODY[test])
        seen |= set(SONGS[test])
    assert seen == set(SONGS)


def test_new_songs_by_new_singers_leave_row_and_column_out():
    cv = NewSingerSongFolds(3, 2, songs=SONGS)
    tested = []
    for train, test in cv.split(X, SINGERS):
        assert len(test) == len(X) / 6 and len(train) == len(X) * 2 / 3 / 2
        assert not set(SINGERS[train]) & set(SINGERS[test])
        assert not set(SONGS[train]) & set(SONGS[test])
        tested += test.tolist()
    assert sorted(tested) == list(range(len(X)))
    named = NewSingerSongFolds(3, 2, songs=SONGS, singers=SINGERS)
    assert as_lists(named.split(X)) == as_lists(cv.split(X, SINGERS))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=6, max_size=25),
    st.integers(2, 3),
    st.booleans(),
)
def test_any_split_given_is_apart_and_trains_on_all_it_may(rows, n, shuffle):
    singers, lyrics, melodies = map(np.array, zip(*rows, strict=True))
    how = {"shuffle": shuffle, "random_state": 0 if shuffle else None}
    songs = [lyrics, melodies]
    for cv, groupings in [
        (NewSongFolds(n, songs=songs, **how), songs),
        (NewSingerFolds(n, **how), [singers]),
        (NewSingerSongFolds(n, n, songs=songs, **how), [singers, *songs]),
    ]:
        try:
            splits = list(cv.split(singers, singers))
        except ValueError:
            continue
        tested = np.concatenate([test for _, test in splits])
        assert sorted(tested) == list(range(len(rows)))
        for train, test in splits:
            may = [
                i
                for i in range(len(rows))
                if not any(g[i] == g[j] for g in groupings for j in test)
            ]
            assert train.tolist() == may
            if isinstance(cv, NewSongFolds):
                assert set(singers[test]) <= set(singers[train])


def test_singers_and_songs_are_shuffled_apart():
    singers, songs = np.divmod(np.arange(144), 12)
    alike = 0
    for seed in range(20):
        cv = NewSingerSongFolds(2, 2, songs=songs, shuffle=True, random_state=seed)
        splits, again = (list(cv.split(singers, singers)) for _ in range(2))
        assert as_lists(splits) == as_lists(again)
        alike += any(set(singers[test]) == set(songs[test]) for _, test in splits)
    assert alike < 5  # by chance twice in 924


def test_what_cannot_be_split_is_refused_with_numbers():
    def refused(cv, y, message, groups=None):
        with pytest.raises(ValueError, match=message):
            next(cv.split(y, y, groups))

    refused(NewSongFolds(5, songs=SONGS), SINGERS, "5 folds of songs .* there are 4")
    refused(NewSingerFolds(7), SINGERS, "7 folds of singers .* there are 6")
    refused(
        NewSongFolds(2, songs=[LYRIC, MELODY]),
        SINGERS,
        "split 0 of 2 has nothing to train on: each of the 24 other .* of the 24",
    )
    sparse = np.array(["A", "A", "B", "B", "C"])
    songs = np.array(["x", "y", "x", "y", "y"])
    refused(NewSongFolds(2, songs=songs), sparse, "split 0 of 2 tests 1 singers .* 'C'")
    refused(
        NewSingerSongFolds(2, 2, songs=["x", "x", "y", "y"]),
        ["A", "A", "B", "B"],
        "nothing to test: none of its 1 singers sang any of its 1 songs",
    )
    refused(NewSongFolds(2), SINGERS, "no songs: pass them to the splitter")
    refused(NewSongFolds(2, songs=SONGS), SINGERS[:9], "48 labels for 9 recordings")
    refused(NewSongFolds(2, songs=SONGS), SINGERS[:9], "another cross-validation")
    refused(
        NewSongFolds(2), sparse, "no label for recording 3", list("xyx") + [None] * 2
    )
    with pytest.raises(ValueError, match="no singers"):
        next(NewSingerFolds(2).split(X))


def test_ravdess_is_crossed_as_the_benchmark_crosses_it(ravdess_song):
    data = load_ravdess_song(ravdess_song)
    keep = data.melody != "neutral"
    statement, melody, singers = (
        column[keep] for column in (data.statement, data.melody, data.singers)
    )
    sides = {
        (lyric, mode): np.flatnonzero((statement == lyric) & (melody == mode))
        for lyric in ("kids", "dogs")
        for mode in ("major", "minor")
    }
    crossed = {"kids": "dogs", "dogs": "kids", "major": "minor", "minor": "major"}
    expected = [
        (sides[crossed[lyric], crossed[mode]].tolist(), sides[lyric, mode].tolist())
        for lyric, mode in sides
    ]
    found = NewSongFolds(4, songs=[statement, melody]).split(singers, singers)
    assert sorted(as_lists(found)) == sorted(expected)


# ------------------------------------------------------------------ audit_split


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from("abc")] * 3), min_size=2, max_size=12),
    st.data(),
)
def test_an_audit_counts_as_loops_do(rows, data):
    n = len(rows)
    sides = st.lists(st.integers(0, n - 1), min_size=1, max_size=n)
    train, test = data.draw(sides), data.draw(sides)
    singers, lyrics, melodies = zip(*rows, strict=True)
    audit = audit_split(train, test, singers, [lyrics, melodies], fingerprints=melodies)
    songs = list(zip(lyrics, melodies, strict=True))
    for found, labels in [
        (audit.recordings, range(n)),
        (audit.singers, singers),
        (audit.songs, songs),
        (audit.groupings[0], lyrics),
        (audit.groupings[1], melodies),
        (audit.pairs, list(zip(singers, songs, strict=True))),
        (audit.audio, melodies),
    ]:
        trained, tested = {labels[i] for i in train}, {labels[i] for i in test}
        assert (found.n_train, found.n_test) == (len(trained), len(tested))
        assert found.shared == sorted(trained & tested)
    assert set(audit.copies) == {
        (i, j) for i in train for j in test if i != j and melodies[i] == melodies[j]
    }


def test_an_audit_hears_copies_under_other_names(tmp_path, rng):
    pcm = rng.randint(-(2**15), 2**15, (4, 3000)).astype(np.int16)
    names = ["a.wav", "b.wav", "other/a.flac", "c.wav", "link.wav"]
    (tmp_path / "other").mkdir()
    for name, y in zip(names, pcm[[0, 1, 0, 2]], strict=False):
        sf.write(tmp_path / name, y, 16000)
    (tmp_path / "link.wav").symlink_to(tmp_path / "b.wav")
    recordings = [tmp_path / name for name in names] + [(pcm[0] / 2.0**15, 16000)]
    audit = audit_split(
        [0, 1], [2, 3, 4, 5], list("AABBBB"), None, recordings, n_jobs=2
    )
    assert audit.copies == [(0, 2), (1, 4), (0, 5)]
    assert (audit.audio.n_train, audit.audio.n_test) == (2, 3)
    assert audit.recordings.shared == [] and audit.songs is None
    assert "recording 2 is tested, and recording 0, the same audio" in str(audit)
    mask = np.arange(6) < 2
    assert audit_split(mask, ~mask, list("AABBBB"), None, recordings) == audit
    # Only what is on a side is read.
    recordings[1] = "gone.wav"
    assert audit_split([0], [2], list("AABBBB"), None, recordings).copies == [(0, 2)]
    with pytest.raises(FileNotFoundError, match=r"recording 1 \('gone.wav'\)"):
        audit_split([0, 1], [2], list("AABBBB"), None, recordings)


def test_an_audit_prints_a_table():
    train, test = next(NewSongFolds(4, songs=[LYRIC, MELODY]).split(X, SINGERS))
    audit = audit_split(train, test, SINGERS, [LYRIC, MELODY])
    assert [line.split() for line in str(audit).splitlines()] == [
        ["train", "test", "shared"],
        ["recordings", "12", "12", "0"],
        ["singers", "6", "6", "6"],
        ["songs", "1", "1", "0"],
        ["songs,", "grouping", "0", "1", "1", "0"],
        ["songs,", "grouping", "1", "1", "1", "0"],
        ["singer", "x", "song", "6", "6", "0"],
    ]
    many = audit_split([0], range(1, 20), ["A"] * 20, fingerprints=["same"] * 20)
    assert len(many.copies) == 19
    assert str(many).endswith("and 9 more, in .copies")


def test_what_could_not_be_read_is_no_copy():
    audit = audit_split([0], [1], ["A", "B"], fingerprints=[None, None])
    assert audit.copies == [] and audit.audio.shared == []


def test_fingerprints_of_a_table_are_read_by_position():
    table = pd.DataFrame({"audio": ["f", "g", "f", None, None]}, index=list("edcba"))
    audit = audit_split([0, 1, 4], [2, 3], list("ABABA"), fingerprints=table["audio"])
    assert audit.copies == [(0, 2)]


@pytest.mark.parametrize(
    ("train", "test", "more", "message"),
    [
        ([], [1], {}, "train is empty"),
        ([0], [7], {}, "test holds positions outside 0 to 2"),
        ([0], [-1], {}, "test holds positions outside"),
        ([0.5], [1], {}, "train has shape .* float64"),
        ([[0]], [1], {}, "train has shape"),
        ([True, False], [1], {}, "mask of all 3"),
        ([0], [1], {"songs": ["x"]}, "songs holds 1 labels for 3 recordings"),
        ([0], [1], {"recordings": ["a.wav"]}, "1 recordings for 3 singers"),
        ([0], [1], {"fingerprints": ["a"]}, "1 fingerprints for 3 singers"),
    ],
)
def test_an_audit_says_what_is_wrong(train, test, more, message):
    with pytest.raises(ValueError, match=message):
        audit_split(train, test, ["A", "B", "C"], **more)
