from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from singerlearn.metrics import (
    leave_one_out_knn,
    leave_one_out_predict,
    recording_accuracy,
)


def name(Z, y, query, k, groupings=()):
    """The label of one query, by a plain loop and the rules of the documentation."""
    others = [
        (sum((a - b) ** 2 for a, b in zip(Z[query], Z[i], strict=True)), i)
        for i in range(len(Z))
        if i != query and all(g[i] != g[query] for g in groupings)
    ]
    voters = [y[i] for _, i in sorted(others)[:k]]  # by distance, then by position
    votes = Counter(voters)
    # max and index both take the first, which is the nearest.
    return max(voters, key=lambda label: (votes[label], -voters.index(label)))


@st.composite
def embeddings(draw, n_groupings=0):
    n = draw(st.integers(8, 16))
    numbers = st.integers(-2, 2)  # few values: many ties
    Z = draw(st.lists(st.tuples(numbers, numbers), min_size=n, max_size=n))
    y = draw(st.lists(st.sampled_from("ABC"), min_size=n - 3, max_size=n - 3))
    groupings = [
        draw(st.lists(st.integers(0, 5), min_size=n - 2, max_size=n - 2)) + [6, 7]
        for _ in range(n_groupings)
    ]
    return Z, [*y, "A", "A", "B"], groupings


@settings(max_examples=60, deadline=None)
@given(embeddings(n_groupings=2))
def test_equals_brute_force(drawn):
    Z, y, groupings = drawn
    for excluded in ([], groupings[:1], groupings):
        got = leave_one_out_knn(Z, y, exclude_groups=excluded or None)
        for k, accuracy in got.items():
            expected = [name(Z, y, i, k, excluded) for i in range(len(y))]
            assert accuracy == pytest.approx(np.mean(np.array(expected) == y))
            named = leave_one_out_predict(
                Z, y, n_neighbors=k, exclude_groups=excluded or None
            )
            assert named.tolist() == expected
            assert recording_accuracy(y, named) == accuracy


def test_one_neighbour_is_scikit_learns(rng):
    Z, y = rng.randn(60, 5), rng.randint(4, size=60)
    expected = cross_val_score(KNeighborsClassifier(1), Z, y, cv=LeaveOneOut()).mean()
    assert leave_one_out_knn(Z, y, n_neighbors=1) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(embeddings(n_groupings=1), st.integers(-3, 3), st.sampled_from([0.25, 1, 4]))
def test_moving_scaling_and_renaming_change_nothing(drawn, shift, scale):
    Z, y, (groups,) = drawn
    moved = np.array(Z) * scale + shift
    renamed = [{"A": 7, "B": 3, "C": 5}[label] for label in y]
    assert leave_one_out_knn(moved, renamed, exclude_groups=groups) == (
        leave_one_out_knn(Z, y, exclude_groups=[str(g) for g in groups])
    )


@pytest.mark.parametrize("scale", [1e-300, 1e200])
def test_no_embedding_is_too_small_or_too_large(scale):
    Z, y = np.array([[0.0], [1.0], [3.0], [4.0], [9.0]]), list("aabbb")
    named = leave_one_out_predict(Z * scale, y)
    assert named.tolist() == leave_one_out_predict(Z, y).tolist()


def test_more_samples_than_a_block_holds(rng):
    Z, y = rng.randint(-3, 4, size=(600, 3)), rng.randint(9, size=600)
    songs = rng.randint(50, size=600)
    expected = [name(Z, y, i, 3, [songs]) for i in range(0, 600, 7)]
    named = leave_one_out_predict(Z, y, n_neighbors=3, exclude_groups=songs)
    assert named[::7].tolist() == expected


def test_far_clusters_are_told_apart_and_mixed_ones_are_not():
    y = np.repeat(["Ann", "Bob"], 5)
    apart = (y == "Bob")[:, None] * 10.0 + np.tile(np.arange(5), 2)[:, None]
    # Of nine neighbours four are one's own, five another's.
    assert leave_one_out_knn(apart, y, n_neighbors=(1, 7, 9)) == {1: 1, 7: 1, 9: 0}
    mixed = np.arange(10)[:, None] + 0.0
    assert leave_one_out_knn(mixed, np.arange(10) % 2, n_neighbors=1) == 0


def test_ties_go_to_the_first_and_the_nearest():
    # Samples 1 and 2 are equally near to 0: the first of them decides.
    Z = [[0.0], [1.0], [-1.0], [9.0], [9.0]]
    assert leave_one_out_predict(Z, ["A", "B", "A", "A", "B"])[0] == "B"
    assert leave_one_out_predict(Z, ["A", "A", "B", "A", "B"])[0] == "A"
    # One vote each: the nearest neighbour's label, whatever its name.
    Z = [[0.0], [3.0], [1.0], [2.0], [3.5]]
    named = leave_one_out_predict(Z, list("CACBA"), n_neighbors=3)
    assert named[0] == "C"


