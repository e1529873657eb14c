# Emscripten and the header-only libraries. $TC/emscripten-root leads to the folder with emcc.

# Header-only libraries, alone in $TC/include: a wasm build must not see the rest of /usr/include.
setup_headers() {
  local tools=()
  have make || tools+=(make)
  have xz || tools+=(xz-utils)
  debian_packages build libeigen3-dev libprotozero-dev libsimde-dev nlohmann-json3-dev "${tools[@]}"
  local tool
  for tool in "${tools[@]}"; do
    case $tool in
      make) expose build usr/bin/make ;;
      xz-utils) expose build usr/bin/xz ;;
    esac
  done
  mkdir -p "$TC/include"
  local name
  for name in eigen3 protozero simde nlohmann; do
    ln -sfn "$(in_debian build "usr/include/$name")" "$TC/include/$name"
  done
}

setup_emscripten() {
  if accept_emscripten "$TC/emscripten-root"; then
    return
  fi
  if have emcc && accept_emscripten "$(dirname "$(readlink -f "$(command -v emcc)")")"; then
    return
  fi
  if [ -n "${EMSDK:-}" ] && accept_emscripten "$EMSDK/upstream/emscripten"; then
    return
  fi
  if have apt-get && have dpkg-deb && emscripten_from_debian; then
    accept_emscripten "$TC/debian/emscripten/usr/share/emscripten" && return
  fi
  emscripten_from_emsdk
  accept_emscripten "$TC/emsdk/upstream/emscripten" \
    || die "No usable Emscripten. Install version $EMSCRIPTEN_MIN or newer so that emcc is on PATH."
}

# accept_emscripten <root>: takes it into use if it is there, new enough and starts.
accept_emscripten() {
  local root version
  root=$(readlink -f "$1") || return 1
  [ -f "$root/cmake/Modules/Platform/Emscripten.cmake" ] || return 1
  version=$(tr -d '"\n' <"$root/emscripten-version.txt")
  at_least "$version" "$EMSCRIPTEN_MIN" || return 1
  "$root/emcc" --version >/dev/null 2>&1 || return 1
  ln -sfn "$root" "$TC/emscripten-root"
  local tool
  for tool in emcc em++ emar emcmake; do
    ln -sfn "$root/$tool" "$TC/bin/$tool"
  done
  say "Emscripten $version in $root"
}

# Debian's testing suite has a current Emscripten. Its packages are unpacked, not installed, and its
# programs get their own C library, so that they run on an older Debian and touch nothing of it.
emscripten_from_debian() {
  say "Emscripten from Debian's testing suite (170 MB to download, 0.9 GB on disk)"
  have patchelf || debian_packages patchelf patchelf
  have patchelf || expose patchelf usr/bin/patchelf
  local unpacked=emscripten.new
  unpack_packages "$unpacked" testing emscripten || return 1
  local prefix=$TC/debian/emscripten
  rm -rf "$prefix.tmp" "$prefix"
  mv "$TC/debian/$unpacked" "$prefix.tmp"
  say "fitting its programs to this system"
  fit_programs "$prefix.tmp" "$prefix" && configure_emscripten "$prefix.tmp" "$prefix" || return 1
  mv "$prefix.tmp" "$prefix"
}

