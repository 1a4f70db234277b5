import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning

from singerlearn import (
    ClipClassifier,
    ClipEmbedder,
    SingerEmbedder,
    SingerNetClassifier,
)
from singerlearn.chunks import Chunks
from singerlearn.display import EmbeddingDisplay, KNNDisplay
from singerlearn.labels import encode_groupings, encode_labels, encode_singers
from singerlearn.metrics import leave_one_out_knn, make_trials, song_effect_report
from singerlearn.model_selection import (
    NewSingerFolds,
    NewSongFolds,
    SingerFolds,
    audit_split,
)

SINGERS, SONGS = list("aabbcc"), list("xyxyxy")
CHUNKS = [Chunks(np.ones((16, 40), "float32"), 16, 20)] * 6
Z = np.arange(12.0).reshape(6, 2)
LABELS = st.one_of(
    st.lists(st.text(max_size=2), min_size=1),
    st.lists(st.integers(-9, 9), min_size=1),
    st.lists(st.dates(), min_size=1),
)


@given(LABELS)
@example(["a\0", "a"])
def test_codes_lead_back_to_the_labels_whatever_holds_them(labels):
    distinct, codes = encode_labels(labels, "y")
    assert distinct.tolist() == sorted(set(labels))
    assert [distinct.tolist()[code] for code in codes] == labels
    for other in (tuple(labels), pd.Series(labels), np.array(labels, dtype=object)):
        again = encode_labels(other, "y", len(labels))
        assert again[0].tolist() == distinct.tolist()
        assert_array_equal(again[1], codes)


def test_what_is_masked_is_missing():
    labels = np.ma.array([3, 1, 2], mask=[False, False, True])
    with pytest.raises(ValueError, match="y has no label for recording 2 but None"):
        encode_labels(labels, "y")
    assert encode_labels(labels[:2], "y")[0].tolist() == [1, 3]


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_names_are_of_the_type_they_came_in(kind):
    labels = kind(["Zoe", "Ann"])
    names, _ = encode_labels(labels, "y")
    assert names.dtype == np.unique(labels).dtype


# What takes labels, by the argument that it takes them in.
DOORS = {
    "y of the classifier": lambda y: SingerNetClassifier().fit(CHUNKS, y),
    "groups of the classifier": lambda groups: SingerNetClassifier().fit(
        CHUNKS, SINGERS, groups=groups
    ),
    "y of the embedder": lambda y: SingerEmbedder().fit(CHUNKS, y),
    "groups of the embedder": lambda groups: SingerEmbedder().fit(
        CHUNKS, SINGERS, groups=groups
    ),
    "songs of the embedder": lambda songs: SingerEmbedder().fit(
        CHUNKS, SINGERS, songs=songs
    ),
    "y of clips": lambda y: ClipClassifier().fit(Z, y),
    "y of clips laid out": lambda y: ClipEmbedder().fit(Z, y),
    "y of neighbours": lambda y: leave_one_out_knn(Z, y, n_neighbors=1),
    "exclude_groups of neighbours": lambda groups: leave_one_out_knn(
        Z, SINGERS, n_neighbors=1, exclude_groups=groups
    ),
    "singers of the report": lambda singers: song_effect_report(Z, singers, SONGS),
    "songs of the report": lambda songs: song_effect_report(Z, SINGERS, songs),
    "songs of trials": lambda songs: make_trials(SINGERS, songs=songs),
    "singers of bars": lambda singers: KNNDisplay.from_embeddings(
        {"Z": Z}, singers=singers, n_neighbors=1
    ),
    "songs of bars": lambda songs: KNNDisplay.from_embeddings(
        {"Z": Z}, singers=SINGERS, songs=songs, n_neighbors=1, crossed=True
    ),
    "songs of a map": lambda songs: EmbeddingDisplay.from_embeddings(
        {"Z": Z}, singers=SINGERS, songs=songs
    ),
    "y of folds": lambda y: next(SingerFolds(2).split(Z, y)),
    "singers of folds": lambda singers: next(
        NewSingerFolds(2, singers=singers).split(Z)
    ),
    "songs of folds": lambda songs: next(NewSongFolds(2, songs=songs).split(Z)),
    "songs of an audit": lambda songs: audit_split([0, 1], [2], SINGERS, songs),
}
# What may be wrong with six labels, and the words after the name of the argument.
FAULTS = {
    "None": (list("aa") + [None] + list("bcc"), "has no label for recording 2 but Non"),
    "NaN": (list("aa") + [np.nan] + list("bcc"), "has no label for recording 2 but na"),
    "of numbers": ([1, 1, 2, 2, 3, np.nan], "has no label for recording 5 but nan"),
    "in a column of a table": (
        pd.Series(["a", "a", "b", pd.NA, "c", "c"], dtype="string"),
        "has no label for recording 3 but (<NA>|nan)",
    ),
    "a list": (np.array([*"aabbc", ["c"]], dtype=object), r"recording 5 but \['c'\]"),
    "mixed": (
        [*"aabb", 3, "c"],
        "mixes kinds of labels: 'a' for recording 0, 3 for re",
    ),
    "too few": (list("aabb"), "holds 4 labels for 6 recordings; "),
    "too many": (list("aabbccd"), "holds 7 labels for 6 recordings; "),
    "one for all": ("a", "is 'a'; give one label for each"),
    "none at all": ([], r"has shape \(0,\)"),
}


