"""A small phone recogniser of singing, trained on labelled recordings: for benchmarks.japanese.

  python -m benchmarks.recogniser --manifests kumi.jsonl teacher.jsonl --heldout NAME … --out recogniser.safetensors

Recognisers made for speech hear long notes badly. This one is a convolutional network over 40 mel bands (0 to 7.6 kHz,
16 kHz, 20 ms a frame, 0.3 s of context) that gives each frame one of the coarse phones of benchmarks/phones.py, or
silence; a best path that pays for every change of phone makes a sequence of them. Crops are played up to twice as fast
and a third slower, since recordings of syllables are slower than songs. It is trained on what the voice learned from:
it tells whether phones are those of the corpus, not what a stranger would understand. Clips that --heldout names are
left out, and the share of their frames heard right is printed. Minutes on one core; the weights are made, not shipped.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from benchmarks.common import parser, say
from benchmarks.phones import RATE, SOUNDS, Hear, coarse, level
from svs.audio import Audio, AudioError, write_atomically
from svs.dataset import kept_out, read_manifest
from svs.phonemes import SIL

CLASSES = (SIL, *SOUNDS)
SYMBOLS = (SIL, *(symbols.split()[0] for symbols in SOUNDS.values()))  # of svs.inventory, one for each class
BANDS, WIDTH, HIGHEST_HZ = 40, 96, 7_600.0
HOP = 320  # samples of RATE
CHANGE = 3.0  # nepers that a change of phone costs on the best path; 2 to 4 do as well on recordings held out
CROP = 100  # frames
SPEEDS = (0.67, 2.0)
QUIET = (math.log(1e-4) + 3) / 4  # the feature of silence
FORMAT = "svs phone recogniser 1"


def features(audio: Audio) -> np.ndarray:
    """(frames, BANDS) float32 log-mel of a sound whose loudest sample is levelled, about −2 … 2."""
    import librosa

    samples = level(audio).samples
    spectrum = librosa.feature.melspectrogram(
        y=np.pad(samples, (0, -len(samples) % HOP)), sr=RATE, n_fft=512, hop_length=HOP, n_mels=BANDS, fmax=HIGHEST_HZ
    )
    return ((np.log(spectrum.T + 1e-4) + 3) / 4).astype(np.float32)


def targets(phones: list[dict], frames: int) -> np.ndarray:
    """(frames,) class numbers of labelled spans; a phone that is two (ts, a diphthong) is cut in the middle."""
    found = np.zeros(frames, dtype=np.int64)
    for phone in phones:
        parts = coarse([phone["symbol"]])
        edges = np.linspace(phone["start"], phone["end"], len(parts) + 1)
        for part, start, end in zip(parts, edges, edges[1:], strict=False):
            found[round(start * RATE / HOP) : round(end * RATE / HOP)] = CLASSES.index(part)
    return found


def network(width: int = WIDTH):
    """(batch, BANDS, frames) → (batch, classes, frames)."""
    from torch import nn

    layers, channels = [], BANDS
    for dilation in (1, 2, 3, 1):
        layers += [nn.Conv1d(channels, width, 3, padding=dilation, dilation=dilation), nn.BatchNorm1d(width), nn.GELU()]
        channels = width
    return nn.Sequential(*layers, nn.Conv1d(width, len(CLASSES), 1))


def train(clips: list[tuple[np.ndarray, np.ndarray]], steps: int, batch: int = 16, seed: int = 0, width: int = WIDTH):
    """A network trained on (features, targets) of clips that are drawn by length, classes weighed by rarity."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    lengths = np.array([len(y) for _, y in clips], dtype=np.float64)
    counts = np.bincount(np.concatenate([y for _, y in clips]), minlength=len(CLASSES))
    weight = torch.tensor(1 / np.sqrt(np.maximum(counts, 50)), dtype=torch.float32)
    made = network(width).train()
    optimiser = torch.optim.AdamW(made.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for step in range(steps):
        drawn = [_crop(*clips[i], random) for i in random.choice(len(clips), batch, p=lengths / lengths.sum())]
        x, y = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
        loss = cross_entropy(made(x.transpose(1, 2)), y, weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            say(f"step {step + 1} of {steps}: loss {loss.item():.3f}")
    return made.eval()


def _crop(x: np.ndarray, y: np.ndarray, random) -> tuple[np.ndarray, np.ndarray]:
    """CROP frames at another speed, its bands tilted and moved by one at most; silence where the clip is shorter."""
    speed = math.exp(random.uniform(*np.log(SPEEDS)))
    start = random.uniform(0, max(0.0, len(x) - CROP * speed))
    at = np.round(start + speed * np.arange(CROP)).astype(int)
    inside = at < len(x)
    at = np.minimum(at, len(x) - 1)
    tilt = np.linspace(-1, 1, BANDS) * random.normal(0, 0.2) + random.normal(0, 0.2)
    bands = np.clip(np.arange(BANDS) + random.integers(-1, 2), 0, BANDS - 1)
    return (x[at][:, bands] * inside[:, None] + np.where(inside[:, None], tilt, QUIET)).astype(np.float32), np.where(
        inside, y[at], 0
    )


def scores(made, audio: Audio) -> np.ndarray:
    """(frames, classes) log-probabilities."""
    import torch

    with torch.inference_mode():
        return made(torch.from_numpy(features(audio).T[None])).log_softmax(1)[0].T.numpy()


def best_path(scores: np.ndarray, change: float = CHANGE) -> list[int]:
    """Class numbers, one for each stay, of the path of greatest sum that pays `change` wherever it changes class."""
    best, back = scores[0].copy(), []
    for frame in scores[1:]:
        other = int(best.argmax())
        moves = best[other] - change > best
        back.append(np.where(moves, other, np.arange(len(best))))
        best = np.where(moves, best[other] - change, best) + frame
    state = int(best.argmax())
    found = [state]
    for frame in reversed(back):
        state = int(frame[state])
        if state != found[-1]:
            found.append(state)
    return found[::-1]


def load(path) -> tuple[str, Hear]:
    """What the recogniser of a file is, and it. Raises SystemExit where it is none."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise SystemExit(f"{path}: no such recogniser; hama, pocketsphinx or a file of python -m benchmarks.recogniser")
    try:
        with safe_open(path, "pt") as file:
            metadata, weights = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != FORMAT:
            raise ValueError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
        made = network(len(weights["0.bias"])).eval()
        made.load_state_dict(weights)
    except (SafetensorError, ValueError, KeyError, RuntimeError, OSError) as error:
        raise SystemExit(f"{path}: not a recogniser of python -m benchmarks.recogniser ({error})") from None

    def hear(audio: Audio) -> list[str]:
        return [SYMBOLS[number] for number in best_path(scores(made, audio))]

    return f"network trained on {metadata['source']}", hear


def main(arguments=None) -> None:
    options = parser(__doc__)
    options.add_argument("--manifests", type=Path, nargs="+", required=True, metavar="FILE", help=".jsonl with phones")
    options.add_argument("--heldout", nargs="+", default=[], metavar="NAME", help="clips that are left out")
    options.add_argument("--minutes", type=float, default=40.0, help="of each manifest at most")
    options.add_argument("--steps", type=int, default=1500, help="of 16 crops of 2 s")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, required=True)
    options = options.parse_args(arguments)

    kept, heldout, minutes = [], [], 0.0
    for manifest in options.manifests:
        own, seconds = [], 0.0
        clips = [clip for clip in read_manifest(manifest) if clip.get("phones")]
        for i in np.random.default_rng(options.seed).permutation(len(clips)):
            if not kept_out(clips[i], options.heldout) and seconds > 60 * options.minutes:
                continue
            try:
                audio = Audio.read(clips[i]["audio"])
            except AudioError as error:
                raise SystemExit(str(error)) from None
            x = features(audio)
            pair = x, targets(clips[i]["phones"], len(x))
            if kept_out(clips[i], options.heldout):
                heldout.append(pair)
            else:
                own.append(pair)
                seconds += audio.seconds
        say(f"{manifest}: {len(own)} clips, {seconds / 60:.0f} minutes")
        kept += own
        minutes += seconds / 60
    if not kept:
        raise SystemExit("--manifests: no clips with phones but those held out")
    made = train(kept, options.steps, seed=options.seed, width=WIDTH)
    source = f"{minutes:.0f} minutes of {', '.join(path.stem for path in options.manifests)}"
    save(options.out, made, source)
    if heldout:
        print(f"{options.out}: frames heard right of {len(heldout)} clips held out: {right(made, heldout):.1%}")


def right(made, clips: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Share of the sounding frames whose class is the likeliest."""
    import torch

    with torch.inference_mode():
        heard = [made(torch.from_numpy(x.T[None])).argmax(1)[0].numpy() for x, _ in clips]
    sung = [y > 0 for _, y in clips]
    return float(np.concatenate([(h == y)[s] for h, (_, y), s in zip(heard, clips, sung, strict=True)]).mean())


def save(path: Path, made, source: str) -> None:
    from safetensors.torch import save_file

    weights = {name: value.contiguous() for name, value in made.state_dict().items()}
    write_atomically(path, lambda temporary: save_file(weights, temporary, {"format": FORMAT, "source": source}))


if __name__ == "__main__":
    main()
