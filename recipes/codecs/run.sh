#!/usr/bin/env bash
# Every codec side by side on a folder of clips: rate, compression and what a copy loses.
#   --clips DIR    clips of your own (default: those of a synthetic singer, without downloads)
#   --features DIR where rvq's codebooks come from: features with latents
#   --models DIR   weights in DIR/encodec-24, DIR/dac-44 … (default: fetched from the hub on first use)
# Where weights are not to be had, the table says so in a line.
set -euo pipefail
RECIPE=$(cd "$(dirname "$0")" && pwd)
STAGES=(prepare features latents codebooks measure)
source "$RECIPE/../stages.sh"
OPTION[clips]=""
OPTION[features]=""
OPTION[models]=""

stage-prepare() {
    local given
    for given in clips features models; do
        [[ -z ${OPTION[$given]} || -e ${OPTION[$given]} ]] || fail "${OPTION[$given]}: no such file or folder for --$given"
    done
    [[ -n ${OPTION[clips]} && -n ${OPTION[features]} ]] || "$PYTHON" -m data_prep.prepare synthetic --out manifests
}

stage-features() {
    [[ -n ${OPTION[features]} ]] || "$PYTHON" -m data_prep.features synthetic=manifests/synthetic.jsonl --out features
}

stage-latents() {
    [[ -n ${OPTION[features]} ]] || "$PYTHON" -m data_prep.latents features/synthetic --codec source-filter
}

stage-codebooks() {
    made rvq.safetensors ||
        "$PYTHON" -m data_prep.codebooks "${OPTION[features]:-features}" --out rvq.safetensors "${OVERRIDES[@]}"
}

stage-measure() {
    needs rvq.safetensors codebooks
    local weights=(--weights rvq=rvq.safetensors) folder
    for folder in "${OPTION[models]:-/nowhere}"/*/config.json; do
        [[ -e $folder ]] && weights+=(--weights "$(basename "$(dirname "$folder")")=$(dirname "$folder")")
    done
    "$PYTHON" -m benchmarks.codecs "${OPTION[clips]:-manifests/synthetic.jsonl}" "${weights[@]}" --json codecs.json |
        tee codecs.md.part
    mv codecs.md.part codecs.md
}

run "$@"
