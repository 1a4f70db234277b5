import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from singerlearn.audio import load
from singerlearn.datasets import load_folder


def write(path, rng, seconds=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, 0.1 * rng.randn(int(seconds * 8000)), 8000)


@pytest.fixture
def root(tmp_path, rng):
    """Two singers, one of them with albums, and what lies around in real folders."""
    for name in (
        "ann/hello.wav",
        "ann b/album/live.FLAC",
        "ann b/hello.wav",
        "ann b/album/.hidden.wav",
        ".cache/ann/hello.wav",
    ):
        write(tmp_path / name, rng)
    (tmp_path / "ann/cover.jpg").write_bytes(b"not a sound")
    (tmp_path / "notes.txt").write_text("recorded in spring")
    return tmp_path


def relative(data, root):
    return [path.removeprefix(f"{root}/") for path in data.recordings]


# By sub-folder


def test_the_sub_folder_is_the_singer(root):
    data = load_folder(root)
    # Singer by singer: "ann b/..." would come before "ann/..." by its letters.
    assert relative(data, root) == [
        "ann/hello.wav",
        "ann b/album/live.FLAC",
        "ann b/hello.wav",
    ]
    assert data.singers.tolist() == ["ann", "ann b", "ann b"]
    assert data.songs.tolist() == ["hello", "live", "hello"]
    assert data.sampling_rate == 22050
    assert "3 recordings of 2 singers" in data.DESCR
    assert all(load(path).ndim == 1 for path in data.recordings)


def test_returns_recordings_and_singers_as_scikit_learn_does(root):
    X, y = load_folder(str(root), return_X_y=True)
    assert [type(path) for path in X] == [str] * 3
    assert y.tolist() == ["ann", "ann b", "ann b"]


def test_follows_a_link_to_a_singers_folder(root, tmp_path_factory, rng):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "song.ogg", rng)
    (root / "cat").symlink_to(elsewhere)
    assert load_folder(root).singers.tolist() == ["ann", "ann b", "ann b", "cat"]


def test_warns_of_a_folder_without_known_recordings(root):
    (root / "eve").mkdir()
    (root / "eve" / "song.mid").write_bytes(b"unheard of")
    with pytest.warns(UserWarning, match=r"\['eve'\].*\.flac"):
        assert "eve" not in load_folder(root).singers


def test_a_recording_beside_the_singers_belongs_to_nobody(root, rng):
    write(root / "choir.wav", rng)
    with pytest.raises(ValueError, match=r"choir.wav' is in no singer's folder.*skip"):
        load_folder(root)
    with pytest.warns(UserWarning, match="choir.wav"):
        assert len(load_folder(root, on_error="skip").recordings) == 3


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_skip_reads_all_and_names_what_it_leaves_out(root, n_jobs):
    (root / "ann" / "broken.wav").write_bytes(b"RIFF, but no more than that")
    (root / "ann" / "empty.wav").touch()
    assert len(load_folder(root).recordings) == 5  # nothing is opened
    with pytest.warns(UserWarning, match="left out 2") as caught:
        data = load_folder(root, on_error="skip", n_jobs=n_jobs)
    assert len(data.recordings) == len(data.singers) == len(data.songs) == 3
    assert "broken.wav" in str(caught[0].message)
    assert "empty.wav" in str(caught[0].message)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere'.*root/<singer>/<recording>"):
        load_folder(tmp_path / "nowhere")


def test_a_folder_without_recordings_is_one_error(tmp_path):
    (tmp_path / "ann").mkdir()
    with pytest.raises(ValueError, match=r"no recordings in .*root/<singer>.*\.flac"):
        load_folder(tmp_path)


def test_nothing_readable_is_one_error(tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "empty.wav").touch()
    with (
        pytest.warns(UserWarning, match="left out 1"),
        pytest.raises(ValueError, match="no recordings"),
    ):
        load_folder(tmp_path, on_error="skip")


def test_on_error_is_checked(root):
    with pytest.raises(ValueError, match="on_error='ignore' must be 'raise' or 'skip'"):
        load_folder(root, on_error="ignore")


# By table


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reads_what_spreadsheets_write(root, delimiter, encoding, newline):
    rows = [
        ["Singer", "PATH", "song", "year"],
        ["Zoë", "ann b\\hello.wav", "Hello, Dolly; again", "1964"],
        ["", "", "", ""],
        ["Änn", "ann/hello.wav", "", "1965"],
    ]
    quoted = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    (root / "table.csv").write_bytes(newline.join(quoted).encode(encoding))
    data = load_folder(root, metadata="table.csv")
    assert relative(data, root) == ["ann b/hello.wav", "ann/hello.wav"]  # rows' order
    assert data.singers.tolist() == ["Zoë", "Änn"]
    assert data.songs.tolist() == ["Hello, Dolly; again", "hello"]
    assert list(data.metadata) == ["year"]
    assert data.metadata.year.tolist() == ["1964", "1965"]


