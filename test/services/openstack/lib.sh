# Helpers of keystone.sh, swift.sh and rabbitmq.sh: sourced, not run.
#
# All that a service writes lies below $SERVICES_DIR (default ./.services): a folder of its own, run/NAME.pid (process id and start time,
# by which test/setup/services.js knows what to stop) and log/.
set -euo pipefail
shopt -s inherit_errexit
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
HOST=127.0.0.1
SERVICES_DIR=${SERVICES_DIR:-./.services}
mkdir -p -m 700 "$SERVICES_DIR"
SERVICES_DIR=$(cd "$SERVICES_DIR" && pwd)
RUN=$SERVICES_DIR/run
LOG=$SERVICES_DIR/log
mkdir -p "$RUN" "$LOG"

die() {
  echo "$*" >&2
  exit 1
}

# start_time PID: in clock ticks since the machine's start, which no later process of the same id shares; nothing if there is none.
start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # The second field, the program's name, may hold spaces.
  set -- ${stat##*) }
  # Ended, but its parent has not asked how: some containers' first process never does.
  [ "$1" != Z ] || return 0
  echo "${20}"
}

# is_up NAME: does the process that was started under the name still run?
is_up() {
  local pid born
  read -r pid born 2>/dev/null <"$RUN/$1.pid" || return 1
  [ -n "$born" ] && [ "$(start_time "$pid")" = "$born" ]
}

# launch NAME COMMAND...: in the background, in a process group of its own.
launch() {
  local name=$1
  shift
  setsid "$@" >>"$LOG/$name.log" 2>&1 </dev/null 9>&- &
  echo "$! $(start_time $!)" >"$RUN/$name.pid"
  disown
}

# halt NAME...: the whole process groups; what still runs after 15 seconds is killed.
halt() {
  local name pid _
  for name; do
    if is_up "$name"; then
      read -r pid _ <"$RUN/$name.pid"
      kill -TERM -- "-$pid" 2>/dev/null || true
    fi
  done
  for name; do
    for _ in $(seq 150); do
      is_up "$name" || break
      sleep 0.1
    done
    if is_up "$name"; then
      read -r pid _ <"$RUN/$name.pid"
      kill -KILL -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$RUN/$name.pid"
  done
}

# listens PORT
listens() {
  (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null
}

# choose_port FILE [PORT]: prints the port, or the one that the file keeps from before, or else a free one; and keeps it. From below the
# range that systems hand out by themselves, so that nobody is given it while the service is down.
choose_port() {
  local port=${2:-}
  if [ -z "$port" ] && [ -e "$1" ]; then port=$(<"$1"); fi
  until [ -n "$port" ]; do
    port=$((RANDOM % 12000 + 20000))
    if listens "$port"; then port=; fi
  done
  echo "$port" | tee "$1"
}

# wait_http NAME URL [SECONDS]: until the URL answers with less than 500.
wait_http() {
  local code end=$((SECONDS + ${3:-180}))
  while [ $SECONDS -lt $end ]; do
    code=$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$2" || true)
    if [ "$code" -ge 100 ] && [ "$code" -lt 500 ]; then return 0; fi
    is_up "$1" || die "$1 ended: $(tail -n 5 "$LOG/$1.log")"
    sleep 0.1
  done
  die "$1 does not answer: $(tail -n 5 "$LOG/$1.log")"
}

# report NAME...: one line each; exit status 3 if one of them is down.
report() {
  local name status=0
  for name; do
    if is_up "$name"; then
      echo "$name: up"
    else
      echo "$name: down"
      status=3
    fi
  done
  return $status
}
