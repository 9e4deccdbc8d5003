#!/usr/bin/env bash
# A voice from a folder of recordings with labels, begun from a voice that can sing already. See docs/bring-your-own-corpus.md.
#   --source DIR   the recordings, as data_prep.folder reads them
#   --voice DIR    where the voice goes (default: voices/mine in the working folder)
#   --from-voice DIR   the voice to begin from, whose codec is taken over (default: the shipped one)
#   --song FILE    a score to sing at the end (default: assets/scores/amazing_grace.musicxml)
set -euo pipefail
RECIPE=$(cd "$(dirname "$0")" && pwd)
STAGES=(prepare features latents begin train-timing train-acoustic export sing evaluate)
source "$RECIPE/../stages.sh"
LABELLED=(folder)
ACOUSTIC=acoustic
OPTION[source]="" OPTION[voice]=voices/mine OPTION[from-voice]="$ROOT/assets/voices/default"
OPTION[song]="$ROOT/assets/scores/amazing_grace.musicxml"

stage-prepare() {
    [[ -n ${OPTION[source]} || -e manifests/folder.jsonl ]] || fail "name the folder of the recordings: --source DIR"
    "$PYTHON" -m data_prep.prepare folder --out manifests ${OPTION[source]:+--source "${OPTION[source]}"}
}

stage-features() {
    needs manifests/folder.jsonl prepare
    "$PYTHON" -m data_prep.features folder=manifests/folder.jsonl --out features "${SPREAD[@]}"
}

stage-latents() {
    needs features/folder/clips.jsonl features
    "$PYTHON" -m data_prep.latents features/folder --codec "${OPTION[from-voice]}/codec.safetensors" "${SPREAD[@]}"
}

stage-begin() {
    needs features/folder/latents.npy latents
    made begin/acoustic.safetensors features/folder/latents.npy ||
        "$PYTHON" -m data_prep.begin features/folder --voice "${OPTION[from-voice]}" --out begin
}

stage-train-timing() { train-begun timing; }

stage-train-acoustic() { train-begun acoustic; }

# train-begun NAME: train NAME.yaml with the tables and weights that the stage begin has left
train-begun() {
    local given=("${OVERRIDES[@]}")
    local OVERRIDES=(--config "begin/$1.yaml" "${given[@]}")
    train "$1" begin/acoustic.safetensors begin
}

stage-export() {
    local part
    for part in timing acoustic; do needs "$part/trained.ckpt" "train-$part"; done
    { [[ ${OPTION[voice]}/CARD.md -nt ${OPTION[voice]}/voice.json ]] &&
        made "${OPTION[voice]}/voice.json" {timing,acoustic}/trained.ckpt; } ||
        "$PYTHON" -m svs.release --codec "${OPTION[from-voice]}/codec.safetensors" --timing timing/trained.ckpt \
            --acoustic acoustic/trained.ckpt --features features/folder --out "${OPTION[voice]}" --guidance 1
}

stage-sing() {
    needs "${OPTION[voice]}/voice.json" export
    made song.json "${OPTION[voice]}/voice.json" "${OPTION[song]}" ||
        "$PYTHON" -m svs sing "${OPTION[song]}" --voice "${OPTION[voice]}" --pitch exact -o song.wav
}

stage-evaluate() { needs song.json sing; "$PYTHON" -m svs evaluate song.wav --json song.evaluation.json --html song.html; }

run "$@"
