from collections import Counter

import numpy as np
import pytest
import soundfile as sf
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.datasets import load_ravdess_song

RATE = 48_000  # as the authors ship it


def write_take(path, frequency=440.0, seconds=0.5):
    """A tone between two silences of 0.3 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    silence = np.zeros(int(0.3 * RATE))
    tone = 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)
    sf.write(path, np.concatenate([silence, tone, silence]), RATE)


@pytest.fixture
def root(tmp_path):
    """A miniature of the authors' folders, with some of their other files."""
    folder = tmp_path / "Audio_Song_Actors_01-24"
    for name in (
        "Actor_02/03-02-04-01-01-01-02.wav",  # sad, normal, kids, first
        "Actor_02/03-02-03-02-02-02-02.wav",  # happy, strong, dogs, second
        "Actor_02/03-02-01-01-01-01-02.wav",  # neutral
        "Actor_01/03-02-04-01-01-01-01.wav",
        "Actor_01/03-02-04-01-01-02-01.wav",
        "Actor_01/03-02-04-02-01-01-01.wav",
        "Actor_01/03-01-04-01-01-01-01.wav",  # speech
    ):
        write_take(folder / name, frequency=300 + 10 * int(name[-6:-4]))
    write_take(tmp_path / "Actor_01" / "03-02-04-01-01-01-01.wav")  # unpacked twice
    (folder / "Actor_01" / "._03-02-04-01-01-01-01.wav").write_bytes(b"a Mac was here")
    return tmp_path


# Takes


def test_a_takes_name_tells_everything(root):
    data = load_ravdess_song(root)
    names = [path.rpartition("/")[2] for path in data.recordings]
    assert names == [
        "03-02-04-01-01-01-01.wav",
        "03-02-04-01-01-02-01.wav",
        "03-02-04-02-01-01-01.wav",
        "03-02-01-01-01-01-02.wav",
        "03-02-03-02-02-02-02.wav",
        "03-02-04-01-01-01-02.wav",
    ]
    assert data.singers.tolist() == ["actor01"] * 3 + ["actor02"] * 3
    assert data.gender.tolist() == ["male"] * 3 + ["female"] * 3
    assert data.emotion[3:].tolist() == ["neutral", "happy", "sad"]
    assert data.melody[3:].tolist() == ["neutral", "major", "minor"]
    assert data.statement[3:].tolist() == ["kids", "dogs", "kids"]
    assert data.songs[3:].tolist() == ["kids-neutral", "dogs-major", "kids-minor"]
    assert data.intensity[:3].tolist() == ["normal", "normal", "strong"]
    assert data.repetition[:3].tolist() == [1, 2, 1]
    assert not data.truncated.any()
    assert "CC BY-NC-SA 4.0" in data.DESCR


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("True", "FALSE")])
def test_a_table_tells_which_takes_are_cut_short(
    root, encoding, newline, delimiter, yes, no
):
    rows = (
        ("path", "Truncated", "note"),
        ("audio\\03-02-04-01-01-02-01.flac", yes),
        ("audio/03-02-04-02-01-01-01.flac", no, "whole"),
        ("audio/03-02-04-02-01-01-02.flac", ""),
    )
    text = newline.join(map(delimiter.join, rows))
    (root / "metadata.csv").write_bytes(text.encode(encoding))
    assert load_ravdess_song(root).truncated.tolist() == [False, True] + [False] * 4
    performances = load_ravdess_song(root, unit="performance")
    assert performances.truncated.tolist() == [True, False, False]


@pytest.mark.parametrize("name", ["-01-25", "-01-00", "-01-99", "-03-01", "-00-02"])
def test_names_that_the_set_does_not_have_are_left_out(root, name):
    (root / f"03-02-04-01-01{name}.wav").touch()
    assert len(load_ravdess_song(root).recordings) == 6


