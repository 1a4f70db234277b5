from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import Bunch

from singerlearn.datasets import (
    balanced_split,
    iter_balanced_splits,
    load_damp_balanced,
    make_balanced,
    take,
)

# The paper's Table 3.
COUNTS = {
    "one call away": 3912,
    "say you won't let go": 3255,
    "all of me": 2856,
    "closer": 2873,
    "seven years": 2942,
    "despacito": 1287,
    "more than words": 586,
    "lost boy": 1183,
    "love yourself": 3019,
    "rockabye": 2737,
    "part of your world": 56,
    "when I was your man": 56,
    "chandelier": 56,
    "cups": 56,
}
TITLES = list(COUNTS)


def collection(pairs):
    """The recordings of (singer, song) pairs, in their order."""
    singers, songs = np.array(pairs, dtype=str).reshape(-1, 2).T
    return Bunch(
        recordings=[f"{i}.m4a" for i in range(len(singers))],
        singers=singers,
        songs=songs,
        sampling_rate=22050,
        DESCR="made up",
    )


@pytest.fixture(scope="module")
def published():
    """A table made to the published counts, of recordings, singers and full sets.

    Appendix A: 46 singers sang songs 1 to 6, 22 songs 7 to 10, 56 songs 11 to 14, 459
    songs 1 to 4 and 3 songs 5 to 10; 24,874 recordings by 5,429 singers in all.
    """
    groups = [
        (56, range(10, 14)),
        (46, range(6)),
        (3, range(4, 10)),
        (22 - 3, range(6, 10)),
        (459 - 46, range(4)),
    ]
    repertoires = [songs for count, songs in groups for _ in range(count)]
    # What is left of each song goes round the singers that are left; none of them
    # gets a full set, for that would take three rounds.
    left = Counter(COUNTS)
    left.subtract(TITLES[song] for songs in repertoires for song in songs)
    others = [[] for _ in range(5429 - len(repertoires))]
    line = [song for song, title in enumerate(TITLES) for _ in range(left[title])]
    for place, song in enumerate(line):
        others[place % len(others)].append(song)
    pairs = [
        (f"singer{number}", TITLES[song])
        for number, songs in enumerate([*repertoires, *others])
        for song in songs
    ]
    rng = np.random.RandomState(0)
    data = collection([pairs[i] for i in rng.permutation(len(pairs))])
    data.song_titles = TITLES
    return data


def test_the_table_has_the_published_counts(published):
    assert len(published.recordings) == 24874
    assert len(set(published.singers)) == 5429
    assert Counter(published.songs.tolist()) == COUNTS


# The rule


def check_balanced(part, songs):
    """Every singer sings each song exactly once."""
    pairs = Counter(zip(part.singers.tolist(), part.songs.tolist(), strict=True))
    assert set(pairs) == {(s, song) for s in set(part.singers) for song in songs}
    assert set(pairs.values()) == {1}


@pytest.mark.parametrize(
    "songs, n_recordings, n_singers",
    [
        ([range(1, 7), range(7, 11), range(11, 15)], [276, 88, 224], [46, 22, 56]),
        ([range(1, 5), range(5, 11), range(11, 15)], [1836, 18, 224], [459, 3, 56]),
    ],
)
def test_splits_have_the_published_sizes(published, songs, n_recordings, n_singers):
    parts = balanced_split(published, *songs)
    assert [len(part.recordings) for part in parts] == n_recordings
    assert [len(set(part.singers)) for part in parts] == n_singers
    for part, numbers in zip(parts, songs, strict=True):
        check_balanced(part, [TITLES[number - 1] for number in numbers])


def test_the_paper_s_split_is_the_default(published):
    sizes = [len(part.recordings) for part in balanced_split(published)]
    assert sizes == [276, 88, 224]


@pytest.mark.parametrize("n_train_songs", [6, 4])
def test_goes_through_all_partitions(published, n_train_songs):
    splits = list(iter_balanced_splits(published, n_train_songs))
    assert len(splits) == 210
    assert len({split.train_songs for split in splits}) == 210
    assert splits[0].train_songs == tuple(range(1, n_train_songs + 1))
    sang = {}
    for singer, song in zip(
        published.singers.tolist(), published.songs.tolist(), strict=True
    ):
        sang.setdefault(singer, set()).add(TITLES.index(song) + 1)
    for split in splits:
        train, valid = set(split.train_songs), set(split.valid_songs)
        assert len(train) == n_train_songs and train | valid == set(range(1, 11))
        assert not train & valid
        in_train = [singer for singer, own in sang.items() if own >= train]
        in_valid = [singer for singer, own in sang.items() if own >= valid]
        assert split.n_train_singers == len(in_train)
        assert split.n_valid_singers == len(in_valid)
        assert split.n_train_recordings == len(in_train) * len(train)
        assert split.n_valid_recordings == len(in_valid) * len(valid)
        assert split.n_shared_singers == len(set(in_train) & set(in_valid))


