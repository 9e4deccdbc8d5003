"""Speed on two threads: the whole chain and the decoder alone, warm, a minute of song; cold start; same bytes.

The song is the longest of benchmarks/songs.txt, slowed to --seconds. A real-time factor is seconds of work for each
second of audio, the median of --repeats runs after one that warms up.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import SONGS, parser, print_table, song_list, verdict, write_json


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--voice", default="default")
    options.add_argument("--codec", type=Path, help="codec folder or file (default: the voice's)")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--onnx", action="store_true", help="only the chain, with torch and exported to ONNX")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # before torch is imported, here and in the subprocesses

    score, tempo = longest_song(options.seconds)
    if options.onnx:
        figures = beside_onnx(score, tempo, options)
        print_table(["figure", "value"], [[name, value] for name, value in figures.items()])
        verdict("greatest difference of the sound, of full scale", figures["greatest difference"], 1e-3)
        write_json(options.json, figures)
        return
    figures = {"cold svs --help, s": cold_help(options.repeats)}
    figures |= {"same bytes twice": same_bytes(score, options.voice, [options.threads] * 2)}
    figures |= {"same bytes on 1, 2 and 4 threads": same_bytes(score, options.voice, [1, 2, 4])}
    figures |= {"the same, --reproducible": same_bytes(score, options.voice, [1, 2, 4], "--reproducible")}
    figures |= warm(score, tempo, options)
    print_table(["figure", "value"], [[name, value] for name, value in figures.items()])
    print(f"\n{score.name} at tempo × {tempo:.2f}, {options.threads} threads, load average {os.getloadavg()[0]:.1f}:")
    verdict("whole chain, real-time factor", figures["whole chain, real-time factor"], 0.15)
    verdict("decoder alone, real-time factor", figures["decoder alone, real-time factor"], 0.02)
    verdict("cold svs --help, s", figures["cold svs --help, s"], 0.5)
    for name in ("same bytes twice", "same bytes on 1, 2 and 4 threads", "the same, --reproducible"):
        print(f"{'met   ' if figures[name] else 'MISSED'}  {name}")
    write_json(options.json, figures)


def longest_song(seconds: float) -> tuple[Path, float]:
    """The longest song of the list, and the tempo factor that makes it last so long."""
    from svs.score import read_score, select_part

    lengths = {song: select_part(read_score(song)).notes[-1].end for song in song_list(SONGS)}
    song = max(lengths, key=lengths.get)
    return song, lengths[song] / seconds


def warm(score: Path, tempo: float, options) -> dict:
    """Real-time factors of the chain and of the decoder, each after one run that does not count."""
    import torch

    import svs
    from benchmarks.codec import load_codec
    from svs.evaluation import take_curve

    torch.set_num_threads(options.threads)
    took = []
    for _ in range(options.repeats + 1):
        started = time.perf_counter()
        take = svs.sing(score, voice=options.voice, tempo=tempo, pitch="exact", seed=0)
        took.append((time.perf_counter() - started) / take.audio.seconds)
    codec, curve = load_codec(options.codec, options.voice), take_curve(take.to_json())
    latents = codec.encode(take.audio, curve)
    decoding = []
    for _ in range(options.repeats + 1):
        started = time.perf_counter()
        codec.decode(latents, curve)
        decoding.append((time.perf_counter() - started) / take.audio.seconds)
    return {
        "seconds of song": take.audio.seconds,
        "first run, real-time factor": took[0],
        "whole chain, real-time factor": statistics.median(took[1:]),
        "decoder alone, real-time factor": statistics.median(decoding[1:]),
    }


def beside_onnx(score: Path, tempo: float, options) -> dict:
    """Seconds of the processor for a second of song, by torch and by onnxruntime, and how far their sound differs."""
    import numpy as np
    import torch

    import svs
    from svs.export.voice import export_voice
    from svs.onnx_runner import load

    torch.set_num_threads(options.threads)
    figures, sound = {}, []
    with tempfile.TemporaryDirectory() as folder:
        voices = {"torch": options.voice, "ONNX": export_voice(options.voice, Path(folder) / "voice")}
        for name, place in voices.items():
            voice, took = load(place), []
            for _ in range(options.repeats + 1):
                started = time.process_time()
                take = svs.sing(score, voice=voice, tempo=tempo, pitch="exact", seed=0)
                took.append((time.process_time() - started) / take.audio.seconds)
            figures[f"{name}, CPU s a second of song"] = statistics.median(took[1:])
            sound.append(take.audio.samples)
    by_torch, by_onnx = figures.values()
    difference = float(np.abs(sound[0] - sound[1]).max())
    return {**figures, "ONNX by torch": by_onnx / by_torch, "greatest difference": difference}


def cold_help(repeats: int) -> float:
    """Seconds of `svs --help` in a new process: the median, files being in the system's cache."""
    took = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "svs", "--help"], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - started)
    return statistics.median(took[1:])


def same_bytes(score: Path, voice: str, threads: list[int], *more: str) -> bool:
    """Whether `svs sing` writes identical sound and take in new processes, each with so many threads."""
    sums = []
    for count in threads:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "song.wav"
            command = [sys.executable, "-m", "svs", "sing", str(score), "-o", str(out), "--voice", voice, "--no-cache"]
            environment = {**os.environ, "OMP_NUM_THREADS": str(count)}
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([*command, *more], check=True, env=environment, **quiet)
            files = [out, out.with_suffix(".json")]
            sums.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    return all(each == sums[0] for each in sums)


if __name__ == "__main__":
    main()
