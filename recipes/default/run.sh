#!/usr/bin/env bash
# The shipped voice, from recordings and teachers to its table of figures. See README.md, "Train".
#   --source DIR   folder with kumi/, philipp/, vocobox/ (default: each is downloaded)
#   --lieder PATH  real songs for the teachers beside the texts in data_prep: a folder of MusicXML, or note lists (.jsonl)
#   --voice DIR    where the voice goes (default: voices/default in the working folder)
set -euo pipefail
RECIPE=$(cd "$(dirname "$0")" && pwd)
STAGES=(prepare teach shift features train-codec latents train-timing train-acoustic train-folded export sing evaluate)
source "$RECIPE/../stages.sh"
LABELLED=(teacher kumi shifted)
ACOUSTIC=folded
EXPORT=(--name default --licence Apache-2.0 --guidance 1 --sampler euler --breathes kumi --consonants kumi=hibari
    --consonant-length 1.25 --blends "$RECIPE/blends.json" --whole features/philipp features/vocobox)
OPTION[source]="" OPTION[lieder]="" OPTION[voice]=voices/default

TEACHERS=(hibari=266 am_fenrir=6 bf_emma=3 af_bella=3 af_heart=3 af_sarah=3 bf_isabella=3 bm_george=3 am_michael=3 am_puck=3
    bm_fable=3 am_eric=3)  # minutes kept of each, five hours together
HELDOUT=(am_michael so-so-sa-so gi-gi-gu-gi myu-myu-mi notes/Ds3 notes/Gs2 voyels/_-o-c3)  # as codec.yaml has them

stage-prepare() {
    "$PYTHON" -m data_prep.prepare kumi philipp vocobox --out manifests ${OPTION[source]:+--source "${OPTION[source]}"}
}

stage-teach() {
    "$PYTHON" -m data_prep.teacher --out corpus --teachers teachers --voices "${TEACHERS[@]}" \
        ${OPTION[lieder]:+--lieder "${OPTION[lieder]}"}
}

# Kumi was recorded at three pitches: her clips are sung again at others, or those three would be all that she is known by.
stage-shift() {
    needs manifests/kumi.jsonl prepare
    "$PYTHON" -m data_prep.shifted manifests/kumi.jsonl --out shifted --copies 2
}

stage-features() {
    local corpus corpora=()
    for corpus in kumi philipp vocobox; do
        needs manifests/$corpus.jsonl prepare
        corpora+=("$corpus=manifests/$corpus.jsonl")
    done
    needs corpus/manifest.jsonl teach
    needs shifted/manifest.jsonl shift
    corpora+=(teacher=corpus/manifest.jsonl shifted=shifted/manifest.jsonl)
    "$PYTHON" -m data_prep.features "${corpora[@]}" --out features "${SPREAD[@]}"
}

# What guidance and the steps of a better solver do, learned by the network itself: a quarter of the evaluations when it sings.
stage-train-folded() { train folded acoustic/trained.ckpt train-acoustic; }

stage-sing() {
    needs "${OPTION[voice]}/voice.json" export
    local song
    mkdir -p songs
    for song in $(songs); do
        made "songs/$song.json" "${OPTION[voice]}/voice.json" ||
            "$PYTHON" -m svs sing "$ROOT/assets/scores/$song.musicxml" --voice "${OPTION[voice]}" --pitch exact -o "songs/$song.wav"
    done
}

# Figures of RESULTS.md, as tables and as JSON; wants pip install .[teach,evaluate].
stage-evaluate() {
    needs songs/amazing_grace.json sing
    needs manifests/kumi.jsonl prepare
    needs corpus/manifest.jsonl teach
    mkdir -p results teacher_songs
    local song lacking=() singing=(--voice "${OPTION[voice]}" --out songs --reuse)
    for song in $(songs); do
        made "teacher_songs/$song.json" "${OPTION[voice]}/timing.safetensors" || lacking+=("$ROOT/assets/scores/$song.musicxml")
    done
    ((${#lacking[@]} == 0)) || "$PYTHON" -m data_prep.teach_songs --singer hibari --teachers teachers \
        --timing "${OPTION[voice]}/timing.safetensors" --out teacher_songs "${lacking[@]}"
    measure pitch "${singing[@]}"
    measure words "${singing[@]}" --teacher teacher_songs
    measure codec --voice "${OPTION[voice]}" --heldout "${HELDOUT[@]}" --clips kumi=manifests/kumi.jsonl \
        --clips teacher=corpus/manifest.jsonl --clips vocobox=manifests/vocobox.jsonl
    measure chain "${singing[@]}" --teacher teacher_songs
    measure speed --voice "${OPTION[voice]}"
}

# measure NAME OPTION…: run a benchmark, unless it has measured this voice; its table goes to results/NAME.md, its figures
# to results/NAME.json, written last
measure() {
    made "results/$1.json" "${OPTION[voice]}/voice.json" ||
        { "$PYTHON" -m "benchmarks.$1" "${@:2}" --json "results/.$1.json" | tee "results/$1.md"
          mv "results/.$1.json" "results/$1.json"; }
}

songs() { sed -n 's/\.musicxml$//p' "$ROOT/benchmarks/songs.txt"; }

run "$@"