def test_a_table_of_other_things_is_left_alone(root):
    (root / "metadata.csv").write_text("file_name,loudness\na.wav,-23\n")
    assert not load_ravdess_song(root).truncated.any()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,truncated", "a.wav,1"], r"metadata.csv' has no columns 'path'"),
        (["path,truncated", ",1"], r"metadata.csv', row 2: the path is missing"),
        (["path,truncated", "a.wav,?"], r"metadata.csv' says of 'a.wav' .* is '\?'"),
        (["path,truncated", "a.wav,1,2"], r"row 2: has 3 cells where the header has 2"),
    ],
)
def test_a_table_that_does_not_tell_which_take_is_one_error(root, lines, message):
    (root / "metadata.csv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message):
        load_ravdess_song(root)


def test_returns_recordings_and_singers_as_scikit_learn_does(root):
    X, y = load_ravdess_song(root, return_X_y=True)
    assert len(X) == len(y) == 6
    X, y = load_ravdess_song(root, unit="performance", return_X_y=True)
    assert len(X) == 3 and y.tolist() == ["actor01", "actor02", "actor02"]


# Performances


def test_folders_may_have_any_name(root):
    (root / "Audio_Song_Actors_01-24").rename(root / "Lieder für später")
    assert "Lieder für später" in load_ravdess_song(root).recordings[-1]
    assert len(load_ravdess_song(root, unit="performance").recordings) == 3


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_performance_joins_takes_without_their_silences(root, n_jobs):
    data = load_ravdess_song(root, unit="performance", n_jobs=n_jobs)
    assert data.singers.tolist() == ["actor01", "actor02", "actor02"]
    assert data.songs.tolist() == ["kids-sad", "dogs-happy", "kids-sad"]
    assert data.melody.tolist() == ["minor", "major", "minor"]
    assert data.gender.tolist() == ["male", "female", "female"]
    assert "intensity" not in data and "repetition" not in data
    assert data.sampling_rate == 22050
    # Trimmed to a frame of 2048 samples to either side.
    seconds = [len(y) / data.sampling_rate for y in data.recordings]
    assert_allclose(seconds, [1.5, 0.5, 0.5], atol=3 * 2 * 2048 / 22050)
    assert min(seconds) < 0.8  # and not left as they were, at 1.1 s
    for y, frequency in zip(data.recordings, (310, 320, 320), strict=True):
        assert y.dtype == np.float32
        peak = np.abs(np.fft.rfft(y)).argmax() * data.sampling_rate / len(y)
        assert peak == pytest.approx(frequency, abs=3)


# Failures


def test_a_missing_folder_says_where_to_get_the_data(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere'.*1188976.*CC BY-NC-SA 4.0"):
        load_ravdess_song(tmp_path / "nowhere")


def test_a_folder_without_the_files_says_where_to_get_them(tmp_path):
    write_take(tmp_path / "03-01-04-01-01-01-01.wav")
    with pytest.raises(FileNotFoundError, match=r"03-02-\*.wav.*record 1188976"):
        load_ravdess_song(tmp_path)


def test_performances_of_neutral_takes_alone_are_one_error(tmp_path):
    write_take(tmp_path / "03-02-01-01-01-01-02.wav")
    with pytest.raises(ValueError, match="none but neutral takes"):
        load_ravdess_song(tmp_path, unit="performance")


@pytest.mark.parametrize(
    "content, fault", [(b"RIFF", "cannot be decoded"), (b"", r"empty \(0 bytes\)")]
)
def test_a_damaged_take_is_named(root, content, fault):
    path = root / "Audio_Song_Actors_01-24" / "Actor_02" / "03-02-04-01-01-01-02.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"03-02-04-01-01-01-02.wav.*{fault}"):
        load_ravdess_song(root, unit="performance")


def test_unit_is_checked(root):
    with pytest.raises(ValueError, match="unit='song' must be 'take' or 'performance'"):
        load_ravdess_song(root, unit="song")


# Real recordings


def test_finds_every_take(ravdess_song):
    data = load_ravdess_song(ravdess_song)
    assert len(data.recordings) == 23 * 44
    assert set(Counter(data.singers).values()) == {44}
    assert "actor18" not in data.singers
    assert Counter(data.gender) == {"male": 12 * 44, "female": 11 * 44}
    assert data.truncated.sum() == 123


def test_agrees_with_the_table_beside_the_recordings(ravdess_song):
    import pandas as pd

    table = pd.read_csv(ravdess_song / "metadata.csv").set_index("path")
    data = load_ravdess_song(ravdess_song)
    paths = [path.removeprefix(f"{ravdess_song}/") for path in data.recordings]
    table = table.loc[paths]
    assert_array_equal(data.singers, table.singer)
    for name in ("gender", "statement", "emotion", "intensity", "repetition"):
        assert_array_equal(data[name], table[name])


def test_joins_ten_performances_a_singer(ravdess_song, tmp_path):
    (tmp_path / "audio").mkdir()
    for path in (ravdess_song / "audio").glob("*-0[12].flac"):
        (tmp_path / "audio" / path.name).symlink_to(path)
    data = load_ravdess_song(tmp_path, unit="performance")
    assert Counter(data.singers) == {"actor01": 10, "actor02": 10}
    assert set(Counter(data.songs).values()) == {2}
    cells = Counter(zip(data.statement.tolist(), data.melody.tolist(), strict=True))
    assert cells["kids", "minor"] == cells["dogs", "minor"] == 6
    assert cells["kids", "major"] == cells["dogs", "major"] == 4
    assert 7 < np.median([len(y) for y in data.recordings]) / 22050 < 14
