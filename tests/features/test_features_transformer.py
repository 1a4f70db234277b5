"""What every transformer takes, keeps and refuses, whatever it makes."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted
from transformed import flat

from singerlearn import ClipEmbedder
from singerlearn.chunks import Chunks
from singerlearn.features import CQTChunker, HandcraftedFeatures, MelChunker

TRANSFORMERS = [MelChunker, CQTChunker, HandcraftedFeatures]
every_transformer = pytest.mark.parametrize("transformer", TRANSFORMERS)


@every_transformer
def test_a_recording_may_come_as_path_waveform_or_pair(transformer, files):
    waveforms = [sf.read(file, dtype="float32")[0] for file in files]
    expected = flat(transformer().fit_transform(files))
    for X in (
        tuple(map(str, files)),
        pd.Series(files, index=[5, 6, 7]),
        np.array(files, dtype=object),
        waveforms,
        [(y, 22050) for y in waveforms],
        [files[0], waveforms[1], (np.stack([waveforms[2]] * 2), 22050)],
    ):
        assert_allclose(flat(transformer().fit_transform(X)), expected, atol=1e-4)


@every_transformer
def test_the_rows_of_a_table_are_recordings_of_equal_length(transformer, voices):
    table = np.stack([y[:40_000] for y in voices[:2]])
    transformed = transformer().fit_transform(table)
    assert len(transformed) == 2
    assert_array_equal(flat(transformed), flat(transformer().transform(list(table))))


@every_transformer
def test_threads_order_and_company_change_nothing(transformer, voices):
    kept = [y.copy() for y in voices]
    one = transformer(n_jobs=1).fit_transform(voices)
    assert_array_equal(flat(transformer(n_jobs=2).fit_transform(voices)), flat(one))
    assert_array_equal(flat(transformer().transform(voices[::-1])), flat(one[::-1]))
    assert_array_equal(flat(transformer().transform(voices[1:2])), flat(one[1:2]))
    assert_array_equal(flat(voices), flat(kept))


def test_pauses_and_extremes_give_numbers(voices):
    pause = voices[0].copy()
    pause[20_000:120_000] = 0
    click = np.zeros(200_000, np.float32)
    click[77] = 1
    X = [pause, click, 1e-6 * voices[0], 1e6 * voices[0], voices[0].clip(-0.1, 0.1)]
    for transformer in TRANSFORMERS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            transformed = transformer().fit_transform(X)
        assert np.isfinite(flat(transformed)).all()


@every_transformer
def test_it_has_nothing_to_fit(transformer, voices):
    unfitted = transformer()
    check_is_fitted(unfitted)
    expected = flat(unfitted.transform(voices))
    fitted = clone(unfitted).fit(voices, ["Ann", "Bob", "Cem"])
    assert vars(fitted) == vars(unfitted)
    assert_array_equal(
        flat(pickle.loads(pickle.dumps(fitted)).transform(voices)), expected
    )
    tags = get_tags(unfitted)
    assert not tags.requires_fit
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.one_d_array and tags.input_tags.string


@every_transformer
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_bad_recording_is_named(transformer, n_jobs, voices, files):
    with_nan = voices[0].copy()
    with_nan[77] = np.nan
    files[2].write_bytes(b"")
    for bad, error, message in [
        (with_nan, ValueError, r"^recording 1: holds NaN"),
        (np.zeros(9000), ValueError, r"^recording 1: nothing to hear"),
        (np.zeros(0), ValueError, r"^recording 1: holds no samples"),
        (files[2], ValueError, r"^recording 1 \('.*2.wav'\): the file is empty"),
        ("no.wav", FileNotFoundError, r"^recording 1 \('no.wav'\): no such file"),
    ]:
        with pytest.raises(error, match=message):
            transformer(n_jobs=n_jobs).transform([files[0], bad, voices[1]])


@every_transformer
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a.wav", r"wrap it in a list: \['a.wav'\]"),
        (np.zeros(9), r"wrap it in a list"),
        ([], "X is empty"),
        ([[0.1, 0.2], [0.3]], "recording 0: got a list"),
        ([Chunks(np.zeros((96, 300)))], "recording 0 is chunked already"),
    ],
    ids=["path", "waveform", "empty", "lists", "chunks"],
)
def test_what_is_no_list_of_recordings_is_refused(transformer, method, X, message):
    with pytest.raises(ValueError, match=message):
        getattr(transformer(), method)(X)


BAD_VALUES = {
    "sampling_rate": [0, -1, 22.05, "22050", None, np.inf],
    "n_fft": [1, 2048.0],
    "hop_length": [0, "512"],
    "n_mels": [-1, 0],
    "n_bins": [0],
    "bins_per_octave": [0],
    "fmin": [-20.0, "80"],
    "fmax": [0, -20.0, 11026.0],
    "top_db": [0, -60.0, "60"],
    "chunk_frames": [0, 256.5],
    "clip_frames": [0],
    "hop_frames": [0, -51, None],
    "chroma": [None, 12],
    "normalize": [None, "rms"],
    "n_mfcc": [0, 129],
    "aggregation": ["mean", None],
    "store": [5, True],
    "n_jobs": [1.5, "all"],
}


@every_transformer
def test_a_bad_parameter_is_named(transformer, voices):
    for name in transformer().get_params():
        for value in BAD_VALUES[name]:
            bad = transformer(**{name: value})
            with pytest.raises(ValueError, match=name):
                bad.transform(voices)
            with pytest.raises(ValueError, match=name):
                bad.fit(voices).transform(voices)


def test_bands_that_cannot_be_are_refused_before_a_recording_is_opened():
    for parameters in ({"fmin": 4000, "fmax": 4000}, {"fmin": 11025.0}):
        with pytest.raises(ValueError, match="^Mel bands from fmin"):
            MelChunker(**parameters).fit(["nowhere.wav"])
    with pytest.raises(ValueError, match="'fmin' parameter of CQTChunker"):
        CQTChunker(fmin=0).fit(["nowhere.wav"])


def test_parameters_are_taken_by_name_alone():
    for transformer in TRANSFORMERS:
        with pytest.raises(TypeError):
            transformer(22050)


class CountFrames(BaseEstimator):
    """The simplest last step: how many numbers has each recording?"""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return pd.DataFrame({"numbers": [np.size(entry) for entry in X]})

    def set_output(self, *, transform=None):
        return self


@every_transformer
def test_lists_stay_lists_whatever_output_is_set(transformer, voices):
    expected = transformer().fit_transform(voices)
    pipeline = make_pipeline(transformer(), CountFrames()).set_output(
        transform="pandas"
    )
    assert pipeline.fit_transform(voices)["numbers"].tolist() == [
        np.size(entry) for entry in expected
    ]
    with config_context(transform_output="pandas"):
        for transformed in (
            transformer().fit_transform(voices),
            transformer().transform(voices),
            clone(transformer().set_output(transform="pandas")).transform(voices),
        ):
            assert isinstance(transformed, list)
            assert_array_equal(flat(transformed), flat(expected))


@every_transformer
def test_a_series_keeps_its_index_where_pandas_is_wanted(transformer, voices):
    X = pd.Series(voices).iloc[::-1]
    expected = transformer().transform(list(X))
    with config_context(transform_output="pandas"):
        transformed = transformer().transform(X)
    assert transformed.index.tolist() == X.index.tolist()
    assert_array_equal(flat(transformed), flat(expected))
    assert isinstance(transformer().transform(X), list)


def test_tables_side_by_side_have_the_same_recording_in_a_row(voices):
    X = pd.Series(voices).iloc[::-1]
    means = ClipEmbedder(StandardScaler(with_mean=False, with_std=False))
    union = make_union(
        make_pipeline(HandcraftedFeatures(), means),
        HandcraftedFeatures(aggregation="average"),
    ).set_output(transform="pandas")
    table = union.fit_transform(X, [0, 1, 0][: len(X)])
    assert table.index.tolist() == X.index.tolist()
    clips, average = np.hsplit(table.to_numpy(), 2)
    assert_allclose(clips, average)


def test_where_nothing_may_be_written_librosa_s_wish_is_told(voices, monkeypatch):
    def no_cache(module):
        raise RuntimeError("cannot cache function '__o_fold': no locator available")

    monkeypatch.setattr("singerlearn.features.transformer.import_module", no_cache)
    with pytest.raises(RuntimeError, match="HOME and NUMBA_CACHE_DIR .*no locator"):
        HandcraftedFeatures().transform(voices)
