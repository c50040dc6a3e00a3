#!/usr/bin/env bash
# Makes `docker`, `docker compose` and `docker buildx` work on a Debian machine without systemd or a registry.
# Run as root; what is there already is left alone. The engine is not stopped here: its pid is in $cache/dockerd.pid.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

start_engine() {
  local interface mtu
  interface=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p;q')
  mtu=$(cat "/sys/class/net/${interface:-lo}/mtu")
  say "starting dockerd (log: $cache/dockerd.log)"
  setsid dockerd --mtu "$((mtu < 1500 ? mtu : 1500))" --pidfile "$cache/dockerd.pid" \
    </dev/null >"$cache/dockerd.log" 2>&1 9>&- &
  for _ in {1..300}; do
    engine_answers && return
    sleep 0.1
  done
  tail -n 30 "$cache/dockerd.log" >&2
  fail 'dockerd does not answer'
}

# Debian bookworm has neither compose v2 nor buildx; trixie's are static enough to run there. A private apt configuration
# fetches them, so apt itself checks signatures and hashes.
install_plugins() {
  local plugins=$HOME/.docker/cli-plugins work=$cache/plugins
  docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 && return
  say 'installing the compose and buildx plugins'
  mkdir -p "$plugins" "$work"/{lists,archives}/partial
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie main" >"$work/sources.list"
  local apt=(apt-get -q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache::Archives=$work/archives" -o APT::Sandbox::User=root)
  cd "$work"
  if ! compgen -G 'docker-compose_*.deb' >/dev/null || ! compgen -G 'docker-buildx_*.deb' >/dev/null; then
    quietly "${apt[@]}" update
    quietly "${apt[@]}" download docker-compose docker-buildx
    rm -rf lists
  fi
  for package in docker-{compose,buildx}_*.deb; do dpkg -x "$package" unpacked; done
  find unpacked -path '*/cli-plugins/*' -type f -exec install -t "$plugins" {} +
  rm -rf unpacked
}

exec 9>"$cache/provide-docker.lock"
flock 9
engine_answers || apt_install docker.io iptables iproute2
command -v docker >/dev/null || apt_install docker-cli
engine_answers || start_engine
install_plugins
say "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)," \
  "buildx $(docker buildx version | cut -d' ' -f2)"
