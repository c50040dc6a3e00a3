# shellcheck shell=bash
# Shared by the scripts beside it; sourced, never run.

cache=${DBFORGE_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/db-forge}
mkdir -p "$cache"

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Runs a command quietly; shows what it said only if it fails.
quietly() {
  local log
  log=$(mktemp)
  "$@" </dev/null >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    rm -f "$log"
    fail "failed: $*"
  }
  rm -f "$log"
}

apt_install() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -Wf '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]} == 0)) && return
  say "installing ${missing[*]}"
  quietly apt-get -q update
  DEBIAN_FRONTEND=noninteractive quietly apt-get -qy -o Dpkg::Options::=--force-confold install --no-install-recommends "${missing[@]}"
}

# The Debian mirror that this machine's apt is configured for. Apt knows whose mirror it is once it has read it.
debian_mirror() {
  local uris query
  # shellcheck disable=SC2016 # apt's own variable
  query=(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 'Component: main')
  uris=$("${query[@]}")
  if [[ ! $uris ]]; then
    quietly apt-get -q update
    uris=$("${query[@]}")
  fi
  [[ $uris ]] || fail 'apt is configured for no Debian mirror'
  uris=${uris%%$'\n'*}
  printf '%s\n' "${uris%/}"
}
