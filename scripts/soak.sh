#!/bin/sh
# Has the generator of every front send its nearly good requests to the front's handlers
# for the given time each. New fronts are found by themselves: their target is FuzzHTTP.
set -eu
cd "$(dirname "$0")/.."
time=${1:-10m}
git ls-files 'internal/front/*_test.go' | xargs grep -l '^func FuzzHTTP(' | xargs -n1 dirname | sort -u | while read -r dir; do
    echo "$dir"
    go test "./$dir" -run '^$' -fuzz '^FuzzHTTP$' -fuzztime "$time" -fuzzminimizetime 10x -timeout 0 </dev/null
done
