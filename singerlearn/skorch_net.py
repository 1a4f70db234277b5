"""The skorch net that trains: losses stay on the device until an epoch is over."""

import torch
from skorch import NeuralNet
from skorch.dataset import get_len


class NetReadOnceAnEpoch(NeuralNet):
    """A skorch net that asks the device for its losses once an epoch.

    Every number that is read from a GPU waits until it has done all before. So the
    losses of single steps are in the history when the epoch is over; until then
    callbacks get them as ``on_batch_end`` does, as tensors.
    """

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train or validate for an epoch, as skorch has it but for the waiting."""
        if iterator is None:
            return
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
