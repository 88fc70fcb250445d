#!/usr/bin/env bash
# The figures of docs/bench.md, each beside the same run's floor. The machine should
# have nothing else to do; where it has, the floors say how much.
#
#   scripts/bench.sh            # medians of five
#   ROUNDS=1 scripts/bench.sh   # a quick look
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-5}

# medians runs the benchmarks of a package that match a pattern, and prints for each
# the median, fastest and slowest of its rounds in microseconds an operation, and what
# the median round allocated.
medians() {
  go test "$1" -run '^$' -bench "$2" -benchmem -benchtime "${3:-1s}" -count "$rounds" |
    awk '/^Benchmark/ { sub(/-[0-9]+$/, "", $1); print $1, $3 / 1000, $(NF - 3), $(NF - 1) }' | sort -k1,1 -k2,2n |
    awk 'function flush(m) { if (n) { m = int((n + 1) / 2); printf "%-44s %11.3f us %11.3f us %11.3f us %9d B %6d allocs\n", name, v[m], v[1], v[n], b[m], a[m] }; n = 0 }
         $1 != name { flush(); name = $1 } { v[++n] = $2; b[n] = $3; a[n] = $4 } END { flush() }'
}

printf '%-44s %14s %14s %14s\n' "" median fastest slowest
echo "verifying an ES256 assertion: judge with all steps and its JSON, ecdsa the bare signature"
medians ./webauthn '^BenchmarkAuthentication$/^(judge|ecdsa)$'
echo "verifying a registration, trust included: packed and tpm have two signatures, ecdsa twice is these alone"
medians ./webauthn '^BenchmarkRegistration$'
echo "a BLOB of 2 MB verified and read, and its JSON decoded without a check; a look-up, and a bare map's; a policy decision"
medians ./metadata '^BenchmarkVerifyBLOB$'
medians ./metadata '^BenchmarkLookUp$/^(AAGUID|map)$'
medians ./internal/policy '^BenchmarkDecide$'
echo "storing one tiny row a transaction, durable: the floor of everything stored"
medians ./internal/store '^BenchmarkGroupCommit$/^sqlite$'
echo
go run ./test/load -rounds "$rounds" -only registration,relay,processes,memory,idle
for door in api nevis onewelcome onespan; do # each with a server of its own
  echo
  go run ./test/load -rounds "$rounds" -n 6400 -only authentication -door "$door"
done
echo
if compgen -G "${PGBIN:-/usr/lib/postgresql/*/bin}/initdb" >/dev/null || [ -n "${BESTOW_TEST_POSTGRES:-}" ]; then
  BESTOW_TEST_POSTGRES_FSYNC=on scripts/with-postgres.sh bash -c \
    'BESTOW_DATABASE=$BESTOW_TEST_POSTGRES go run ./test/load -only processes -rounds "$1"' bench "$rounds"
else
  echo "no PostgreSQL server found: processes were measured on SQLite alone"
fi
