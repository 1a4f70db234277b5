"""Aggregations over time: many frames become one vector.

The paper's (section 2.2) and those that came after it. Each maps (batch, n_features,
n_frames) to (batch, out_features), is built from (n_features, n_frames) and says its
`out_features`; one that weighs frames says how by its method `weights`. To add one,
write the module and name it in `AGGREGATIONS`. All but `Flatten` take any number of
frames.
"""

import math

import torch
from torch import nn

__all__ = [
    "AGGREGATIONS",
    "Attention",
    "AttentiveStatistics",
    "Average",
    "Flatten",
    "Max",
    "SelfAttention",
    "Statistics",
]


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
        # As einsum or matmul would have it, all frames would be copied, transposed.
        scores = torch.bmm(self.w.expand(len(frames), 1, -1), frames).squeeze(1)
        scores = scores + self.b
        return torch.tanh(scores).softmax(dim=-1)

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, n_features)."""
        # In einsum's order, a product of each row, it would take four times as long.
        return torch.bmm(self.weights(frames).unsqueeze(1), frames.mT).squeeze(1)


class Statistics(nn.Module):
    """Mean and standard deviation of each feature over time.

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.

    References
    ----------
    D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition", ICASSP
    2018.
    """

    def __init__(self, n_features, n_frames):
        super().__init__()
        self.out_features = 2 * n_features

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, 2 * n_features), the means first."""
        variance, mean = torch.var_mean(frames, dim=-1, correction=0)
        return torch.cat([mean, _deviation(variance)], dim=1)


class AttentiveStatistics(Attention):
    """Mean and standard deviation over time, the frames weighted by attention.

    A frame has one weight for all features, as in the source, and it is that of
    `Attention`: n_features + 1 numbers to learn, and still a frequency template for
    each channel, where a layer of hidden units would have a hundred times as many.

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.

    References
    ----------
    K. Okabe, T. Koshinaka and K. Shinoda, "Attentive statistics pooling for deep
    speaker embedding", arXiv:1803.10963, 2018.
    """

    def __init__(self, n_features, n_frames):
        super().__init__(n_features, n_frames)
        self.out_features = 2 * n_features

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, 2 * n_features), the means first."""
        weights = self.weights(frames).unsqueeze(1)
        mean = (weights * frames).sum(dim=-1, keepdim=True)
        # The mean square less the square of the mean would lose a small deviation.
        variance = (weights * (frames - mean).square()).sum(dim=-1)
        return torch.cat([mean.squeeze(-1), _deviation(variance)], dim=1)


class SelfAttention(nn.Module):
    """Mean of the frames after multi-head self-attention: their order counts.

    Frames are projected to fewer numbers, normalised, and given their place in time as
    sinusoids. Every frame then gathers from all of them what it attends to.

    Parameters
    ----------
    n_features, n_frames : int
        Shape of the input, the batch left out.
    width : int, default=256
        Numbers in a projected frame: attention over hundreds of features times bands
        would take millions of weights. A multiple of twice the heads.
    n_heads : int, default=4
        Ways to attend, each over its share of the numbers.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", arXiv:1706.03762, 2017.
    """

    def __init__(self, n_features, n_frames, width=256, n_heads=4):
        super().__init__()
        self.out_features = width
        self.project = nn.Sequential(nn.Linear(n_features, width), nn.LayerNorm(width))
        self.attend = nn.MultiheadAttention(width, n_heads, batch_first=True)

    def weights(self, frames):
        """Weight of each frame: what all frames pay it, the mean over them and heads.

        Parameters
        ----------
        frames : torch.Tensor of shape (batch, n_features, n_frames)

        Returns
        -------
        weights : torch.Tensor of shape (batch, n_frames)
            Positive; each row sums to 1.
        """
        placed = self._place(frames)
        return self.attend(placed, placed, placed)[1].mean(dim=1)

    def forward(self, frames):
        """(batch, n_features, n_frames) to (batch, width)."""
        placed = self._place(frames)
        return self.attend(placed, placed, placed, need_weights=False)[0].mean(dim=1)

    def _place(self, frames):
        """(batch, n_features, n_frames) to (batch, n_frames, width), with the place."""
        projected = self.project(frames.mT)
        return projected + _sinusoids(*projected.shape[1:], projected.device)


def _deviation(variance):
    """Square root, but of 1e-10 at least: the gradient at 0 is 0 and not infinite."""
    return variance.clamp(min=1e-10).sqrt()


def _sinusoids(n_frames, width, device):
    """Sines and cosines of the place in time, at rates from 1 to 1/10,000 a frame.

    Returns
    -------
    torch.Tensor of shape (n_frames, width)
    """
    order = torch.arange(0, width, 2, device=device)
    rates = torch.exp(order * (-math.log(10_000) / width))
    angles = torch.arange(n_frames, device=device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


AGGREGATIONS = {
    "none": Flatten,
    "max": Max,
    "average": Average,
    "attention": Attention,
    "statistics": Statistics,
    "attentive-statistics": AttentiveStatistics,
    "self-attention": SelfAttention,
}