def test_needs_no_column_of_songs_and_no_cells_at_the_end(root, tmp_path_factory):
    table = tmp_path_factory.mktemp("elsewhere") / "table.csv"
    absolute = root / "ann b" / "hello.wav"
    table.write_text(f"path,singer,note,\nann/hello.wav,ann\n{absolute},ann b,old,,\n")
    data = load_folder(root, metadata=table)
    assert relative(data, root) == ["ann/hello.wav", "ann b/hello.wav"]
    assert data.songs.tolist() == ["hello", "hello"]
    assert data.metadata.note.tolist() == ["", "old"]


@pytest.mark.parametrize(
    "row, fault",
    [
        ("gone.wav,ann", r"row 3: there is no file .*gone.wav"),
        ("ann,ann", r"row 3: there is no file .*ann'"),
        (",ann", "row 3: the path or the singer is missing"),
        ("ann b/hello.wav,", "row 3: the path or the singer is missing"),
        ("ann b/hello.wav,Lee, Ann", "row 3: has 3 cells where the header has 2"),
        ("ann/../ann/hello.wav,bob", "row 3: .*hello.wav' stands in row 2 already"),
    ],
)
def test_a_faulty_row_is_named_or_skipped(root, row, fault):
    (root / "table.csv").write_text(f"path,singer\nann/hello.wav,ann\n{row}\n")
    with pytest.raises(ValueError, match=rf"table.csv', {fault}.*on_error='skip'"):
        load_folder(root, metadata="table.csv")
    with pytest.warns(UserWarning, match=fault):
        data = load_folder(root, metadata="table.csv", on_error="skip")
    assert relative(data, root) == ["ann/hello.wav"]


def test_counts_the_further_faults(root):
    (root / "table.csv").write_text("path,singer\na.wav,ann\nb.wav,bob\nc.wav,cat\n")
    with pytest.raises(ValueError, match=r"row 2: .*a.wav' \(and 2 more\)"):
        load_folder(root, metadata="table.csv")


@pytest.mark.parametrize("text", ["", "file,name\na.wav,ann\n", "path|singer\n"])
def test_a_table_without_the_columns_says_which_it_needs(root, text):
    (root / "table.csv").write_text(text)
    with pytest.raises(ValueError, match="no columns 'path' and 'singer'"):
        load_folder(root, metadata="table.csv")


def test_a_column_that_is_there_twice_is_named(root):
    (root / "table.csv").write_text("path,singer,Singer\na.wav,ann,bob\n")
    with pytest.raises(ValueError, match="several columns 'singer'"):
        load_folder(root, metadata="table.csv")


def test_a_table_without_rows_has_no_recordings(root):
    (root / "table.csv").write_text("path,singer\n")
    with pytest.raises(ValueError, match="no recordings in 'table.csv'"):
        load_folder(root, metadata="table.csv")


def test_a_table_in_another_encoding_says_what_to_do(root):
    (root / "table.csv").write_bytes("path,singer\nann/hello.wav,Änn".encode("latin-1"))
    with pytest.raises(ValueError, match=r"not in UTF-8.*CSV UTF-8"):
        load_folder(root, metadata="table.csv")


@pytest.mark.parametrize("cell", ['"Hello', '"Hello" again', '"' + "o" * 200_000])
def test_a_quotation_mark_that_stays_open_swallows_no_rows(root, cell):
    rows = ["ann/hello.wav,ann,Hi", f"ann b/hello.wav,ann b,{cell}", "gone.wav,bob,Ho"]
    (root / "table.csv").write_text("\n".join(["path,singer,song", *rows]))
    with pytest.raises(ValueError, match=r"table.csv', row 3: .*close the quotation"):
        load_folder(root, metadata="table.csv")


def test_the_table_in_the_folder_goes_before_one_where_we_stand(
    root, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    Path("table.csv").write_text("path,singer\nann/hello.wav,somebody else\n")
    assert load_folder(root, metadata="table.csv").singers.tolist() == ["somebody else"]
    (root / "table.csv").write_text("path,singer\nann/hello.wav,ann\n")
    assert load_folder(root, metadata="table.csv").singers.tolist() == ["ann"]


def test_a_missing_table_is_named(root):
    with pytest.raises(FileNotFoundError, match=r"no table 'gone.csv'"):
        load_folder(root, metadata="gone.csv")


# Real recordings


def test_reads_the_spoken_digits(fsdd):
    data = load_folder(fsdd, metadata=fsdd / "metadata.csv")
    assert len(data.recordings) == 300
    assert len(set(data.singers)) == 6 and len(set(data.songs)) == 10
    assert set(data.metadata) == {"take", "duration_s"}
    for i in (0, 299):
        seconds = len(load(data.recordings[i], 8000)) / 8000
        assert seconds == pytest.approx(float(data.metadata.duration_s[i]), abs=1e-3)


def test_reads_the_spoken_digits_by_sub_folder(fsdd, tmp_path):
    listed = load_folder(fsdd, metadata="metadata.csv")
    for path, singer in zip(listed.recordings[::50], listed.singers[::50], strict=True):
        (tmp_path / singer).mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / singer)
    data = load_folder(tmp_path, on_error="skip")
    assert sorted(data.singers) == sorted(listed.singers[::50])
    assert np.all(
        [
            singer in path
            for path, singer in zip(data.recordings, data.singers, strict=True)
        ]
    )
