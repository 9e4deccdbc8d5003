"""What the codec is trained against: spectra at several resolutions, mel bands, and small discriminators."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from svs.codec.source_filter import mel_filterbank
from svs.processes import mean_over_processes

FLOOR = 2e-6  # amplitude, full scale 1: below the quantisation noise of 16 bits
FAINT = 6e-6  # amplitude; what is fainter is silence, or lies above the band of the recording
NEAR = 9, 5  # bins and frames whose mean is an amplitude: one bin of noise says little of how loud it is
FAINT_WEIGHT = 0.1


class SpectralLoss(nn.Module):
    """Distance of amplitude spectra at FFT sizes 512, 1024 and 2048, a quarter of the size apart.

    log_weight × log-spectral distance + linear_weight × Σ|X − Y| / ΣY at each resolution, averaged, plus
    mel_weight × mean |ln mel X − ln mel Y| with 128 bands at sizes 1024 and 2048. The log-spectral distance is half the
    mean |ln X − ln Y| and half its root mean square over the bins of a frame: the one forgives outliers, the other not.
    Where the target is FAINT, bins count little: there is nothing to hear, and half a 24 kHz teacher's spectrum is so. That
    goes by the level NEAR a bin. By the bin itself, a faint noise would count where it happens to be loud, and the estimate
    would become too loud.
    """

    def __init__(self, log_weight: float = 1.0, linear_weight: float = 0.5, mel_weight: float = 1.0):
        super().__init__()
        self.log_weight, self.linear_weight, self.mel_weight = log_weight, linear_weight, mel_weight
        for size in (512, 1024, 2048):
            self.register_buffer(f"window{size}", torch.hann_window(size), persistent=False)
            self.register_buffer(f"filters{size}", mel_filterbank(size, 128 if size > 512 else 64), persistent=False)

    def amplitude(self, audio: Tensor, size: int) -> Tensor:
        window = getattr(self, f"window{size}")
        spectrum = torch.stft(audio, size, size // 4, window=window, pad_mode="constant", return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.sqrt(power / window.square().sum() + FLOOR**2)

    def forward(self, estimate: Tensor, target: Tensor) -> dict[str, Tensor]:
        """(batch, samples) twice. Returns the terms `log`, `linear`, `mel` and their weighted sum `total`."""
        terms = {name: estimate.new_zeros(()) for name in ("log", "linear", "mel")}
        for size in (512, 1024, 2048):
            ours, theirs = self.amplitude(estimate, size), self.amplitude(target, size)
            apart = ours.log() - theirs.log()
            near = F.avg_pool2d(theirs, NEAR, stride=1, padding=(NEAR[0] // 2, NEAR[1] // 2), count_include_pad=False)
            weight = torch.where(near > FAINT, 1.0, FAINT_WEIGHT)
            frame = weight.sum(dim=1)
            squares = (weight * apart.square()).sum(dim=1) / frame + 1e-6
            loud = frame / mean_over_processes(frame.sum())
            counts = mean_over_processes(weight.sum())
            distance = 0.5 * (weight * apart.abs()).sum() / counts + 0.5 * (loud * squares.sqrt()).sum()
            terms["log"] = terms["log"] + distance / 3
            terms["linear"] = terms["linear"] + (ours - theirs).abs().sum() / mean_over_processes(theirs.sum()) / 3
            if size > 512:
                filters = getattr(self, f"filters{size}")
                mel = [torch.log(x.transpose(1, 2) @ filters + FLOOR) for x in (ours, theirs)]
                terms["mel"] = terms["mel"] + (mel[0] - mel[1]).abs().mean() / 2
        terms["total"] = (
            self.log_weight * terms["log"] + self.linear_weight * terms["linear"] + self.mel_weight * terms["mel"]
        )
        return terms


class STFTDiscriminator(nn.Module):
    """Judges patches of a complex spectrogram, after the multi-scale STFT discriminator of EnCodec (Défossez et al. 2022).

    The spectrum is compressed (amplitude to the power 0.3) so that quiet high partials are seen.
    """

    window: Tensor

    def __init__(self, size: int, channels: int = 16):
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        widths = [2, channels, 2 * channels, 2 * channels, 2 * channels]
        norm = nn.utils.parametrizations.weight_norm
        self.layers = nn.ModuleList(
            norm(nn.Conv2d(a, b, (3, 7), stride=(1, 1 if i == 0 else 3), padding=(1, 3)))
            for i, (a, b) in enumerate(pairwise(widths))
        )
        self.verdict = norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(batch, samples) → verdicts (batch, 1, frames, bands) and the features of each layer."""
        spectrum = torch.stft(audio, self.size, self.size // 4, window=self.window, return_complex=True)
        spectrum = torch.view_as_real(spectrum).permute(0, 3, 2, 1)
        power = spectrum.square().sum(dim=1, keepdim=True)
        x = spectrum * (power + 1e-6).pow(-0.35)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.verdict(x), features


class Discriminators(nn.Module):
    """One discriminator a resolution; least-squares objective (Mao et al. 2017) with feature matching.

    A batch is judged by one of them, `turn` modulo their number: on a CPU all at once would cost five times the codec.
    """

    def __init__(self, sizes: tuple[int, ...] = (512, 1024, 2048), channels: int = 16):
        super().__init__()
        self.judges = nn.ModuleList(STFTDiscriminator(size, channels) for size in sizes)

    def discriminator_loss(self, real: Tensor, fake: Tensor, turn: int) -> Tensor:
        verdict, _ = self.judges[turn % len(self.judges)](torch.cat([real, fake.detach()]))
        true, false = verdict.float().chunk(2)
        return (1 - true).square().mean() + false.square().mean()

    def generator_loss(self, real: Tensor, fake: Tensor, turn: int) -> tuple[Tensor, Tensor]:
        """How far the fakes are from passing, and the mean relative distance of the layers' features."""
        judge = self.judges[turn % len(self.judges)]
        with torch.no_grad():
            _, wanted = judge(real)
        verdict, features = judge(fake)
        matching = verdict.new_zeros((), dtype=torch.float32)
        for ours, theirs in zip(features, wanted, strict=True):
            theirs = theirs.float()
            size = mean_over_processes(theirs.abs().mean())
            matching = matching + (ours.float() - theirs).abs().mean() / size / len(features)
        return (1 - verdict.float()).square().mean(), matching
