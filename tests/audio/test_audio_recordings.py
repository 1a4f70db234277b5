"""What is a recording and what is a list of them, and how errors name one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from singerlearn.audio import check_recordings, describe, load, naming
from singerlearn.features import MelChunker


def test_lists_of_recordings_pass_as_they_are(tone):
    table = np.stack([tone, 2 * tone])
    for X in (
        ["a.wav", Path("b.wav")],
        ("a.wav", "b.wav"),
        [tone, (tone, 44100)],
        ["a.wav", (table, 44100), tone],
        [(tone, np.int64(8000))],
    ):
        recordings = check_recordings(X)
        assert isinstance(recordings, list)
        assert all(a is b for a, b in zip(recordings, X, strict=True))
    for X in (
        np.array(["a.wav", "b.wav"]),
        np.array(["a.wav", Path("b.wav")], dtype=object),
        pd.Series(["a.wav", "b.wav"], index=[7, 3]),
        pd.DataFrame({"path": ["a.wav", "b.wav"]})["path"],
        pd.DataFrame({"path": ["a.wav", "b.wav"]})[["path"]],
        np.array([["a.wav"], ["b.wav"]]),
    ):
        assert list(map(str, check_recordings(X))) == ["a.wav", "b.wav"]
    assert_array_equal(check_recordings(table), table)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a/b.wav", r"wrap it in a list: \['a/b.wav'\]"),
        (Path("b.wav"), r"wrap it in a list: \['b.wav'\]"),
        (np.zeros(9), r"wrap it in a list, .*\[\(waveform, sampling_rate\)\]"),
        (pd.Series([0.1, 0.2]), "wrap it in a list"),
        ((np.zeros(9), 22050), r"wrap it in a list: \[\(waveform, sampling_rate\)\]"),
        ([], "X is empty"),
        (np.zeros((0, 9)), "X is empty"),
        (None, "got NoneType"),
        (17, "got int"),
        ({"a.wav": 1}, "got dict"),
        ((path for path in ["a.wav"]), r"got generator; .* list\(X\)"),
        (np.zeros((2000, 2)), r"one waveform of 2 channels; wrap it in a list"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (pd.DataFrame({"path": ["a"], "singer": ["b"]}), "one column of a table"),
        ([[0.1, 0.2], [0.3]], "recording 0: got a list"),
        ([["a.wav"], ["b.wav"]], "recording 0: got a list"),
        ([0.1, 0.2, 0.3], "recording 0: got a float"),
        (["a.wav", None], "recording 1: got a NoneType"),
        (["a.wav", float("nan")], "recording 1: got a float"),
        ([b"a.wav"], "recording 0: got a bytes"),
        ([np.float64(3)], "recording 0: got a float64"),
        ([("a.wav", 22050)], "recording 0: got a tuple"),
        ([(np.zeros(9),)], "recording 0: got a tuple"),
        ([(22050, np.zeros(9))], r"recording 0: .*turn it round"),
    ],
)
def test_what_is_no_list_of_recordings_shows_the_right_call(X, message):
    with pytest.raises(ValueError, match=message):
        check_recordings(X)


@pytest.mark.parametrize("recording", [None, 17, ["a.wav"], b"a.wav", (22050, "a")])
def test_load_refuses_what_is_no_recording(recording):
    with pytest.raises(ValueError, match="a recording is a path, a 1-D waveform"):
        load(recording)


def test_tensors_are_recordings_unless_numpy_cannot_read_them(tone, tmp_path):
    torch = pytest.importorskip("torch")
    assert_array_equal(load(torch.from_numpy(tone)), load(tone))
    learnt = torch.zeros(2, 22050, requires_grad=True)
    for read, X in ((check_recordings, learnt), (load, learnt[0])):
        with pytest.raises(ValueError, match="cannot become a numpy array: Can't call"):
            read(X)
    for store in (None, tmp_path):
        with pytest.raises(ValueError, match="recording 1: .*cannot become a numpy"):
            MelChunker(store=store).transform([tone, learnt[0]])


def test_a_recording_is_named_by_its_place_and_path(tone):
    assert describe(17, "a/b.wav") == "recording 17 ('a/b.wav')"
    assert describe(17, Path("a.wav")) == "recording 17 ('a.wav')"
    assert describe(0, tone) == describe(0, (tone, 44100)) == "recording 0"


def test_naming_keeps_the_type_and_names_the_path_once(tmp_path):
    missing = str(tmp_path / "b.wav")
    with pytest.raises(FileNotFoundError) as raised, naming(3, missing):
        load(missing)
    assert str(raised.value).startswith(f"recording 3 ({missing!r}): no such file")
    assert str(raised.value).count("b.wav") == 1

    for error in (ValueError("bad"), OSError(5, "bad disk"), FileNotFoundError("bad")):
        with pytest.raises(type(error), match=r"^recording 3: .*bad"), naming(3, None):
            raise error
    with pytest.raises(ValueError, match=r"^recording 3: .*invalid start byte"):
        with naming(3, None):
            b"\xff".decode()
    with pytest.raises(KeyError, match="^'bug'$"), naming(3, None):
        raise KeyError("bug")
    with naming(3, None):
        pass
