"""Speed on two threads of a song of three minutes: the chain, --fast, the first sound, the decoder; cold starts; same bytes.

The song is the one of benchmarks.long, repeated until it lasts --seconds. A real-time factor is seconds of work for each
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
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import ROOT, parser, print_table, verdict, write_json
from benchmarks.long import SONG, lengthened

SHORT = ROOT / "assets" / "scores" / "row_your_boat.musicxml"
SHORT_SECONDS = 10.0
PHRASES = 4  # that are sung as one batch
BARS = {
    "whole chain, real-time factor": 0.06,
    "--fast, real-time factor": 0.03,
    "decoder alone, real-time factor": 0.02,
    "first sound of a stream, s": 3.0,
    "cold svs --help, s": 0.5,
    "cold svs score, s": 2.5,
    "cold svs sing of 10 s, s": 8.0,
}


def main(arguments=None):
    options = parser(__doc__)
    options.add_argument("--voice", default="default")
    options.add_argument("--codec", type=Path, help="codec folder or file (default: the voice's)")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--seconds", type=float, default=180.0)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--onnx", action="store_true", help="only the chain, with torch and exported to ONNX")
    options.add_argument("--json", type=Path)
    options = options.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # before torch is imported, here and in the subprocesses
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.musicxml"
        song.write_bytes(lengthened(SONG, options.seconds))
        figures = beside_onnx(song, options) if options.onnx else cold(options) | bytes_alike(options) | warm(song, options)
    print_table(["figure", "value"], [[name, value] for name, value in figures.items()])
    print(f"\n{SONG.name}, {options.seconds:g} s, {options.threads} threads, load average {os.getloadavg()[0]:.1f}:")
    for name, bar in BARS.items():
        if name in figures:
            verdict(name, figures[name], bar)
    if options.onnx:
        verdict("greatest difference of the sound, of full scale", figures["greatest difference"], 1e-3)
    for name, value in figures.items():
        if isinstance(value, bool):
            print(f"{'met   ' if value else 'MISSED'}  {name}")
    write_json(options.json, figures)


def cold(options) -> dict:
    """Seconds of commands in new processes, files being in the system's cache."""
    from svs.score import read_score, select_part

    tempo = select_part(read_score(SHORT)).notes[-1].end / SHORT_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        sing = ["sing", SHORT, "-o", Path(folder) / "song.wav", "--voice", options.voice, "--no-cache", "--tempo", tempo]
        commands = {"svs --help": ["--help"], "svs score": ["score", SHORT], "svs sing of 10 s": sing}
        return {f"cold {name}, s": seconds(command, options.repeats) for name, command in commands.items()}


def seconds(command: list, repeats: int) -> float:
    """Of `svs …` in a new process: the median after one that does not count."""
    took = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        _svs(command)
        took.append(time.perf_counter() - started)
    return statistics.median(took[1:])


def _svs(command: list, **environment: str) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    whole = [sys.executable, "-m", "svs", *map(str, command)]
    subprocess.run(whole, check=True, env={**os.environ, **environment}, cwd=ROOT, **quiet)


def bytes_alike(options) -> dict:
    """Whether new processes write identical sound and take."""
    return {
        "same bytes twice": same_bytes(options.voice, [options.threads] * 2),
        "same bytes on 1, 2 and 4 threads": same_bytes(options.voice, [1, 2, 4]),
        "the same, --reproducible": same_bytes(options.voice, [1, 2, 4], "--reproducible"),
    }


def same_bytes(voice: str, threads: list[int], *more: str) -> bool:
    """Whether `svs sing` writes identical sound and take in new processes, each with so many threads."""
    sums = []
    for count in threads:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "song.wav"
            _svs(["sing", SONG, "-o", out, "--voice", voice, "--no-cache", *more], OMP_NUM_THREADS=str(count))
            sums.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in (out, out.with_suffix(".json"))])
    return all(each == sums[0] for each in sums)


def warm(song: Path, options) -> dict:
    """Real-time factors of the chain, of its quick setting, on one thread by --reproducible and of the decoder."""
    import torch

    import svs
    from benchmarks.codec import load_codec
    from svs.evaluation import take_curve
    from svs.voice import Voice

    torch.set_num_threads(options.threads)
    voice, takes = Voice.load(options.voice), {}

    def factor(run: Callable[[], object]) -> float:
        took = []
        for _ in range(options.repeats + 1):
            started = time.perf_counter()
            run()
            took.append(time.perf_counter() - started)
        return statistics.median(took[1:]) / takes["last"].seconds

    def sung(**more) -> Callable[[], object]:
        return lambda: takes.update(last=svs.sing(song, voice, pitch="exact", seed=0, **more))

    figures = {"whole chain, real-time factor": factor(sung())}
    figures["--fast, real-time factor"] = factor(sung(fast=True))
    figures["--reproducible, real-time factor"] = factor(sung(reproducible=True))
    take = takes["last"]
    codec, curve = load_codec(options.codec, options.voice), take_curve(take.to_json())
    latents = codec.encode(take.audio, curve)
    figures["decoder alone, real-time factor"] = factor(lambda: codec.decode(latents, curve))
    figures["first sound of a stream, s"] = first_sound(song, voice, options.repeats)
    figures[f"{PHRASES} phrases as a batch, by one after another"] = batched(voice, options.repeats)
    return figures


def first_sound(song: Path, voice, repeats: int) -> float:
    """Seconds from the call to the first piece of sound, the voice being loaded: the median."""
    import svs

    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        pieces = svs.stream(song, voice, pitch="exact")
        next(pieces)
        took.append(time.perf_counter() - started)
        pieces.close()
    return statistics.median(took)


def batched(voice, repeats: int) -> float:
    """Seconds of the network with phrases of 15 s as one batch, by those with one after another: the median."""
    import torch

    network, frames = voice.acoustic, 750
    with torch.inference_mode():
        x, condition = torch.randn(PHRASES, frames, network.latent_dim), torch.randn(PHRASES, frames, network.dim)
        keep, t = torch.ones(PHRASES, frames, dtype=torch.bool), torch.full((PHRASES,), 0.5)
        condition = condition[:, : -(-frames // network.patch)]

        def took(sizes: list[slice]) -> float:
            started = time.perf_counter()
            for one in sizes:
                network(x[one], t[one], condition[one], keep[one])
            return time.perf_counter() - started

        whole, single = [slice(0, PHRASES)], [slice(i, i + 1) for i in range(PHRASES)]
        ratios = [took(whole) / took(single) for _ in range(3 * repeats + 1)]
    return statistics.median(ratios[1:])


def beside_onnx(song: Path, options) -> dict:
    """Real-time factors and seconds of the processor, by torch and by onnxruntime, and how far their sound differs."""
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
            voice, work, wall = load(place), [], []
            for _ in range(options.repeats + 1):
                started, began = time.process_time(), time.perf_counter()
                take = svs.sing(song, voice=voice, pitch="exact", seed=0)
                work.append((time.process_time() - started) / take.seconds)
                wall.append((time.perf_counter() - began) / take.seconds)
            figures[f"{name}, CPU s a second of song"] = statistics.median(work[1:])
            figures[f"{name}, real-time factor"] = statistics.median(wall[1:])
            sound.append(take.audio.samples)
    difference = float(np.abs(sound[0] - sound[1]).max())
    by_onnx, by_torch = (figures[f"{name}, CPU s a second of song"] for name in ("ONNX", "torch"))
    return {**figures, "ONNX by torch": by_onnx / by_torch, "greatest difference": difference}


if __name__ == "__main__":
    main()
