#!/usr/bin/env bash
# Makes the toolchain ready. Usage: setup.sh [build | test] [--check]
#
#   build   what it takes to build the wasm modules (default)
#   test    also what the test suite needs: GoogleTest, conformance data, clang, Chromium, a newer Node
#   --check changes nothing; exits 0 if all of it is ready
#
# Everything lands in $WHITTLE_TOOLCHAIN (default: .toolchain in this clone), except Debian packages
# when run as root. What is there already is kept; what was interrupted is taken up again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TC=${WHITTLE_TOOLCHAIN:-$(dirname "$here")/.toolchain}
mkdir -p "$TC/bin" "$TC/done" "$TC/log"
TC=$(cd "$TC" && pwd)
# Emscripten's scripts are CommonJS; the package.json of the clone around them says otherwise.
printf '{ "private": true, "type": "commonjs" }\n' >"$TC/package.json"
export PATH=$TC/bin:$PATH

check=${2:-}

source "$here/versions.sh"
source "$here/lib/common.sh"
source "$here/lib/debian.sh"
source "$here/lib/emscripten.sh"
source "$here/lib/tests.sh"

if [ -z "$check" ]; then
  # One set-up at a time in one folder.
  exec 9>"$TC/lock"
  flock -n 9 || { say "waiting for another set-up in $TC"; flock 9; }
fi

part headers setup_headers
part emscripten setup_emscripten
if [ "${1:-build}" = test ]; then
  part node setup_relaxed_node
  part gtest setup_gtest
  part fuzz setup_clang
  part chromium setup_chromium
fi
part probe setup_probe
