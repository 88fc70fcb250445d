#!/bin/sh
# Makes sure that the machine has what `make test` needs beside Go. As root on Debian
# it installs what is missing; anywhere else it names it and stops.
set -eu

missing=""
need() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 || [ -x "${3:-/nonexistent}" ] || missing="$missing $2"
}
need gcc gcc
[ -e /usr/include/stdlib.h ] || missing="$missing libc6-dev"
need git git
need initdb postgresql "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)"
need chromium chromium
need certutil libnss3-tools
need openssl openssl
need node nodejs
need npm npm

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "make test needs these Debian packages:$missing" >&2
    echo "Install them and run it again, or run 'make test-go', which needs Go alone." >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
apt-get install -y -qq --no-install-recommends $missing >/dev/null
