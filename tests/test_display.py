import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from singerlearn import MelChunker, SingerNetClassifier, make_svm_baseline
from singerlearn.chunks import Chunks
from singerlearn.display import (
    AttentionDisplay,
    FrequencyTemplateDisplay,
    TrainingCurveDisplay,
)
from singerlearn.display.axes import given_or_new, given_or_new_grid
from singerlearn.nn import SingerNet

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")

FRONT_END = {
    "spectrogram": "mel",
    "sampling_rate": 22050,
    "hop_length": 512,
    "n_mels": 96,
    "fmin": 0.0,
    "fmax": None,
}
SECONDS = 512 / 22050


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def axes():
    return plt.subplots()[1]


def test_neither_torch_nor_pyplot_loads_with_the_module():
    heavy = "{'torch', 'librosa', 'matplotlib.pyplot'} & set(sys.modules)"
    code = f"import sys, singerlearn.display; print({heavy} or 'light')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "light", out.stderr


# Training curves


def history(n_epochs=6, validated_every=1):
    rows = []
    for epoch in range(1, n_epochs + 1):
        row = {"epoch": epoch, "train_loss": 3 / epoch, "dur": 0.1, "batches": []}
        if epoch % validated_every == 0:
            row["valid_loss"] = 1 + (epoch - 4) ** 2 / 10
        rows.append(row)
    return rows


def test_curves_show_both_losses_and_mark_the_best_epoch(axes):
    display = TrainingCurveDisplay.from_history({"average": history()})
    assert display.plot(ax=axes) is display
    assert display.ax_ is axes and display.figure_ is axes.figure
    train, valid = display.lines_["average"]
    assert_array_equal(train.get_xdata(), np.arange(1, 7))
    assert_allclose(train.get_ydata(), 3 / np.arange(1, 7))
    assert_allclose(valid.get_ydata(), 1 + (np.arange(1, 7) - 4) ** 2 / 10)
    assert valid.get_xdata()[valid.get_markevery()].tolist() == [4]
    assert axes.get_xlabel() == "epoch" and axes.get_ylabel() == "loss"
    assert axes.get_title().endswith("average")


def test_without_validation_only_training_is_drawn():
    display = TrainingCurveDisplay.from_history({"": history(validated_every=99)})
    assert np.isnan(display.curves[""].valid_loss).all()
    assert len(display.plot().lines_[""]) == 1
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["training"]


def test_validation_of_some_epochs_is_drawn_where_it_was():
    display = TrainingCurveDisplay.from_history({"m": history(validated_every=2)})
    _, valid = display.plot().lines_["m"]
    assert_array_equal(valid.get_xdata(), [2, 4, 6])


def test_models_differ_in_colour_and_stand_in_the_legend(axes):
    histories = {name: history() for name in ("none", "max", "average", "attention")}
    display = TrainingCurveDisplay.from_history(histories).plot(axes)
    colours = {lines[0].get_color() for lines in display.lines_.values()}
    assert len(colours) == 4
    for train, valid in display.lines_.values():
        assert train.get_color() == valid.get_color()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[-4:] == list(histories)


def test_the_legend_lies_beside_the_curves():
    histories = {f"network {i}": history() for i in range(4)}
    display = TrainingCurveDisplay.from_history(histories).plot()
    display.figure_.canvas.draw()
    box = display.ax_.get_legend().get_window_extent()
    assert box.x0 > display.ax_.get_window_extent().x1
    assert box.x1 <= display.figure_.bbox.x1


def test_curves_of_an_estimator():
    class Net(BaseEstimator):
        def fit(self):
            self.history_ = history()
            return self

    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(Net())
    fitted = Net().fit()
    assert list(TrainingCurveDisplay.from_estimator(fitted).curves) == ["Net"]
    named = TrainingCurveDisplay.from_estimator(fitted, name="shallow")
    assert list(named.curves) == ["shallow"]


