#!/usr/bin/env bash
# SERVICES_DIR=folder stop.sh [--kill]: stops the node that start.sh started there, or kills it. Its files stay.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
if alive; then
  read -r pid _ <"$PIDFILE"
  if [ "${1:-}" = --kill ]; then kill -9 "$pid"; else kill "$pid"; fi
  for _ in $(seq 1 200); do alive || break; sleep 0.1; done
  if alive; then kill -9 "$pid"; fi
fi
rm -f "$PIDFILE"
