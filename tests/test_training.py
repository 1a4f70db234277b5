import pickle

import numpy as np
import pytest
import torch

from singerlearn import SingerNetClassifier
from singerlearn.chunks import Chunks
from singerlearn.training import check_alike, seeded_torch


def test_recordings_chunked_in_different_ways_are_an_error(recordings, rng):
    other = Chunks(rng.rand(5, 20).astype("float32"), 8, 5)
    with pytest.raises(ValueError, match="recording 3 was chunked otherwise"):
        check_alike([*recordings, other])


def test_the_callers_random_state_is_untouched():
    before = torch.random.get_rng_state()
    with seeded_torch(0, "cpu"):
        first = torch.rand(3)
    assert torch.equal(before, torch.random.get_rng_state())
    with seeded_torch(0, "cpu"):
        assert torch.equal(first, torch.rand(3))


def test_a_compiled_network_trains_alike(recordings, tiny, monkeypatch):
    graphs, compile_module = [], torch.nn.Module.compile

    def backend(graph, inputs):  # which runs the graph as it is: no minute of compiling
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda net: compile_module(net, backend=backend)
    )
    plain, compiled = (
        SingerNetClassifier(**tiny, compile=compile).fit(recordings, [0, 1, 0])
        for compile in (False, True)
    )
    assert graphs
    losses = [[row["train_loss"] for row in m.history_] for m in (plain, compiled)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(
        again.predict_proba(recordings), compiled.predict_proba(recordings)
    )


def test_losses_are_read_once_an_epoch_and_are_skorchs(recordings, tiny, monkeypatch):
    from skorch import NeuralNet
    from skorch.callbacks import Callback

    class Watch(Callback):
        seen = ()

        def on_batch_end(self, net, training, loss, **kwargs):
            Watch.seen += (loss.item(),)

    tiny |= {"callbacks": [Watch()], "early_stopping": True, "batch_size": 2}
    ours = SingerNetClassifier(**tiny).fit(recordings + recordings, 2 * [0, 1, 0])
    steps = ours.history_[:, "batches"]
    losses = [
        step.get("train_loss", step.get("valid_loss")) for row in steps for step in row
    ]
    assert losses == list(Watch.seen)

    monkeypatch.setattr("singerlearn.training.NetReadOnceAnEpoch", NeuralNet)
    theirs = SingerNetClassifier(**tiny).fit(recordings + recordings, 2 * [0, 1, 0])
    for column in ("train_loss", "valid_loss", "batches"):
        assert ours.history_[:, column] == theirs.history_[:, column]


def test_the_rate_moves_from_step_to_step_and_ends_with_the_training(recordings, tiny):
    tiny |= {"batch_size": 2, "early_stopping": True}
    model = SingerNetClassifier(**tiny).fit(recordings + recordings, 2 * [0, 1, 0])
    steps = [step for row in model.history_[:, "batches"] for step in row]
    rates = [step["event_lr"] for step in steps if "train_loss" in step]
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


def test_epochs_longer_than_the_first_end_at_the_lowest_rate(recordings, tiny):
    tiny |= {"batch_size": 1, "chunks_per_recording": None}
    differences = set()
    for seed in range(8):
        model = SingerNetClassifier(**tiny | {"random_state": seed})
        model.fit(recordings, [0, 1, 0], sample_weight=[0.5, 1, 0.5])
        n_steps = model.history_[:, "train_batch_count"]
        difference = np.sign(sum(n_steps) - len(n_steps) * n_steps[0])
        differences.add(difference)
        if difference >= 0:
            (group,) = model.net_.optimizer_.param_groups
            assert group["lr"] < tiny["lr"] / 1000
    assert differences >= {-1, 1}
