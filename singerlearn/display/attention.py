"""Where attention lies: over a chunk, and over frequency."""

import numpy as np

from singerlearn.display.axes import COLORS, given_or_new


class AttentionDisplay:
    """A chunk's spectrogram, and above it how much attention each moment gets.

    Make one with `from_estimator`.

    Parameters
    ----------
    chunk : ndarray of shape (n_bands, chunk_frames)
        Spectrogram in dB above the floor.
    weights : ndarray of shape (n_weights,)
        Attention over time; each weight is for as many frames as the network's pools
        make one. They sum to 1.
    start_frame : int, default=0
        Frame of the recording where the chunk starts.
    front_end : dict, default=None
        How the spectrogram was made (``Chunks.front_end``), from which the axes get
        seconds and Hz. None leaves them in frames and bands.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The spectrogram.
    ax_weights_ : matplotlib.axes.Axes
        The weights above it, over the same time.
    figure_ : matplotlib.figure.Figure
        The figure around both.
    image_ : matplotlib.image.AxesImage
        The spectrogram.
    steps_ : matplotlib.patches.StepPatch
        The weights in multiples of their mean.
    """

    def __init__(self, *, chunk, weights, start_frame=0, front_end=None):
        self.chunk = chunk
        self.weights = weights
        self.start_frame = start_frame
        self.front_end = front_end

    @classmethod
    def from_estimator(cls, estimator, chunks, *, index=0):
        """Ask a fitted estimator where its attention lies in a chunk.

        Parameters
        ----------
        estimator : SingerNetClassifier
            Fitted with ``aggregation="attention"``.
        chunks : Chunks
            One recording, chunked: ``MelChunker().transform([recording])[0]``.
        index : int, default=0
            Which of its chunks; negative ones count from the end.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ValueError
            If the estimator has no attention, or `chunks` is not a chunked recording.
        IndexError
            If the recording has no such chunk.
        """
        if not hasattr(chunks, "starts"):
            raise ValueError(
                f"chunks is a {type(chunks).__name__}, not one chunked recording; pass "
                "MelChunker().transform([recording])[0]"
            )
        if not -len(chunks) <= index < len(chunks):
            raise IndexError(
                f"index={index}, but the recording has {len(chunks)} chunks"
            )
        return cls(
            chunk=np.asarray(chunks[index]),
            weights=estimator.attention_weights([chunks])[0][index],
            start_frame=chunks.starts[index],
            front_end=chunks.front_end,
        )

    def plot(self, ax=None):
        """Draw the spectrogram, and above it the weights in multiples of their mean.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw both; a colour bar is put beside it. None makes a new figure.

        Returns
        -------
        self : AttentionDisplay
        """
        ax = given_or_new(ax, figsize=(8, 4.5))
        n_bands, chunk_frames = self.chunk.shape
        seconds = 1.0  # one frame is the unit, where nothing is known about time
        if self.front_end:
            seconds = self.front_end["hop_length"] / self.front_end["sampling_rate"]
        start, end = np.array([0, chunk_frames]) + self.start_frame
        self.image_ = ax.imshow(
            self.chunk,
            origin="lower",
            aspect="auto",
            cmap="magma",
            interpolation="nearest",
            extent=(start * seconds, end * seconds, -0.5, n_bands - 0.5),
        )
        ax.set_title("A chunk and the attention over its time")
        ax.set_xlabel("time (s)" if self.front_end else "frame")
        # The spectrogram fills the lower part of the axes and the weights the rest, so
        # that no layout has to know about the two.
        lower = 0.7
        ax.set_ylim(-0.5, n_bands / lower - 0.5)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines["left"].set_bounds(-0.5, n_bands - 0.5)
        frequencies = _band_frequencies(self.front_end)
        if frequencies is None:
            ax.set_yticks([0, n_bands - 1])
            ax.set_ylabel("band", y=lower / 2)
        else:
            octaves = 62.5 * 2.0 ** np.arange(9)
            octaves = octaves[(octaves > frequencies[0]) & (octaves < frequencies[-1])]
            bands = np.interp(octaves, frequencies, np.arange(n_bands))
            apart = np.diff(bands, append=np.inf) > n_bands / 16
            labels = [f"{octave:g}" for octave in octaves[apart]]
            ax.set_yticks(bands[apart], labels)
            ax.set_ylabel("frequency (Hz)", y=lower / 2)
        ax.figure.colorbar(
            self.image_, ax=ax, label="level (dB)", shrink=lower, anchor=(0, 0)
        )

        # Pools halve the frames and round down, so the last few may have no weight.
        n_weights = len(self.weights)
        frames_each = 2 ** int(np.log2(chunk_frames / n_weights))
        edges = (start + frames_each * np.arange(n_weights + 1)) * seconds
        relative = np.asarray(self.weights) * n_weights
        above = ax.inset_axes((0, lower + 0.03, 1, 1 - lower - 0.03), sharex=ax)
        self.steps_ = above.stairs(relative, edges, fill=True, color=COLORS[0])
        above.axhline(1, color="0.3", lw=1, ls="--")
        above.tick_params(labelbottom=False)
        above.spines[["top", "right"]].set_visible(False)
        above.set(ylim=(0, 1.1 * relative.max()), ylabel="attention\n(mean 1)")
        self.ax_, self.ax_weights_, self.figure_ = ax, above, ax.figure
        return self


def _band_frequencies(front_end):
    """Return the centres of the bands in Hz, rising, or None if they are not known."""
    kind = (front_end or {}).get("spectrogram")
    if kind == "mel":
        from librosa import mel_frequencies

        n_mels, fmin = front_end["n_mels"], front_end.get("fmin", 0.0)
        fmax = front_end.get("fmax") or front_end["sampling_rate"] / 2
        return mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax)[1:-1]
    if kind == "cqt":
        octaves = np.arange(front_end["n_bins"]) / front_end["bins_per_octave"]
        return front_end["fmin"] * 2.0**octaves
    return None
