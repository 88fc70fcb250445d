#!/usr/bin/env bash
# The figures of docs/bench.md, each beside the same run's floor. The machine should
# have nothing else to do; where it has, the floors say how much.
#
#   scripts/bench.sh            # medians of five
#   ROUNDS=1 scripts/bench.sh   # a quick look
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-5}
tools=$PWD/.cache/bin
[ -x "$tools/benchstat" ] || { mkdir -p "$tools" && (cd tools && go build -o "$tools/" tool); }

median() { # packages and a pattern
  go test "$1" -run '^$' -bench "$2" -benchtime 1s -count "$rounds" | "$tools/benchstat" - 2>/dev/null | grep -v '^ *│\|^$\|need >=\|¹\|²' || true
}

echo "== verifying: judge is the whole assertion with its JSON, ecdsa the bare signature"
median ./webauthn 'Authentication/(judge|ecdsa)'
echo "== storing: one tiny insert a transaction, durable"
median ./internal/store 'GroupCommit/sqlite'
echo "== over HTTPS"
go run ./test/load -rounds "$rounds"
