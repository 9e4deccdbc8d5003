"""A synthetic singer of exactly known pitch: band-limited pulse trains through the formants of each phone.

Nobody's recordings are needed: recipes/tiny learns to sing from it, and the tests measure pitch against it. The formant
filter has zero phase, so it delays no harmonic and the pitch at time t is exactly the contour at t, vibrato included.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from data_prep.corpus import Corpus
from svs.audio import Audio
from svs.phonemes import is_vowel
from svs.pitch import PitchCurve, natural
from svs.score import Note, note_to_json
from svs.timing import SILENCE, PhonemeSpan, TypicalDurations, delay, place
from svs.units import SAMPLE_RATE, cents_to_hz

FORMANTS = {  # formant centres and bandwidths, Hz (Peterson & Barney 1952, women; bandwidths Hawks & Miller 1995)
    "a": ((850, 90), (1220, 100), (2810, 150), (3800, 250)),
    "e": ((610, 80), (2330, 120), (2990, 170), (3900, 250)),
    "i": ((310, 70), (2790, 150), (3310, 200), (4100, 250)),
    "o": ((590, 80), (920, 90), (2710, 150), (3700, 250)),
    "u": ((370, 70), (950, 90), (2670, 150), (3600, 250)),
    # consonants: a murmur and weak, damped resonances above it
    "m": ((250, 60), (1000, 300), (2200, 400), (3300, 500)),
    "n": ((250, 60), (1500, 300), (2500, 400), (3400, 500)),
    "l": ((360, 80), (1200, 150), (2600, 250), (3400, 400)),
}

# How each phone sounds: its resonances and its level beside a vowel; S alone is noise.
PHONES = {
    "AA": ("a", 1.0), "EH": ("e", 1.0), "IY": ("i", 1.0), "OW": ("o", 1.0), "UW": ("u", 1.0),
    "L": ("l", 0.5), "M": ("m", 0.4), "N": ("n", 0.4), "S": (None, 0.15),
}  # fmt: skip
SINGER = "tin"
SCALE = (5500, 5700, 5900, 6000, 6200, 6400, 6500, 6700)  # cents: G3 to G4
LEVEL = 0.1  # root mean square of a vowel
BREATH_DB = -40.0  # noise below everything sung, beside a vowel
CROSSFADE = 0.01  # seconds


def pulse_train(phase: np.ndarray, harmonics: int) -> np.ndarray:
    """cos(phase) + cos(2 phase) + … + cos(harmonics × phase), in closed form (Dirichlet's kernel)."""
    half = np.sin(phase / 2)
    at_pulse = np.abs(half) < 1e-9
    kernel = np.sin((harmonics + 0.5) * phase) / (2 * np.where(at_pulse, 1.0, half)) - 0.5
    return np.where(at_pulse, harmonics, kernel)


def zero_phase_formants(sound: np.ndarray, vowel: str, sample_rate: int) -> np.ndarray:
    """Weigh every frequency by the vowel's resonances side by side and a glottal slope of −12 dB per octave."""

    def gain(hz):
        return glottal(hz) * sum(resonance(hz, centre, bandwidth) for centre, bandwidth in FORMANTS[vowel])

    return zero_phase(sound, gain, sample_rate)


def zero_phase_tract(sound: np.ndarray, phone: str, sample_rate: int, damping: float = 2.0) -> np.ndarray:
    """As zero_phase_formants, but one resonance after the other, as in a throat: vowels differ more, highs are darker.

    damping: factor on the bandwidths, so that no harmonic stands out for falling on a resonance.
    """

    def gain(hz):
        resonances = [resonance(hz, centre, damping * bandwidth) for centre, bandwidth in FORMANTS[phone]]
        return glottal(hz) * np.prod(resonances, axis=0)

    return zero_phase(sound, gain, sample_rate)


def zero_phase(sound: np.ndarray, gain, sample_rate: int) -> np.ndarray:
    """Multiply the spectrum by gain(hz), real."""
    length = next_fast_len(len(sound) + sample_rate // 10, real=True)
    return irfft(rfft(sound, n=length) * gain(rfftfreq(length, 1 / sample_rate)), n=length)[: len(sound)]


def resonance(hz: np.ndarray, centre: float, bandwidth: float) -> np.ndarray:
    """Amplitude of a second-order resonator, 1 at 0 Hz."""
    return 1 / np.sqrt((1 - (hz / centre) ** 2) ** 2 + (hz * bandwidth / centre**2) ** 2)


def glottal(hz: np.ndarray) -> np.ndarray:
    """−12 dB per octave above 200 Hz."""
    return 1 / (1 + (hz / 200) ** 2)


def fade(voiced: np.ndarray, sample_rate: int, seconds: float = 0.005) -> np.ndarray:
    """The voiced flag with short raised-cosine edges inside each voiced run."""
    length = max(1, round(seconds * sample_rate))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]])))
    gain = voiced.astype(np.float64)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        short = min(length, (end - start) // 2)
        if start > 0:
            gain[start : start + short] *= ramp[:short]
        if end < len(voiced):
            gain[end - short : end] *= ramp[:short][::-1]
    return gain


def sing_phones(spans: list[PhonemeSpan], curve: PitchCurve, seed: int = 0) -> Audio:
    """Phones at their times and on the curve, each faded into the next, silence silent. As long as the spans."""
    samples = round(spans[-1].end * SAMPLE_RATE)
    times = np.arange(samples) / SAMPLE_RATE
    cents = np.interp(times, np.arange(len(curve.cents)) * curve.hop_seconds, curve.cents)
    phase = np.concatenate([[0.0], np.cumsum(2 * np.pi * cents_to_hz(cents[:-1]) / SAMPLE_RATE)])
    pulses = pulse_train(phase, int(0.45 * SAMPLE_RATE / cents_to_hz(cents.max())))
    noise = np.random.default_rng(seed).standard_normal(samples)
    sound = np.zeros(samples)
    for symbol in sorted({span.symbol for span in spans} - {SILENCE}):
        tract, level = PHONES[symbol]
        voice = np.diff(noise, prepend=0.0) if tract is None else zero_phase_tract(pulses, tract, SAMPLE_RATE)
        share = sum(_share(times, span) for span in spans if span.symbol == symbol)
        sound += LEVEL * level * share * voice / np.sqrt(np.mean(voice**2))
    sung = 1.0 - sum(_share(times, span) for span in spans if span.symbol == SILENCE)
    sound += LEVEL * 10 ** (BREATH_DB / 20) * sung * noise
    return Audio(sound.astype(np.float32), SAMPLE_RATE)


def _share(times: np.ndarray, span: PhonemeSpan) -> np.ndarray:
    """1 inside the span, 0 outside, raised cosines across both its borders; neighbours add up to 1."""
    ramps = [np.clip((times - border) / CROSSFADE + 0.5, 0.0, 1.0) for border in (span.start, span.end)]
    rise, fall = (0.5 - 0.5 * np.cos(np.pi * ramp) for ramp in ramps)
    return rise - fall


class Synthetic(Corpus):
    """Clips of five to eight syllables on random notes of a scale, labelled to the sample. source: made by formula."""

    name = "synthetic"
    source = "data_prep/synthetic.py"
    count = 30

    def clips(self, folder: Path) -> list[dict]:
        """One clip a line, sung into `folder` unless it is there already."""
        return [self._clip(folder, number) for number in range(self.count)]

    def fetch(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _clip(self, folder: Path, number: int) -> dict:
        random = np.random.default_rng(number)
        notes = delay(random_line(random))
        spans = place(notes, TypicalDurations())
        path = folder / f"{number:03}.wav"
        if not path.exists():
            sing_phones(spans, natural(notes, spans, seed=number), seed=number).write(path)
        return {
            "id": f"synthetic/{number:03}",
            "speaker": SINGER,
            "audio": str(path),
            "language": "en",
            "phones": [
                {"symbol": s.symbol, "stress": int(is_vowel(s.symbol)), "start": s.start, "end": s.end, "note": s.note}
                for s in spans
            ],
            "notes": [note_to_json(note) for note in notes],
        }


def random_line(random: np.random.Generator) -> list[Note]:
    """Five to eight open or closed syllables of PHONES, a rest now and then."""
    vowels = [symbol for symbol in PHONES if is_vowel(symbol)]
    consonants = [symbol for symbol in PHONES if not is_vowel(symbol)]
    notes, onset = [], 0.0
    for _ in range(random.integers(5, 9)):
        phones = (random.choice(consonants), random.choice(vowels) + "1")
        if random.random() < 0.25:
            phones = (*phones, random.choice(consonants))
        seconds = float(random.uniform(0.3, 0.7))
        notes.append(Note(onset, seconds, float(random.choice(SCALE)), "".join(phones).lower(), phonemes=phones))
        onset += seconds + (0.3 if random.random() < 0.15 else 0.0)
    return notes
