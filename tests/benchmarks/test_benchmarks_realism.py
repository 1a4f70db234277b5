"""What parts of the model of a singer teach, as a command."""

from dataclasses import fields

import numpy as np
import pytest
import soundfile as sf
from numpy.testing import assert_array_equal
from written import read

from singerlearn.synthesis import SyntheticSingers


def differing(first, second):
    """Names of the attributes that are not the same."""
    return {
        own.name
        for own in fields(first)
        if not np.array_equal(getattr(first, own.name), getattr(second, own.name))
    }


def test_crowds_differ_in_the_one_part():
    from realism import PARTS, AlteredSingers

    plain = SyntheticSingers(4, random_state=5)
    for asked in PARTS.values():
        crowd = AlteredSingers(4, random_state=5, **asked)
        voices, songs = set(), set()
        for i in range(4):
            voices |= differing(crowd.singer(i), plain.singer(i))
            songs |= differing(crowd.song(i, 1), plain.song(i, 1))
        assert voices == set(asked.get("voice", {}))
        if "text" in asked or "voice" in asked:
            assert songs == set(asked.get("text", {}))
    unchanged = AlteredSingers(4, random_state=5, **PARTS["as they are"])
    assert_array_equal(unchanged.render(2, 1), plain.render(2, 1))


def test_parts_of_speech():
    from realism import in_one_language, without_consonants

    from singerlearn.synthesis.phonemes import CONSONANTS, LANGUAGES

    song = SyntheticSingers(1).song(0, 0)
    assert set(in_one_language(song)) <= set(LANGUAGES[3])
    levels = CONSONANTS[without_consonants(song)]
    assert_array_equal(levels, np.repeat(levels[:1], len(song.consonants), axis=0))


@pytest.fixture
def folder(tmp_path, singers):
    """Recordings as <singer>/<song>.wav."""
    for y, singer, song in zip(
        singers.recordings, singers.singers, singers.songs, strict=True
    ):
        (tmp_path / "real" / singer).mkdir(parents=True, exist_ok=True)
        sf.write(tmp_path / "real" / singer / f"{song}.wav", y, 22050)
    return tmp_path / "real"


def test_one_command_measures_every_part_and_goes_on(
    command, folder, tmp_path, monkeypatch
):
    import realism

    parts = ("as they are", "no moods")
    monkeypatch.setattr(realism, "PARTS", {part: realism.PARTS[part] for part in parts})
    asked = "--data", folder, "--singers", 6, "--output", tmp_path / "out"
    printed = command("realism", *asked, "--seed", 0)
    assert "| singers | real, crossed 1-NN | real, crossed EER |" in printed
    written = {f: f.stat().st_mtime_ns for f in (tmp_path / "out/fits").iterdir()}
    printed = command("realism", *asked, "--seed", 0, 1)
    assert all(f.stat().st_mtime_ns == when for f, when in written.items())
    rows = read(tmp_path / "out/fits.csv")
    assert [row["singers"] for row in rows] == [part for part in parts for _ in "four"]
    values = [float(row["value"]) for row in rows if row["figure"].endswith("1-NN")]
    assert f"| as they are | {np.mean(values[:2]):.3f} [" in printed
