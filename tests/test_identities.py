import numpy as np
import pytest
from joblib import Parallel, parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone
from skorch.callbacks import Callback

from singerlearn import CQTChunker, SingerEmbedder, SingerNetClassifier
from singerlearn.augmentation import AUGMENTATIONS
from singerlearn.identities import check_stretches, gather_crowd
from singerlearn.synthesis import SyntheticSingers

CROWD = dict(stretches=(0.9, 1.1), synthetic_singers=3, synthetic_share=0.3)


def test_as_many_as_the_encoder_heard_sing_along_where_they_can_be_heard(
    chunked, singers, tiny, rng
):
    mel = chunked[0].front_end
    assert gather_crowd("auto", mel, 100, rng).n_singers == 1600
    for other in (None, CQTChunker().front_end):
        assert gather_crowd("auto", other, 100, rng) is None

    options = tiny | dict(max_epochs=1, filters=(4, 8), chunks_per_recording=1)
    del options["stretches"], options["synthetic_singers"]  # wanted by default
    embedder = SingerEmbedder(4, "margin-softmax", **options)
    embedder.fit(chunked, singers.singers)
    assert len(embedder.net_.criterion_.directions) == 4 * 5 + 1600
    classifier = SingerNetClassifier(**options).fit(chunked, singers.singers)
    assert classifier.net_.module_.output.out_features == 4 + 1600


@pytest.mark.parametrize("factor", [0, 0.3, 0.9, 1, 1.0, 2.5, np.nan, "1.1"])
def test_what_makes_no_other_singer_is_refused(factor):
    with pytest.raises(ValueError, match="between 0.5 and 2, other than 1"):
        check_stretches((0.9, factor))


def test_a_crowd_is_heard_as_the_recordings_are(chunked, rng):
    crowd = gather_crowd(5, chunked[0].front_end, 100, rng)
    assert (crowd.n_singers, crowd.n_frames) == (5, 100)
    assert crowd.render(0, 0).shape == (96, 100)
    assert gather_crowd(0, None, 100, rng) is None
    chosen = gather_crowd(
        SyntheticSingers(5, random_state=8), chunked[0].front_end, 100, rng
    )
    assert chosen.random_state == 8


def test_a_crowd_that_cannot_be_heard_is_refused(singers, chunked, rng, tiny):
    with pytest.raises(ValueError, match="set synthetic_singers=0"):
        gather_crowd(5, None, 100, rng)
    with pytest.raises(ValueError, match="two or more"):
        gather_crowd(SyntheticSingers(5, n_songs=1), chunked[0].front_end, 9, rng)
    with pytest.raises(ValueError, match="nobody who sings"):
        gather_crowd(SyntheticSingers(0), chunked[0].front_end, 9, rng)
    net = SingerNetClassifier(**tiny | {"synthetic_singers": 2}, chunker=CQTChunker())
    with pytest.raises(ValueError, match="'cqt'"):
        net.fit(singers.recordings[:6], singers.singers[:6])


