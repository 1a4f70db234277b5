"""The skorch net: losses read once per epoch, a rate for each step, interruptions."""

import warnings

import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, LRScheduler
from skorch.dataset import get_len
from skorch.exceptions import DeviceWarning
from skorch.helper import predefined_split
from torch.optim.lr_scheduler import OneCycleLR

from singerlearn.device import check_device


class NetReadOnceAnEpoch(NeuralNet):
    """A skorch net that asks the device for its losses once an epoch.

    Every number that is read from a GPU waits until it has done all before. So the
    losses of single steps are in the history when the epoch is over; until then
    callbacks get them as ``on_batch_end`` does, as tensors.

    The history keeps the steps of the last epoch. Those of a thousand epochs over
    hours of singing would take more memory than some collections.
    """

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train or validate for an epoch, as skorch has it but for the waiting."""
        if iterator is None:
            return
        if training and len(self.history) > 1:
            self.history[-2]["batches"].clear()
        steps, losses = [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            self.history.record_batch(f"{prefix}_batch_size", get_len(batch[0]))
            steps.append(self.history[-1]["batches"][-1])
            losses.append(step["loss"].detach())
            self.notify("on_batch_end", batch=batch, training=training, **step)
        for recorded, loss in zip(steps, torch.stack(losses).tolist(), strict=True):
            recorded[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(steps))

    def __setstate__(self, state):
        """Come back on a CPU where the device is not, be it one of CUDA's or another.

        skorch sees to that where there is no CUDA at all.
        """
        try:
            check_device(state["device"])
        except ValueError as error:
            message = f"a network that was kept is on the CPU now: {error}"
            warnings.warn(message, DeviceWarning, stacklevel=2)
            state = state | {"device": "cpu"}
        super().__setstate__(state)


class OneCycle(LRScheduler):
    """The rate rises to its highest and falls to nothing, from step to step.

    Parameters
    ----------
    max_lr : float
        The highest rate, reached after three tenths of the training.
    """

    def __init__(self, max_lr):
        super().__init__(OneCycleLR, step_every="batch", max_lr=max_lr)

    def on_train_begin(self, net, X, **kwargs):
        """Count the steps to come."""
        self.total_steps = count_steps(net, X, net.max_epochs) + 1
        super().on_train_begin(net, **kwargs)

    def on_batch_end(self, net, **kwargs):
        """Move the rate, unless it has come to its end before the training has."""
        if self.lr_scheduler_.last_epoch + 1 < self.total_steps:
            super().on_batch_end(net, **kwargs)

    def on_train_end(self, net, **kwargs):
        """Forget the schedule, and with it the optimizer, weights on a GPU and all.

        skorch finds a way for its own to machines without one, not for a callback's.
        """
        self.lr_scheduler_ = None


def count_steps(net, X, n_epochs):
    """Return about how many steps so many epochs of a net over a data set have.

    They are as long on average as those that are drawn here, which are others than
    those that will be trained on: what is done to chunks is drawn in between.
    """
    batches = net.get_iterator(X, training=True)
    n_drawn = n_steps = 0
    while n_drawn < min(n_epochs, 50) and n_steps < 10_000:
        n_steps += sum(1 for _ in batches.draw())
        n_drawn += 1
    return round(n_steps * n_epochs / n_drawn)


def run(net, train, valid):
    """Train a net, and keep what it has learnt if it is stopped from the keyboard.

    Returns
    -------
    interruption : str or None
        In words, if it was.
    """
    net.train_split = None if valid is None else predefined_split(valid)
    net.partial_fit(train)
    net.train_split = None  # or the fitted net would carry its validation set along
    within_an_epoch = not net.history or "train_loss" not in net.history[-1]
    if within_an_epoch:
        del net.history[-1:]
        if not net.history:
            raise KeyboardInterrupt("stopped before the first epoch was done")
    # Early stopping ends a training as the keyboard does, but between two epochs.
    by_itself = any(
        getattr(callback, "has_stopped_", True)  # of skorch's own nobody can tell
        for _, callback in net.callbacks_
        if isinstance(callback, EarlyStopping)
    )
    if within_an_epoch or (len(net.history) < net.max_epochs and not by_itself):
        return (
            f"training was interrupted after {len(net.history)} of {net.max_epochs} "
            "epochs; what it has learnt is kept, with early stopping the best so far"
        )
