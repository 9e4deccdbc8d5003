# Sourced by a recipe's run.sh: options, the choice of stages, what a stage says, and the stages that recipes share.
#
# In its head a recipe says what it is for, and of each option of its own a line "#   --NAME VALUE …", which --help shows.
# The recipe sets RECIPE (its folder), STAGES (names in order), LABELLED (the corpora with phones), EXPORT (options of
# svs.release), ACOUSTIC (the last training of the acoustic model) and OPTION[voice]; it defines a function stage-NAME for each stage that is its own, and calls `run "$@"`.
# Stages run inside the working folder --work, so the paths in their configurations are relative to it.

((BASH_VERSINFO[0] * 10 + BASH_VERSINFO[1] >= 44)) || { echo "recipes want bash 4.4 or newer, not $BASH_VERSION" >&2; exit 2; }

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=${PYTHON:-$([[ -x $ROOT/.venv/bin/python ]] && echo "$ROOT/.venv/bin/python" || echo python3)}
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
declare -A OPTION=([work]="$ROOT/work/$(basename "$RECIPE")")  # by name, with their defaults; a recipe adds its own

fail() { echo "$STAGE: $*" >&2; exit 2; }

# needs FILE STAGE: stop unless FILE is there, and say which stage makes it
needs() { [[ -e $1 ]] || fail "$PWD/$1 is missing; the stage $2 makes it"; }

# made FILE INPUT…: whether a stage's product is there, and newer than all it is made from
made() {
    local input
    [[ -e $1 ]] || return 1
    for input in "${@:2}"; do [[ $1 -nt $input ]] || return 1; done
    echo "$STAGE: $PWD/$1 is there; nothing to do"
}

# train NAME INPUT STAGE: train NAME.yaml into the folder NAME, unless it has been; hours of training are never thrown away
train() {
    needs "$2" "$3"
    if [[ ! -e $1/trained.ckpt ]]; then
        "$PYTHON" -m svs train "$RECIPE/$1.yaml" "${OVERRIDES[@]}"
    else
        rm -f "$1/last.ckpt"  # left by a run that was killed just after its end
        made "$1/trained.ckpt" "$2" ||
            echo "$STAGE: $PWD/$1/trained.ckpt is older than $2 and is kept; delete it to train anew"
    fi
}

# Stages that recipes share ---------------------------------------------------------------------------------------------

stage-train-codec() { train codec "features/${LABELLED[0]}/clips.jsonl" features; }

stage-latents() {
    needs codec/trained.ckpt train-codec
    "$PYTHON" -m data_prep.latents "${LABELLED[@]/#/features/}" --codec codec/trained.ckpt "${SPREAD[@]}"
}

stage-train-timing() { train timing "features/${LABELLED[0]}/clips.jsonl" features; }

stage-train-acoustic() { train acoustic "features/${LABELLED[0]}/latents.npy" latents; }

stage-export() {
    local part
    for part in codec timing "$ACOUSTIC"; do needs "$part/trained.ckpt" "train-$part"; done
    # the card is written last
    { [[ ${OPTION[voice]}/CARD.md -nt ${OPTION[voice]}/voice.json ]] &&
        made "${OPTION[voice]}/voice.json" {codec,timing,"$ACOUSTIC"}/trained.ckpt; } ||
        "$PYTHON" -m svs.release --codec codec/trained.ckpt --timing timing/trained.ckpt --acoustic "$ACOUSTIC/trained.ckpt" \
            --features "${LABELLED[@]/#/features/}" --out "${OPTION[voice]}" "${EXPORT[@]}"
}

# The command line ------------------------------------------------------------------------------------------------------

usage() {
    echo "usage: $(basename "$RECIPE")/run.sh [STAGE…] [--from STAGE] [--to STAGE]$(printf ' [--%s …]' "${!OPTION[@]}")"
    sed -n '2s/^# //p; s/^#   --/--/p' "$RECIPE/run.sh"
    echo "--work DIR     the working folder (default: work/$(basename "$RECIPE"))"
    echo "stages: ${STAGES[*]}; all of them when none is named"
    echo "--workers N: processes that measure and encode. --ray ADDRESS: a Ray cluster that does; local: one of this machine."
    echo "--slurm KEY=VALUE, --slurm STAGE.KEY=VALUE: a Slurm job for each stage; data_prep/slurm.py tells the keys."
    echo "What follows -- goes to svs train, such as --trainer.devices 2."
    echo "A stage that is interrupted goes on when it is run again; one that is done does nothing again."
}

run() {
    local command=("$RECIPE/run.sh") slurm=()
    local first=0 last=$((${#STAGES[@]} - 1)) chosen=() range=() names=() name place
    SPREAD=()     # goes to what measures and encodes
    OVERRIDES=()  # what follows -- goes to svs train
    place() {
        local i
        for i in "${!STAGES[@]}"; do [[ ${STAGES[i]} == "$1" ]] && echo "$i" && return; done
        echo "no stage ${1:-(none given)}; the stages are ${STAGES[*]}" >&2
        return 2
    }
    while (($#)); do
        name=${1#--}
        case $1 in
            -h | --help) usage; exit ;;
            --) OVERRIDES=("${@:2}"); break ;;
            --workers | --ray)
                [[ -n ${2:-} ]] || { echo "$1: no value after it" >&2; exit 2; }
                SPREAD+=("$1=$2"); command+=("$1" "$2"); shift ;;
            --slurm)
                [[ ${2:-} == *=* ]] || { echo "--slurm: KEY=VALUE is wanted after it, such as partition=gpu" >&2; exit 2; }
                slurm+=("$2"); shift ;;
            --from) first=$(place "${2:-}") || exit 2; range+=("$1 $2"); shift ;;
            --to) last=$(place "${2:-}") || exit 2; range+=("$1 $2"); shift ;;
            --*)
                [[ -v OPTION[$name] && -n ${2:-} ]] || { echo "$1: no such option, or no value after it" >&2; usage >&2; exit 2; }
                [[ $2 == /* ]] && OPTION[$name]=$2 || OPTION[$name]=$PWD/$2
                command+=("$1" "${OPTION[$name]}"); shift ;;
            *) place=$(place "$1") || exit 2; chosen+=("$place") ;;
        esac
        shift
    done
    ((${#chosen[@]} == 0 || ${#range[@]} == 0)) ||
        { echo "${range[*]}: stages are named beside it; give a range or names, not both" >&2; exit 2; }
    ((first <= last)) || { echo "${range[*]}: comes to no stage; they run in the order ${STAGES[*]}" >&2; exit 2; }
    ((${#chosen[@]})) || chosen=($(seq "$first" "$last"))
    mkdir -p "${OPTION[work]}" && cd "${OPTION[work]}" || exit 2
    if ((${#slurm[@]})); then
        ((${#OVERRIDES[@]} == 0)) || command+=(-- "${OVERRIDES[@]}")
        for place in "${chosen[@]}"; do names+=("${STAGES[place]}"); done
        exec "$PYTHON" -m data_prep.slurm --logs slurm --set "${slurm[@]}" --stages "${names[@]}" -- "${command[@]}"
    fi
    for place in "${chosen[@]}"; do
        STAGE=${STAGES[place]}
        echo "== $STAGE" >&2
        "stage-$STAGE"
    done
}
