#!/usr/bin/env bash
# Makes stand-ins for the official base images, under their official names, for machines that reach no image registry.
#
# An image of that name that is no stand-in (it was pulled) is left alone. Made images are kept as tars in the cache
# folder; a key over everything an image is made from, in its label, tells when to make it again.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
umask 022

node_version=24.21.0
npm_version=11.19.0 # the one that this Node release bundles
traefik_version=3.6.12 # the newest whose modules, all of them, the Go module proxy hands out

# The part of buildpack-deps, on which the full Node image stands, that builds of npm packages need.
build_tools='ca-certificates curl wget gnupg git openssh-client procps bzip2 unzip xz-utils file patch
  gcc g++ make autoconf automake libtool pkg-config python3 libc6-dev libssl-dev zlib1g-dev'

recipes=$(cd "$(dirname "$0")/stand-ins" && pwd)
arch=$(dpkg --print-architecture)
host_ca=/etc/ssl/certs/ca-certificates.crt
label=dev.dbforge.stand-in
artifacts=$cache/artifacts
images=$cache/images
mkdir -p "$artifacts" "$images"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
declare -A keys

# Each prepare_<recipe> lays into the build context what its Dockerfile copies besides the recipe's own files.

prepare_debian() {
  local context=$1 tar=$artifacts/trixie-$arch.tar root=$work/root
  if [[ ! -f $tar ]]; then
    apt_install debootstrap
    # Named, because old debootstraps know the suite only under that script.
    quietly debootstrap --variant=minbase trixie "$root" "$mirror" /usr/share/debootstrap/scripts/sid
    printf '%s\n' 'path-exclude /usr/share/'{doc,info,locale,man}'/*' 'path-include /usr/share/doc/*/copyright' \
      force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/container"
    echo 'APT::Keep-Downloaded-Packages "false";' >"$root/etc/apt/apt.conf.d/container"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
    rm -rf "$root"/{etc/{hostname,resolv.conf},var/{cache/apt/archives/*.deb,lib/apt/lists/*,log/*.log}}
    rm -rf "$root"/usr/share/{info,locale,man}/*
    find "$root/usr/share/doc" ! -type d ! -name copyright -delete
    tar -C "$root" --numeric-owner -cf "$work/root.tar" .
    mv "$work/root.tar" "$tar"
  fi
  ln "$tar" "$context/root.tar"
  cp "$host_ca" "$context/host-ca.pem"
  echo "deb $mirror trixie main" >"$context/sources.list"
}

prepare_node() {
  local context=$1 cpu=${arch/amd64/x64}
  mkdir -p "$context"/local/{bin,lib/node_modules/npm}
  npm_package "node-linux-$cpu" "$node_version" "$context/local"
  rm "$context"/local/{package.json,*.md}
  npm_package npm "$npm_version" "$context/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$context/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$context/local/bin/npx"
  ln -s node "$context/local/bin/nodejs"
}

npm_package() {
  local name=$1 version=$2 target=$3
  local tarball=$artifacts/$name-$version.tgz
  [[ -f $tarball ]] || quietly npm pack --pack-destination "$artifacts" "$name@$version"
  tar -C "$target" --strip-components=1 --no-same-owner -xzf "$tarball"
}

prepare_traefik() {
  local context=$1 binary=$artifacts/traefik-$traefik_version-$arch module=github.com/traefik/traefik/v3
  if [[ ! -f $binary ]]; then
    command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
    command -v go >/dev/null || fail 'Go is needed, once, to compile Traefik'
    # Built inside its own source, since the replacements in its go.mod only hold there.
    quietly go mod download "$module@v$traefik_version"
    cp -R "$(go env GOMODCACHE)/$module@v$traefik_version" "$work/traefik"
    chmod -R u+w "$work/traefik"
    CGO_ENABLED=0 quietly go -C "$work/traefik" build -trimpath -buildvcs=false -o "$work/traefik.bin" \
      -ldflags "-s -w -X $module/pkg/version.Version=$traefik_version" ./cmd/traefik
    mv "$work/traefik.bin" "$binary"
  fi
  ln "$binary" "$context/traefik"
}

prepare_postgres() { :; }

# stand_in NAME RECIPE PARENT MADE_FROM [BUILD_ARG...]
stand_in() {
  local name=$1 recipe=$2 parent=$3 made_from=$4 labels key tar context
  shift 4
  key=$({
    echo "$made_from" "$*" "${keys[$parent]-}" "$arch" "$mirror"
    declare -f "prepare_$recipe"
    cat "$recipes/$recipe"/*
    [[ $parent != scratch ]] || cat "$host_ca"
  } | sha256sum | cut -c1-16)
  keys[$name]=$key

  labels=$(docker image inspect -f '{{json .Config.Labels}}' "$name" 2>/dev/null) || labels=missing
  [[ $labels == *"\"$label.key\":\"$key\""* ]] && return
  if [[ $labels != missing && $labels != *"\"$label\":\"true\""* ]]; then
    say "$name is no stand-in: left alone"
    return
  fi

  tar=$images/${name//[:\/]/_}@$key.tar
  if [[ ! -f $tar ]]; then
    say "making $name"
    context=$work/context
    cp -R "$recipes/$recipe" "$context"
    "prepare_$recipe" "$context"
    quietly docker build --tag "$name" --label "$label=true" --label "$label.key=$key" \
      --label "$label.made-from=$made_from" "${@/#/--build-arg=}" "$context"
    rm -rf "$context" "$images/${name//[:\/]/_}@"*.tar
    docker save --output "$work/image.tar" "$name"
    mv "$work/image.tar" "$tar"
  else
    say "loading $name"
    quietly docker load --input "$tar"
  fi
}

exec 9>"$cache/base-images.lock"
flock 9
mirror=$(debian_mirror)
node_from="the npm packages node-linux-* $node_version and npm $npm_version"

stand_in debian:trixie-slim debian scratch 'debootstrap --variant=minbase trixie'
stand_in node:24-trixie-slim node debian:trixie-slim "$node_from" "NODE_VERSION=$node_version"
stand_in node:24-trixie node debian:trixie-slim "$node_from, with build tools" "NODE_VERSION=$node_version" \
  "PACKAGES=$build_tools"
stand_in traefik:v3.6 traefik debian:trixie-slim "Go module github.com/traefik/traefik/v3 $traefik_version, without its web UI"
stand_in postgres:17-trixie postgres debian:trixie-slim "Debian trixie's postgresql-17, without the official entrypoint"
