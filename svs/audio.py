"""Audio: samples with their rate; read, resample, write whole or not at all."""

from __future__ import annotations

import glob
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svs.mistakes import Mistake
from svs.units import SAMPLE_RATE

READ_SAMPLES = 1 << 20
CANCELLED = 1e-4  # of the channels' mean power is left when they are mixed: one is another turned upside down
AUDIBLE = 1e-8  # mean square; what is weaker may be the noise of rounding
LEVEL = 0.08  # RMS of the loud frames of every clip that is learned from, full scale 1


class AudioError(Mistake):
    """A sound file that cannot be read or written; the message says which and why."""


@dataclass(frozen=True)
class Audio:
    """One channel of sound.

    samples:     (samples,) float32, nominally within ±1.
    sample_rate: Hz.
    """

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self):
        if self.samples.ndim != 1:
            raise ValueError(f"Audio: samples have shape {self.samples.shape}; one channel is wanted")
        if not self.sample_rate > 0:
            raise ValueError(f"Audio: sample_rate is {self.sample_rate}; it must be above 0 Hz")

    @property
    def length(self) -> int:
        """Samples."""
        return len(self.samples)

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    @classmethod
    def read(cls, path, sample_rate: int | None = None) -> Audio:
        """Read WAV, FLAC, OGG or MP3, mixed to one channel, resampled when sample_rate (Hz) is given.

        Raises AudioError naming the file and the reason.
        """
        file = AudioFile.open(path)
        audio = file.piece(0, file.length)
        return audio if sample_rate is None else audio.resample(sample_rate)

    def piece(self, start: int, end: int) -> Audio:
        """The samples from start up to end, cut to what there is."""
        return Audio(self.samples[max(0, start) : max(0, end)], self.sample_rate)

    def resample(self, sample_rate: int) -> Audio:
        """The same sound at another rate (soxr, high quality)."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        return Audio(soxr.resample(self.samples, self.sample_rate, sample_rate).astype(np.float32), sample_rate)

    def write(self, path) -> None:
        """Write 16-bit PCM WAV; the file appears whole or not at all. Raises AudioError."""
        write_pieces(path, [self.samples], self.sample_rate)


@dataclass(frozen=True)
class AudioFile:
    """A sound file that is read a piece at a time, so that hours of it cost no more memory than a minute.

    length: samples of one channel. sample_rate: Hz.
    """

    path: Path
    length: int
    sample_rate: int

    @classmethod
    def open(cls, path) -> AudioFile:
        """Look at a WAV, FLAC, OGG or MP3 file. Raises AudioError naming the file and the reason."""
        path = Path(path)
        if path.is_dir():
            raise AudioError(f"{path}: is a folder; a sound file is wanted")
        if not path.is_file():
            raise AudioError(f"{path}: no such file")
        with _readable(path) as file:
            return cls(path, file.frames, file.samplerate)

    @property
    def seconds(self) -> float:
        return self.length / self.sample_rate

    def piece(self, start: int, end: int) -> Audio:
        """The samples from start up to end, mixed to one channel, cut to what there is.

        Raises AudioError when the file ends before, or when its channels cancel each other.
        """
        start, end = min(max(0, start), self.length), min(self.length, end)
        samples, filled = np.zeros(max(0, end - start), np.float32), 0
        mixed = apart = 0.0  # energy, and that of a channel on average
        with _readable(self.path) as file:
            file.seek(start)
            while filled < len(samples):  # the channels of the whole would take their number times the memory
                block = file.read(min(READ_SAMPLES, len(samples) - filled), dtype="float32", always_2d=True)
                if not len(block):
                    raise AudioError(f"{self.path}: ends after {start + filled} of {self.length} samples; it is cut short")
                samples[filled : filled + len(block)] = block.mean(axis=1)
                if block.shape[1] > 1:
                    mixed += float(np.sum(np.square(samples[filled : filled + len(block)], dtype=np.float64)))
                    apart += float(np.sum(np.square(block, dtype=np.float64))) / block.shape[1]
                filled += len(block)
        if filled > self.sample_rate // 10 and apart > AUDIBLE * filled and mixed < CANCELLED * apart:
            raise AudioError(f"{self.path}: its channels cancel each other when mixed (one is upside down); keep one of them")
        return Audio(samples, self.sample_rate)


def level(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """The samples scaled so that the louder half of its 20 ms frames has an RMS of LEVEL, peaks below 0.99."""
    frame = sample_rate // 50
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.sort(np.square(whole).mean(axis=1)) if len(whole) else np.zeros(1)
    loud = power[power > 1e-3 * power[-1]] if power[-1] > 0 else np.ones(1)
    gain = LEVEL / np.sqrt(loud[len(loud) // 2 :].mean())
    return samples * min(gain, 0.99 / max(np.abs(samples).max(), 1e-9))


def gather(pieces: Iterable[np.ndarray], samples: int, sample_rate: int) -> Audio:
    """Pieces that make so many samples together, as one sound; 10.6 MB a minute at 44.1 kHz, and no more on the way."""
    whole, at = np.zeros(samples, np.float32), 0
    for piece in pieces:
        whole[at : at + len(piece)] = piece
        at += len(piece)
    return Audio(whole, sample_rate)


def write_pieces(path, pieces: Iterable[np.ndarray], sample_rate: int) -> AudioFile:
    """Write 16-bit PCM WAV from pieces of samples as they come; whole or not at all. Raises AudioError."""
    import soundfile

    def save(temporary):
        try:
            name = os.fsencode(temporary)  # as it is: soundfile refuses names that are not of the locale's letters
            with soundfile.SoundFile(name, "w", sample_rate, channels=1, subtype="PCM_16", format="WAV") as file:
                for samples in pieces:
                    file.write(samples)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path}: cannot be written ({error.error_string} is the disk full?)") from None

    write_atomically(path, save)
    return AudioFile.open(path)


def digest(path) -> str:
    """Of the samples of a sound file at 16 bits, hexadecimal: a copy as FLAC has the same. Raises AudioError."""
    from hashlib import blake2b

    found = blake2b(digest_size=16)
    with _readable(path) as file:
        found.update(f"{file.samplerate} {file.channels}".encode())
        for block in file.blocks(READ_SAMPLES, dtype="int16"):
            found.update(block.astype("<i2").tobytes())
    return found.hexdigest()


def play_to(stream, sample_rate: int):
    """A function that sends pieces of sound down a binary stream as one WAV of unknown length, 16-bit, as players read it."""
    from struct import pack

    unknown = 0xFFFFFFFF
    stream.write(b"RIFF" + pack("<I", unknown) + b"WAVEfmt " + pack("<IHHIIHH", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16))
    stream.write(b"data" + pack("<I", unknown))

    def play(audio: Audio) -> None:
        stream.write((audio.samples.clip(-1.0, 1.0) * 32767.0).round().astype("<i2").tobytes())
        stream.flush()

    return play


@contextmanager
def _readable(path):
    import soundfile

    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            yield file
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        reason = str(getattr(error, "error_string", "") or error).strip(". ")
        raise AudioError(f"{path}: not a sound file that can be read ({reason})") from None


STALE_SECONDS = 60.0


def write_atomically(path, save) -> None:
    """Call save(temporary path) beside `path`, then move the result over it; raises AudioError.

    The temporary file is hidden, .NAME.….part. One that a killed process left behind is deleted by the next write to
    the same path: its writer's lock is gone, and it is older than STALE_SECONDS. Where the path is a link, what it leads to
    is written.
    """
    real = Path(os.path.realpath(path))
    sweep(real.parent, real.name)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{_beginning(real.name)}.", suffix=".part", dir=real.parent)
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({error.strerror}); choose a folder that exists and is yours") from None
    held = _locked(handle)
    if not held:  # an open file without a lock serves nothing, and some systems do not move it
        os.close(handle)
    try:
        save(temporary)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, real)
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if held:
            os.close(handle)


def write_text(path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all; raises AudioError."""
    write_atomically(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def sweep(folder: Path, name: str | None = None) -> None:
    """Delete what killed processes left of writing to a file in a folder, or to any of its files."""
    for left in folder.glob(f".{glob.escape(_beginning(name)) if name else '*'}.*.part"):
        with suppress(OSError):
            handle = os.open(left, os.O_RDWR)
            try:
                if time.time() - os.fstat(handle).st_mtime > STALE_SECONDS and _locked(handle):
                    left.unlink()
            finally:
                os.close(handle)


def _beginning(name: str) -> str:
    """What of a file's name leaves room for more, where systems allow 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:200])


def _locked(handle: int) -> bool:
    """Lock an open file; False where another process holds it, or locks are unknown."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
