#!/bin/sh
# Runs the pages in headless Chromium with a virtual authenticator, against the
# built program. Debian 12 has a Node.js that is too old for the driver; there a newer
# one is taken from the package registry and kept beside the build.
set -eu
cd "$(dirname "$0")/.."

node_version=22.23.3
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
    case "$(uname -m)" in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "Node.js 20 or newer is needed" >&2 && exit 1 ;;
    esac
    modules=$PWD/.cache/node
    npm install --prefix "$modules" --no-save --no-audit --no-fund --ignore-scripts "node-linux-$arch@$node_version" >/dev/null
    PATH=$modules/node_modules/node-linux-$arch/bin:$PATH
    export PATH
fi

cd test/browser
npm ci --no-progress --ignore-scripts >/dev/null
exec node --test --test-reporter=spec
