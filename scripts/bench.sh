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
# the median, fastest and slowest of its rounds in microseconds an operation.
medians() {
  go test "$1" -run '^$' -bench "$2" -benchtime 1s -count "$rounds" |
    awk '/^Benchmark/ { sub(/-[0-9]+$/, "", $1); print $1, $3 / 1000 }' | sort -k1,1 -k2,2n |
    awk 'function flush() { if (n) printf "%-52s %9.1f us %9.1f us %9.1f us\n", name, v[int((n + 1) / 2)], v[1], v[n]; n = 0 }
         $1 != name { flush(); name = $1 } { v[++n] = $2 } END { flush() }'
}

printf '%-52s %12s %12s %12s\n' "" median fastest slowest
echo "verifying an ES256 assertion: judge with all steps and its JSON, ecdsa the bare signature"
medians ./webauthn '^BenchmarkAuthentication$/^(judge|ecdsa)$'
echo "storing one tiny row a transaction, durable: the floor of everything stored"
medians ./internal/store '^BenchmarkGroupCommit$/^sqlite$'
echo
go run ./test/load -rounds "$rounds"
