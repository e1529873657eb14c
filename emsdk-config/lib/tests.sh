# What only the test suite needs.

# npm's `node` package is a real binary. In the project's own node_modules it would take the place of
# the machine's Node in every npm script, so it gets a folder of its own.
setup_relaxed_node() {
  local target=$TC/node$RELAXED_NODE
  local program=$target/node_modules/node/bin/node
  if [ ! -x "$program" ]; then
    say "Node $RELAXED_NODE from npm (60 MB to download)"
    rm -rf "$target.tmp"
    mkdir -p "$target.tmp"
    printf '{"private": true}\n' >"$target.tmp/package.json"
    logged node npm install --prefix "$target.tmp" --no-audit --no-fund "node@$RELAXED_NODE" \
      || die "Cannot install npm's package node@$RELAXED_NODE. Check that npm reaches its registry."
    rm -rf "$target"
    mv "$target.tmp" "$target"
  fi
  ln -sfn "$program" "$TC/bin/node-relaxed"
  "$program" --version >/dev/null || die "Node $RELAXED_NODE does not run. Remove $target and retry."
}

setup_gtest() {
  debian_packages gtest libgtest-dev libonnx-testdata "clang-format-$CLANG_VERSION"
  expose gtest "usr/bin/clang-format-$CLANG_VERSION" clang-format
  mkdir -p "$TC/test-data"
  ln -sfn "$(in_debian gtest usr/src/googletest)" "$TC/test-data/googletest"
  ln -sfn "$(in_debian gtest usr/share/libonnx-testdata/data)" "$TC/test-data/onnx"
}

# libFuzzer. Without root g++ and a seeded mutator run the same fuzz targets.
setup_clang() {
  if is_root || have "clang++-$CLANG_VERSION"; then
    debian_packages fuzz "clang-$CLANG_VERSION" "libclang-rt-$CLANG_VERSION-dev"
    ln -sfn "$(command -v "clang++-$CLANG_VERSION")" "$TC/bin/fuzz-c++"
  else
    say "no clang: fuzzing with g++ and a seeded mutator"
    ln -sfn "$(command -v g++)" "$TC/bin/fuzz-c++"
  fi
}

setup_chromium() {
  if have chromium; then
    return
  fi
  say "Chromium (110 MB to download)"
  debian_packages chromium chromium
  in_debian chromium usr/bin/chromium >/dev/null && have chromium && return
  expose chromium usr/lib/chromium/chromium
}
