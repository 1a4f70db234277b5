"""What watches a training: sets its rate, ends it, guards it, shows how far it is."""

import math

from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm


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
        """Count the steps to come, taking all epochs to be as long as the first."""
        in_epoch = len(list(net.get_iterator(X, training=True).draw()))
        self.total_steps = net.max_epochs * in_epoch + 1
        super().on_train_begin(net, **kwargs)

    def on_batch_end(self, net, **kwargs):
        """Move the rate, unless it has come to its end before the training has."""
        if self.lr_scheduler_.last_epoch + 1 < self.total_steps:
            super().on_batch_end(net, **kwargs)


class EarlyStoppingTest(EarlyStopping):
    """skorch's early stopping, tested every so many epochs, the best weights restored.

    Parameters
    ----------
    every : int
        Epochs between two tests.
    patience : int
        Epochs without improvement after which training ends.
    min_improvement : float
        The validation loss must fall under ``1 - min_improvement`` of the best.
    """

    def __init__(self, every, patience, min_improvement):
        super().__init__(
            patience=math.ceil(patience / every),
            threshold=min_improvement,
            load_best=True,
        )
        self.every = every

    def on_epoch_end(self, net, **kwargs):
        """Test, if it is time to."""
        if len(net.history) % self.every == 0:
            super().on_epoch_end(net, **kwargs)


class FiniteLoss(Callback):
    """Ends a training whose loss is no longer a number, and says what to do."""

    def on_epoch_end(self, net, **kwargs):
        """Raise ValueError if the epoch's loss is NaN or infinite."""
        if not math.isfinite(net.history[-1, "train_loss"]):
            raise diverged(net)


def diverged(net):
    """Return the error for a net that holds or gives NaN."""
    return ValueError(
        f"training diverged in epoch {len(net.history)}: the loss or the weights are "
        f"not finite; lower lr (now {net.lr})"
    )


class ProgressBar(Callback):
    """One line on the standard error: epochs done, time left, losses."""

    def on_train_begin(self, net, **kwargs):
        """Open the line."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net, **kwargs):
        """Advance by one epoch."""
        row = net.history[-1]
        losses = {k: row[f"{k}_loss"] for k in ("train", "valid") if f"{k}_loss" in row}
        self.bar_.set_postfix({k: f"{loss:.3f}" for k, loss in losses.items()})
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the line."""
        self.bar_.close()
        del self.bar_
