import shutil
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import Bunch

from singerlearn.audio import load
from singerlearn.datasets import load_damp, select_singers


def write(path, content=b"AAC, which nobody opens"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def relative(data, root):
    return [path.removeprefix(f"{root}/") for path in data.recordings]


# DAMP: perfs.csv and audio/<perf_key>.m4a

ROWS = [
    ("122055398_34614878", "122055398", "_let_it_go", "F"),
    ("122055398_34614880", "122055398", "_all_of_me", "F"),
    ("92486317_39827905", "92486317", "_let_it_go", "M"),
    ("92486317_39827906", "92486317", "_¿dónde_está?", ""),
]


def write_table(path, rows, header="perf_key,plyrid,songid,gender", **how):
    delimiter, newline = how.get("delimiter", ","), how.get("newline", "\n")
    lines = [header.replace(",", delimiter), *(delimiter.join(row) for row in rows)]
    text = newline.join(lines) + newline
    path.write_bytes(text.encode(how.get("encoding", "utf-8")))


@pytest.fixture
def root(tmp_path):
    """A miniature of the set, with what researchers keep beside it."""
    for recording, *_ in ROWS:
        write(tmp_path / "audio" / f"{recording}.m4a")
        write(tmp_path / "pitch" / f"{recording}.csv", b"0.0,440.0\n")
    write(tmp_path / "audio" / ".trash" / f"{ROWS[0][0]}.m4a")
    write_table(tmp_path / "perfs.csv", ROWS)
    (tmp_path / "ListOfSongs.csv").write_text("song_number,song_title\n1,let it go\n")
    (tmp_path / "._perfs.csv").write_bytes(b"\x00\x05\x16\x07")
    return tmp_path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_reads_the_table_however_it_was_saved(root, delimiter, encoding, newline):
    write_table(
        root / "perfs.csv",
        ROWS,
        delimiter=delimiter,
        encoding=encoding,
        newline=newline,
    )
    data = load_damp(root)
    assert relative(data, root) == [f"audio/{row[0]}.m4a" for row in ROWS]
    assert data.singers.tolist() == [row[1] for row in ROWS]
    assert data.songs.tolist() == [
        "let it go", "all of me", "let it go", "¿dónde está?",
    ]  # fmt: skip
    assert data.gender.tolist() == ["female", "female", "male", ""]
    assert data.metadata.recording.tolist() == [row[0] for row in ROWS]
    assert data.sampling_rate == 22050
    assert "Research Data License" in data.DESCR and "Smith" in data.DESCR


def test_returns_recordings_and_singers_as_scikit_learn_does(root):
    X, y = load_damp(str(root), return_X_y=True)
    assert [type(path) for path in X] == [str] * 4
    assert y.tolist() == [row[1] for row in ROWS]


def test_reads_the_subset_with_names_of_its_own(root):
    (root / "perfs.csv").unlink()
    write_table(
        root / "DAMPBperfs.csv",
        [("92486317", "92486317_39827905", "_let_it_go", "M", "1990", "", "english")],
        header="singer_account_id,performance_id,song_title,singer_gender,"
        "singer_birth_year,,Language",
    )
    data = load_damp(root)
    assert relative(data, root) == ["audio/92486317_39827905.m4a"]
    assert data.singers.tolist() == ["92486317"] and data.gender.tolist() == ["male"]
    assert set(data.metadata) == {"recording", "singer_birth_year", "language"}


def test_the_caller_maps_other_names(root, tmp_path_factory):
    table = tmp_path_factory.mktemp("elsewhere") / "mine.tsv"
    rows = [(f"audio/{row[0]}.m4a", row[1], row[2]) for row in ROWS]
    write_table(table, rows, header="File,Who,songid", delimiter="\t")
    with pytest.raises(
        ValueError,
        match=r"mine.tsv' has no columns \('perf_key' or 'performance_id'\) and "
        r"\('plyrid'.*first line is 'File\\tWho\\tsongid'.*columns=",
    ):
        load_damp(root, metadata=table)
    names = {"recording": "File", "singer": "who"}
    data = load_damp(root, metadata=table, columns=names)
    assert data.singers.tolist() == [row[1] for row in ROWS]
    assert data.gender.tolist() == [""] * 4
    with pytest.raises(ValueError, match=r"maps \['path'\].*'recording'"):
        load_damp(root, columns={"path": "File"})


def test_audio_may_be_converted_and_moved(root):
    shutil.move(root / "audio", root / "wav files é")
    for path in (root / "wav files é").iterdir():
        path.rename(path.with_suffix(".ogg"))
    assert relative(load_damp(root), root)[0] == f"wav files é/{ROWS[0][0]}.ogg"


def test_recordings_can_be_read_at_the_rate_it_names(root, singers):
    import soundfile as sf

    (root / "audio" / f"{ROWS[0][0]}.m4a").unlink()
    path = root / "audio" / f"{ROWS[0][0]}.ogg"
    sf.write(path, singers.recordings[0], singers.sampling_rate)
    data = load_damp(root)
    assert len(load(data.recordings[0], data.sampling_rate)) == len(
        singers.recordings[0]
    )


# Sing! 300x30x2: <country>/<country>.csv and the whole row in a file's name

HEADER = "arrangement_id, starts_joins, performance_id, account_id, country, gender"
COUNTRIES = {
    "GB": [
        ("3770008_3770008", "39859", "1036593237_1553518113", "933206912", "GB", "F"),
        # Two who joined one performance.
        ("3771075_3771075", "34858", "1016328445_1097466956", "661338667", "GB", "F"),
        ("3771075_3771075", "34858", "1016328445_1097466956", "313443767", "GB", "M"),
    ],
    "IR": [
        ("443245566_1262930", "9", "799538890_1462486169", "1334159799", "IR", "NoneM"),
        # The same performance as one of GB.
        ("3771075_3771075", "34858", "1016328445_1097466956", "661338667", "IR", "F"),
    ],
}


@pytest.fixture
def sing(tmp_path):
    """A miniature of Sing! 300x30x2, two countries."""
    for country, rows in COUNTRIES.items():
        for arrangement, _, performance, account, _, gender in rows:
            name = f"{arrangement}-{performance}-{country}-{gender}-{account}.m4a"
            write(tmp_path / country / f"{country}Vocals" / name)
            meta = f"{country}ArrangementMeta/{arrangement}.txt"
            write(tmp_path / country / meta, b"Arrangement title: Starving\n")
        table = tmp_path / country / f"{country}.csv"
        write_table(table, rows, header=HEADER, delimiter=", ")
    return tmp_path


def test_reads_a_table_for_each_country(sing):
    data = load_damp(sing)
    rows = [row for rows in COUNTRIES.values() for row in rows]
    for path, (arrangement, _, performance, account, country, _) in zip(
        data.recordings, rows, strict=True
    ):
        assert f"/{country}Vocals/{arrangement}-{performance}-" in path
        assert path.endswith(f"-{account}.m4a")
    assert data.singers.tolist() == [row[3] for row in rows]
    assert data.songs.tolist() == [row[0] for row in rows]
    assert data.gender.tolist() == ["female", "female", "male", "", "female"]
    assert data.metadata.country.tolist() == ["GB"] * 3 + ["IR"] * 2
    one = load_damp(sing / "GB")
    assert one.singers.tolist() == [row[3] for row in COUNTRIES["GB"]]


# Faults


@pytest.mark.parametrize(
    "row, fault",
    [
        ("1_9,1,_cups,F", r"there is no recording '1_9' below"),
        (",1,_cups,F", r"missing: column 'perf_key' is empty"),
        ("1_1,,_cups,F", r"missing: column 'plyrid' is empty"),
        ("1_1,1,,F", r"missing: column 'songid' is empty"),
        ("1_1,1,_cups,F,Sia", r"has 5 cells where the header has 4"),
        (",".join(ROWS[0]), r"14878.m4a' stands in row 2 already"),
        ("1_2,1,_cups,F", r"1_2.m4a' is empty"),
        ("1_3,1,_cups,F", r"'1_3' is the name of 2 files, .*1_3.m4a' and .*1_3.wav'"),
    ],
)
def test_a_faulty_row_is_named_or_skipped(root, row, fault):
    write(root / "audio" / "1_1.m4a")
    write(root / "audio" / "1_2.m4a", b"")
    write(root / "audio" / "1_3.m4a")
    write(root / "wav" / "1_3.wav")
    with (root / "perfs.csv").open("a") as table:
        table.write(f"\n{row}\n")
    with pytest.raises(
        ValueError, match=rf"perfs.csv', row 7: .*{fault}.*on_error='skip'"
    ):
        load_damp(root)
    with pytest.warns(UserWarning, match=fault) as caught:
        assert len(load_damp(root, on_error="skip").recordings) == 4
    assert caught[0].filename == __file__


def test_a_folder_without_its_audio_is_one_error(root):
    shutil.rmtree(root / "audio")
    with pytest.raises(ValueError, match=r"row 2: .*\(and 3 more\)"):
        load_damp(root)
    with (
        pytest.warns(UserWarning, match="left out 4"),
        pytest.raises(ValueError, match=r"none of the table's recordings.*\.m4a"),
    ):
        load_damp(root, on_error="skip")


def test_a_folder_without_a_table_says_what_it_looked_for(root, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match=r"nowhere'.*ccrma.*License Agreement"):
        load_damp(root / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no table in .*\.csv or \.tsv"):
        load_damp(tmp_path_factory.mktemp("empty"))
    with pytest.raises(FileNotFoundError, match=r"no table 'gone.csv'"):
        load_damp(root, metadata="gone.csv")
    (root / "perfs.csv").unlink()
    with pytest.raises(ValueError, match=r"ListOfSongs.csv' has no columns .*columns="):
        load_damp(root)


def test_two_tables_of_recordings_leave_the_choice_to_the_caller(root):
    shutil.copy(root / "perfs.csv", root / "perfs (old).csv")
    with pytest.raises(ValueError, match=r"perfs \(old\).csv.*pass one as metadata"):
        load_damp(root)
    assert len(load_damp(root, metadata="perfs (old).csv").recordings) == 4


def test_a_table_without_rows_is_one_error(root):
    write_table(root / "perfs.csv", [])
    with pytest.raises(ValueError, match="no rows in .*perfs.csv"):
        load_damp(root)


def test_on_error_is_checked(root):
    with pytest.raises(ValueError, match="on_error='ignore' must be 'raise' or 'skip'"):
        load_damp(root, on_error="ignore")


# Selection


def collection(counts):
    """Singers with so many recordings each: women of even, men of odd number."""
    singers = np.repeat([f"s{i:03d}" for i in range(len(counts))], counts)
    return Bunch(
        recordings=[f"{i}.m4a" for i in range(len(singers))],
        singers=singers,
        songs=np.array([f"song{i}" for i in range(len(singers))]),
        gender=np.repeat(
            np.array(["female", "male"])[np.arange(len(counts)) % 2], counts
        ),
        metadata=Bunch(take=np.arange(len(singers))),
        sampling_rate=22050,
        DESCR="made up",
    )


def test_draws_the_paper_s_46_singers():
    data = collection([10] * 300)
    chosen = select_singers(data, random_state=0)
    counts = Counter(chosen.singers.tolist())
    assert len(chosen.recordings) == 460 and set(counts.values()) == {10}
    assert Counter(chosen.gender.tolist()) == {"female": 230, "male": 230}
    places = [int(path.removesuffix(".m4a")) for path in chosen.recordings]
    assert places == sorted(places) == chosen.metadata["take"].tolist()
    assert chosen.singers.tolist() == data.singers[places].tolist()
    assert chosen.songs.tolist() == data.songs[places].tolist()
    assert chosen.DESCR == data.DESCR and len(data.recordings) == 3000
    again = select_singers(data, random_state=0)
    assert again.recordings == chosen.recordings
    assert select_singers(data, random_state=1).recordings != chosen.recordings


@given(st.lists(st.integers(1, 6), min_size=4, max_size=30), st.integers(1, 5),
       st.integers(1, 4), st.booleans(), st.integers(0, 99))  # fmt: skip
@settings(deadline=None)
def test_draws_as_asked_or_says_why_not(counts, n_recordings, half, balance, seed):
    data = collection(counts)
    enough = [i for i, count in enumerate(counts) if count >= n_recordings]
    women = sum(i % 2 == 0 for i in enough)
    few = min(women, len(enough) - women) < half if balance else len(enough) < 2 * half

    def select():
        return select_singers(
            data, 2 * half, n_recordings, balance_gender=balance, random_state=seed
        )

    if few:
        with pytest.raises(ValueError, match="are to be drawn, and"):
            select()
        return
    chosen = select()
    assert Counter(Counter(chosen.singers.tolist()).values()) == {
        n_recordings: 2 * half
    }
    assert len(set(chosen.recordings)) == len(chosen.recordings)
    if balance:
        assert Counter(chosen.gender.tolist()) == {
            "female": half * n_recordings, "male": half * n_recordings,
        }  # fmt: skip


def test_every_singer_and_recording_can_be_drawn():
    data = collection([3, 2, 4, 2])
    drawn = [
        select_singers(data, 2, 2, random_state=seed).recordings for seed in range(60)
    ]
    assert set().union(*drawn) == set(data.recordings)


def test_selects_from_other_sets_too(singers):
    chosen = select_singers(singers, 2, 2, random_state=0)
    assert len(chosen.recordings) == len(chosen.singers) == 4
    assert chosen.singer_parameters is singers.singer_parameters
    for y, singer, song in zip(
        chosen.recordings, chosen.singers, chosen.songs, strict=True
    ):
        (place,) = np.flatnonzero((singers.singers == singer) & (singers.songs == song))
        assert y is singers.recordings[place]


def test_says_why_it_cannot_draw():
    data = collection([10] * 30)
    with pytest.raises(ValueError, match=r"23 women are to be drawn, and 15 have 10"):
        select_singers(data)
    with pytest.raises(ValueError, match="n_singers=5 cannot be half women, half men"):
        select_singers(data, 5)
    assert len(select_singers(data, 5, balance_gender=False).recordings) == 50
    del data["gender"]
    with pytest.raises(ValueError, match="no gender; set balance_gender=False"):
        select_singers(data, 2)


def test_who_has_two_genders_is_not_drawn_and_told():
    data = collection([3] * 6)
    data.gender[[0, 3]] = "male", "female"  # one row of s000, one of s001
    with pytest.warns(UserWarning, match=r"not drawn: 2 of 6 .*'s000', who") as caught:
        chosen = select_singers(data, 4, 3, random_state=0)
    assert caught[0].filename == __file__
    assert not {"s000", "s001"} & set(chosen.singers)
    assert len(select_singers(data, 6, 3, balance_gender=False).recordings) == 18


def test_leaves_out_those_of_unknown_gender():
    data = collection([10] * 6)
    data.gender[data.singers == "s000"] = ""
    assert "s000" not in select_singers(data, 4, random_state=0).singers
    with pytest.raises(ValueError, match="3 women are to be drawn, and 2 have"):
        select_singers(data, 6)
