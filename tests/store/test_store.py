"""Every test of damage asks the same: are the numbers right?"""

import os
import pickle
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from stored import PARAMETERS, Counted, entries, tone

from singerlearn import store as store_module
from singerlearn.audio import load
from singerlearn.features import CQTChunker, HandcraftedFeatures, MelChunker
from singerlearn.spectrogram import log_cqt, log_mel
from singerlearn.store import SpectrogramStore

STEPS = {"uint16": 65535, "uint8": 255}
both_dtypes = pytest.mark.parametrize("dtype", STEPS)


def spectrograms(chunks):
    return [entry.spectrogram for entry in chunks]


# -------------------------------------------------------------------- numbers


@both_dtypes
@given(
    top_db=st.floats(0.5, 1000),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 30)),
    seed=st.integers(0, 2**31),
)
def test_decibels_are_rounded_to_the_next_step(dtype, top_db, shape, seed):
    decibels = np.random.RandomState(seed).uniform(0, top_db, shape).astype(np.float32)
    decibels.flat[:2] = [top_db, 0]
    store = SpectrogramStore("nowhere", dtype)
    with_top = {"top_db": top_db}
    # A recording that does not exist is never kept, only rounded.
    kept = store.fetch("no.wav", with_top, lambda: decibels)
    assert kept.dtype == np.float32 and kept.flags.c_contiguous
    step = top_db / STEPS[dtype]
    assert_allclose(kept, decibels, rtol=3e-7, atol=0.5 * step)
    assert_array_equal(kept.flat[:2], decibels.flat[:2])
    assert kept.min() >= 0 and kept.max() <= np.float32(top_db)
    assert_array_equal(store.fetch("no.wav", with_top, lambda: kept), kept)


@both_dtypes
def test_the_error_on_real_recordings_is_the_docstring_s(dtype, ravdess_song, folder):
    files = sorted(ravdess_song.rglob("*.flac"))[::100]
    exact = np.hstack(spectrograms(MelChunker().transform(files)))
    chunker = MelChunker(store=SpectrogramStore(folder, dtype))
    kept = np.hstack(spectrograms(chunker.transform(files)))
    bound = {"uint16": 0.0005, "uint8": 0.12}[dtype]
    assert 0.5 * bound < np.abs(kept - exact).max() <= bound
    # What half precision, of the same two bytes as uint16, would cost.
    in_half = np.abs(exact.astype(np.float16).astype(np.float32) - exact).max()
    assert 0.01 < in_half <= 0.016


@both_dtypes
def test_460_recordings_of_four_minutes_take_under_a_gigabyte(dtype, folder):
    n_frames = 1 + 240 * 22050 // 512
    store = SpectrogramStore(folder, dtype)
    store.fetch(tone(), PARAMETERS, lambda: np.zeros((96, n_frames), np.float32))
    size = 8 + 96 * n_frames * np.dtype(dtype).itemsize
    assert store.info()["bytes"] == size
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) == size
    assert 460 * size < 1e9


@pytest.mark.parametrize("chunker", [MelChunker, CQTChunker])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_first_time_gives_what_every_other_gives(chunker, n_jobs, folder):
    X = [tone(220, 7.0), (tone(330, 3.0), 44100), np.stack([tone(440)] * 2).T]
    X[2] = (X[2], 22050)
    chunker = chunker(store=folder, n_jobs=n_jobs)
    first = chunker.fit_transform(X)
    again = chunker.transform(X)
    exact = clone(chunker).set_params(store=None).transform(X)
    for a, b, c in zip(first, again, exact, strict=True):
        assert_array_equal(a.spectrogram, b.spectrogram)
        assert_allclose(a.spectrogram, c.spectrogram, atol=0.0005)
        assert a.shape == b.shape == c.shape
        assert a.front_end == b.front_end == c.front_end
        assert b.spectrogram.dtype == np.float32 and b.spectrogram.flags.writeable
    assert len(entries(folder)) == 3


def test_these_revisions_are_these_numbers():
    # Whoever changes them raises chunkers._REVISIONS, lest stores serve the old ones.
    t = np.arange(44100) / 44100
    voice = sum(np.sin(2 * np.pi * 110 * k * t**1.1) / k for k in range(1, 60))
    y = load((voice, 44100))
    mel, cqt = log_mel(y)[[15, 35, 55, 75], 20], log_cqt(y)[[15, 35, 55, 75], 20]
    assert_allclose(mel, [45.052, 28.941, 28.854, 22.302], atol=0.002)
    assert_allclose(cqt, [0, 31.505, 34.660, 6.322], atol=0.01)


# ----------------------------------------------------------------------- keys