def test_curves_of_what_holds_an_estimator(singers):
    recordings, y = singers.recordings[:8], singers.singers[:8]
    net = SingerNetClassifier(
        filters=(4, 8), max_epochs=2, chunks_per_recording=1, device="cpu", verbose=0
    )
    model = Pipeline([("chunks", MelChunker()), ("net", net)])
    with pytest.raises(NotFittedError, match="SingerNetClassifier"):
        TrainingCurveDisplay.from_estimator(model)
    search = GridSearchCV(model, {"net__dropout": [0.1]}, cv=2).fit(recordings, y)
    for holder in (search, search.best_estimator_):
        ((name, curve),) = TrainingCurveDisplay.from_estimator(holder).curves.items()
        assert name == "SingerNetClassifier"
        history = search.best_estimator_["net"].history_
        assert_array_equal(curve.train_loss, history[:, "train_loss"])
        chunks = search.best_estimator_["chunks"].transform(recordings[:1])[0]
        drawn = AttentionDisplay.from_estimator(holder, chunks)
        (expected,) = search.best_estimator_["net"].attention_weights([chunks])
        assert_array_equal(drawn.weights, expected[0])
        assert FrequencyTemplateDisplay.from_estimator(holder).bands_each == 4
    baseline = make_svm_baseline().fit(recordings, y)
    with pytest.raises(ValueError, match="ClipClassifier has no history_; the picture"):
        TrainingCurveDisplay.from_estimator(baseline)


def test_curves_of_a_real_training(rng):
    skorch = pytest.importorskip("skorch")
    net = skorch.NeuralNetRegressor(
        torch.nn.Linear,
        module__in_features=2,
        module__out_features=1,
        max_epochs=3,
        verbose=0,
    )
    X = rng.randn(20, 2).astype(np.float32)
    net.fit(X, X[:, :1])
    curve = TrainingCurveDisplay.from_history({"linear": net.history}).curves["linear"]
    assert_array_equal(curve.epochs, [1, 2, 3])
    assert_array_equal(curve.train_loss, net.history[:, "train_loss"])
    assert_array_equal(curve.valid_loss, net.history[:, "valid_loss"])


@pytest.mark.parametrize("histories", [[], {}, history(), None])
def test_histories_have_names(histories):
    with pytest.raises(ValueError, match="histories must be a dict"):
        TrainingCurveDisplay.from_history(histories)


def test_a_history_without_epochs_is_named():
    with pytest.raises(ValueError, match="the history of 'max' has no epochs"):
        TrainingCurveDisplay.from_history({"average": history(), "max": []})


# Attention


class Listener:
    """Stands in for a fitted classifier: a real network over real chunks."""

    def __init__(self, n_bands=96, chunk_frames=256, aggregation="attention"):
        torch.manual_seed(0)
        self.net = SingerNet(
            n_bands,
            chunk_frames,
            2,
            filters=(4, 8),
            dense=(),
            aggregation=aggregation,
        ).eval()

    def attention_weights(self, X):
        with torch.inference_mode():
            return [
                self.net.attention_weights(torch.from_numpy(np.array(x))).numpy()
                for x in X
            ]


@pytest.fixture
def chunks(rng):
    spectrogram = rng.uniform(0, 60, (96, 256 + 3 * 51)).astype(np.float32)
    return Chunks(spectrogram, front_end=FRONT_END)


@pytest.mark.parametrize("index", [0, 2, -1])
def test_attention_lies_over_its_chunk(chunks, axes, index):
    display = AttentionDisplay.from_estimator(Listener(), chunks, index=index)
    assert display.plot(ax=axes) is display
    assert display.ax_ is axes and display.figure_ is axes.figure
    assert_array_equal(display.image_.get_array(), chunks[index])
    expected = Listener().attention_weights([chunks])[0][index]
    assert_array_equal(display.weights, expected)

    values, edges, _ = display.steps_.get_data()
    assert_allclose(values, expected * 64)  # in multiples of the mean weight
    # Two pools: a weight is for four frames, from where the chunk starts to its end.
    start = chunks.starts[index] * SECONDS
    assert_allclose(edges, start + np.arange(65) * 4 * SECONDS)
    assert_allclose(display.image_.get_extent()[:2], edges[[0, -1]])
    assert display.ax_weights_.get_xlim() == axes.get_xlim()
    assert axes.get_xlabel() == "time (s)" and axes.get_ylabel() == "frequency (Hz)"


