# Sourced by start.sh and stop.sh. Every value can be set from outside.
RECIPE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
: "${CASS_VERSION:=5.0.9}"
: "${SERVICES_CACHE:=${TMPDIR:-/tmp}/magnetodb-services-$(id -u)}" # jars, one folder a version; kept between runs
: "${SERVICES_DIR:=./.services}"                         # what runs: run/NAME.pid, and a folder NAME for data, log and port
: "${CASS_NAME:=cassandra}"                              # of this node; another name is another node
: "${CASS_HOST:=127.0.0.1}"                               # its address, of the loopback interface
: "${CASS_SEEDS:=$CASS_HOST}"                            # the first node of its cluster; the nodes of one cluster have the same ports
: "${CASS_HEAP:=640M}"
: "${CASS_CONF:=$RECIPE/cassandra.yaml}"
: "${CASS_SETTINGS:=}"                                   # NAME=VALUE … that replace settings of cassandra.yaml
mkdir -p -m 700 "$SERVICES_CACHE" "$SERVICES_DIR"
SERVICES_CACHE="$(cd "$SERVICES_CACHE" && pwd)"; SERVICES_DIR="$(cd "$SERVICES_DIR" && pwd)"
LIB="$SERVICES_CACHE/cassandra-$CASS_VERSION"
CASS_RUN="$SERVICES_DIR/$CASS_NAME"
PIDFILE="$SERVICES_DIR/run/$CASS_NAME.pid"               # process id and start time, by which test/setup/services.js knows what to stop
mkdir -p "$CASS_RUN" "$SERVICES_DIR/run"
JAVA="${JAVA_HOME:+$JAVA_HOME/bin/}java"

port_open() { (exec 3<>"/dev/tcp/$CASS_HOST/$1") 2>/dev/null; }

# start_time PID: in clock ticks since the machine's start, which no later process of the same id shares; nothing if there is none.
start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -- ${stat##*) }
  echo "${20}"
}

alive() {
  local pid born
  read -r pid born 2>/dev/null <"$PIDFILE" || return 1
  [ -n "$born" ] && [ "$(start_time "$pid")" = "$born" ]
}

# Below the range that the system hands out by itself.
free_port() {
  local port
  while :; do
    port=$((12000 + RANDOM % 18000))
    port_open "$port" || { echo "$port"; return; }
  done
}

# Once a machine, under a lock; Maven works on a copy, since it leaves files beside its pom.
fetch_jars() {
  [ -f "$LIB/.complete" ] && return 0
  (
    flock 9
    [ -f "$LIB/.complete" ] && exit 0
    work="$(mktemp -d "$SERVICES_CACHE/fetch.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    cp "$RECIPE/pom.xml" "$work/pom.xml"
    mvn -q -B -f "$work/pom.xml" -Dcassandra.version="$CASS_VERSION" \
      org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$work/lib" >&2
    touch "$work/lib/.complete"
    rm -rf "$LIB"
    mv "$work/lib" "$LIB"
  ) 9>"$SERVICES_CACHE/cassandra.lock"
}
