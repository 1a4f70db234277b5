"""Spectrograms on disk, keyed by what was heard and how it was transformed.

One file holds one spectrogram::

    <folder>/<parameters>/<digest of the recording>     the spectrogram, in levels
    <folder>/files/<digest of a file's identity>        the digest of its bytes
    <folder>/locks/<two digits>                         one computes, others wait

A file gets its name by a rename, once it is complete, and is never changed: a reader
finds all of it or nothing. It starts with a checksum of its place and its contents, so
that readers ignore files that are damaged, cut off, moved or foreign.

(joblib.Memory identifies a file by its path, not by its bytes; it unpickles whatever is
in its folder, serves bits that have flipped, and a look-up takes as long as
transforming a second of audio.)
"""

import hashlib
import json
import os
import re
import secrets
import struct
import time
import warnings
import zlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# What the store writes, and so all that `prune` may remove.
_OURS = re.compile(
    r"(files|.*,dtype=uint\d+)/[0-9a-f]{32}(?P<unfinished>\.[0-9a-f]{16})?"
)

_CHECKSUM = struct.Struct("<I")
_N_BANDS = struct.Struct("<I")

# A file that changed this recently may change again without a trace: file systems count
# time in steps, of up to two seconds (FAT).
_SETTLED_NS = 2_000_000_000

# Longer than any recording takes. After this, work is done twice, not blocked for ever.
_PATIENCE_S = 300

# An unfinished file that is older no longer has a writer.
_ABANDONED_S = 3600