def test_frames_that_the_pools_drop_have_no_weight(rng):
    chunk = rng.uniform(0, 60, (96, 250)).astype(np.float32)
    one = Chunks(chunk, chunk_frames=250, hop_frames=50)
    listener = Listener(chunk_frames=250)
    display = AttentionDisplay.from_estimator(listener, one).plot()
    assert display.steps_.get_data().edges[-1] == 62 * 4
    assert display.image_.get_extent()[1] == 250
    assert display.ax_.get_xlabel() == "frame" and display.ax_.get_ylabel() == "band"


def test_ticks_stand_where_a_tone_is_seen(axes):
    librosa = pytest.importorskip("librosa")
    filters = librosa.filters.mel(sr=22050, n_fft=2048, n_mels=96, norm=None)
    display = AttentionDisplay(
        chunk=np.zeros((96, 64)), weights=np.ones(16) / 16, front_end=FRONT_END
    ).plot(axes)
    ticks = {
        float(label.get_text()): position
        for label, position in zip(
            display.ax_.get_yticklabels(), display.ax_.get_yticks(), strict=True
        )
    }
    assert {500.0, 1000.0, 2000.0, 4000.0, 8000.0} <= set(ticks)
    for hertz, position in ticks.items():
        loudest = filters[:, round(hertz * 2048 / 22050)].argmax()
        assert abs(position - loudest) <= 1, hertz


def test_ticks_of_a_constant_q_spectrogram_are_octaves(axes):
    front_end = {
        "spectrogram": "cqt",
        "sampling_rate": 22050,
        "hop_length": 512,
        "n_bins": 84,
        "bins_per_octave": 12,
        "fmin": 31.25,
    }
    AttentionDisplay(
        chunk=np.zeros((84, 64)), weights=np.ones(16) / 16, front_end=front_end
    ).plot(axes)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:3] == ["62.5", "125", "250"]
    assert_allclose(axes.get_yticks()[:3], [12, 24, 36])


def test_a_front_end_of_ones_own_has_frames_for_time(axes):
    AttentionDisplay(
        chunk=np.zeros((40, 64)), weights=np.ones(16) / 16,
        front_end={"spectrogram": "mine"},
    ).plot(axes)  # fmt: skip
    assert axes.get_xlabel() == "frame"
    assert axes.get_images()[0].get_extent()[1] == 64


def test_what_cannot_be_drawn_is_refused(chunks):
    with pytest.raises(ValueError, match="aggregation='attention'"):
        AttentionDisplay.from_estimator(Listener(aggregation="max"), chunks)
    with pytest.raises(IndexError, match="index=4, but the recording has 4 chunks"):
        AttentionDisplay.from_estimator(Listener(), chunks, index=4)
    for wrong in (["a.wav"], "a.wav", [chunks], SimpleNamespace()):
        with pytest.raises(ValueError, match="not one chunked recording; pass MelChun"):
            AttentionDisplay.from_estimator(Listener(), wrong)


# The frequency template of attention


class Fitted(BaseEstimator):
    """Stands in for a fitted estimator: a real network, as skorch holds it."""

    def __init__(self, n_bands=96, aggregation="attention", front_end=FRONT_END):
        torch.manual_seed(0)
        net = SingerNet(
            n_bands, 64, 2, filters=(4, 8), dense=(), aggregation=aggregation
        )
        self.net_ = SimpleNamespace(
            module_=net, module__filters=(4, 8), module__aggregation=aggregation
        )
        self.n_features_in_ = n_bands
        self.front_end_ = front_end

    def fit(self, X, y):
        raise NotImplementedError


