import pytest

from singerlearn.audio import load
from singerlearn.datasets import load_vocalset

# Names as the archive has them, with its slips.
FILES = [
    "female1/arpeggios/belt/f1_arpeggios_belt_c_a.wav",
    "female1/excerpts/straight/f1_dona_straight.wav",
    "female2/arpeggios/vibrado/f2_arpeggios_vibrato_a.wav",
    "female2/scales/vibrato/f2_scales_vibrato_a.wav",
    "female2/scales/vibrato/f2_scales_vibrato_a(1).wav",  # a copy
    "female7/long_tones/trillo/f7_ long_trillo_a.wav",
    "male2/scales/vocal_fry/m2_scales_vocal_fry.wav",
    "male8/excerpts/vibrato/m9_caro_vibrato.wav",  # another singer's number
    "male10/excerpts/vibrato/row_vibrato.wav",  # without a number
    "male10/scales/fast_forte/m10_scales_c_fast_forte_o.wav",
]


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF, which nobody opens")


@pytest.fixture
def root(tmp_path):
    """A miniature of the unpacked archive, with what else is in it."""
    root = tmp_path / "VocalSet"
    for name in FILES:
        write(root / "FULL" / name)
    write(root / "__MACOSX/FULL/female1/scales/belt/._f1_scales_belt_a.wav")
    write(root / "FULL/female1/scales/belt/._f1_scales_belt_a.wav")
    write(root / "FULL/female1/_DS_Store")
    write(root / "readme-anon.txt")
    return root


def test_folders_and_names_tell_everything(root):
    data = load_vocalset(root)
    names = [path.removeprefix(f"{root}/FULL/") for path in data.recordings]
    # male2 before male10, and no copy.
    assert names == [name for name in FILES if "(1)" not in name]
    assert data.singers.tolist() == [name.partition("/")[0] for name in names]
    assert data.gender.tolist() == ["female"] * 5 + ["male"] * 4
    assert data.songs.tolist() == [
        "arpeggios", "dona", "arpeggios", "scales", "long_tones",
        "scales", "caro", "row", "scales",
    ]  # fmt: skip
    assert data.exercise.tolist() == [name.split("/")[1] for name in names]
    assert data.technique.tolist() == [
        "belt", "straight", "vibrato", "vibrato", "trillo",
        "vocal_fry", "vibrato", "vibrato", "fast_forte",
    ]  # fmt: skip
    assert data.vowel.tolist() == ["a", "", "a", "a", "a", "", "", "", "o"]
    assert data.sampling_rate == 22050
    assert "CC BY 4.0" in data.DESCR and "Wilkins" in data.DESCR


def test_a_name_with_a_number_in_brackets_alone_is_no_copy(root):
    (root / "FULL" / FILES[3]).unlink()
    assert f"{root}/FULL/{FILES[4]}" in load_vocalset(root).recordings


def test_a_file_in_fewer_folders_keeps_its_singer(root):
    write(root / "FULL" / "male11" / "scales" / "m11_scales_u.wav")
    data = load_vocalset(root)
    assert (data.singers[-1], data.exercise[-1], data.technique[-1]) == (
        "male11", "scales", "",
    )  # fmt: skip


def test_finds_the_singers_from_above_and_from_within(root):
    for folder in (root.parent, root, root / "FULL"):
        assert len(load_vocalset(folder).recordings) == 9
    # By the alphabet behind the Mac's shadow, __MACOSX/FULL.
    (root / "vocalset").mkdir()
    (root / "FULL").rename(root / "vocalset" / "FULL")
    assert len(load_vocalset(root).recordings) == 9


def test_returns_recordings_and_singers_as_scikit_learn_does(root):
    X, y = load_vocalset(str(root), return_X_y=True)
    assert [type(path) for path in X] == [str] * 9 and len(y) == 9


def test_names_the_rate_of_recordings_that_can_be_read(root, singers):
    import soundfile as sf

    path = root / "FULL" / FILES[0]
    sf.write(path, singers.recordings[0], singers.sampling_rate)
    data = load_vocalset(root)
    y = load(data.recordings[0], data.sampling_rate)
    assert len(y) == len(singers.recordings[0])


# Failures


@pytest.mark.parametrize(
    "name, fault",
    [
        ("FULL/female10/scales/belt/f10_scales_belt_a.wav", "no singer's folder"),
        ("FULL/Zoë Ä/scales/belt/scales_belt_a.wav", "Zoë Ä.* no singer's folder"),
        ("FULL/stray.wav", "stray.wav' is in no singer's folder"),
    ],
)
def test_an_unknown_singer_is_named_or_skipped(root, name, fault):
    write(root / name)
    with pytest.raises(ValueError, match=rf"{fault}.*on_error='skip'"):
        load_vocalset(root)
    with pytest.warns(UserWarning, match=fault):
        assert len(load_vocalset(root, on_error="skip").recordings) == 9


def test_an_empty_file_is_named_or_skipped(root):
    (root / "FULL" / FILES[0]).write_bytes(b"")
    with pytest.raises(ValueError, match=r"f1_arpeggios_belt_c_a.wav' is empty"):
        load_vocalset(root)
    with pytest.warns(UserWarning, match="left out 1") as caught:
        assert len(load_vocalset(root, on_error="skip").recordings) == 8
    assert caught[0].filename == __file__


def test_a_link_to_nothing_is_named_or_skipped(root):
    file = root / "FULL" / FILES[0]
    file.unlink()
    file.symlink_to(root / "gone.wav")
    with pytest.raises(ValueError, match=r"f1_arpeggios_belt_c_a.wav' is a link to n"):
        load_vocalset(root)
    with pytest.warns(UserWarning, match="left out 1"):
        assert len(load_vocalset(root, on_error="skip").recordings) == 8


def test_missing_folders_say_where_to_get_the_data(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere'.*1442513.*CC BY 4.0"):
        load_vocalset(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no singers' folders.*1442513"):
        load_vocalset(root / "FULL" / "female1" / "scales")


def test_singers_without_recordings_are_one_error(tmp_path):
    (tmp_path / "FULL" / "female1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no recordings below .*FULL.*1442513"):
        load_vocalset(tmp_path)


def test_on_error_is_checked(root):
    with pytest.raises(ValueError, match="on_error='ignore' must be 'raise' or 'skip'"):
        load_vocalset(root, on_error="ignore")
