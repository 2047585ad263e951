#!/usr/bin/env bash
# The Python environment of Keystone, Swift and oslo.messaging: python-env.sh
#
# Prints its folder, and makes it first if it is not there: the packages of requirements.txt at the versions of constraints.txt, as
# wheels from PyPI (nothing is compiled, nothing is installed on the system). Several callers at once wait for one to make it.
#
# Environment:
#   SERVICES_CACHE  where environments lie, one for each content of the two files (default: a folder of the user's below $TMPDIR or /tmp)
#   PYTHON          the interpreter (default python3; needs its venv module, on Debian the package python3-venv)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SERVICES_CACHE:-${TMPDIR:-/tmp}/magnetodb-services-$(id -u)}
python=${PYTHON:-python3}
wanted=$(cat "$here/requirements.txt" "$here/constraints.txt" <("$python" -V) | sha256sum | cut -c 1-16)
env=$cache/python-$wanted

mkdir -p -m 700 "$cache"
[ -O "$cache" ] || { echo "$cache belongs to somebody else" >&2; exit 1; }
exec 9>"$cache/python-$wanted.lock"
flock 9
if [ ! -e "$env/.complete" ]; then
  log=$cache/python-$wanted.log
  rm -rf "$env"
  {
    "$python" -m venv "$env" &&
      "$env/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
        --requirement "$here/requirements.txt" --constraint "$here/constraints.txt"
  } >"$log" 2>&1 9>&- || {
    tail -n 20 "$log" >&2
    echo "The Python environment of the OpenStack services cannot be made; see $log" >&2
    exit 1
  }
  touch "$env/.complete"
fi
echo "$env"