def test_the_first_partitions_have_the_published_numbers(published):
    first = next(iter_balanced_splits(published))
    assert (first.n_train_singers, first.n_valid_singers) == (46, 22)
    assert (first.n_train_recordings, first.n_valid_recordings) == (276, 88)
    first = next(iter_balanced_splits(published, 4))
    assert (first.n_train_singers, first.n_valid_singers) == (459, 3)
    assert (first.n_train_recordings, first.n_valid_recordings) == (1836, 18)
    with pytest.raises(ValueError, match="n_train_songs=10 must leave"):
        next(iter_balanced_splits(published, 10))


PAIRS = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), st.sampled_from("abcde")), min_size=1
)


@given(PAIRS, st.sets(st.sampled_from("abcde"), min_size=1))
@settings(deadline=None)
def test_nobody_who_sang_them_all_is_missing(pairs, songs):
    data = collection(pairs)
    singers = {s for s, _ in pairs if all((s, song) in pairs for song in songs)}
    if not singers:
        with pytest.raises(ValueError, match="none of the|nobody sang"):
            make_balanced(data, sorted(songs))
        return
    part = make_balanced(data, sorted(songs))
    assert set(part.singers) == singers
    check_balanced(part, songs)
    places = [int(path.removesuffix(".m4a")) for path in part.recordings]
    assert places == sorted(places)
    for place, singer, song in zip(places, part.singers, part.songs, strict=True):
        assert pairs.index((singer, song)) == place  # the first of several


@given(PAIRS, st.permutations("abcde"))
@settings(deadline=None)
@pytest.mark.filterwarnings("ignore:.*singers are in both")
def test_a_split_is_three_balanced_parts(pairs, songs):
    data = collection(pairs)
    names = songs[:2], songs[2:4], songs[4:]
    try:
        expected = [make_balanced(data, part).recordings for part in names]
    except ValueError:
        with pytest.raises(ValueError):
            balanced_split(data, *names)
        return
    parts = balanced_split(data, *names)
    assert [part.recordings for part in parts] == expected
    for one, other in combinations(parts, 2):
        assert not set(one.recordings) & set(other.recordings)


def test_any_collection_can_be_balanced(singers):
    songs = ["song03", "song01"]
    part = make_balanced(singers, songs)
    assert len(part.recordings) == 8 and set(part.singers) == set(singers.singers)
    check_balanced(part, songs)
    assert all(
        y is singers.recordings[place]
        for y, place in zip(
            part.recordings,
            np.flatnonzero(np.isin(singers.songs, songs)),
            strict=True,
        )
    )


def test_warns_of_singers_in_two_parts():
    data = collection(
        [(s, song) for s in ("ann", "bob") for song in "xyz"] + [("cat", "z")]
    )
    with pytest.warns(UserWarning) as caught:
        train, valid, test = balanced_split(data, ["x"], ["y"], ["z"])
    assert "2 singers are in both train and valid, such as 'ann'" in str(
        caught[0].message
    )
    assert len(caught) == 3 and caught[0].filename == __file__
    assert [len(part.recordings) for part in (train, valid, test)] == [2, 2, 3]


@pytest.mark.parametrize(
    "songs, message",
    [
        (["x", "w"], r"nobody sang \['w'\]; the songs are such as \['x', 'y'\]"),
        (["x", "x"], "each named once"),
        ([], "must be one song or more"),
        ("x", r"songs is one string; wrap it in a list: \['x'\]"),
        ([1], "song 1 is none of the 0 that data numbers"),
        (["x", "y"], "none of the 2 singers sang all of .*: at most 1 of the 2"),
    ],
)
def test_says_why_it_cannot_balance(songs, message):
    with pytest.raises(ValueError, match=message):
        make_balanced(collection([("ann", "x"), ("bob", "y")]), songs)


