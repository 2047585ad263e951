#!/usr/bin/env bash
# peers.sh prepare: fetches DSBulk (Maven) and cqlsh (PyPI) once a machine, into SERVICES_CACHE.
# peers.sh dsbulk|cqlsh ARGS...: runs them. Java, Maven and Python's venv have to be there.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${SERVICES_CACHE:-${TMPDIR:-/tmp}/magnetodb-services-$(id -u)}"
dsbulk="$cache/dsbulk-1.10.0"
cqlsh="$cache/cqlsh-6.2.2"

prepare() {
  mkdir -p -m 700 "$cache"
  exec 9>"$cache/peers.lock"
  flock 9
  if [ ! -e "$dsbulk/.complete" ]; then
    work="$(mktemp -d "$cache/fetch.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    cp "$here/pom.xml" "$work/pom.xml"
    mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/jars" >&2
    rm -rf "$dsbulk" && mv "$work/jars" "$dsbulk" && touch "$dsbulk/.complete"
  fi
  if [ ! -e "$cqlsh/.complete" ]; then
    rm -rf "$cqlsh"
    python3 -m venv "$cqlsh"
    "$cqlsh/bin/pip" install --quiet --disable-pip-version-check cqlsh==6.2.2 >&2
    touch "$cqlsh/.complete"
  fi
}

what="${1:?}"; shift
case "$what" in
  prepare) prepare ;;
  dsbulk) exec java -Xmx"${DSBULK_HEAP:-2G}" -cp "$dsbulk/*" com.datastax.oss.dsbulk.runner.DataStaxBulkLoader "$@" ;;
  cqlsh) exec "$cqlsh/bin/python" "$cqlsh/bin/cqlsh" "$@" ;;
  *) echo "usage: $0 prepare | dsbulk ARGS... | cqlsh ARGS..." >&2; exit 2 ;;
esac
