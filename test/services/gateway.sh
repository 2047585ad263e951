#!/usr/bin/env bash
# A gateway, in the background: gateway.sh start [COMMAND...]|stop|status
#
# `start` prints its URL as the last line, and may be called again. COMMAND runs the gateway; by default what npm run build has made. Its settings
# are those of the environment (docs/settings.md).
#
# Environment (default):
#   SERVICES_DIR (./.services)   all state but the data
#   PORT                         default: the one of before, or a free one
#   DATA_DIR                     of the gateway
source "$(dirname "${BASH_SOURCE[0]}")/openstack/lib.sh"

MAIN=$HERE/../../../dist/src/gateway/main.js

case ${1:-} in
  start)
    shift
    [ $# -gt 0 ] || set -- node "$MAIN"
    PORT=$(choose_port "$SERVICES_DIR/port" "${PORT:-}")
    export HOST PORT
    # As npm start has it: glibc would otherwise keep what freed chunks leave.
    is_up gateway || MALLOC_MMAP_THRESHOLD_=262144 launch gateway "$@"
    wait_http gateway "http://$HOST:$PORT/healthcheck"
    echo "http://$HOST:$PORT"
    ;;
  stop) halt gateway ;;
  status) report gateway ;;
  *) die "usage: $0 start [COMMAND...]|stop|status" ;;
esac