def test_parts_share_no_song(published):
    with pytest.raises(
        ValueError, match=r"train_songs and test_songs share \['cups'\]"
    ):
        balanced_split(published, [1, "cups"], [2])
    with pytest.raises(ValueError, match="song 15 is none of the 14"):
        balanced_split(published, test_songs=[15])
    with pytest.raises(ValueError, match="song 0 is none of the 14"):
        balanced_split(published, train_songs=range(6))


# The loader


@pytest.fixture
def root(tmp_path):
    """A miniature of the set: three singers with all 14 songs, in DAMP's format."""
    (tmp_path / "audio").mkdir()
    rows = []
    for singer in (1, 2, 3):
        for number, title in enumerate(TITLES):
            (tmp_path / "audio" / f"{singer}_{number}.m4a").write_bytes(b"AAC")
            slug = "_" + title.replace(" ", "_").replace("'", "")
            rows.append(f"{singer}_{number},{singer},{slug},{'MFM'[singer - 1]}")
    (tmp_path / "perfs.csv").write_text(
        "\ufeff" + "\r\n".join(["perf_key,plyrid,songid,gender", *rows]),
        encoding="utf-8",
        newline="",
    )
    return tmp_path


def test_loads_the_songs_by_their_titles(root):
    data = load_damp_balanced(root)
    assert len(data.recordings) == 42
    assert list(data.song_titles) == TITLES
    assert data.songs.tolist() == TITLES * 3
    # As many recordings as there are titles, which are not theirs.
    again = take(take(data, range(14)), [0])
    assert again.songs.tolist() == TITLES[:1] and list(again.song_titles) == TITLES
    assert data.singers.tolist() == np.repeat(["1", "2", "3"], 14).tolist()
    assert data.gender[::14].tolist() == ["male", "female", "male"]
    assert data.recordings[14] == f"{root}/audio/2_0.m4a"
    assert data.sampling_rate == 22050 and "24,874" in data.DESCR
    X, y = load_damp_balanced(root, return_X_y=True)
    assert X == data.recordings and y.tolist() == data.singers.tolist()


@pytest.mark.filterwarnings("ignore:.*singers are in both")
def test_what_it_loads_can_be_split(root):
    (root / "audio" / "1_3.m4a").unlink()
    with pytest.warns(UserWarning, match=r"row 5: there is no recording '1_3'"):
        data = load_damp_balanced(root, on_error="skip")
    train, valid, test = balanced_split(data)
    assert set(train.singers) == {"2", "3"} and len(train.recordings) == 12
    assert set(valid.singers) == {"1", "2", "3"} and len(valid.recordings) == 12
    assert len(test.recordings) == 12
    first = next(iter_balanced_splits(data))
    assert (first.n_train_singers, first.n_shared_singers) == (2, 2)
    assert list(train.song_titles) == TITLES and len(train.metadata.recording) == 12


@pytest.mark.parametrize(
    "cell", ["CUPS", "cups - Anna Kendrick", "_cups", "Cups (Anna Kendrick)"]
)
def test_knows_a_song_by_its_letters(root, cell):
    table = root / "perfs.csv"
    table.write_text(table.read_text("utf-8").replace("_cups", cell), "utf-8")
    assert load_damp_balanced(root).songs[13] == "cups"


def test_another_song_is_named_or_skipped(root):
    table = root / "perfs.csv"
    table.write_text(table.read_text("utf-8").replace("2,_closer", "2,_hello"), "utf-8")
    fault = r"perfs.csv', row 19: song '_hello' is none of the 14; .*song_names"
    with pytest.raises(ValueError, match=fault):
        load_damp_balanced(root)
    with pytest.warns(UserWarning, match=fault) as caught:
        assert len(load_damp_balanced(root, on_error="skip").recordings) == 41
    assert caught[0].filename == __file__


def test_the_caller_names_the_songs(root):
    table = root / "perfs.csv"
    text = table.read_text("utf-8")
    names = [f"arr{number}" for number in range(14)]
    for name, title in zip(names, TITLES, strict=True):
        slug = "_" + title.replace(" ", "_").replace("'", "")
        text = text.replace(f",{slug},", f",{name},")
    table.write_text(text, "utf-8")
    data = load_damp_balanced(root, song_names=names)
    assert data.songs.tolist() == TITLES * 3
    with pytest.raises(ValueError, match="song_names must be 14 different names"):
        load_damp_balanced(root, song_names=names[:-1])
    with pytest.raises(ValueError, match="song_names must be 14 different names"):
        load_damp_balanced(root, song_names=[*names[:-1], "ARR0"])
