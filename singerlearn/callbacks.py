"""What watches a training, epoch by epoch: ends it, guards it, shows how far it is."""

import math
from contextlib import contextmanager

from skorch.callbacks import Callback, EarlyStopping
from tqdm.auto import tqdm


class EarlyStoppingTest(EarlyStopping):
    """skorch's early stopping, tested every so many epochs, the best weights restored.

    The best are those of the last improvement.

    Parameters
    ----------
    every : int
        Epochs between two tests; the last epoch is tested, too.
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

    def on_train_begin(self, net, **kwargs):
        """Begin anew."""
        self.has_stopped_ = False
        super().on_train_begin(net, **kwargs)

    def on_epoch_end(self, net, **kwargs):
        """Test, if it is time to."""
        if len(net.history) % self.every and len(net.history) != net.max_epochs:
            return
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            self.has_stopped_ = True
            raise

    def on_train_end(self, net, **kwargs):
        """Restore the best weights, and keep no copy of them."""
        if net.history:  # else interrupted at once
            super().on_train_end(net, **kwargs)
        self.best_model_weights_ = None


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
    """One line on the standard error: epochs done, time left, losses.

    Where it cannot be written, or no longer, training goes on without it.
    """

    bar_ = None

    def on_train_begin(self, net, **kwargs):
        """Open the line."""
        with self._without_it_if_need_be():
            self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net, **kwargs):
        """Advance by one epoch."""
        if self.bar_ is None:
            return
        row = net.history[-1]
        losses = {k: row[f"{k}_loss"] for k in ("train", "valid") if f"{k}_loss" in row}
        with self._without_it_if_need_be():
            self.bar_.set_postfix({k: f"{loss:.3f}" for k, loss in losses.items()})
            self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the line."""
        if self.bar_ is not None:
            with self._without_it_if_need_be():
                self.bar_.close()
        self.bar_ = None

    @contextmanager
    def _without_it_if_need_be(self):
        try:
            yield
        except (OSError, ValueError, AttributeError):  # full, closed, not there
            if self.bar_ is not None:
                self.bar_.disable = True  # lest it try once more as it goes
            self.bar_ = None

    def __getstate__(self):
        """Leave out the bar: a net can be pickled while it trains."""
        return {k: v for k, v in vars(self).items() if k != "bar_"}
