# Messages, parts and progress for setup.sh.

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# part <name> <function>: runs the function unless it succeeded before with these very scripts.
# The stamp is written last, so an interrupted part runs again.
part() {
  local stamp=$TC/done/$1 now
  now=$(cat "$here"/versions.sh "$here"/lib/*.sh "$here"/probe/* "$here"/flags.cmake | cksum)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    return
  fi
  [ -z "$check" ] || exit 1
  "$2"
  printf '%s\n' "$now" >"$stamp"
}

# logged <log name> <command>...: runs quietly; on failure shows the end of the log.
logged() {
  local log=$TC/log/$1
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    say "the whole log is in $log" >&2
    return 1
  fi
}

# watched <text> <folder> <megabytes> <command>...: runs the command while telling how much of
# <megabytes> has arrived in <folder>.
watched() {
  local text=$1 folder=$2 total=$3 pid step=10
  shift 3
  [ -t 1 ] && step=1
  "$@" &
  pid=$!
  local seconds=0 status=0
  while kill -0 $pid 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ $((seconds % step)) = 0 ] && kill -0 $pid 2>/dev/null; then
      local size
      size=$(du -sm "$folder" 2>/dev/null | cut -f1)
      if [ -t 1 ]; then printf '\r'; fi
      printf 'setup: %s: %s of about %s MB' "$text" "${size:-0}" "$total"
      if [ ! -t 1 ]; then printf '\n'; fi
    fi
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
  wait $pid || status=$?
  return $status
}

# at_least <version> <minimum>
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
