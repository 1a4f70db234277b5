import itertools

import numpy as np
import pytest

from singerlearn.metrics import leave_one_out_knn, song_effect_report


def embed(rng, singer_weight, song_weight, n_singers=8, n_songs=5):
    singers, songs = np.divmod(np.arange(n_singers * n_songs), n_songs)
    voice, tune = rng.randn(n_singers, 4), rng.randn(n_songs, 4)
    Z = np.hstack([singer_weight * voice[singers], song_weight * tune[songs]])
    return Z + 0.3 * rng.randn(*Z.shape), singers, songs


def test_accuracies_are_those_of_the_neighbours(rng):
    Z, singers, songs = embed(rng, 1, 1)
    report = song_effect_report(Z, singers, songs, n_permutations=1)
    for effect, y, groups in (
        (report.singer, singers, None),
        (report.singer_crossed, singers, songs),
        (report.song, songs, None),
        (report.song_crossed, songs, singers),
    ):
        knn = leave_one_out_knn(Z, y, exclude_groups=groups)
        np.testing.assert_array_equal(effect.accuracy, list(knn.values()))
        assert effect.n_neighbors == (1, 3, 5, 7)
    one = song_effect_report(Z, singers, songs, n_neighbors=3, n_permutations=1)
    assert one.song.n_neighbors == (3,)
    assert one.song.accuracy == report.song.accuracy[1]


def test_chance_of_a_balanced_design_in_closed_form(rng):
    Z, singers, songs = embed(rng, 1, 1, n_singers=8, n_songs=5)
    report = song_effect_report(Z, singers, songs, n_permutations=1)
    assert report.singer.chance == pytest.approx(4 / 39)
    assert report.singer_crossed.chance == pytest.approx(4 / 32)
    assert report.song.chance == pytest.approx(7 / 39)
    assert report.song_crossed.chance == pytest.approx(7 / 35)
    assert report.same_song_impostors_chance == pytest.approx(7 / 39)
    assert (report.n_samples, report.n_singers, report.n_songs) == (40, 8, 5)


def test_impostors_are_counted_as_a_loop_counts(rng):
    Z, _, _ = embed(rng, 1, 1)
    singers, songs = rng.randint(5, size=40), rng.randint(4, size=40)
    report = song_effect_report(Z, singers, songs, n_permutations=1)
    found, candidates = 0, 0
    for i in range(40):
        others = [j for j in range(40) if j != i]
        impostors = [
            j for j in others if singers[j] != singers[i] and songs[j] == songs[i]
        ]
        candidates += len(impostors) / len(others)
        found += min(others, key=lambda j: np.sum((Z[i] - Z[j]) ** 2)) in impostors
    assert report.same_song_impostors == found / 40
    assert report.same_song_impostors_chance == pytest.approx(candidates / 40)


@pytest.mark.parametrize(
    ("singer_weight", "song_weight", "heard"),
    [(0, 0, set()), (2, 0, {"singer"}), (0, 2, {"song"}), (2, 2, {"singer", "song"})],
)
def test_tells_what_an_embedding_holds(rng, singer_weight, song_weight, heard):
    Z, singers, songs = embed(rng, singer_weight, song_weight)
    report = song_effect_report(
        Z, singers, songs, n_neighbors=[1], n_permutations=99, random_state=1
    )
    for name in ("singer", "song"):
        effect = getattr(report, f"{name}_crossed")
        assert (effect.p_values[0] <= 0.02) == (name in heard)
        assert (effect.accuracy[0] > 3 * effect.chance) == (name in heard)


def test_the_song_is_why_singers_are_not_found(rng):
    Z, singers, songs = embed(rng, 0.7, 3)
    report = song_effect_report(
        Z, singers, songs, n_neighbors=[1], n_permutations=99, random_state=0
    )
    assert report.same_song_impostors == 1.0
    assert report.singer.accuracy[0] == 0.0 < report.singer.chance
    assert report.singer_crossed.p_values[0] == 0.01


def test_the_null_permutes_singers_within_songs(rng):
    """On a design so small that every permutation can be listed."""
    Z, singers, songs = embed(rng, 1, 0.5, n_singers=3, n_songs=2)
    accuracies = []
    for first, second in itertools.product(itertools.permutations(range(3)), repeat=2):
        y = np.empty(6, dtype=int)
        y[songs == 0], y[songs == 1] = first, second
        accuracies.append(leave_one_out_knn(Z, y, n_neighbors=1))
    report = song_effect_report(
        Z, singers, songs, n_neighbors=[1], n_permutations=2000, random_state=0
    )
    null = report.singer.null[:, 0]
    assert set(np.unique(null)) == set(accuracies)
    assert null.mean() == pytest.approx(np.mean(accuracies), abs=0.03)
    reached = np.mean(np.array(accuracies) >= report.singer.accuracy[0])
    assert report.singer.p_values[0] == pytest.approx(reached, abs=0.05)


