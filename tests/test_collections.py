"""Collections larger than memory: recordings are loaded when their turn comes."""

import gc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from singerlearn import (
    ClipClassifier,
    MelChunker,
    SingerEmbedder,
    SingerNetClassifier,
    VoiceFeatures,
)


class Watched(MelChunker):
    """Counts the recordings whose chunks are in memory."""

    alive = most = 0

    def _transform_recording(self, recording):
        chunks = super()._transform_recording(recording)
        Watched.alive += 1
        Watched.most = max(Watched.most, Watched.alive)
        weakref.finalize(chunks, self._gone)
        return chunks

    @staticmethod
    def _gone():
        Watched.alive -= 1


@pytest.fixture
def watched(monkeypatch):
    """A chunker that counts, and networks that hear hardly more than one recording."""
    gc.collect()
    monkeypatch.setattr("singerlearn.training.AT_ONCE", 1)
    monkeypatch.setattr("singerlearn.voices.AT_ONCE", 1)
    monkeypatch.setattr(Watched, "most", 0)
    return Watched()


@pytest.mark.parametrize(
    ("estimator", "methods"),
    [
        (SingerNetClassifier, ("predict_proba", "predict_chunks", "transform")),
        (SingerEmbedder, ("transform", "transform_chunks")),
    ],
)
def test_networks_hear_a_collection_in_parts(
    estimator, methods, singers, chunked, tiny, watched
):
    net = estimator(**tiny | {"filters": (4, 8)}).fit(chunked, singers.singers)
    lazy = clone(net).set_params(chunker=watched)
    lazy.__dict__.update({k: v for k, v in vars(net).items() if k.endswith("_")})
    for method in methods:
        found = getattr(lazy, method)(singers.recordings)
        expected = getattr(net, method)(chunked)
        for own, other in zip(found, expected, strict=True):
            if own.dtype.kind == "f":
                assert_allclose(own, other, rtol=1e-3, atol=1e-4)
            else:
                assert_array_equal(own, other)
    assert 1 <= Watched.most <= 3


def test_the_recording_at_fault_has_its_number_in_the_collection(
    singers, chunked, tiny, watched
):
    net = SingerNetClassifier(**tiny, chunker=watched).fit(chunked, singers.singers)
    with pytest.raises(ValueError, match="recording 2: .*silent"):
        net.predict([*singers.recordings[:2], np.zeros(200_000, np.float32)])


def test_a_chunker_of_ones_own_chunks_all_at_once(singers, chunked, tiny):
    class OnesOwn:
        def transform(self, X):
            return chunked[: len(X)]

    net = SingerNetClassifier(**tiny).fit(chunked, singers.singers)
    own = net.set_params(chunker=OnesOwn()).predict_proba(singers.recordings)
    assert_array_equal(own, net.predict_proba(chunked))


def test_chunkers_load_recordings_one_after_the_other(singers, watched):
    stream = watched.iter_transform(singers.recordings)
    for expected in MelChunker().transform(singers.recordings):
        assert_array_equal(next(stream).spectrogram, expected.spectrogram)
    assert 1 <= Watched.most <= 3
    with pytest.raises(ValueError, match="chunk_frames"):
        MelChunker(chunk_frames=0).iter_transform(singers.recordings)


def test_voices_are_heard_a_few_at_a_time(singers, monkeypatch):
    voices = VoiceFeatures(whiten=False, device="cpu", precision="float32")
    together = voices.transform(singers.recordings[:5])
    monkeypatch.setattr("singerlearn.voices.AT_ONCE", 1)
    for own, other in zip(
        voices.transform(singers.recordings[:5]), together, strict=True
    ):
        assert_allclose(own, other, atol=1e-3)


def test_probabilities_of_clips_are_computed_in_parts(rng, monkeypatch):
    clips = [rng.rand(n, 3) + singer for singer in (0, 1) for n in (4, 1, 2)]
    model = ClipClassifier(LinearDiscriminantAnalysis()).fit(clips, list("aaabbb"))
    together = model.predict_proba(clips)
    heard = []

    def predict_proba(X):
        heard.append(len(X))
        return LinearDiscriminantAnalysis.predict_proba(model.estimator_, X)

    monkeypatch.setattr("singerlearn.baseline.classifier.AT_ONCE", 5)
    monkeypatch.setattr(model.estimator_, "predict_proba", predict_proba)
    assert_allclose(model.predict_proba(clips), together, rtol=1e-12)
    assert heard == [5, 6, 3]
