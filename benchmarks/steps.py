"""The same number of steps for every network, however long its epochs are."""

from skorch.callbacks import Callback

from singerlearn.skorch_net import count_steps

# What a table says of a fit beside its figures.
EFFORT = ("steps", "seconds")
# A setting of runs: earlier ones were trained for steps by a formula, which differed.
STEPS_OF = "epochs counted out"


class Steps(Callback):
    """Trains for so many steps, to the nearest whole epoch.

    How many there are in an epoch depends on how chunks meet in batches. So epochs are
    counted out when the training begins, before a schedule asks for them.

    Parameters
    ----------
    n_steps : int
    """

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_train_begin(self, net, X, **kwargs):
        """Set how many epochs there will be, taking all to be as long as the first."""
        net.max_epochs = max(1, round(self.n_steps / count_steps(net, X, 1)))


def steps_taken(model):
    """Return the steps that a fitted model was trained for; 0 of what has none."""
    return sum(epoch["train_batch_count"] for epoch in getattr(model, "history_", ()))
