"""Whatever a user may pass by mistake gets one answer: a right result or a clear error.

Every case goes through the whole way, from raw recordings to `fit` and `predict`.
"""

import numpy as np
import pytest
import soundfile as sf
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from singerlearn import (
    ClipClassifier,
    HandcraftedFeatures,
    MelChunker,
    SingerNetClassifier,
    VoiceFeatures,
    make_svm_baseline,
)
from singerlearn.chunks import Chunks
from singerlearn.datasets import load_folder

SECONDS = 6.5


@pytest.fixture(scope="module")
def network():
    """A fitted network over four good recordings of two singers."""
    net = SingerNetClassifier(
        filters=(2, 8), dense=(4,), max_epochs=1, random_state=0, verbose=0
    )
    return net.fit(list(map(voice, (110, 120, 220, 240))), ["Ann", "Ann", "Bob", "Bob"])


@pytest.fixture(scope="module")
def baseline():
    return make_svm_baseline().fit(list(map(voice, (110, 240))), ["Ann", "Bob"])


@pytest.fixture(scope="module")
def voices():
    names = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5)
    model = make_pipeline(VoiceFeatures(device="cpu"), ClipClassifier(names))
    return model.fit(
        list(map(voice, (110, 120, 220, 240))), ["Ann", "Ann", "Bob", "Bob"]
    )


def voice(pitch, rate=22050, seconds=SECONDS):
    t = np.arange(int(rate * seconds)) / rate
    return (0.05 * sum(np.sin(2 * np.pi * pitch * k * t) for k in range(1, 9))).astype(
        "float32"
    )


def write(path, content):
    path.write_bytes(content)
    return path


def written(path, y, rate=22050):
    sf.write(path, y, rate)
    return path