def test_queries_with_few_neighbours_left():
    Z = [[0.0], [1.0], [3.0], [4.0], [6.0]]
    y = ["A", "A", "B", "B", "C"]
    # Sample 0 may only have 1, and 4: a vote of two, the nearest wins.
    groups = ["x", "y", "x", "x", "z"]
    named = leave_one_out_predict(Z, y, n_neighbors=4, exclude_groups=groups)
    assert named[0] == "A"
    # C is sung once: its query counts, and counts as wrong.
    assert leave_one_out_knn(Z, y, n_neighbors=1) == pytest.approx(4 / 5)
    # Sample 2 shares a group with each of the others, in one grouping or the other.
    groups = [["a", "b", "a", "c", "f"], ["d", "e", "e", "e", "e"]]
    with pytest.raises(ValueError, match="1 of 5 samples .* of them sample 2"):
        leave_one_out_knn(Z, list("ABAAB"), n_neighbors=1, exclude_groups=groups)


def test_forms_of_groups(rng):
    Z, y = rng.randn(24, 3), np.repeat([0, 1, 2], 8)
    lyric, melody = np.tile(["kids", "dogs"], 12), np.tile([0, 0, 1, 1], 6)
    expected = leave_one_out_knn(Z, y, exclude_groups=[lyric, melody])
    for groups in (
        (lyric.tolist(), melody.tolist()),
        np.column_stack([lyric, melody]),
        pd.DataFrame({"lyric": lyric, "melody": melody}),
        np.stack([melody, lyric == "kids"], axis=1),
    ):
        assert leave_one_out_knn(Z, y, exclude_groups=groups) == expected
    one = leave_one_out_knn(Z, y, exclude_groups=lyric)
    assert one == leave_one_out_knn(Z, y, exclude_groups=lyric[:, None])
    assert one == leave_one_out_knn(Z, y, exclude_groups=pd.Series(lyric)) != expected


def test_number_or_sequence_of_neighbours(rng):
    Z, y = rng.randn(12, 2), np.repeat([0, 1], 6)
    several = leave_one_out_knn(Z, y, n_neighbors=np.array([3, 1]))
    assert list(several) == [3, 1]
    assert leave_one_out_knn(Z, y, n_neighbors=3) == several[3]
    assert leave_one_out_knn(Z, y, n_neighbors=range(1, 4, 2)) == several


GOOD = dict(Z=np.arange(6.0)[:, None], y=list("AABBCC"), n_neighbors=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(Z=[[0], [np.nan], [1], [2], [np.inf], [3]]), "2 of 6 .* sample 1"),
        (dict(Z=np.arange(6)), r"Z has shape \(6,\)"),
        (dict(Z=np.empty((0, 2))), r"Z has shape \(0, 2\)"),
        (dict(Z=[["a"]] * 6), "Z must hold numbers"),
        (dict(y=["A"] * 5), "y holds 5 labels for 6 recordings"),
        (dict(y=["A"] * 6), "y holds 'A' only"),
        (dict(y=[["A", "B"]] * 3), r"y has shape \(3, 2\)"),
        (dict(y=list("ABCDEF")), "no sample has a neighbour of its own label"),
        (dict(y=["A", "A", None, "B", "C", "C"]), "y has no label for recording 2"),
        (dict(y=[1, 1, 2, np.nan, 2, 2]), "y has no label for recording 3"),
        (dict(y=np.array([1, 1, "B", "B", 2, 2], dtype=object)), "mixes kinds"),
        (dict(n_neighbors=6), "n_neighbors=6 is too many.* 6 samples has 5"),
        (dict(n_neighbors=(1, 9)), "n_neighbors=9 is too many"),
        (dict(n_neighbors=()), "n_neighbors=.* whole numbers"),
        (dict(n_neighbors=0), "n_neighbors=.* at least 1"),
        (dict(n_neighbors=1.5), "n_neighbors=.* whole numbers"),
        (dict(exclude_groups=[1, 2]), "exclude_groups holds 2 labels for 6"),
        (dict(exclude_groups=[[1] * 6, [2] * 5]), "exclude_groups holds 5 labels"),
        (dict(exclude_groups=np.ones((2, 6))), "a table with a row for each"),
        (dict(exclude_groups=[1] * 6), "no sample has a neighbour of its own label"),
        (dict(exclude_groups=list("AABBCC")), "no sample has a neighbour of its own"),
    ],
)  # fmt: skip
def test_malformed_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        leave_one_out_knn(**GOOD | wrong)
