"""When a training ends, judged by losses that are given."""

import os
import pickle
import sys
from types import SimpleNamespace

import pytest
import torch
from skorch.history import History

from singerlearn.callbacks import EarlyStoppingTest, ProgressBar


@pytest.mark.parametrize(
    ("losses", "how", "stopped"),
    [
        ([1, 0.91, 0.91], dict(every=1, patience=2), 3),
        ([100, 91, 91], dict(every=1, patience=2), 3),  # in any unit
        ([100, 91, 89, 81, 81], dict(every=1, patience=2), 5),
        ([1] * 20, dict(every=2, patience=5), 8),
        ([1] * 200, dict(every=50, patience=1), 100),
        ([1] * 70, dict(every=50, patience=1), 70),  # the last epoch is tested, too
    ],
)
def test_an_improvement_is_a_share_and_patience_is_in_epochs(losses, how, stopped):
    stop = EarlyStoppingTest(min_improvement=0.1, **how)
    net = SimpleNamespace(
        history=History(),
        module_=torch.nn.Linear(1, 1),
        max_epochs=len(losses),
        verbose=0,
    )
    stop.on_train_begin(net)
    with pytest.raises(KeyboardInterrupt):
        for epoch, loss in enumerate(losses, 1):
            net.history.new_epoch()
            net.history.record("epoch", epoch)
            net.history.record("valid_loss", loss)
            stop.on_epoch_end(net)
    assert len(net.history) == stopped


def watch(bar, n_epochs=3):
    """Show a training of so many epochs, the net pickled in each."""
    net = SimpleNamespace(history=History(), max_epochs=n_epochs)
    bar.on_train_begin(net)
    for _ in range(n_epochs):
        net.history.new_epoch()
        net.history.record("train_loss", 0.5)
        bar.on_epoch_end(net)
        pickle.loads(pickle.dumps(bar)).on_epoch_end(net)
    bar.on_train_end(net)


def test_a_bar_shows_epochs_and_losses(capsys):
    watch(ProgressBar())
    assert "3/3" in (shown := capsys.readouterr().err) and "train=0.500" in shown


@pytest.mark.parametrize("kind", ["none", "closed", "full", "gone"])
def test_a_training_does_not_depend_on_its_bar(monkeypatch, tmp_path, kind):
    if kind == "full" and not os.path.exists("/dev/full"):
        pytest.skip("needs a device that is always full")
    stream = None
    if kind == "closed":
        stream = open(tmp_path / "log", "w")
        stream.close()
    elif kind == "full":
        stream = open("/dev/full", "w", buffering=1)
    elif kind == "gone":
        read, write = os.pipe()
        os.close(read)
        stream = os.fdopen(write, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", stream)
    watch(ProgressBar())


def test_ctrl_c_before_the_first_epoch_is_no_other_error():
    stop = EarlyStoppingTest(every=1, patience=1, min_improvement=0.1)
    net = SimpleNamespace(history=History(), module_=torch.nn.Linear(1, 1))
    stop.on_train_begin(net)
    stop.on_train_end(net)
    assert stop.best_model_weights_ is None
