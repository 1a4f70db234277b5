"""Files of any format to blocks of samples, read to their end or refused."""

import os
import re
from functools import partial
from itertools import chain

import numpy as np
import soundfile as sf

from singerlearn.audio.tags import without_tags

_UNRECOGNISED = 1  # the error code of libsndfile for kinds that it does not know

# Containers without a header, whose length FFmpeg guesses from the first bit rate.
_HEADERLESS = ("aac", "amr")

# Samples decoded, mixed down and resampled at a time: hours of stereo never lie in
# memory at their own rate, and threads over files seldom wait for each other, as they
# would between shorter blocks.
_BLOCK = 2**18

# Samples that a codec may announce beyond those it holds: two frames of MP3, by which
# it pads, or is delayed.
_SLACK = 2304

_PCM_16 = np.float32(2**-15)  # a step of 16 bits, in [-1, 1)

# Bytes that may be left behind the samples, tags apart: a last frame that only pads.
_TRAILER = 2**12


def decode(path):
    """Iterate over a file, a block at a time.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    blocks : iterator of pairs of an ndarray and a number
        Channels of shape (n_channels, n_samples), float32, and their rate in Hz.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be decoded, at once or, having begun, to its end.
    """
    _check_file(path)
    # Opened here: a name may hold bytes that are no text, which soundfile would not
    # encode, or a colon, with which FFmpeg would take it for a URL; and only who has
    # the file can tell what is left of it.
    with open(path, "rb", buffering=0) as raw:
        raw.name = "recording"  # both libraries would believe a suffix, right or wrong
        try:
            file = _open(raw)
        except sf.LibsndfileError as error:
            raw.seek(0)
            yield from _pyav_blocks(raw, error)
        else:
            with file:
                yield from _soundfile_blocks(file, raw)


def _check_file(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file (looked from {os.getcwd()!r})")
    if os.path.isdir(path):
        raise ValueError("is a folder, not a recording; list the files in it")
    if not os.access(path, os.R_OK):
        raise ValueError("cannot be read: permission denied")
    if os.path.getsize(path) == 0:
        raise ValueError("the file is empty (0 bytes)")


class _StreamedFile(sf.SoundFile):
    """A sound file that is read once, from start to end.

    After every read of a file that can, soundfile seeks to where it is. That leaves a
    gap in an mp3, and fails at the end of a FLAC of unknown length (from a pipe).
    """

    def seekable(self):
        return False


def _open(raw):
    # On Windows libraries need not share the numbers of open files.
    return _StreamedFile(raw if os.name == "nt" else raw.fileno(), closefd=False)


def _soundfile_blocks(file, raw):
    decoded = 0
    rate, announced = file.samplerate, _announced_frames(file)
    # libsndfile takes twice as long to scale 16 bits of a WAV as to read them.
    dtype = "int16" if file.subtype == "PCM_16" else "float32"
    # Asked for more than it takes to be there, it would read it and drop it.
    read = partial(file.read, dtype=dtype, always_2d=True)
    try:
        while len(block := read(min(_BLOCK, file.frames - decoded))):
            decoded += len(block)
            if dtype == "int16":
                block = block.astype(np.float32)  # faster than a product of both
                block *= _PCM_16
            yield block.T, rate
    except sf.LibsndfileError as error:
        raise _undecodable(error) from error
    if file.format in ("FLAC", "MP3", "OGG"):
        _check_exhausted(raw)
    coded = file.subtype.startswith("MPEG")
    _check_whole(decoded / rate, announced / rate, _SLACK / rate if coded else 0)


def _check_exhausted(raw):
    """Refuse a file of which libsndfile has left something to hear.

    It believes the header, or what the first frames let it guess.
    """
    left = without_tags(raw.read()).strip(b"\0")
    if len(left) > max(_TRAILER, 0.01 * raw.tell()):
        raise ValueError(
            f"{len(left) / raw.tell():.0%} of the file would be left unread: it is "
            "several files joined, its header is damaged, or it is of a variable bit "
            "rate that no header tells; convert it, to WAV say"
        )


def _announced_frames(file):
    """Frames by the header, 0 if it does not know."""
    if file.frames > 2**62:
        return 0
    # Of a WAV or AIFF cut off, libsndfile counts the frames that are there.
    sizes = re.search(
        r"(?:data|SSND) *: (\d+) \(should be ([1-9]\d*)\)", file.extra_info
    )
    # Writers to a pipe announce about 2 or 4 GiB, whatever will come.
    if sizes is None or int(sizes[1]) > 2**31 - 2**16:
        return file.frames
    return file.frames * int(sizes[1]) / int(sizes[2])


def _pyav_blocks(raw, refused):
    """Decode by PyAV what libsndfile has refused, for the reason given."""
    known = refused.code != _UNRECOGNISED
    try:
        import av
    except ImportError as error:
        raise ValueError(
            f"cannot be decoded{f' ({refused.error_string})' if known else ''}; it is "
            "damaged, no audio file, or of a kind that needs PyAV, such as m4a, "
            "whatever its suffix: pip install 'singerlearn[m4a]'"
        ) from error

    decoded, kinds = 0.0, set()
    try:
        # A playlist among the recordings shall open no other file, nor an address.
        with av.open(raw, options={"protocol_whitelist": "none"}) as container:
            if not container.streams.audio:
                raise ValueError("the file has no audio stream")
            stream = container.streams.audio[0]
            announced = float((stream.duration or 0) * stream.time_base)
            if stream.duration is None:  # Matroska: of all streams, padding included
                announced = (container.duration or 0) / av.time_base - 0.1
            if container.format.name in _HEADERLESS:
                announced = 0.0
            # Of all formats channels first, and of their short frames blocks.
            planar = av.AudioResampler(format="fltp", frame_size=_BLOCK)
            for frame in chain(container.decode(stream), [None]):
                if frame:
                    kinds.add((frame.rate, frame.layout.name))
                if len(kinds) > 1:
                    raise ValueError(
                        "its rate or its channels change on the way; convert it, to "
                        "WAV say"
                    )
                for part in planar.resample(frame):
                    decoded += part.samples / part.sample_rate
                    yield part.to_ndarray(), part.sample_rate
    except av.FFmpegError as error:
        raise _undecodable(refused if known else error) from error
    _check_whole(decoded, announced, _SLACK / stream.rate)


def _undecodable(error):
    reason = getattr(error, "error_string", error)  # of soundfile's, without the file
    return ValueError(
        f"cannot be decoded ({reason}); it is damaged, cut off, or no audio file"
    )


def _check_whole(decoded, announced, slack):
    """Compare the seconds decoded with those of the header, which may be a little off.

    An Ogg stream announces nothing: it is whole wherever it ends.
    """
    if decoded < 0.99 * announced - slack:
        raise ValueError(
            f"the file is cut off: its header announces {announced:.2f} s, and only "
            f"{decoded:.2f} s are there; get it again, or convert what there is to WAV"
        )
