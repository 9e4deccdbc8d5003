#!/usr/bin/env bash
# A voice in two minutes from a synthetic singer: every stage of a real one, no downloads. See README.md, "Train".
#   --voice DIR    where the voice goes (default: voices/tiny in the working folder)
set -euo pipefail
RECIPE=$(cd "$(dirname "$0")" && pwd)
STAGES=(prepare features train-codec latents train-timing train-acoustic export sing evaluate)
source "$RECIPE/../stages.sh"
LABELLED=(synthetic)
ACOUSTIC=acoustic
EXPORT=(--licence CC0-1.0)
OPTION[voice]=voices/tiny

stage-prepare() { "$PYTHON" -m data_prep.prepare synthetic --out manifests; }

stage-features() {
    needs manifests/synthetic.jsonl prepare
    "$PYTHON" -m data_prep.features synthetic=manifests/synthetic.jsonl --out features "${SPREAD[@]}"
}

stage-sing() {
    needs "${OPTION[voice]}/voice.json" export
    made song.json "${OPTION[voice]}/voice.json" ||
        "$PYTHON" -m svs sing "$RECIPE/song.musicxml" --voice "${OPTION[voice]}" --pitch exact -o song.wav
}

stage-evaluate() { needs song.json sing; "$PYTHON" -m svs evaluate song.wav --json song.evaluation.json --html song.html; }

run "$@"