# fit_programs <folder> <final folder>: makes ELF programs and the libraries that carry a search path
# of their own load everything from <final folder>.
fit_programs() {
  local folder=$1 libraries loader file
  libraries=usr/lib/$(gcc -dumpmachine)
  loader=$(cd "$folder" && ls "$libraries"/ld-linux-*.so.* | head -n 1)
  for file in "$folder"/usr/lib/llvm-*/bin/* "$folder"/usr/bin/wasm-* "$folder"/usr/bin/python3.*; do
    if [ ! -L "$file" ] && is_elf "$file"; then
      patchelf --set-interpreter "$2/$loader" --force-rpath --set-rpath "$2/$libraries" "$file" \
        || return 1
    fi
  done
  for file in "$folder/$libraries"/libLLVM*.so* "$folder/$libraries"/libclang*.so*; do
    if [ ! -L "$file" ] && is_elf "$file"; then
      patchelf --force-rpath --set-rpath "$2/$libraries" "$file" || return 1
    fi
  done
}

is_elf() { [ "$(head -c 4 "$1" 2>/dev/null | tail -c 3)" = ELF ]; }

# configure_emscripten <folder> <final folder>: settings, node modules, and starters that use the
# unpacked Python, so that none is needed on the machine.
configure_emscripten() {
  local root=$1/usr/share/emscripten llvm python tool
  llvm=$(cd "$1" && ls -d usr/lib/llvm-*/bin | tail -n 1)
  python=$(cd "$1/usr/bin" && ls -d python3.?? | tail -n 1)
  cat >"$root/.emscripten" <<CONF
LLVM_ROOT = '$2/$llvm'
BINARYEN_ROOT = '$2/usr'
NODE_JS = ['$(readlink -f "$(command -v node)")']
CACHE = '$TC/cache'
CONF
  ln -sfn ../nodejs "$root/node_modules"
  cat >"$root/start" <<'START'
#!/bin/sh
# Starts the tool this file is linked as, under the Python unpacked beside it.
name=$(basename "$0")
root=$(dirname "$(readlink -f "$0")")
PYTHONHOME=$(dirname "$(dirname "$root")")
export PYTHONHOME
START
  printf 'exec "$PYTHONHOME/bin/%s" "$root/$name.py" "$@"\n' "$python" >>"$root/start"
  chmod +x "$root/start"
  for tool in emcc em++ emar emranlib emcmake embuilder em-config; do
    ln -sfn start "$root/$tool"
  done
  # Compiled once here, or each call of emcc would compile its modules again.
  (cd "$1/usr" && PYTHONHOME=$1/usr bin/"$python" -m compileall -q "lib/$python" share/emscripten \
    >/dev/null 2>&1) || true
}

emscripten_from_emsdk() {
  have git || die "Missing git. Install git, or Emscripten $EMSCRIPTEN_MIN or newer."
  have python3 || debian_packages python python3
  have python3 || expose python usr/bin/python3
  say "Emscripten $EMSDK_VERSION from an emsdk clone (400 MB to download)"
  rm -rf "$TC/emsdk.tmp"
  logged emsdk git clone -q --depth 1 https://github.com/emscripten-core/emsdk.git "$TC/emsdk.tmp" \
    && logged emsdk "$TC/emsdk.tmp/emsdk" install "$EMSDK_VERSION" \
    && logged emsdk "$TC/emsdk.tmp/emsdk" activate "$EMSDK_VERSION" \
    || die "Cannot get Emscripten. Install version $EMSCRIPTEN_MIN or newer so that emcc is on PATH."
  rm -rf "$TC/emsdk"
  mv "$TC/emsdk.tmp" "$TC/emsdk"
}

# Compiles the probe with every combination of our flags, which also builds Emscripten's system
# libraries for them, and runs it.
setup_probe() {
  say "building Emscripten's system libraries and a probe (about 2 minutes, once)"
  local kind broken="The Emscripten in $TC does not work. Remove $TC/debian/emscripten and run this again."
  rm -rf "$TC/probe"
  logged probe cmake -S "$here/probe" -B "$TC/probe" -G "Unix Makefiles" \
    -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" \
    && logged probe cmake --build "$TC/probe" \
    || die "$broken"
  for kind in single threads; do
    logged "probe-$kind" relaxed_node "$here/probe/run.mjs" "$TC/probe/$kind.mjs" || die "$broken"
    say "probe ($kind): $(cat "$TC/log/probe-$kind")"
  done
}

# A Node that runs relaxed SIMD: the one of the tests, or the machine's with the feature switched on.
relaxed_node() {
  if [ -x "$TC/bin/node-relaxed" ]; then
    "$TC/bin/node-relaxed" "$@"
  else
    node --experimental-wasm-relaxed-simd "$@" || node "$@"
  fi
}
