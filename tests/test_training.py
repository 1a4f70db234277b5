import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.exceptions import DeviceWarning

from singerlearn import MelChunker, SingerEmbedder, SingerNetClassifier
from singerlearn.nn import SingerNet
from singerlearn.paper import PAPER
from singerlearn.skorch_net import count_steps


class Backend(list):
    """A compiler that runs graphs as they are, and keeps them: no minute of waiting."""

    def compile(self, graph, inputs):
        self.append(graph)
        return graph.forward


def test_the_papers_regime_is_told_whole():
    shared = dict(
        block="resnext", cardinality=4, downsampling="max-pool", n_cepstra=None,
        aggregation="attention", head_norm=False, dense=(1024, 1024, 1024), dropout=0.1,
        lr=1e-4, lr_schedule=None, weight_decay=1e-6, max_epochs=100_000,
        chunks_per_recording=None, augment=False, stretches=(), synthetic_singers=0,
        precision="float32", early_stopping=True, check_every=50, min_improvement=0.005,
    )  # fmt: skip
    for kind in (SingerNetClassifier, SingerEmbedder):
        assert shared.items() <= kind.paper().get_params().items()
    assert PAPER.keys() == {*shared, "batch_size"}  # nothing added without its check


class Counting:
    """A chunker that counts how often it is asked."""

    asked = 0

    def transform(self, X):
        self.asked += 1
        return MelChunker().transform(X)


@pytest.mark.parametrize(
    ("kind", "parameters", "y", "message"),
    [
        (SingerNetClassifier, {"device": "banana"}, "aabb", "device='banana'"),
        (SingerNetClassifier, {"aggregation": "atention"}, "aabb", "'atention' is"),
        (SingerNetClassifier, {"filters": (4, 0)}, "aabb", "filters: 0"),
        (SingerNetClassifier, {"pretrained": "nowhere"}, "aabb", "no pretrained net"),
        (SingerNetClassifier, {}, "aab", "y holds 3 labels for 4 recordings"),
        (
            SingerEmbedder,
            {"loss_params": {"heat": 1}},
            "aabb",
            "loss_params has 'heat'",
        ),
        (SingerEmbedder, {"batch_size": 4}, "aabb", "does not hold two singers"),
        (SingerEmbedder, {}, "aab", "y holds 3 labels for 4 recordings"),
        (SingerEmbedder, {}, "aaab", "two recordings of each .* only one of 'b'"),
    ],
)
def test_what_can_be_judged_at_once_is_judged_before_recordings_are_loaded(
    kind, parameters, y, message, rng
):
    refuse_unheard(kind(**parameters), y, {}, message, rng)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (SingerNetClassifier, {"groups": "ab"}, "groups holds 2 labels for 4"),
        (SingerNetClassifier, {"sample_weight": [1]}, "sample_weight.shape"),
        (SingerEmbedder, {"groups": "ab"}, "groups holds 2 labels for 4"),
        (SingerEmbedder, {"songs": "ab"}, "songs holds 2 labels for 4"),
        (SingerEmbedder, {"songs": "xyzz"}, "two songs of each .* only one of 'b'"),
        (SingerEmbedder, {"validation_singers": "z"}, "names 'z', not in y"),
    ],
)
def test_so_is_what_is_told_of_the_recordings(kind, given, message, rng):
    given = {name: list(labels) for name, labels in given.items()}
    refuse_unheard(kind(), "aabb", given, message, rng)


def refuse_unheard(model, y, given, message, rng):
    chunker = Counting()
    model.set_params(chunker=chunker)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        model.fit([rng.randn(9000) for _ in range(4)], list(y), **given)
    assert chunker.asked == 0


@pytest.fixture
def backend(monkeypatch):
    """What torch compiles by."""
    backend, compile_function = Backend(), torch.compile
    torch.compiler.reset()
    monkeypatch.setattr(
        torch,
        "compile",
        lambda function, **options: compile_function(
            function, backend=lambda *graph: backend.compile(*graph), **options
        ),
    )
    return backend


def test_a_compiled_network_trains_and_predicts_alike(recordings, tiny, backend):
    plain, compiled = (
        SingerNetClassifier(**tiny, compile=compile).fit(recordings, [0, 1, 0])
        for compile in (False, True)
    )
    in_training = len(backend)
    assert in_training
    losses = [[row["train_loss"] for row in m.history_] for m in (plain, compiled)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)

    proba = compiled.predict_proba(recordings)
    assert len(backend) > in_training
    np.testing.assert_allclose(proba, plain.predict_proba(recordings), rtol=1e-4)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(again.predict_proba(recordings), proba)
    torch.compiler.reset()
    del backend[:]
    compiled.set_params(compile=False).predict_proba(recordings)
    assert not backend


@torch.inference_mode()
def test_the_last_of_many_networks_is_compiled_as_the_first_is(backend):
    for n in range(1, 13):
        net = SingerNet(16, 64, 3, filters=(4,) + n * (4,), block="vanilla").eval()
        net.compiled = True
        before = len(backend)
        net.frames(60 * torch.rand(2, 16, 64))
        assert len(backend) == before + 1