@dataclass(frozen=True)
class SpectrogramStore:
    """A folder of decibel spectrograms, shared by folds, searches and processes.

    Give it, or just the folder's path, to :class:`MelChunker` or :class:`CQTChunker`:
    each spectrogram is then computed once, however many folds, searches, processes and
    runs ask for it. Recordings are identified by their content: a file may be moved or
    copied, and one that is rewritten in place is computed again. Any number of
    processes may share the folder, and may be killed at any moment; damaged entries are
    computed again. Everything in the folder can be deleted at any time, at no more than
    the cost of computing it again. If the disk is full, or the folder read-only, a
    warning says so and work goes on.

    Parameters
    ----------
    folder : str or Path
        Created when it is first written to. A ``~`` at its beginning is your home.
    dtype : {"uint16", "uint8"}, default="uint16"
        Decibels are stored in 65 536 or 256 equal steps over the chunker's `top_db`;
        silence and maximum are exact. For 60 dB, the error is at most 0.0005 dB in 2
        bytes or 0.12 dB in 1 (float16 would err by 0.016 dB in 2). A four-minute
        recording of 96 bands takes 2.0 or 1.0 MB.

    Raises
    ------
    ValueError
        If `folder` is a file, or `dtype` neither of the two.

    Notes
    -----
    A chunker with a store returns what the store keeps, in float32, the first time as
    well as later: results do not depend on what is in the folder.

    To identify a file, its bytes are hashed once; from then on, its path, size, inode
    and times of change stand for them, unless it changed within two seconds of being
    hashed. On Windows, a program that rewrites a file, keeps its size and sets its time
    back would go unnoticed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from singerlearn.features import MelChunker
    >>> from singerlearn.store import SpectrogramStore
    >>> tone = np.sin(0.06 * np.arange(22050 * 10))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SpectrogramStore(folder)
    ...     chunks = MelChunker(store=store).fit_transform([tone])
    ...     store.info()["entries"], store.info()["bytes"]
    ...     store.prune(max_bytes=0), store.info()["entries"]
    (1, 82760)
    (82760, 0)
    """

    folder: str | os.PathLike
    dtype: str = "uint16"

    def __post_init__(self):
        home = Path if isinstance(self.folder, Path) else str
        object.__setattr__(self, "folder", home(os.path.expanduser(self.folder)))
        if os.path.isfile(self.folder):
            raise ValueError(
                f"store={os.fspath(self.folder)!r} is a file; give the path of a "
                "folder, which is made if there is none"
            )
        if self.dtype not in ("uint16", "uint8"):
            raise ValueError(f"dtype={self.dtype!r} must be 'uint16' or 'uint8'")

    def fetch(self, recording, parameters, compute):
        """Return a recording's spectrogram, computed only if the store has none.

        Parameters
        ----------
        recording : path, waveform or (waveform, sampling_rate) pair
            What identifies the spectrogram, together with the parameters.
        parameters : dict
            Everything else that its numbers depend on: words or numbers by name, among
            them ``top_db``, the largest value in dB.
        compute : callable
            Returns the spectrogram, of shape (n_bands, n_frames), in [0, top_db] dB.

        Returns
        -------
        spectrogram : ndarray of shape (n_bands, n_frames), float32
            In dB, rounded to the steps of the store.
        """
        top_db = parameters["top_db"]
        digest = self._digest(recording)
        if digest is None:
            return self._decode(self._encode(compute(), top_db), top_db)
        path = os.path.join(self.folder, self._name(parameters), digest)
        body = self._read(path)
        if body is None:
            with ExitStack() as stack:
                # Without locks, as on some network drives, two may compute the same.
                with suppress(OSError, NotImplementedError):
                    stack.enter_context(self._lock(digest))
                body = self._read(path)  # another may have computed it meanwhile
                if body is None:
                    body = self._encode(compute(), top_db)
                    # A file that was rewritten meanwhile may have been read in parts.
                    if self._digest(recording) == digest:
                        self._write(path, body)
        return self._decode(body, top_db)

    def info(self):
        """Return what is in the folder.

        Returns
        -------
        info : dict
            ``entries``, the number of spectrograms; ``bytes``, the size of all files;
            and ``parameters``, a list with one dict for each set of parameters: the
            parameters by name, their ``entries`` and their ``bytes``.
        """
        n_bytes = 0
        sizes = {}
        for path, status, unfinished in self._files():
            n_bytes += status.st_size
            if path.parent.name != "files" and not unfinished:
                sizes.setdefault(path.parent.name, []).append(status.st_size)
        return {
            "entries": sum(map(len, sizes.values())),
            "bytes": n_bytes,
            "parameters": [
                {**_parse(name), "entries": len(of_set), "bytes": sum(of_set)}
                for name, of_set in sorted(sizes.items())
            ],
        }

    def prune(self, *, max_bytes=None, max_age_days=None):
        """Remove what has not been used for long, and what killed processes left.

        Safe while other processes use the store: they compute what is missing.

        Parameters
        ----------
        max_bytes : int, default=None
            Size to keep: the least recently used files go first. None means any size.
        max_age_days : float, default=None
            Days since the last use after which a file is removed. None means never.

        Returns
        -------
        n_bytes : int
            How much was removed.
        """
        max_bytes = np.inf if max_bytes is None else max_bytes
        max_age = np.inf if max_age_days is None else max_age_days * 24 * 3600
        now = time.time()
        kept = removed = 0
        latest_first = sorted(self._files(), key=lambda file: -file[1].st_mtime_ns)
        for path, status, unfinished in latest_first:
            age = now - status.st_mtime
            if unfinished:
                gone = age > _ABANDONED_S
            else:
                kept += status.st_size
                gone = kept > max_bytes or age > max_age
            if gone:
                with suppress(OSError):  # another process was faster, or reads it
                    path.unlink()
                    removed += status.st_size
        return removed

    def _digest(self, recording):
        """Return a digest of the content; None if `load` would not take it."""
        if isinstance(recording, (str, os.PathLike)):
            # Reading a pipe would empty it.
            return self._file_digest(recording) if os.path.isfile(recording) else None
        waveform, rate = recording if isinstance(recording, tuple) else (recording, "")
        if np.ma.is_masked(waveform):
            return None
        try:
            samples = np.ascontiguousarray(waveform)
        except (TypeError, ValueError, RuntimeError):  # `load` will say why
            return None
        if samples.dtype.kind not in "fiu":
            return None
        kind = f"{samples.dtype.str} {samples.shape} {rate}"
        digest = _blake2b(kind.encode())
        digest.update(samples)
        return digest.hexdigest()

    def _file_digest(self, path):
        try:
            with open(path, "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
                settled = time.time_ns() - changed_ns > _SETTLED_NS
                identity = repr(
                    (
                        os.path.abspath(path),
                        status.st_dev,
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                    )
                )
                name = _blake2b(identity.encode()).hexdigest()
                shortcut = os.path.join(self.folder, "files", name)
                known = self._read(shortcut)
                if known is not None:
                    return bytes(known).decode()
                digest = hashlib.file_digest(file, _blake2b).hexdigest()
        except OSError:
            return None
        if settled:
            self._write(shortcut, digest.encode())
        return digest

    def _name(self, parameters):
        """Return the name of the folder for these parameters; `_parse` reads it."""
        parts = []
        for name, value in {**parameters, "dtype": self.dtype}.items():
            if value is None:
                value = "null"
            elif not isinstance(value, str):
                # 22050 and 22050.0 are the same rate, whatever the type of number.
                value = f"{float(value):.17g}"
            parts.append(f"{name}={value}")
        return ",".join(parts)

    def _lock(self, digest):
        from filelock import FileLock

        folder = Path(self.folder, "locks")
        folder.mkdir(parents=True, exist_ok=True)
        # Of 256 locks, two recordings rarely share one; then one waits for the other.
        return FileLock(folder / digest[:2], timeout=_PATIENCE_S)

    def _encode(self, spectrogram, top_db):
        n_levels = np.iinfo(self.dtype).max
        levels = np.rint(np.asarray(spectrogram) * np.float32(n_levels / top_db))
        little_endian = np.dtype(self.dtype).newbyteorder("<")
        return _N_BANDS.pack(len(levels)) + levels.astype(little_endian).tobytes()

    def _decode(self, body, top_db):
        (n_bands,) = _N_BANDS.unpack_from(body)
        little_endian = np.dtype(self.dtype).newbyteorder("<")
        levels = np.frombuffer(body, little_endian, offset=_N_BANDS.size)
        # Divided by the largest level, so that the maximum comes out exactly.
        decibels = np.divide(levels, np.iinfo(self.dtype).max, dtype=np.float32)
        decibels *= np.float32(top_db)
        return decibels.reshape(n_bands, -1)

    def _read(self, path):
        """Return what was written there; None if it is missing or damaged."""
        try:
            with open(path, "rb", buffering=0) as file:
                # Not memory-mapped: a map would change with its file after the check,
                # and a disk that fails then would end the process.
                content = memoryview(file.read())
        except OSError:
            return None
        body = content[_CHECKSUM.size :]
        if content[: _CHECKSUM.size] != _checksum(path, body):
            return None
        with suppress(OSError):  # a folder that may only be read
            os.utime(path)  # `prune` keeps what was used last
        return body

    def _write(self, path, body):
        """Write a file, or none at all, and warn if that is not possible."""
        # No fsync: a file cut off by a power failure does not match its checksum.
        unfinished = f"{path}.{secrets.token_hex(8)}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                with open(unfinished, "xb") as file:
                    file.write(_checksum(path, body))
                    file.write(body)
                os.replace(unfinished, path)
            except BaseException:
                with suppress(OSError):
                    os.remove(unfinished)
                raise
        except OSError as error:
            warnings.warn(
                f"the store {os.fspath(self.folder)!r} cannot be written "
                f"({error.strerror}); it goes on with what it has and computes the "
                "rest each time. Make room, for instance by its prune(max_bytes=...), "
                "or choose a folder that may be written",
                stacklevel=1,  # from one place, so that Python shows it once
            )

    def _files(self):
        """Iterate over the store's files: path, status, and whether it is unfinished.

        Nothing else in the folder is looked at, so that no user's files are pruned.
        """
        with suppress(OSError):  # the folder was deleted meanwhile
            for path in Path(self.folder).glob("*/*"):
                match = _OURS.fullmatch(f"{path.parent.name}/{path.name}")
                if match:
                    with suppress(OSError):  # pruned by another process
                        yield path, path.stat(), match["unfinished"] is not None


def _blake2b(content=b""):
    """Return a hash as fast as any in the standard library without known collisions."""
    return hashlib.blake2b(content, digest_size=16)


def _checksum(path, body):
    folder, name = os.path.split(path)
    place = f"{os.path.basename(folder)}/{name}"
    return _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(place.encode())))


def _parse(name):
    """Return the parameters that a folder's name holds."""
    parameters = {}
    for part in name.split(","):
        key, _, value = part.partition("=")
        try:
            parameters[key] = json.loads(value)
        except ValueError:  # a word
            parameters[key] = value
    return parameters
