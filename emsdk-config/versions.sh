# The versions this project is built and tested with. Read by setup.sh.

# Oldest Emscripten accepted, whether found on PATH, in $EMSDK or in Debian's testing suite.
# From 6.0 on, relaxed SIMD and the legacy exception encoding can be had together.
EMSCRIPTEN_MIN=6.0
# What an emsdk clone installs, when neither of those is there.
EMSDK_VERSION=6.0.5
# Node that runs the relaxed tier's tests: Node 20 has an older definition of relaxed dot products.
RELAXED_NODE=26
# Debian's clang-format and clang (libFuzzer); formatting differs between major versions.
CLANG_VERSION=14
