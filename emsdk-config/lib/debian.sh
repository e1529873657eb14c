# Debian packages: installed when root, otherwise unpacked into the toolchain folder.

# debian_packages <set> <package>...: afterwards the packages are on the system, or below
# $TC/debian/<set>.
debian_packages() {
  local set=$1 missing=() package
  shift
  for package in "$@"; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$'; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} = 0 ] || [ -d "$TC/debian/$set" ]; then
    return
  fi
  have apt-get || die "Missing ${missing[*]} (Debian names). Install them with this system's package manager."
  say "Debian packages: ${missing[*]}"
  if is_root; then
    install_packages "${missing[@]}"
  else
    unpack_packages "$set" "" "${missing[@]}"
  fi || die "Cannot install ${missing[*]}. Run as root: apt-get update && apt-get install ${missing[*]}"
}

install_packages() {
  local install=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive
  "${install[@]}" "$@" >"$TC/log/apt" 2>&1 </dev/null && return
  logged apt-update apt-get update -o DPkg::Lock::Timeout=300 && logged apt "${install[@]}" "$@"
}

# unpack_packages <set> <suite> <package>...: downloads the packages with what they depend on, and
# unpacks them into $TC/debian/<set>. With a suite, takes them all from there, as if nothing were
# installed; without, takes from the machine's own suite what the machine lacks.
unpack_packages() {
  local set=$1 suite=$2
  shift 2
  local state=$TC/download/$set target=$TC/debian/$set
  private_apt "$state" "$suite"
  export APT_CONFIG=$state/apt.conf
  if [ -n "$suite" ]; then
    local mirror found=
    for mirror in $(mirrors); do
      printf 'deb %s %s main\n' "$mirror" "$suite" >"$state/sources.list"
      if logged "apt-update-$set" apt-get update; then found=1; break; fi
    done
    [ -n "$found" ] || return 1
  else
    logged "apt-update-$set" apt-get update || return 1
  fi
  local install=(apt-get install -y --download-only --no-install-recommends)
  local size
  size=$("${install[@]}" --print-uris "$@" 2>/dev/null | awk '/^'\''/ {s += $3} END {print int(s / 1e6)}')
  watched "downloading $set" "$state/archives" "${size:-0}" \
    logged "apt-$set" "${install[@]}" "$@" || return 1
  unset APT_CONFIG

  rm -rf "$target.tmp"
  mkdir -p "$target.tmp"
  local deb
  for deb in "$state"/archives/*.deb; do
    dpkg-deb -x "$deb" "$target.tmp" || return 1
  done
  rm -rf "$target"
  mv "$target.tmp" "$target"
  rm -rf "$state"
}

# An apt that keeps its lists and downloads below <folder> and leaves the system's alone. Signatures
# are checked; the age of the lists is not, since a machine's mirror may be a frozen snapshot.
private_apt() {
  local state=$1 suite=$2
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  cat >"$state/apt.conf" <<CONF
Dir::State::Lists "$state/lists";
Dir::Cache "$state";
Dir::Cache::archives "$state/archives";
APT::Sandbox::User "$(id -un)";
Debug::NoLocking "1";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
CONF
  if [ -n "$suite" ]; then
    : >"$state/status"
    cat >>"$state/apt.conf" <<CONF
Dir::State::status "$state/status";
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "/dev/null";
CONF
  fi
}

# The mirrors this machine gets Debian itself from.
mirrors() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  env -u APT_CONFIG apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' \
    | awk -v c="$codename" '$3 == "main" && ($2 == c || $2 == "stable" || $2 == "testing") {print $1}' \
    | sort -u
}

# in_debian <set> <path>: where a file of a package is, on the system or unpacked.
in_debian() {
  local root
  for root in "" "$TC/debian/$1"; do
    if [ -e "$root/$2" ]; then
      printf '%s\n' "$root/$2"
      return
    fi
  done
  return 1
}

# expose <set> <path> [name]: puts a program into $TC/bin; one that was unpacked finds its libraries.
expose() {
  local program name
  program=$(in_debian "$1" "$2") || die "Missing $2. Install the Debian package that has it."
  name=${3:-$(basename "$2")}
  rm -f "$TC/bin/$name"
  if [ "$program" = "/$2" ]; then
    ln -s "$program" "$TC/bin/$name"
    return
  fi
  local root=$TC/debian/$1 libraries
  libraries=$(find "$root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
  cat >"$TC/bin/$name" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH='$libraries' exec '$program' "\$@"
WRAPPER
  chmod +x "$TC/bin/$name"
}
