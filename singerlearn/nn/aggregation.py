"""Aggregations over time (section 2.2): many frames become one vector.

Each maps (batch, n_features, n_frames) to (batch, out_features), is built from
(n_features, n_frames) and says its `out_features`. To add one, write the module and
name it in `AGGREGATIONS`. All but `Flatten` take any number of frames.
"""

import torch
from torch import nn

__all__ = ["AGGREGATIONS", "Attention", "Average", "Flatten", "Max"]


class Flatten(nn.Module):
    """No aggregation: every frame stays, side by side.

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.
    """

    def __init__(self, n_features, n_frames):
        super().__init__()
        self.out_features = n_features * n_frames

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, n_features * n_frames)."""
        return frames.flatten(1)


class Max(nn.Module):
    """The largest value of each feature over time.

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.
    """

    def __init__(self, n_features, n_frames):
        super().__init__()
        self.out_features = n_features

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, n_features)."""
        # amax shares the gradient among equal maxima, of which ReLU leaves many.
        return frames.amax(dim=-1)


class Average(nn.Module):
    """The mean of each feature over time.

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.
    """

    def __init__(self, n_features, n_frames):
        super().__init__()
        self.out_features = n_features

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, n_features)."""
        return frames.mean(dim=-1)


class Attention(nn.Module):
    """Mean of the frames, weighted by feed-forward attention (equations 1 to 3).

    The weights are softmax(tanh(X w + b)) over the frames. One w serves all frames: a
    frequency template for each channel, w.reshape(channels, bands).

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.

    Attributes
    ----------
    w : torch.nn.Parameter of shape (n_features,)
    b : torch.nn.Parameter of shape ()

    References
    ----------
    C. Raffel and D. P. W. Ellis, "Feed-forward networks with attention can solve some
    long-term memory problems", arXiv:1512.08756, 2015.
    """

    def __init__(self, n_features, n_frames):
        super().__init__()
        self.out_features = n_features
        # X w then starts with a variance near 1, where tanh still tells frames apart.
        self.w = nn.Parameter(torch.randn(n_features) * n_features**-0.5)
        self.b = nn.Parameter(torch.zeros(()))

    def weights(self, frames):
        """Weight of each frame; they are positive and sum to 1.

        Parameters
        ----------
        frames : torch.Tensor of shape (batch, n_features, n_frames)

        Returns
        -------
        weights : torch.Tensor of shape (batch, n_frames)
        """
        scores = torch.einsum("bdn,d->bn", frames, self.w) + self.b
        return torch.tanh(scores).softmax(dim=-1)

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, n_features)."""
        return torch.einsum("bdn,bn->bd", frames, self.weights(frames))


AGGREGATIONS = {
    "none": Flatten,
    "max": Max,
    "average": Average,
    "attention": Attention,
}
