#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own and stops the server after it.
#
#   scripts/with-postgres.sh go test ./...
#
# The command finds the server's URL in BESTOW_TEST_POSTGRES. The server lives in a
# temporary directory, or in /dev/shm, and listens on a Unix socket there, on no port. Run
# by root it runs as the user postgres, since PostgreSQL refuses root. Where
# BESTOW_TEST_POSTGRES is set already, the command is run with that.
#
# BESTOW_TEST_POSTGRES_FSYNC=on makes commits wait for the disk, for measurements, and has statistics
# gathered after seconds: a server that is a minute old has some.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND [ARGUMENT...]" >&2
  exit 2
fi

if [ -n "${BESTOW_TEST_POSTGRES:-}" ]; then
  exec "$@"
fi

bindir() {
  local dir
  for dir in "${PGBIN:-}" /usr/lib/postgresql/*/bin; do
    [ -x "$dir/initdb" ] && echo "$dir"
  done | sort -V | tail -n 1
}

bin="$(bindir)"
if [ -z "$bin" ] && command -v initdb >/dev/null; then
  bin="$(dirname "$(command -v initdb)")"
fi
if [ -z "$bin" ]; then
  echo "$0: no PostgreSQL server found; on Debian: apt-get install postgresql, or set PGBIN" >&2
  exit 1
fi

# Tests make many databases and nothing of them has to last: in memory, where there is
# plenty, that takes a fifth of the time.
parent="${TMPDIR:-/tmp}"
if [ "${BESTOW_TEST_POSTGRES_FSYNC:-off}" = off ] && [ -w /dev/shm ] &&
  [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -ge $((4 << 20)) ]; then
  parent=/dev/shm
fi
naptime=60
if [ "${BESTOW_TEST_POSTGRES_FSYNC:-off}" = on ]; then
  naptime=5
fi
dir="$(mktemp -d "$parent/bestow-pg.XXXXXX")"
as=()
if [ "$(id -u)" -eq 0 ]; then
  chown postgres "$dir"
  as=(runuser -u postgres --)
fi

command=""
stop() {
  local status=$?
  trap - EXIT INT TERM HUP
  if [ -n "$command" ]; then
    kill -TERM -- "-$command" 2>/dev/null && wait "$command" 2>/dev/null || true
  fi
  if [ -f "$dir/data/postmaster.pid" ]; then
    (cd / && "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1) || true
  fi
  rm -rf "$dir"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The server's user may not be allowed into the working directory.
if ! (
  cd /
  "${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres --auth=trust --encoding=UTF8 --no-sync &&
    "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start \
      -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=200 -c autovacuum_naptime=$naptime -c fsync=${BESTOW_TEST_POSTGRES_FSYNC:-off}"
) >"$dir/start" 2>&1; then
  cat "$dir/start" "$dir/log" >&2 2>/dev/null || true
  echo "$0: PostgreSQL did not start" >&2
  exit 1
fi

export BESTOW_TEST_POSTGRES="postgres://postgres@/postgres?host=$dir"

# In the background, so that a signal to this script is heard at once, and in a
# process group, so that all of the command is stopped then.
set -m
"$@" <&0 &
command=$!
set +m
status=0
wait "$command" || status=$?
command=""
exit "$status"
