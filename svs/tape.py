"""A tape: sound of any length that waits on disk while others are sung, and costs memory like a minute of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

from svs.audio import READ_SAMPLES, Audio, AudioError, write_pieces


class Tape:
    """One channel of float32 samples in a nameless temporary file, of which a killed process leaves nothing behind.

    length: samples recorded so far. sample_rate: Hz.
    """

    def __init__(self, folder, sample_rate: int):
        """Raises AudioError where the folder takes no files."""
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (open as long as the tape)
        except OSError as error:
            raise AudioError(f"{folder}: takes no files ({error.strerror}); choose a folder that is yours") from None
        self.folder, self.sample_rate, self.length = folder, sample_rate, 0

    @property
    def seconds(self) -> float:
        return self.length / self.sample_rate

    def record(self, pieces: Iterable[np.ndarray]) -> Tape:
        """Add pieces of samples at the end. Raises AudioError where the disk is full."""
        for samples in pieces:
            data = memoryview(samples.astype(np.float32, copy=False).tobytes())
            try:
                self._file.seek(4 * self.length)
                while data:  # an unbuffered write may take a part only
                    data = data[self._file.write(data) :]
            except OSError as error:
                raise AudioError(f"{self.folder}: cannot be written in ({error.strerror})") from None
            self.length += len(samples)
        return self

    def piece(self, start: int, end: int) -> Audio:
        """The samples from start up to end, cut to what there is."""
        start, end = min(max(0, start), self.length), min(max(0, end), self.length)
        self._file.seek(4 * start)
        data = bytearray(4 * max(0, end - start))
        room = memoryview(data)
        while room:
            got = self._file.readinto(room)
            if not got:
                raise AudioError(f"{self.folder}: a temporary file of sound has lost its end")
            room = room[got:]
        return Audio(np.frombuffer(data, np.float32), self.sample_rate)

    def pieces(self) -> Iterator[np.ndarray]:
        """All samples, READ_SAMPLES at a time."""
        for start in range(0, self.length, READ_SAMPLES):
            yield self.piece(start, start + READ_SAMPLES).samples

    def write(self, path) -> None:
        """Write 16-bit PCM WAV; the file appears whole or not at all. Raises AudioError."""
        write_pieces(path, self.pieces(), self.sample_rate)
