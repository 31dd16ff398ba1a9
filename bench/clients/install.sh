#!/usr/bin/env bash
# Installs the clients that the tests in this folder run, where they are missing: Chromium,
# Python's websockets and Node's ws; and ip, which the tests of bench/faults run. It may run again at any time, and changes nothing then.
# Debian's packages need root on Debian; otherwise it says what to install, and exits with 0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'clients: %s\n' "$*"; }

debian_packages() {
  local wanted=()
  if ! command -v chromium chromium-browser google-chrome >/dev/null; then
    wanted+=(chromium)
  fi
  if ! /usr/bin/python3 -c 'import websockets' 2>/dev/null; then
    wanted+=(python3-websockets)
  fi
  if [ "$(uname)" = Linux ] && ! command -v ip >/dev/null && ! [ -x /usr/sbin/ip ]; then # for bench/faults
    wanted+=(iproute2)
  fi
  if [ ${#wanted[@]} -eq 0 ]; then
    say 'Chromium and websockets for Python are there'
  elif [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "not root on Debian: please install ${wanted[*]} (names of Debian's packages) yourself"
  else
    say "installing ${wanted[*]}"
    # Another process may hold the lock of the package manager for a while.
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
      install -y --no-install-recommends "${wanted[@]}" >/dev/null
  fi
}

node_packages() {
  if [ -d node/node_modules/ws ]; then
    say 'ws for Node is there'
  elif ! command -v npm >/dev/null; then
    say 'npm is not there: please install Node.js 20 or newer with npm, then run this again'
  else
    say 'installing ws for Node'
    (cd node && npm ci --silent)
  fi
}

debian_packages
node_packages