def test_a_classifier_names_only_whom_it_was_given(chunked, singers, tiny):
    options = tiny | dict(max_epochs=1, chunks_per_recording=2) | CROWD
    net = SingerNetClassifier(**options).fit(chunked, singers.singers)
    assert net.net_.module_.output.out_features == 4 * 3 + 3
    probabilities = net.predict_proba(chunked)
    assert probabilities.shape == (12, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    again = SingerNetClassifier(**options).fit(chunked, singers.singers)
    assert_array_equal(again.predict_proba(chunked), probabilities)


def test_recordings_are_augmented_where_nobody_else_sings(chunked, singers, tiny):
    options = tiny | dict(max_epochs=1, filters=(4, 8), chunks_per_recording=1)
    for n_synthetic, expected in ((0, AUGMENTATIONS), (2, ())):
        options["synthetic_singers"] = n_synthetic
        net = SingerNetClassifier(**options).fit(chunked, singers.singers).net_
        assert net.get_params()["iterator_train__augment"] == expected


@pytest.mark.parametrize(
    "loss", ["contrastive", "triplet", "margin-softmax", "supervised-contrastive"]
)
def test_an_embedder_learns_among_a_crowd(chunked, singers, tiny, loss):
    options = tiny | dict(max_epochs=1, filters=(4, 8), chunks_per_recording=2)
    embedder = SingerEmbedder(4, loss, **options | CROWD)
    embedder.fit(chunked, singers.singers, songs=singers.songs)
    assert embedder.transform(chunked).shape == (12, 4)
    if loss == "margin-softmax":
        assert len(embedder.net_.criterion_.directions) == 4 * 3 + 3


def test_processes_sing_the_same(chunked, singers, tiny):
    options = tiny | dict(max_epochs=1, filters=(4, 8), chunks_per_recording=1)
    alone, together = (
        SingerNetClassifier(**options | CROWD, n_jobs=n_jobs).fit(
            chunked, singers.singers
        )
        for n_jobs in (None, 2)
    )
    assert_array_equal(alone.predict_proba(chunked), together.predict_proba(chunked))


class Heard(Callback):
    """Keeps the targets of every batch that is trained on."""

    def __init__(self):
        self.targets = []

    def __deepcopy__(self, memo):  # `fit` copies callbacks
        return self

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        if training:
            self.targets.append(batch[1].numpy())


def test_they_sing_whatever_backend_the_caller_has(chunked, singers, tiny):
    options = dict(synthetic_singers=3, max_epochs=1, n_jobs=None)
    classifier = SingerNetClassifier(**tiny | options)
    expected = classifier.fit(chunked, singers.singers).predict_proba(chunked)
    with parallel_config("multiprocessing", n_jobs=2):
        again = clone(classifier).fit(chunked, singers.singers)
    assert_array_equal(again.predict_proba(chunked), expected)


def test_share_and_processes_are_those_asked_for(chunked, singers, tiny, monkeypatch):
    heard, jobs = Heard(), []

    def alone(n_jobs, **options):
        jobs.append(n_jobs)
        return Parallel(None, **options)

    monkeypatch.setattr("singerlearn.batches.Parallel", alone)
    options = tiny | dict(max_epochs=1, filters=(4, 8), chunks_per_recording=1)
    options |= dict(synthetic_singers=3, synthetic_share=0.25, callbacks=[heard])
    SingerNetClassifier(**options, n_jobs=3).fit(chunked, singers.singers)
    targets = np.concatenate(heard.targets)
    assert ((targets < 4).sum(), (targets >= 4).sum(), jobs) == (12, 4, [3])


@pytest.mark.parametrize("estimator", [SingerNetClassifier, SingerEmbedder])
def test_a_batch_has_the_chunks_per_singer_asked_for(estimator, chunked, singers, tiny):
    heard = Heard()
    options = tiny | dict(max_epochs=1, filters=(4, 8), batch_size=8)
    options |= dict(chunks_per_singer=2, callbacks=[heard])
    estimator(**options).fit(chunked, singers.singers)
    for targets in heard.targets:
        assert set(np.unique(targets, return_counts=True)[1]) == {2}


def test_singers_of_few_recordings_come_as_often_in_batches_of_singers(
    chunked, singers, tiny
):
    names = np.array(singers.singers)
    lonely = np.flatnonzero(names == names[0])[1:]  # one recording is left of this one
    some = np.delete(np.arange(len(names)), lonely)
    options = tiny | dict(max_epochs=4, filters=(4, 8), batch_size=8)
    times = []
    for chunks_per_singer in (None, 2):
        heard = Heard()
        options |= dict(chunks_per_singer=chunks_per_singer, callbacks=[heard])
        net = SingerNetClassifier(**options)
        net.fit([chunked[i] for i in some], names[some])
        counts = np.bincount(np.concatenate(heard.targets))
        times.append(counts.max() / counts.min())
        assert net.predict(chunked[:1]).shape == (1,)
    assert times[0] >= 2
    assert times[1] < 1.5


def test_early_stopping_hears_every_chunk_once_in_batches_of_singers(
    chunked, singers, tiny
):
    options = tiny | dict(max_epochs=1, filters=(4, 8), early_stopping=True)
    net = SingerNetClassifier(**options, chunks_per_singer=2)
    net.fit(chunked, singers.singers)
    heard = sum(net.history_[0, "batches", :, "valid_batch_size"])
    assert heard == sum(len(chunked[i]) for i in net.validation_indices_)


@pytest.mark.parametrize(
    ("options", "weights", "message"),
    [
        ({"chunks_per_singer": 1}, None, "'chunks_per_singer' parameter"),
        ({"chunks_per_singer": 5, "batch_size": 9}, None, "make it 10 or more"),
        ({"chunks_per_singer": 2}, "ones", "sample_weight .* give one of the two"),
    ],
)
def test_batches_of_singers_that_cannot_be_are_refused(
    chunked, singers, tiny, options, weights, message
):
    weights = None if weights is None else np.ones(len(chunked))
    with pytest.raises(ValueError, match=message):
        SingerNetClassifier(**tiny | options).fit(
            chunked, singers.singers, sample_weight=weights
        )


def test_the_papers_regime_has_the_singers_it_is_given():
    for estimator in (SingerNetClassifier.paper(), SingerEmbedder.paper()):
        assert (estimator.stretches, estimator.synthetic_singers) == ((), 0)