@torch.inference_mode()
def test_what_chunks_do_not_share_is_compiled(backend):
    torch.manual_seed(0)
    net = SingerNet(16, 256, 3, filters=(4, 8, 16)).eval()
    chunks = 60 * torch.rand(16, 256 + 9 * 51), range(0, 10 * 51, 51), 256
    expected = net.frames_of_chunks(*chunks)
    assert not backend
    net.compiled = True
    torch.testing.assert_close(net.frames_of_chunks(*chunks), expected)
    (graph,) = backend  # of the last block, with its shortcut
    convolutions = [n for n in graph.graph.nodes if "conv2d" in str(n.target)]
    assert len(convolutions) == 4


@pytest.mark.parametrize("device", ["mps", "cuda:7"])
def test_a_network_from_a_device_that_is_not_here_comes_to_the_cpu(
    recordings, tiny, monkeypatch, device
):
    net = SingerNetClassifier(**tiny).fit(recordings, [0, 1, 0])
    net.net_.device = device
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device != "mps")
    with pytest.warns(DeviceWarning, match=f"on the CPU now: .*{device}"):
        again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(
        again.predict_proba(recordings), net.predict_proba(recordings)
    )


def test_who_cannot_compile_is_told(recordings, tiny, backend):
    def broken(graph, inputs):
        raise RuntimeError("No working C++ compiler found")

    backend.compile = broken
    model = SingerNetClassifier(**tiny, compile=True)
    with pytest.raises(
        ValueError, match="No working C\\+\\+ compiler .* compile=False"
    ):
        model.fit(recordings, [0, 1, 0])


def test_losses_are_read_once_an_epoch_and_are_skorchs(recordings, tiny, monkeypatch):
    class Watch(Callback):
        seen = ()
        recorded = ()

        def on_batch_end(self, net, training, loss, **kwargs):
            Watch.seen += (loss.item(),)

        def on_epoch_end(self, net, **kwargs):
            Watch.recorded += tuple(
                step.get("train_loss", step.get("valid_loss"))
                for step in net.history[-1, "batches"]
            )

    tiny |= {"callbacks": [Watch()], "early_stopping": True, "batch_size": 2}
    ours = SingerNetClassifier(**tiny).fit(recordings + recordings, 2 * [0, 1, 0])
    assert len(ours.history_) > 1
    assert Watch.recorded == Watch.seen

    monkeypatch.setattr("singerlearn.training.NetReadOnceAnEpoch", NeuralNet)
    theirs = SingerNetClassifier(**tiny).fit(recordings + recordings, 2 * [0, 1, 0])
    for column in ("train_loss", "valid_loss"):
        assert ours.history_[:, column] == theirs.history_[:, column]
    *before, last = ours.history_[:, "batches"]
    assert last == theirs.history_[-1, "batches"]
    assert not any(before)  # or a long training would be mostly history


def test_the_rate_moves_from_step_to_step_and_ends_with_the_training(recordings, tiny):
    rates = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            steps = net.history[-1, "batches"]
            rates.extend(step["event_lr"] for step in steps if "train_loss" in step)

    tiny |= {"batch_size": 2, "early_stopping": True, "callbacks": [Watch()]}
    SingerNetClassifier(**tiny).fit(recordings + recordings, 2 * [0, 1, 0])
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    policy = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=tiny["lr"], total_steps=len(rates) + 1
    )
    for rate in rates:
        assert rate == pytest.approx(policy.get_last_lr()[0])
        optimizer.step()
        policy.step()
    assert len(rates) > tiny["max_epochs"] and max(rates) > 10 * max(
        rates[0], rates[-1]
    )


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_fitted_net_holds_weights_only_where_skorch_finds_them_a_device(
    recordings, tiny, early_stopping
):
    model = SingerNetClassifier(**tiny, early_stopping=early_stopping)
    net = model.fit(recordings + recordings, 2 * [0, 1, 0]).net_
    state = net.__getstate__()
    assert b"_rebuild_tensor" in state.pop("__cuda_dependent_attributes__")
    assert b"_rebuild_tensor" not in pickle.dumps(state)


def test_the_rate_ends_low_though_epochs_differ_in_length(recordings, tiny):
    tiny |= {"batch_size": 1, "chunks_per_recording": None, "max_epochs": 20}
    rates, lengths = [], set()
    for seed in range(8):
        model = SingerNetClassifier(**tiny | {"random_state": seed})
        model.fit(recordings, [0, 1, 0], sample_weight=[0.5, 1, 0.5])
        lengths |= set(model.history_[:, "train_batch_count"])
        rates += [group["lr"] for group in model.net_.optimizer_.param_groups]
    assert len(lengths) > 1
    assert max(rates) < tiny["lr"] / 10 and min(rates) < tiny["lr"] / 1000


@pytest.mark.parametrize("n_epochs", [7, 50, 1000])
def test_steps_are_counted_over_epochs_of_any_length(n_epochs):
    lengths = np.random.RandomState(0).randint(3, 9, size=50)
    draws = iter(lengths)
    batches = SimpleNamespace(draw=lambda: range(next(draws)))
    net = SimpleNamespace(get_iterator=lambda X, training: batches)
    n_steps = count_steps(net, None, n_epochs)
    if n_epochs <= 50:
        assert n_steps == lengths[:n_epochs].sum()
    else:
        assert n_steps == round(lengths.mean() * n_epochs)
