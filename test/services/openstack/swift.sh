#!/usr/bin/env bash
# A real OpenStack Swift on one machine: swift.sh start|stop|status|wipe
#
# Account, container and object servers on one plain folder (one replica), and before them a proxy that asks Keystone (where KEYSTONE_URL is
# given), and one with tempauth, which speaks S3, too. `start` prints their URLs, tempauth's last, and may be called again.
#
# Tempauth's users: test:tester (password testing), other:tester (testing2). The folder must lie on a file system with user extended attributes.
#
# Environment (default):
#   SERVICES_DIR (./.services)      all state
#   KEYSTONE_URL                    http://host:port of a Keystone with the users of keystone-seed.json; none: tempauth alone
#   SWIFT_PORT, SWIFT_TEMPAUTH_PORT default: the ones of before, or free ones
#   SWIFT_MAX_FILE_SIZE             bytes of the largest plain object (5368709122)
#   SWIFT_TOKEN_CACHE_SECONDS (10)  how long the proxy believes in a token
#   SWIFT_S3_MIN_PART (5242880)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIR=$SERVICES_DIR/swift
ETC=$DIR/etc
BACKENDS=(object container account)

defaults() { # PORT
  cat <<CONF
[DEFAULT]
bind_ip = $HOST
bind_port = $1
workers = 0
user = $(id -un)
swift_dir = $ETC
devices = $DIR/devices
mount_check = false
fallocate_reserve = 0
log_address = $DIR/no-syslog
CONF
}

backend_conf() { # KIND PORT
  defaults "$2"
  cat <<CONF
[pipeline:main]
pipeline = healthcheck $1-server
[app:$1-server]
use = egg:swift#$1
# A busy machine is no broken one; and what a listing missed would stay out of it, since nobody here mends listings later.
conn_timeout = 20
node_timeout = 60
container_update_timeout = 60
[filter:healthcheck]
use = egg:swift#healthcheck
CONF
}

proxy_conf() { # PORT FILTERS
  defaults "$1"
  cat <<CONF
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl $2 copy container-quotas account-quotas slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 20
node_timeout = 60
recoverable_node_timeout = 60
[filter:cache]
paste.filter_factory = swift_cache:filter_factory
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:bulk]
use = egg:swift#bulk
[filter:tempurl]
use = egg:swift#tempurl
[filter:copy]
use = egg:swift#copy
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:account-quotas]
use = egg:swift#account_quotas
[filter:slo]
use = egg:swift#slo
# Objects of many small segments are read at full speed.
rate_limit_under_size = 0
[filter:dlo]
use = egg:swift#dlo
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = ${SWIFT_S3_MIN_PART:-5242880}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_other_tester = testing2 .admin
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = ${KEYSTONE_URL:-}
auth_url = ${KEYSTONE_URL:-}
auth_type = password
username = swift
password = swift-secret
project_name = service
user_domain_id = default
project_domain_id = default
delay_auth_decision = true
cache = swift.cache
token_cache_time = ${SWIFT_TOKEN_CACHE_SECONDS:-10}
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member, magnetodb_backup, service
CONF
}

configure() {
  mkdir -p "$ETC" "$DIR/devices/d1"
  "$PYTHON_ENV/bin/python" -c 'import os, sys; os.setxattr(sys.argv[1], "user.probe", b"1")' "$DIR/devices/d1" ||
    die "$DIR lies on a file system without user extended attributes"
  cat >"$ETC/swift.conf" <<CONF
[swift-hash]
swift_hash_path_prefix = of
swift_hash_path_suffix = tests
[storage-policy:0]
name = only
default = yes
[swift-constraints]
max_file_size = ${SWIFT_MAX_FILE_SIZE:-5368709122}
CONF
  local kind port
  for kind in "${BACKENDS[@]}"; do
    port=$(choose_port "$DIR/$kind.port")
    backend_conf "$kind" "$port" >"$ETC/$kind.conf"
    [ ! -e "$ETC/$kind.ring.gz" ] || continue
    (
      cd "$ETC"
      "$PYTHON_ENV/bin/swift-ring-builder" "$kind.builder" create 4 1 0
      "$PYTHON_ENV/bin/swift-ring-builder" "$kind.builder" add --region 1 --zone 1 --ip "$HOST" --port "$port" --device d1 --weight 1
      "$PYTHON_ENV/bin/swift-ring-builder" "$kind.builder" rebalance
    ) >>"$LOG/swift-setup.log" &
  done
  wait
}

run() { # NAME MODULE CONF
  is_up "$1" || PYTHONPATH=$HERE launch "$1" "$PYTHON_ENV/bin/python" "$HERE/swift_run.py" "$ETC" "$2" "$ETC/$3.conf"
}

case ${1:-} in
  start)
    PYTHON_ENV=$("$HERE/python-env.sh")
    exec 9>"$RUN/swift.lock"
    flock 9
    mkdir -p "$DIR"
    configure
    run swift-object swift.obj.server object
    for kind in container account; do run "swift-$kind" "swift.$kind.server" "$kind"; done
    proxies=()
    if [ -n "${KEYSTONE_URL:-}" ]; then proxies+=(keystone); fi
    proxies+=(tempauth)
    for auth in "${proxies[@]}"; do
      wanted=${SWIFT_PORT:-} filters="authtoken keystoneauth"
      if [ "$auth" = tempauth ]; then wanted=${SWIFT_TEMPAUTH_PORT:-} filters="s3api tempauth"; fi
      port=$(choose_port "$DIR/$auth.port" "$wanted")
      proxy_conf "$port" "$filters" >"$ETC/$auth.conf"
      run "swift-proxy-$auth" swift.proxy.server "$auth"
    done
    for name in "${BACKENDS[@]}"; do wait_http "swift-$name" "http://$HOST:$(<"$DIR/$name.port")/healthcheck"; done
    for auth in "${proxies[@]}"; do
      wait_http "swift-proxy-$auth" "http://$HOST:$(<"$DIR/$auth.port")/healthcheck"
      echo "http://$HOST:$(<"$DIR/$auth.port")"
    done
    ;;
  stop) halt swift-proxy-keystone swift-proxy-tempauth "${BACKENDS[@]/#/swift-}" ;;
  status) report "${BACKENDS[@]/#/swift-}" swift-proxy-tempauth ;;
  wipe)
    "$0" stop
    rm -rf "$DIR"
    ;;
  *) die "usage: $0 start|stop|status|wipe" ;;
esac
