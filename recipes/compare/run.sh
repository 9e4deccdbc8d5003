#!/usr/bin/env bash
# A paper's table in one command: small versions of the acoustic model's choices, each trained for an equal budget.
#   recipes/compare/run.sh --features work/default/features --corpus teacher --minutes 20 --seeds 3 --out work/compare
# Without --features, those of recipes/tiny are made and used. Run again, it goes on where it was; --help lists the options.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PYTHON=${PYTHON:-$([[ -x $ROOT/.venv/bin/python ]] && echo "$ROOT/.venv/bin/python" || echo python3)}
export PYTHON PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
DATA=()
if [[ " $* " != *" --features"* && " $* " != *" --help "* && " $* " != *" -h "* ]]; then
    TINY=$ROOT/work/tiny
    [[ -e $TINY/features/synthetic/latents.npy ]] || "$ROOT/recipes/tiny/run.sh" --work "$TINY" --to latents
    DATA=(--features "$TINY/features" --corpus synthetic --codec "$TINY/codec/trained.ckpt")
fi
exec "$PYTHON" -m benchmarks.compare --choices "$ROOT/recipes/compare/choices.yaml" "${DATA[@]}" "$@"