def truncated(folder):
    whole = written(folder / "whole.flac", voice(110)).read_bytes()
    return write(folder / "cut.flac", whole[: len(whole) // 2])


ALIVE = voice(110)

# What is recognised all the same: the second recording of two.
USABLE = {
    "16-bit PCM": lambda _: np.int16(ALIVE * 2**15),
    "8-bit unsigned PCM": lambda _: np.uint8(ALIVE * 100 + 128),
    "stereo": lambda _: (np.stack([ALIVE, ALIVE]), 22050),
    "six channels": lambda _: (np.stack([ALIVE] * 6, axis=1), 22050),
    "8 kHz": lambda _: (voice(110, 8000), 8000),
    "192 kHz": lambda _: (voice(110, 192000), 192000),
    "clipping": lambda _: np.clip(9 * ALIVE, -0.3, 0.3),
    "an offset": lambda _: ALIVE + 0.5,
    "half of it digital silence": lambda _: np.r_[ALIVE, 0 * ALIVE],
    "10 ms": lambda _: ALIVE[:220],
    "one minute": lambda _: np.tile(ALIVE, 10),
    "a path": lambda folder: str(written(folder / "a.flac", ALIVE)),
    "a name with a space and an umlaut": lambda f: written(f / "für Elise.wav", ALIVE),
}

# What is refused, with the words that must stand in the error.
UNUSABLE = {
    "missing": (lambda f: f / "no.wav", r"recording 1 \('.*no.wav'\): no such file"),
    "empty": (lambda f: write(f / "a.wav", b""), r"1 \('.*a.wav'\): the file is empty"),
    "truncated": (truncated, r"1 \('.*cut.flac'\): .*(cut off|damaged)"),
    "zero samples": (lambda f: written(f / "a.wav", ALIVE[:0]), r"1 .*holds no sampl"),
    "not audio": (lambda f: write(f / "a.mp3", b"text" * 99), r"1 .*cannot be decoded"),
    "unreadable": (lambda f: written(f / "a.wav", ALIVE), r"1 .*permission denied"),
    "a folder": (lambda f: f, r"recording 1 .*is a folder, not a recording"),
    "NaN": (lambda _: np.r_[ALIVE, np.nan], r"recording 1: holds NaN"),
    "infinite": (lambda _: np.r_[ALIVE, np.inf], r"recording 1: holds NaN, infinite"),
    "digital silence": (lambda _: 0 * ALIVE, r"recording 1: nothing to hear"),
    "DC only": (lambda _: np.full(9999, 0.25), r"recording 1: nothing to hear"),
    "complex": (lambda _: ALIVE * 1j, r"recording 1: samples are complex"),
    "2-D without a rate": (lambda _: np.stack([ALIVE] * 2), r"recording 1: .*no rate"),
    "a list of samples": (lambda _: [0.1, 0.2], r"recording 1: got a list"),
    "a number": (lambda _: 17, r"recording 1: got a int"),
    "not a path": (lambda _: "Ann", r"recording 1 \('Ann'\): no such file"),
    "a rate of zero": (lambda _: (ALIVE, 0), r"recording 1: sampling_rate=0 must be"),
}

# X as a whole, with the words of the error.
NOT_A_LIST = {
    "a bare path": ("a.wav", r"one path; wrap it in a list: \['a.wav'\]"),
    "a bare waveform": (ALIVE, r"one waveform; wrap it in a list"),
    "a bare pair": ((ALIVE, 22050), r"wrap it in a list: \[\(waveform, sampling_rate"),
    "nothing": ([], "X is empty"),
    "a list of lists": ([[0.1, 0.2], [0.3]], "recording 0: got a list"),
    "None": (None, "must be a list"),
}


TWO = ["Ann", "Ann", "Bob", "Bob"]
GOOD = [voice(110), voice(120), voice(220), voice(240)]

# Labels, and options of the network or of its fit, with the words of the error.
LABELS = [
    (["Ann"] * 4, {}, "y holds 'Ann' only; give recordings of 2 or more"),
    (["Ann", "Bob"], {}, "y holds 2 labels for 4 recordings"),
    ([0.5, 1.5, 2.5, 3.5], {}, "continuous; y has 0.5 for recording 0"),
    (
        ["Ann", "Bob", "Cem", "Dan"],
        {"early_stopping": True},
        "early_stopping=False",
    ),
    (TWO, {"sample_weight": [0.1] * 4}, "scale them up"),
    (TWO, {"sample_weight": [0.3] * 4, "early_stopping": True}, "train on is 0.6, und"),
    (TWO, {"sample_weight": [0.0] * 4, "early_stopping": True}, "[Ss]ample.weight"),
    (TWO, {"sample_weight": [1, 1, 1, -1]}, "[Nn]egative"),
    (TWO, {"sample_weight": [1, 1]}, r"sample_weight.shape == \(2,\)"),
    (TWO, {"groups": [1, 2]}, "groups holds 2 labels for 4 recordings"),
    (TWO, {"groups": ["x", None, "y", "y"]}, "groups has no label for recording 1"),
    (TWO, {"device": "cuda:99"}, "torch cannot use device"),
    (TWO, {"block": "resnest"}, "'resnest' is not one of"),
    (TWO, {"aggregation": "sum"}, "'sum' is not one of"),
    (TWO, {"lr_schedule": "cosine"}, "lr_schedule"),
    (
        ["Ann", "Ann", "Bob", "Bob"],
        {"filters": (2,) + (8, 16) * 4},
        "nothing is left",
    ),
    (TWO, {"device": "banana"}, "torch cannot use device='banana'"),
    (TWO, {"filters": (4.0, 8)}, "filters: 4.0 is no whole number"),
    (TWO, {"dense": (0,)}, "dense: 0 is no whole number of 1 or more"),
    (TWO, {"cardinality": "2"}, "cardinality: '2' is no whole number"),
    (TWO, {"filters": 64}, "filters"),
    (TWO, {"dense": 128}, "dense"),
    (TWO, {"chunker": HandcraftedFeatures()}, "does not return Chunks"),
    (["Ann", None, "Bob", "Bob"], {}, "y has no label for recording 1 but None"),
    (TWO, {"max_epochs": 0}, "max_epochs"),
    (TWO, {"batch_size": 0}, "batch_size"),
    (TWO, {"lr": -1.0}, "lr"),
    (TWO, {"dropout": 1.5}, "dropout"),
]


@pytest.fixture(params=["network", "baseline", "voices"])
def model(request):
    """Each kind of model, fitted."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("case", USABLE)
def test_what_can_be_heard_is_named(case, model, tmp_path):
    probabilities = model.predict_proba([ALIVE, USABLE[case](tmp_path)])
    assert probabilities.shape == (2, 2) and np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_heard_is_refused(case, model, tmp_path, monkeypatch):
    make, message = UNUSABLE[case]
    if case == "unreadable":  # nothing is, for who may do everything
        monkeypatch.setattr("os.access", lambda path, mode: False)
    check_refused(model, [ALIVE, make(tmp_path)], message)


@pytest.mark.parametrize("case", NOT_A_LIST)
def test_what_is_no_list_of_recordings_is_refused(case, model):
    check_refused(model, *NOT_A_LIST[case])


def test_raw_and_chunked_recordings_do_not_mix(network):
    X = [ALIVE, *MelChunker().transform([ALIVE])]
    check_refused(network, X, "recording 1 is chunked and recording 0 is not")


def check_refused(model, X, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        model.predict(X)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        model.fit(X, ["Ann", "Bob"])


@pytest.mark.parametrize(("y", "options", "message"), LABELS)
def test_labels_and_options_that_do_not_go_are_named(network, y, options, message):
    fit_options = {k: v for k, v in options.items() if k in ("sample_weight", "groups")}
    parameters = {k: v for k, v in options.items() if k not in fit_options}
    net = SingerNetClassifier(**network.get_params() | parameters)
    with pytest.raises(ValueError, match=message):
        net.fit(GOOD, y, **fit_options)


def test_labels_in_a_column_are_taken_with_a_warning(network):
    with pytest.warns(UserWarning, match="column-vector"):
        clone(network).fit(GOOD, [[name] for name in TWO])


def test_a_singer_never_heard_scores_nothing(network):
    assert network.score(GOOD, ["Zoe"] * 4) == 0


def test_more_folds_than_recordings_of_a_singer_are_refused(network):
    with pytest.raises(ValueError, match="n_splits=5"):
        cross_val_score(network, GOOD, TWO, cv=5)


def test_the_length_of_a_pause_has_no_vote(model):
    short, long = (
        [np.r_[y, np.zeros(seconds * 22050, y.dtype)] for y in GOOD]
        for seconds in (10, 60)
    )
    np.testing.assert_allclose(
        model.predict_proba(long), model.predict_proba(short), atol=0.05
    )


def test_a_batch_of_waveforms_of_equal_length_is_a_table(network):
    table = np.stack([ALIVE, voice(220)])
    expected = network.predict_proba(list(table))
    np.testing.assert_array_equal(network.predict_proba(table), expected)


def test_chunks_that_hold_nan_are_refused(network):
    chunks = MelChunker().transform(GOOD)
    broken = chunks[1].spectrogram.copy()
    broken[3, 7] = np.nan
    chunks[1] = Chunks(broken, front_end=chunks[0].front_end)
    for act in (network.predict, lambda X: network.fit(X, TWO)):
        with pytest.raises(ValueError, match="recording 1 has chunks that hold NaN"):
            act(chunks)


def test_chunks_of_any_number_type_and_layout_are_heard(network):
    chunks = MelChunker().transform(GOOD[:1])[0]
    expected = network.predict_proba([chunks])
    for spectrogram in (
        chunks.spectrogram.astype(float),
        np.asfortranarray(chunks.spectrogram),
    ):
        again = Chunks(spectrogram, front_end=chunks.front_end)
        np.testing.assert_allclose(network.predict_proba([again]), expected, rtol=1e-5)


def test_a_folder_with_no_recordings(tmp_path):
    (tmp_path / "Ann").mkdir()
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_folder(tmp_path / "nowhere")
