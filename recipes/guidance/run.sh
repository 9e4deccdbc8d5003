#!/usr/bin/env bash
# What guidance does: pitch error, words and diversity against the scale of each condition of a voice. Options are those
# of benchmarks/guidance.py (--help); without --out its table and figure go to work/guidance.
#   recipes/guidance/run.sh --voice default --scales 0.5 1 1.5 2 3
#   recipes/guidance/run.sh --voice work/mine/voices/mine --describe "soft, breathy" --reference clip.wav
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PYTHON=${PYTHON:-$([[ -x $ROOT/.venv/bin/python ]] && echo "$ROOT/.venv/bin/python" || echo python3)}
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" -m benchmarks.guidance --out "$ROOT/work/guidance" "$@"