@pytest.mark.parametrize("door", DOORS)
def test_all_that_takes_labels_says_the_same_of_wrong_ones(door):
    name = door.split()[0]
    for labels, message in FAULTS.values():
        with pytest.raises(ValueError, match=f"{name} .*{message}"):
            DOORS[door](labels)
    # Of more dimensions than one, several groupings for those who take them.
    with pytest.raises(ValueError, match=rf"{name} (has shape \(6, 2\)|holds 2 lab)"):
        DOORS[door]([["a", "b"]] * 6)


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA,
                                     pd.NaT, np.datetime64("NaT")])  # fmt: skip
def test_nothing_stands_for_a_label(missing):
    with pytest.raises(ValueError, match="songs has no label for recording 1"):
        encode_labels([datetime.date(2020, 1, 1), missing], "songs")


def test_what_has_no_order_is_refused():
    with pytest.raises(ValueError, match="y mixes kinds .* 1j for recording 1"):
        encode_labels(np.array([2j, 1j], dtype=object), "y")


def test_a_column_of_singers_is_taken_with_scikit_learns_warning():
    for column in ([["b"], ["a"], ["b"]], np.array([["b"], ["a"], ["b"]])):
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            names, codes = encode_singers(column, 3)
        assert (names.tolist(), codes.tolist()) == (["a", "b"], [1, 0, 1])
        with pytest.raises(
            ValueError, match=r"songs has shape \(3, 1\); give one label"
        ):
            encode_labels(column, "songs", 3)
    with (
        pytest.warns(DataConversionWarning),
        pytest.raises(ValueError, match="but nan"),
    ):
        encode_singers([["b"], [np.nan], ["b"]], 3)


def test_singers_are_names_or_whole_numbers():
    for y in ([2.0, 1.0, 2.0], [True, False, True], [7, 3, 7], list("bab")):
        assert encode_singers(y, 3)[1].tolist() == [1, 0, 1]
    for y in ([1, 2.5, 1], np.array([1, 2.5, 1], "float32"), pd.Series([1, 2.5, 1])):
        with pytest.raises(ValueError, match=r"continuous; y has 2.5 for recording 1"):
            encode_singers(y, 3)
    with pytest.raises(ValueError, match="y has inf for recording 0"):
        encode_singers([np.inf, 1], 2)
    with pytest.raises(ValueError, match="y holds 'a' only; .* of 2 or more"):
        encode_singers(["a", "a"], 2)


def test_groupings_come_one_by_one_in_a_list_or_in_a_table():
    lyric, melody = [3, 3, 5], ["u", "v", "u"]
    expected = [[0, 0, 1], [0, 1, 0]]
    table = pd.DataFrame({"lyric": lyric, "melody": melody})
    for groupings in ([lyric, melody], (np.array(lyric), melody), table, table.values):
        assert encode_groupings(groupings, 3).tolist() == expected
    for one in (lyric, tuple(lyric), np.array(lyric), table["lyric"], table[["lyric"]]):
        assert encode_groupings(one, 3).tolist() == expected[:1]
    assert encode_groupings(None, 3).shape == (0, 3)
    with pytest.raises(ValueError, match="songs holds 2 labels for 3 recordings; wait"):
        encode_groupings([lyric, melody[1:]], 3, "songs", "wait")