def test_a_waveform_is_known_by_samples_type_shape_and_rate(store, decibels):
    y = tone().astype(np.float32)
    different = [
        y,
        y[:-1],
        -y,
        y.astype(np.float64),
        y.view(np.int32),
        (y, 44100),
        (y.reshape(2, -1), 44100),
        (np.stack([y, y]), 22050),
        (np.stack([y, y]).T, 22050),
        (32000 * y).astype(np.int16),
    ]
    for n, recording in enumerate(different, start=1):
        for same in [recording, pickle.loads(pickle.dumps(recording))]:
            compute = Counted(decibels)
            store.fetch(same, PARAMETERS, compute)
            assert store.info()["entries"] == n
    assert compute.times == 0
    assert_array_equal(
        store.fetch(y[::-1][::-1], PARAMETERS, None), store.fetch(y, PARAMETERS, None)
    )


@pytest.mark.parametrize("is_settled", [True, False])
def test_a_file_is_known_by_its_bytes(store, decibels, tmp_path, request, is_settled):
    if is_settled:
        request.getfixturevalue("settled")
    compute = Counted(decibels)
    file = tmp_path / "a.wav"
    sf.write(file, tone(), 22050)
    expected = store.fetch(file, PARAMETERS, compute)
    copy = shutil.copy(file, tmp_path / "b.wav")
    (tmp_path / "link.wav").symlink_to(file)
    os.utime(file, (1, 1))
    moved = file.rename(tmp_path / "moved.wav")
    for path in [copy, str(moved), moved]:
        assert_array_equal(store.fetch(path, PARAMETERS, compute), expected)
    assert compute.times == 1


@pytest.mark.parametrize("is_settled", [True, False])
def test_a_file_changed_in_place_is_heard_anew(tmp_path, folder, request, is_settled):
    if is_settled:
        request.getfixturevalue("settled")
    file = tmp_path / "a.wav"
    chunker = MelChunker(store=folder)
    for pitch in (220, 440, 880, 220):
        time.sleep(0.02 * is_settled)  # a settled file has a time of change of its own
        with open(file, "r+b" if file.exists() else "wb") as opened:
            sf.write(opened, tone(pitch), 22050, format="WAV")
        os.utime(file, (1, 1))  # what some tools do after editing
        (chunks,) = chunker.transform([file])
        (exact,) = MelChunker().transform([file])
        assert_allclose(chunks.spectrogram, exact.spectrogram, atol=0.0005)
    assert len(entries(folder)) == 3


def test_a_file_changed_within_a_tick_of_the_clock_is_heard_anew(
    store, tmp_path, monkeypatch
):
    exact = os.fstat

    def in_ticks(descriptor):  # of two seconds, as FAT has them
        status = exact(descriptor)
        fields = {name: getattr(status, name) for name in dir(status) if "st_" in name}
        for name in ("st_mtime_ns", "st_ctime_ns"):
            fields[name] -= fields[name] % 2_000_000_000
        return SimpleNamespace(**fields)

    monkeypatch.setattr(store_module.os, "fstat", in_ticks)
    file = tmp_path / "a.wav"
    for number in range(20):
        file.write_bytes(b"%03d" % number)
        expected = np.full((1, 1), number / 4)
        heard = store.fetch(file, PARAMETERS, lambda kept=expected: kept)
        assert_allclose(heard, expected, atol=0.0005)


def test_a_settled_file_is_hashed_once(store, decibels, tmp_path, settled, monkeypatch):
    file = tmp_path / "a.wav"
    sf.write(file, tone(), 22050)
    store.fetch(file, PARAMETERS, lambda: decibels)
    monkeypatch.setattr("hashlib.file_digest", None)
    store.fetch(file, PARAMETERS, None)


