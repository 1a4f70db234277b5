"""When a training ends, judged by losses that are given."""

from types import SimpleNamespace

import pytest
import torch
from skorch.history import History

from singerlearn.callbacks import EarlyStoppingTest


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
