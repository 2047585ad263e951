#!/usr/bin/env bash
# SERVICES_DIR=folder start.sh: starts one Cassandra node there, on free ports of the loopback interface, and prints its CQL port. Called again, or by
# several at once, it starts nothing and prints the same. What was stopped before is started again with its data.
#
# A cluster: first the node with CASS_NAME=a, then others with names of their own, CASS_HOST=127.0.0.2 …, CASS_SEEDS=127.0.0.1, and as CASS_CQL_PORT and
# CASS_STORAGE_PORT what a/cql-port and a/storage-port say.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
fetch_jars
exec 8>"$CASS_RUN/lock"
flock 8

launch() {
  local settings=() setting
  CQL_PORT="${CASS_CQL_PORT:-$(free_port)}"
  STORAGE_PORT="${CASS_STORAGE_PORT:-$(free_port)}"
  sed -e "s/@HOST@/$CASS_HOST/" -e "s/@SEEDS@/$CASS_SEEDS/" "$CASS_CONF" >"$CASS_RUN/cassandra.yaml"
  for setting in $CASS_SETTINGS; do settings+=("-Dcassandra.settings.$setting"); done
  # shellcheck disable=SC2086
  setsid nohup "$JAVA" @"$RECIPE/jvm17.options" \
    -Xms"$CASS_HEAP" -Xmx"$CASS_HEAP" -Xss512k -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData \
    -XX:MaxDirectMemorySize=256M -XX:TieredStopAtLevel="${CASS_TIERS:-4}" \
    -Djava.net.preferIPv4Stack=true -Djava.io.tmpdir="$CASS_RUN" \
    -javaagent:"$(ls "$LIB"/jamm-*.jar)" \
    -Dlogback.configurationFile="$RECIPE/logback.xml" \
    -Dcassandra.config="file://$CASS_RUN/cassandra.yaml" \
    -Dcassandra.storagedir="$CASS_RUN" \
    -Dcassandra.config.allow_system_properties=true \
    -Dcassandra.settings.native_transport_port="$CQL_PORT" \
    -Dcassandra.settings.storage_port="$STORAGE_PORT" \
    -Dcassandra.settings.ssl_storage_port="$(free_port)" \
    "${settings[@]}" \
    -Dcassandra.skip_wait_for_gossip_to_settle=0 \
    -Dcassandra.ring_delay_ms="${CASS_RING_DELAY_MS:-100}" \
    -Dcassandra.superuser_setup_delay_ms=0 \
    -Dcassandra.size_recorder_interval="${CASS_SIZES_SECONDS:-300}" \
    -Dcassandra.unsafesystem="${CASS_UNSAFE:-true}" \
    -Dcassandra-foreground=yes \
    ${CASS_JVM_EXTRA:-} \
    -cp "$LIB/*" org.apache.cassandra.service.CassandraDaemon \
    >"$CASS_RUN/cassandra.log" 2>&1 </dev/null 8>&- &
  echo "$! $(start_time $!)" >"$PIDFILE"
  echo "$CQL_PORT" >"$CASS_RUN/cql-port"
  echo "$STORAGE_PORT" >"$CASS_RUN/storage-port"
}

for attempt in 1 2 3; do
  alive || launch
  CQL_PORT="$(cat "$CASS_RUN/cql-port")"
  while alive; do
    if port_open "$CQL_PORT"; then echo "$CQL_PORT"; exit 0; fi
    sleep 0.1
  done
  # Another process may have taken a port in between.
  grep -qi 'address already in use\|in use by another process' "$CASS_RUN/cassandra.log" || break
done
echo "Cassandra ended while it started:" >&2
tail -n 30 "$CASS_RUN/cassandra.log" >&2
exit 1