def test_a_file_rewritten_while_it_is_heard_is_not_kept(store, decibels, tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes(b"before")

    def compute():
        file.write_bytes(b"after!")
        return decibels

    store.fetch(file, PARAMETERS, compute)
    assert store.info()["entries"] == 0


def test_a_masked_waveform_is_refused_as_without_a_store(folder):
    y = tone()
    chunker = MelChunker(store=folder)
    chunker.transform([y, (y, 8000)])
    masked = np.ma.array(y, mask=y > y.max() / 2)
    for recording in (masked, (masked, 8000)):
        with pytest.raises(ValueError, match="recording 0: some samples are masked"):
            chunker.transform([recording])


def test_only_what_decides_the_numbers_parts_the_entries(folder):
    X = [tone()]
    n_entries = 0
    for parameters in [
        {},
        {"n_mels": 64},
        {"n_fft": 1024},
        {"hop_length": 256},
        {"top_db": 80.0},
        {"sampling_rate": 16000},
    ]:
        n_entries += 1
        for others in [{}, {"chunk_frames": 64}, {"hop_frames": 9}, {"n_jobs": 2}]:
            MelChunker(store=folder, **parameters, **others).transform(X)
            assert len(entries(folder)) == n_entries
    MelChunker(store=folder, sampling_rate=np.float64(22050), top_db=60).transform(X)
    assert len(entries(folder)) == n_entries
    MelChunker(store=SpectrogramStore(folder, "uint8")).transform(X)
    CQTChunker(store=folder).transform(X)
    assert len(entries(folder)) == n_entries + 2


# --------------------------------------------------------------------- damage


DAMAGE = {
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "longer": lambda content: content + b"\0",
    "bit in the checksum": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "bit in the numbers": lambda content: content[:-9] + b"?" + content[-8:],
    "zeros": lambda content: bytes(len(content)),
    "foreign": lambda content: pickle.dumps("I am not a spectrogram"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("where", ["*dtype=uint16", "files"])
def test_damage_is_never_served(
    damage, where, store, folder, decibels, tmp_path, settled
):
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"some recording")
    expected = store.fetch(recording, PARAMETERS, lambda: decibels)
    (file,) = folder.glob(f"{where}/*")
    whole = file.read_bytes()
    file.write_bytes(DAMAGE[damage](whole))
    compute = Counted(decibels)
    assert_array_equal(store.fetch(recording, PARAMETERS, compute), expected)
    assert compute.times == (where != "files")
    assert file.read_bytes() == whole  # repaired


def test_an_entry_in_the_place_of_another_is_never_served(store, folder, decibels):
    for pitch in (220, 440):
        store.fetch(tone(pitch), PARAMETERS, lambda: decibels)
    one, other = entries(folder)
    shutil.copy(one, other)
    compute = Counted(decibels)
    for pitch in (220, 440):
        store.fetch(tone(pitch), PARAMETERS, compute)
    assert compute.times == 1
    moved = folder / one.parent.name.replace("uint16", "uint8")
    one.parent.rename(moved)
    SpectrogramStore(folder, "uint8").fetch(tone(220), PARAMETERS, compute)
    assert compute.times == 2


# ------------------------------------------------------ scikit-learn, bad input


@pytest.mark.parametrize("chunker", [MelChunker, CQTChunker])
def test_a_store_is_a_parameter_like_any_other(chunker, folder):
    for store in [str(folder), folder, SpectrogramStore(folder, "uint8"), None]:
        one = chunker(store=store)
        for again in [clone(one), pickle.loads(pickle.dumps(one))]:
            assert again.get_params() == one.get_params()
            assert repr(again) == repr(one)
        assert one.get_params()["store"] is store
        assert chunker().set_params(store=store).store is store
        one.fit([tone()])
        assert one.get_params()["store"] is store
    assert SpectrogramStore(folder) == SpectrogramStore(folder)
    assert SpectrogramStore(folder) != SpectrogramStore(folder, "uint8")
    assert not folder.exists()


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert SpectrogramStore("~/kept").folder == str(tmp_path / "kept")
    assert SpectrogramStore(Path("~/kept")).folder == tmp_path / "kept"
    assert SpectrogramStore(tmp_path).folder == tmp_path


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_a_file_is_no_store(method, tmp_path):
    file = tmp_path / "a.wav"
    file.touch()
    with pytest.raises(ValueError, match=r"^store='.*a.wav' is a file; give the path"):
        getattr(MelChunker(store=file), method)([tone()])


def test_no_other_type_is_kept(folder):
    with pytest.raises(ValueError, match="dtype='float64' must be 'uint16' or 'uint8'"):
        SpectrogramStore(folder, "float64")


def test_a_bad_recording_gets_the_same_error_with_a_store(folder, tmp_path):
    (tmp_path / "cut.flac").write_bytes(b"fLaC and no more")
    (tmp_path / "empty.wav").touch()
    for bad in [
        tmp_path / "cut.flac",
        tmp_path / "empty.wav",
        tmp_path / "none.wav",
        tmp_path,
        np.zeros(9000),
        np.zeros(0),
        np.full(9000, np.nan),
        np.full(9000, None),
        (tone().astype(complex), 22050),
        (np.zeros((3, 4, 5)), 22050),
    ]:
        messages = []
        for store in (None, folder, folder):
            with pytest.raises((ValueError, FileNotFoundError)) as error:
                MelChunker(store=store).transform([tone(), bad])
            messages.append((error.type, str(error.value)))
        assert messages[0] == messages[1] == messages[2]
        assert messages[0][1].startswith("recording 1")
    assert len(entries(folder)) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_emptied_to_know_it(store, decibels, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    compute = Counted(decibels)
    for _ in range(2):
        store.fetch(pipe, PARAMETERS, compute)
    assert compute.times == 2


def test_features_of_clips_take_no_store():
    assert "store" not in HandcraftedFeatures().get_params()