@pytest.mark.parametrize("aggregation", ["attention", "attentive-statistics"])
def test_the_template_scores_a_frame_as_attention_does(rng, aggregation):
    estimator = Fitted(aggregation=aggregation)
    display = FrequencyTemplateDisplay.from_estimator(estimator)
    assert display.template.shape == (8, 24) and display.bands_each == 4
    chunk = torch.from_numpy(rng.uniform(0, 60, (1, 96, 64)).astype(np.float32))
    net = estimator.net_.module_.eval()
    with torch.inference_mode():
        heard = net.convolutions(chunk.unsqueeze(1) / 60)[0].numpy()
        weights = net.attention_weights(chunk)[0].numpy()
    scores = np.exp(np.tanh(np.einsum("cb,cbn->n", display.template, heard)))
    assert_allclose(weights, scores / scores.sum(), rtol=1e-4)


def test_channels_stand_by_their_mean_weight(axes):
    display = FrequencyTemplateDisplay.from_estimator(Fitted())
    assert display.plot(ax=axes) is display
    assert display.ax_ is axes and display.figure_ is axes.figure
    shown = np.asarray(display.image_.get_array())
    assert_array_equal(shown, display.template[display.order_].T)
    assert (np.diff(shown.mean(axis=0)) <= 1e-7).all()
    low, high = display.image_.get_clim()
    assert low == -high == -np.abs(display.template).max()


def test_a_tone_is_seen_at_its_tick_in_pooled_bands(axes):
    librosa = pytest.importorskip("librosa")
    FrequencyTemplateDisplay.from_estimator(Fitted()).plot(axes)
    filters = librosa.filters.mel(sr=22050, n_fft=2048, n_mels=96, norm=None)
    ticks = zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    ticks = {float(label.get_text()): position for label, position in ticks}
    assert {500.0, 1000.0, 2000.0, 4000.0, 8000.0} <= set(ticks)
    for hertz, position in ticks.items():
        pooled = filters.reshape(24, 4, -1).sum(axis=1)
        loudest = pooled[:, round(hertz * 2048 / 22050)].argmax()
        assert abs(position - loudest) <= 0.8, hertz


@pytest.mark.parametrize(("n_bands", "shape"), [(97, (8, 24)), (4, (8, 1))])
def test_odd_and_single_bands_are_drawn(n_bands, shape):
    front_end = None if n_bands == 97 else {**FRONT_END, "n_mels": 4}
    display = FrequencyTemplateDisplay.from_estimator(
        Fitted(n_bands, front_end=front_end)
    ).plot()
    assert display.template.shape == shape and display.bands_each == 4
    assert (display.ax_.get_ylabel() == "band") is (front_end is None)


def test_the_template_of_a_fitted_embedder(singers):
    from singerlearn import SingerEmbedder

    embedder = SingerEmbedder(2, filters=(4, 8), max_epochs=1, device="cpu", verbose=0)
    with pytest.raises(NotFittedError):
        FrequencyTemplateDisplay.from_estimator(embedder)
    embedder.fit(singers.recordings[:6], singers.singers[:6])
    display = FrequencyTemplateDisplay.from_estimator(embedder).plot()
    assert display.template.shape == (8, 24)
    assert display.ax_.get_ylabel() == "frequency (Hz)"


@pytest.mark.parametrize("aggregation", ["average", "max", "self-attention"])
def test_without_a_template_that_is_said(aggregation):
    message = f"'attention' or 'attentive-statistics' has .* has '{aggregation}'"
    with pytest.raises(ValueError, match=message):
        FrequencyTemplateDisplay.from_estimator(Fitted(aggregation=aggregation))


def test_pictures_without_matplotlib_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    for draw in (
        lambda: given_or_new(None, (4, 3)),
        lambda: given_or_new_grid(None, (1, 2), (4, 3), "title"),
    ):
        with pytest.raises(ImportError, match=r"pip install 'singerlearn\[plots\]'"):
            draw()
