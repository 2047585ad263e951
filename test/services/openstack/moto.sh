#!/usr/bin/env bash
# A second service that speaks S3, beside Swift's: moto, which keeps everything in memory and checks no signature: moto.sh start|stop|status
#
# `start` prints its URL as the last line, and may be called again. Environment (default):
#   SERVICES_DIR (./.services)   all state
#   MOTO_PORT                    default: the one of before, or a free one
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
  start)
    PYTHON_ENV=$("$HERE/python-env.sh")
    exec 9>"$RUN/moto.lock"
    flock 9
    port=$(choose_port "$SERVICES_DIR/port" "${MOTO_PORT:-}")
    if ! is_up moto; then
      if listens "$port"; then die "port $port is taken"; fi
      # Parts of any size, as Swift's: tests have no megabytes to spare.
      S3_UPLOAD_PART_MIN_SIZE=1 launch moto "$PYTHON_ENV/bin/moto_server" -H "$HOST" -p "$port"
    fi
    wait_http moto "http://$HOST:$port/moto-api/"
    echo "http://$HOST:$port"
    ;;
  stop) halt moto ;;
  status) report moto ;;
  *) die "usage: $0 start|stop|status" ;;
esac
