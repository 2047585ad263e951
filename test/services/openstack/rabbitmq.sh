#!/usr/bin/env bash
# A real RabbitMQ: rabbitmq.sh start|stop|kill|status|wipe|ctl ARGUMENTS...
#
# `start` prints its URL, as oslo.messaging writes it, as the last line, and may be called again. Needs Debian's package rabbitmq-server,
# but not the service that the package starts: this one has folders, ports, a cookie and a port mapper of its own.
#
# Environment (default):
#   SERVICES_DIR (./.services)   all state
#   RABBITMQ_PORT                default: the one of before, or a free one
#   RABBITMQ_USER (openstack), RABBITMQ_PASSWORD (openstack-secret): made at the first start
#   RABBITMQ_TLS                 if set: amqps on the port in $SERVICES_DIR/rabbitmq/tls-port, with the certificates in .../tls
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIR=$SERVICES_DIR/rabbitmq
BIN=/usr/lib/rabbitmq/bin # the wrappers on the PATH insist on the system's folders and user
USER_NAME=${RABBITMQ_USER:-openstack}
SECRET=${RABBITMQ_PASSWORD:-openstack-secret}
TLS=${RABBITMQ_TLS:-}

mkdir -p "$DIR"
PORT=$(choose_port "$DIR/port" "${RABBITMQ_PORT:-}")
unset RABBITMQ_PORT RABBITMQ_USER RABBITMQ_PASSWORD RABBITMQ_TLS # RabbitMQ would read them as its own
export HOME=$DIR # the Erlang cookie
ERL_EPMD_PORT=$(choose_port "$DIR/epmd-port")
RABBITMQ_DIST_PORT=$(choose_port "$DIR/dist-port")
export ERL_EPMD_PORT RABBITMQ_DIST_PORT ERL_EPMD_ADDRESS=$HOST
export RABBITMQ_NODENAME=test$PORT@localhost
export RABBITMQ_CONF_ENV_FILE=$DIR/rabbitmq-env.conf RABBITMQ_CONFIG_FILE=$DIR/rabbitmq.conf
export RABBITMQ_ENABLED_PLUGINS_FILE=$DIR/enabled_plugins RABBITMQ_PID_FILE=$DIR/node.pid
export RABBITMQ_MNESIA_BASE=$DIR/mnesia RABBITMQ_LOG_BASE=$LOG/rabbitmq
export RABBITMQ_SERVER_START_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
# One scheduler that sleeps when idle: the machine has other work.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt none"

# An authority, a certificate of the server's for the loopback address, and one for clients.
make_certificates() {
  local tls=$DIR/tls name
  if [ -e "$tls/client.pem" ]; then return 0; fi
  mkdir -p "$tls"
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=tests -keyout "$tls/ca.key" -out "$tls/ca.pem"
  for name in server client; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$tls/$name.key" -out "$tls/$name.csr"
    openssl x509 -req -in "$tls/$name.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 3650 \
      -extfile <(echo "subjectAltName=IP:$HOST,DNS:localhost") -out "$tls/$name.pem"
  done
}

configure() {
  : >"$RABBITMQ_CONF_ENV_FILE"
  echo '[].' >"$RABBITMQ_ENABLED_PLUGINS_FILE"
  cat >"$RABBITMQ_CONFIG_FILE" <<CONF
listeners.tcp.1 = $HOST:$PORT
default_user = $USER_NAME
default_pass = $SECRET
loopback_users = none
disk_free_limit.absolute = 50MB
log.console = false
CONF
  if [ -n "$TLS" ]; then
    make_certificates >>"$LOG/rabbitmq.log" 2>&1
    cat >>"$RABBITMQ_CONFIG_FILE" <<CONF
listeners.ssl.1 = $HOST:$(choose_port "$DIR/tls-port")
ssl_options.cacertfile = $DIR/tls/ca.pem
ssl_options.certfile = $DIR/tls/server.pem
ssl_options.keyfile = $DIR/tls/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
CONF
  fi
}

start() {
  local end=$((SECONDS + 120))
  [ -x $BIN/rabbitmq-server ] || die "RabbitMQ is missing: apt-get install rabbitmq-server"
  if ! is_up rabbitmq; then
    if listens "$PORT"; then die "port $PORT is taken"; fi
    configure
    # Not by the node itself: it would outlive everything.
    is_up epmd || launch epmd epmd -port "$ERL_EPMD_PORT" -address "$HOST"
    until listens "$ERL_EPMD_PORT"; do
      is_up epmd || die "epmd ended: $(tail -n 5 "$LOG/epmd.log")"
      sleep 0.1
    done
    launch rabbitmq $BIN/rabbitmq-server
  fi
  # The listeners are opened last.
  until listens "$PORT"; do
    is_up rabbitmq || die "rabbitmq ended: $(tail -n 5 "$LOG/rabbitmq.log")"
    [ $SECONDS -lt $end ] || die "rabbitmq does not listen: $(tail -n 5 "$LOG/rabbitmq.log")"
    sleep 0.1
  done
  echo "rabbit://$USER_NAME:$SECRET@$HOST:$PORT/"
}

case ${1:-} in
  start) start ;;
  stop) halt rabbitmq epmd ;;
  kill) # the server alone, and at once
    if is_up rabbitmq; then
      read -r pid _ <"$RUN/rabbitmq.pid"
      kill -KILL -- "-$pid"
    fi
    while is_up rabbitmq; do sleep 0.1; done
    ;;
  status) report rabbitmq ;;
  ctl)
    shift
    exec $BIN/rabbitmqctl "$@"
    ;;
  wipe)
    halt rabbitmq epmd
    rm -rf "$DIR"
    ;;
  *) die "usage: $0 start|stop|kill|status|wipe|ctl" ;;
esac