@pytest.mark.parametrize("what", ["singer", "song"])
@pytest.mark.parametrize("crossed", [False, True])
def test_each_null_keeps_the_other_effect(rng, what, crossed):
    Z, singers, songs = embed(rng, 1, 0.5, n_singers=3, n_songs=3)
    kept = songs if what == "singer" else singers
    accuracies = []
    for columns in itertools.product(itertools.permutations(range(3)), repeat=3):
        y = np.empty(9, dtype=int)
        for group, labels in enumerate(columns):
            y[kept == group] = labels
        groups = kept if crossed else None
        accuracies.append(leave_one_out_knn(Z, y, n_neighbors=1, exclude_groups=groups))
    report = song_effect_report(
        Z, singers, songs, n_neighbors=[1], n_permutations=1000, random_state=0
    )
    null = getattr(report, what + crossed * "_crossed").null[:, 0]
    assert set(null) <= set(accuracies)
    assert null.mean() == pytest.approx(np.mean(accuracies), abs=0.015)


@pytest.mark.parametrize("what", ["singer", "song"])
def test_what_is_sung_twice_is_permuted_together_when_crossed(rng, what):
    """Three takes that are alike prove no more than one of them."""
    Z, singers, songs = embed(rng, 1, 0.5, n_singers=4, n_songs=3)
    thrice = [np.repeat(part, 3, axis=0) for part in (Z, singers, songs)]
    once, takes = (
        getattr(
            song_effect_report(
                *design, n_neighbors=[1], n_permutations=999, random_state=0
            ),
            f"{what}_crossed",
        )
        for design in ((Z, singers, songs), thrice)
    )
    assert takes.accuracy == pytest.approx(once.accuracy)
    assert set(takes.null.ravel()) <= set(np.arange(13) / 12)
    assert takes.p_values == pytest.approx(once.p_values, abs=0.05)


def test_crossed_neighbours_may_have_to_differ_in_more_than_the_song(rng):
    Z, singers, songs = embed(rng, 1, 1, n_songs=6)
    lyrics, melodies = songs % 2, songs // 2
    report = song_effect_report(
        Z, singers, songs, exclude_groups=[lyrics, melodies], n_permutations=1
    )
    expected = leave_one_out_knn(Z, singers, exclude_groups=[lyrics, melodies])
    np.testing.assert_array_equal(
        report.singer_crossed.accuracy, list(expected.values())
    )


def test_same_seed_same_report_and_a_table(rng):
    Z, singers, songs = embed(rng, 1, 1)
    one, two = (
        song_effect_report(
            Z, [f"singer{s}" for s in singers], songs,
            n_neighbors=(1, 3), n_permutations=9, random_state=5,
        )
        for _ in range(2)
    )  # fmt: skip
    np.testing.assert_array_equal(one.song.null, two.song.null)
    assert str(one) == str(two)
    lines = str(one).splitlines()
    assert len({len(line) for line in lines[1:6]}) == 1
    assert lines[1].split() == ["chance", "k", "=", "1", "k", "=", "3"]
    assert repr(one) == (
        "SongEffectReport(n_samples=40, n_singers=8, n_songs=5, n_neighbors=(1, 3))"
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(Z=np.full((6, 2), np.nan)), "6 of 6 embeddings"),
        (dict(songs=[0, 1]), "songs holds 2 labels for 6 recordings"),
        (dict(singers=[0, 1]), "singers holds 2 labels for 6 recordings"),
        (dict(singers=["Ann"] * 6), "singers holds 'Ann' only"),
        (dict(songs=["a"] * 6), "songs holds 'a' only"),
        (dict(songs=range(6)), "no song has two singers"),
        (dict(songs=list("aabbcc")), "no singer sings two songs"),
        (dict(songs=list("xxyyxx")), "no singer sings two songs"),
        (dict(singers=list("xxxxyy"), songs=list("aabbcc")), "no song has two"),
        (dict(n_neighbors=1.5), "n_neighbors=.* must be whole numbers"),
        (dict(n_neighbors=(1, 6)), "n_neighbors=6 is too many"),
        (
            dict(n_permutations=0),
            "n_permutations=0 must be a whole number of at least 1",
        ),
        (dict(exclude_groups=[1] * 6), "6 of 6 samples have no neighbour"),
        (dict(exclude_groups=list("aabbcc")), "no sample has a neighbour of its own"),
    ],
)
def test_malformed_input_is_refused(wrong, message):
    good = dict(Z=[[0, 1], [2, 0], [1, 1], [3, 5], [2, 2], [4, 1]], n_neighbors=(1,))
    design = dict(singers=[0, 0, 1, 1, 2, 2], songs=[0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=message):
        song_effect_report(**good | design | wrong)
