import shutil

import numpy as np
import pytest
import soundfile as sf

from singerlearn.datasets import check_dataset, load_folder, make_singers, take
from singerlearn.model_selection import audit_split

RATE = 8000


@pytest.fixture
def root(tmp_path, rng):
    """Recordings of two singers, most of them with a fault."""
    noise = 0.1 * rng.randn(6, 2 * RATE)
    (tmp_path / "ann").mkdir()
    (tmp_path / "bob").mkdir()
    sf.write(tmp_path / "ann" / "1 good.wav", noise[0], RATE)
    (tmp_path / "ann" / "2 empty.wav").touch()
    sf.write(tmp_path / "ann" / "3 silent.wav", np.zeros(RATE), RATE)
    sf.write(tmp_path / "ann" / "4 short.wav", noise[1][: RATE // 2], RATE)
    sf.write(tmp_path / "ann" / "5 clipped.wav", np.clip(8 * noise[2], -1, 1), RATE)
    pcm, _ = sf.read(tmp_path / "ann" / "1 good.wav", dtype="int16")
    sf.write(tmp_path / "bob" / "1 copy.flac", pcm, RATE)
    (tmp_path / "bob" / "2 text.wav").write_text("not a sound")
    shutil.copy(tmp_path / "ann" / "3 silent.wav", tmp_path / "bob" / "3 silent.wav")
    shutil.copy(tmp_path / "ann" / "4 short.wav", tmp_path / "bob" / "4 short.wav")
    sf.write(tmp_path / "bob" / "5 good.wav", noise[3], RATE)
    return tmp_path


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_every_fault_is_found_and_named(root, n_jobs):
    data = load_folder(root)
    report = check_dataset(data, n_jobs=n_jobs)
    assert [(fault.index, fault.kind) for fault in report.faults] == [
        (1, "unreadable"),
        (2, "silent"),
        (3, "too short"),
        (4, "clipped"),
        (5, "duplicate"),
        (6, "unreadable"),
        (7, "silent"),
        (8, "too short"),
        (8, "duplicate"),
    ]
    details = {fault.index: fault.detail for fault in report.faults}
    assert details[1] == "the file is empty (0 bytes)"
    assert "1.00 s without anything to hear" in details[2]
    assert "cannot be decoded" in details[6]
    assert f"recording 0 ({data.recordings[0]!r})" in details[5]
    assert f"recording 3 ({data.recordings[3]!r})" in details[8]


def test_offsets_and_integers_that_became_floats_are_found(rng):
    noise = 0.1 * rng.randn(30_000)
    shifted, integers = 0.05 + noise, 32768 * noise
    report = check_dataset([noise, shifted, integers, (integers.astype("int16"), RATE)])
    assert [fault[:2] for fault in report.faults] == [(1, "offset"), (2, "scale")]
    offset, scale = (fault.detail for fault in report.faults)
    assert "instead of 0, their deviation is 0.0993: subtract their mean" in offset
    assert "divide integers by theirs, 32768 of 16 bits" in scale
    assert not check_dataset([shifted], max_offset=0.6).faults


def test_numbers_are_those_of_the_samples(root):
    report = check_dataset(load_folder(root))
    y, _ = sf.read(root / "ann" / "5 clipped.wav")
    assert report.clipped[4] == np.mean(np.abs(y) >= 0.999)
    assert f"{report.clipped[4]:.2%} of the samples" in report.faults[3].detail
    assert report.peak[4] == np.abs(y).max()
    np.testing.assert_array_equal(report.duration[[0, 2, 3, 4]], [2.0, 1.0, 0.5, 2.0])
    assert np.isnan(report.duration[1]) and np.isnan(report.clipped[6])
    assert np.nanmin(report.sampling_rate) == np.nanmax(report.sampling_rate) == RATE


def test_limits_are_the_callers(root):
    report = check_dataset(load_folder(root), min_duration=0.5, max_clipped=1.0)
    assert {fault.kind for fault in report.faults} == {
        "unreadable", "silent", "duplicate",
    }  # fmt: skip
    strict = check_dataset(load_folder(root), min_duration=10)
    assert strict.leave_out("too short").tolist() == [0, 3, 4, 5, 8, 9]


def test_what_to_keep_and_what_to_leave_out(root):
    data = load_folder(root)
    report = check_dataset(data)
    assert report.leave_out().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert report.leave_out("unreadable", "silent").tolist() == [1, 2, 6, 7]
    assert report.without().tolist() == [0, 9]
    assert report.without("duplicate").tolist() == [0, 1, 2, 3, 4, 6, 7, 9]
    kept = take(data, report.without())
    assert check_dataset(kept).faults == []
    is_kept = np.isin(np.arange(10), report.without())
    for same in (is_kept, is_kept.tolist(), (0, 9)):
        assert take(data, same).recordings == kept.recordings
    assert take(data, []).recordings == []
    with pytest.raises(IndexError):
        take(data, is_kept[:9])
    with pytest.raises(ValueError, match=r"unknown kinds .*\['mute'\]; the kinds are"):
        report.leave_out("mute")


def test_prints_a_table(root):
    lines = str(check_dataset(load_folder(root))).splitlines()
    assert lines[0] == "10 recordings, 0.00 h; 8 with a fault"
    assert [line.split() for line in lines[1:6]] == [
        ["2", "unreadable"],
        ["2", "silent"],
        ["2", "too", "short"],
        ["1", "clipped"],
        ["2", "duplicate"],
    ]
    assert len(lines) == 6 + 9 and "5 clipped.wav" in lines[9]
    assert lines[6].rindex("unreadable") == lines[7].rindex("silent")
    many = check_dataset([np.zeros(9)] * 30)
    assert str(many).endswith("and 10 more, in .faults")


def test_waveforms_have_the_rate_of_their_bunch():
    data = make_singers(2, 1, duration=1.0, sampling_rate=8000, random_state=0)
    assert check_dataset(data).duration.tolist() == [1.0, 1.0]
    assert check_dataset(data).faults == []
    assert check_dataset(data.recordings).duration[0] == 8000 / 22050
    pairs = [(y, 8000) for y in data.recordings]
    assert check_dataset(pairs).fingerprints == check_dataset(data).fingerprints
    with pytest.raises(ValueError, match="wrap it in a list"):
        check_dataset("a.wav")


def test_a_report_spares_the_audit_of_a_split_the_reading(root):
    data = load_folder(root)
    found = check_dataset(data).fingerprints
    train, test = np.arange(5), np.arange(5, 10)
    audit = audit_split(train, test, data.singers, fingerprints=found)
    assert audit.copies == [(0, 5), (2, 7), (3, 8)]
    readable = [0, 2, 3, 4], [5, 7, 8, 9]
    heard = audit_split(*readable, data.singers, recordings=data.recordings)
    assert heard.copies == audit.copies


def test_real_recordings_have_few_faults(fsdd):
    report = check_dataset(load_folder(fsdd, metadata="metadata.csv"), min_duration=0.1)
    assert not len(report.leave_out("unreadable", "silent", "duplicate"))
