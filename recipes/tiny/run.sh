#!/usr/bin/env bash
# A voice in two minutes from a synthetic singer: every stage of a real one, no downloads. See README.md, "Train".
set -euo pipefail
RECIPE=$(cd "$(dirname "$0")" && pwd)
STAGES=(prepare features train-codec latents train-timing train-acoustic export sing evaluate)
source "$RECIPE/../stages.sh"

stage-prepare() { "$PYTHON" -m data_prep.prepare synthetic --out manifests; }

stage-features() { "$PYTHON" -m data_prep.features synthetic=manifests/synthetic.jsonl --out features; }

stage-train-codec() { needs features/synthetic/clips.jsonl features; train codec features/synthetic/clips.jsonl; }

stage-latents() {
    needs codec/trained.ckpt train-codec
    "$PYTHON" -m data_prep.latents features/synthetic --codec codec/trained.ckpt
}

stage-train-timing() { needs features/synthetic/clips.jsonl features; train timing features/synthetic/clips.jsonl; }

stage-train-acoustic() { needs features/synthetic/latents.npy latents; train acoustic features/synthetic/latents.npy; }

stage-export() {
    local part
    for part in codec timing acoustic; do needs $part/trained.ckpt train-$part; done
    made voices/tiny/voice.json {codec,timing,acoustic}/trained.ckpt ||
        "$PYTHON" -m svs.export --codec codec/trained.ckpt --timing timing/trained.ckpt --acoustic acoustic/trained.ckpt \
            --features features/synthetic --out voices/tiny --licence CC0-1.0
}

stage-sing() {
    needs voices/tiny/voice.json export
    made song.wav voices/tiny/voice.json ||
        "$PYTHON" -m svs sing "$RECIPE/song.musicxml" --voice voices/tiny --pitch exact -o song.wav
}

stage-evaluate() { needs song.wav sing; "$PYTHON" -m svs evaluate song.wav --json song.evaluation.json --html song.html; }

run "$@"
