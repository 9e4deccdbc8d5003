"""Encoding by listening to the copy: latents that are nearer to one sound than the encoder's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codecs import noise, sung

from svs.audio import Audio
from svs.codec import refining
from svs.codec.refining import refined
from svs.codecs import load
from svs.codecs.source_filter import SourceFilter, network_of
from svs.dataset import level
from svs.evaluation.spectrum import log_spectral_distance, mel_distance, world_copy
from svs.units import SAMPLE_RATE

SHARED = Path(__file__).resolve().parents[2] / "shared/data"
VOCOBOX = SHARED / "vocobox/data/voices/martin/notes/exports/mono"  # see data_prep/vocobox.py


@pytest.fixture(scope="module")
def network():
    return network_of(None)


@pytest.fixture(scope="module")
def sound():
    """A note on noise that swells."""
    note = sung(SAMPLE_RATE).samples
    return Audio(note + 0.1 * np.linspace(0, 1, len(note), dtype=np.float32) * noise(len(note)), SAMPLE_RATE)


def distance(codec, sound):
    return log_spectral_distance(sound.samples, codec.copy(sound).samples, SAMPLE_RATE)


def test_a_copy_is_nearer_when_its_latents_were_found_by_listening_to_it(network, sound):
    copies = {steps: SourceFilter(network, fine=True, refining=steps).copy(sound).samples for steps in (0, 10, 40)}
    nepers = {steps: log_spectral_distance(sound.samples, copy, SAMPLE_RATE) for steps, copy in copies.items()}
    assert nepers[40] < nepers[10] < nepers[0]
    assert nepers[40] < 0.95 * nepers[0]
    mel = {steps: mel_distance(sound.samples, copy, SAMPLE_RATE) for steps, copy in copies.items()}
    assert mel[40] < 0.8 * mel[0]


@pytest.mark.skipif(not VOCOBOX.is_dir(), reason="recordings of vocobox are not at ../shared/data")
def test_a_recording_that_was_kept_out_is_copied_nearer_than_by_world(network):
    recorded = Audio.read(VOCOBOX / "G#2-7-2.flac").resample(SAMPLE_RATE)
    recorded = Audio(level(recorded.samples), SAMPLE_RATE)
    world = log_spectral_distance(recorded.samples, world_copy(recorded).samples, SAMPLE_RATE)
    assert distance(SourceFilter(network, fine=True, refining=refining.STEPS), recorded) < 0.92 * world


def test_the_rate_is_that_of_the_encoders_own_latents(network, sound):
    own, found = (SourceFilter(network, fine=True, refining=steps).encode(sound).frames for steps in (0, 3))
    assert own.shape == found.shape and own.dtype == found.dtype
    assert (np.abs(own - found) > 0).all(axis=1).any()


def test_they_are_for_the_noise_they_were_found_with(network, sound):
    codec, other = SourceFilter(network, fine=True, refining=20), SourceFilter(network, seed=1, fine=True)
    codes = codec.encode(sound)
    heard = [log_spectral_distance(sound.samples, each.decode(codes).samples, SAMPLE_RATE) for each in (codec, other)]
    assert heard[0] < heard[1]


def test_a_long_sound_is_refined_piece_by_piece_as_near_as_at_once(network, sound, monkeypatch):
    codec = SourceFilter(network, fine=True, refining=20)
    whole = distance(codec, sound)
    monkeypatch.setattr(refining, "PIECE", 12)
    monkeypatch.setattr(refining, "CONTEXT", 8)
    assert distance(codec, sound) == pytest.approx(whole, abs=0.02)  # nepers
    assert distance(codec, sound) < distance(SourceFilter(network, fine=True), sound) - 0.02


def test_a_piece_is_heard_as_the_decoder_sounds_it_within_the_whole(network, monkeypatch):
    """The pulses of a piece stand where they stand in the whole sound."""
    frames, seen = 60, []
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, frames, network.latent_dim, generator=generator)
    cents, voiced = 5700 + 50 * torch.randn(1, 2 * frames, generator=generator), torch.ones(1, 2 * frames, dtype=torch.bool)
    unit = torch.from_numpy(noise(frames * 882))[None]
    decode = network.decode

    def listen(*arguments, **options):
        seen.append(decode(*arguments, **options))
        return seen[-1]

    monkeypatch.setattr(refining, "PIECE", 20)
    monkeypatch.setattr(network, "decode", listen)
    monkeypatch.setattr(refining, "RATE", 0.0)
    refined(network, latents, torch.zeros_like(unit), cents, voiced, unit, steps=1)
    with torch.no_grad():
        whole = decode(latents, cents, voiced, unit)[0]
    middle = seen[1][0].detach()  # of frames 0 to 60 less CONTEXT on either side of 20 to 40
    begin = max(0, 20 - refining.CONTEXT) * 882
    piece = slice(20 * 882, 40 * 882)
    torch.testing.assert_close(middle[piece.start - begin : piece.stop - begin], whole[piece], atol=1e-4, rtol=0)


def test_neither_the_latents_given_nor_the_weights_are_touched(network):
    latents, unit = torch.zeros(1, 4, network.latent_dim), torch.from_numpy(noise(4 * 882))[None]
    cents, voiced = torch.full((1, 8), 6000.0), torch.zeros(1, 8, dtype=torch.bool)
    found = refined(network, latents, unit, cents, voiced, unit, steps=2)
    assert not latents.any() and found.any()
    assert all(weight.grad is None for weight in network.parameters())
    assert torch.equal(refined(network, latents, unit, cents, voiced, unit, steps=0), latents)


def test_it_is_a_codec_by_name():
    codec = load("source-filter-refined")
    assert (codec.fine, codec.refining) == (True, refining.STEPS)
    assert codec.numbers_per_second == load("source-filter-fine").numbers_per_second
