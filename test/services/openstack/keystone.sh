#!/usr/bin/env bash
# A real OpenStack Keystone: keystone.sh start|stop|status|wipe|prepare
#
# `start` prints its URL as the last line and may be called again; `prepare` only makes what every fresh Keystone is copied from (a database
# with its schema, kept in the cache of python-env.sh), so that a start takes five seconds, not twenty.
# Users, roles and projects: keystone-seed.json; ids of what was made: $SERVICES_DIR/keystone/ids.json.
#
# Environment (default):
#   SERVICES_DIR (./.services)   all state
#   KEYSTONE_PORT                default: the one of before, or a free one
#   KEYSTONE_TOKEN_SECONDS (3600)
#   KEYSTONE_ENDPOINTS           endpoints for the catalogue, beside Keystone's own, as "TYPE=URL ..."
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIR=$SERVICES_DIR/keystone
export KEYSTONE_ADMIN_PASSWORD=admin-secret

configure() { # FOLDER
  cat >"$1/keystone.conf" <<CONF
[DEFAULT]
log_file = $LOG/keystone-app.log
[database]
connection = sqlite:///$1/keystone.db
[token]
provider = fernet
expiration = ${KEYSTONE_TOKEN_SECONDS:-3600}
[fernet_tokens]
key_repository = $1/fernet-keys
[fernet_receipts]
key_repository = $1/fernet-keys
[credential]
key_repository = $1/credential-keys
[identity]
# The cheapest that bcrypt allows: tests log in often.
password_hash_rounds = 4
[cache]
# In the process, hence one worker; without it a validation is some 400 queries.
enabled = true
backend = dogpile.cache.memory
[oslo_policy]
enforce_scope = true
[oslo_messaging_notifications]
driver = noop
CONF
}

serve() { # FOLDER PORT
  cat >"$1/gunicorn.conf.py" <<CONF
wsgi_app = "keystone.wsgi.api:application"
bind = "$HOST:$2"
workers = 1
# SQLite lets one write at a time, and Keystone answers 500 to who comes in between: now and then to a log-in, a new trust, or the end of one. The poller
# of gthread keeps idle connections from taking the one thread.
threads = 1
worker_class = "gthread"
control_socket_disable = True
# A machine with much other work is no reason to kill the worker, nor idle connections one to wait with the end.
timeout = 300
graceful_timeout = 1
CONF
  # Keystone takes sys.argv for its own, so gunicorn's options go by a file.
  GUNICORN_CMD_ARGS="-c $1/gunicorn.conf.py" OS_KEYSTONE_CONFIG_FILES=$1/keystone.conf launch keystone "$PYTHON_ENV/bin/gunicorn"
  wait_http keystone "http://$HOST:$2/v3"
}

# No two Keystones may share keys: each would accept the other's tokens.
make_token_keys() { # FOLDER
  mkdir -m 700 "$1/fernet-keys"
  for key in 0 1; do head -c 32 /dev/urandom | base64 | tr '+/' '-_' >"$1/fernet-keys/$key"; done
}

# What a fresh Keystone is copied from; prints its folder.
template() {
  local wanted folder half manage
  wanted=$(cat "$HERE/keystone.sh" <(basename "$PYTHON_ENV") | sha256sum | cut -c 1-16)
  folder=$(dirname "$PYTHON_ENV")/keystone-$wanted
  (
    flock 9
    [ ! -e "$folder" ] || exit 0
    half=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$half"' EXIT
    configure "$half"
    mkdir -m 700 "$half/credential-keys"
    make_token_keys "$half"
    manage=("$PYTHON_ENV/bin/keystone-manage" --config-file "$half/keystone.conf")
    {
      "${manage[@]}" credential_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
      "${manage[@]}" db_sync
      "${manage[@]}" bootstrap --bootstrap-password "$KEYSTONE_ADMIN_PASSWORD" --bootstrap-region-id RegionOne
    } >"$LOG/setup.log" 2>&1 || die "Keystone cannot be set up: $(tail -n 5 "$LOG/setup.log")"
    rm -r "$half/keystone.conf" "$half/fernet-keys"
    mv "$half" "$folder"
  ) 9>"$folder.lock" >&2
  echo "$folder"
}

case ${1:-} in
  prepare)
    PYTHON_ENV=$("$HERE/python-env.sh")
    template
    ;;
  start)
    PYTHON_ENV=$("$HERE/python-env.sh")
    exec 9>"$RUN/keystone.lock"
    flock 9
    if [ ! -e "$DIR" ]; then
      from=$(template)
      rm -rf "$DIR.new"
      cp -r "$from" "$DIR.new"
      make_token_keys "$DIR.new"
      mv "$DIR.new" "$DIR"
    fi
    port=$(choose_port "$DIR/port" "${KEYSTONE_PORT:-}")
    if ! is_up keystone; then
      if listens "$port"; then die "port $port is taken"; fi
      configure "$DIR"
      serve "$DIR" "$port"
    fi
    KEYSTONE_URL=http://$HOST:$port/v3 KEYSTONE_ENDPOINTS="identity=http://$HOST:$port/v3 ${KEYSTONE_ENDPOINTS:-}" \
      "$PYTHON_ENV/bin/python" "$HERE/keystone-seed.py" "$HERE/keystone-seed.json" "$DIR/ids.json"
    echo "http://$HOST:$port"
    ;;
  stop) halt keystone ;;
  status) report keystone ;;
  wipe)
    halt keystone
    rm -rf "$DIR"
    ;;
  *) die "usage: $0 start|stop|status|wipe|prepare" ;;
esac
