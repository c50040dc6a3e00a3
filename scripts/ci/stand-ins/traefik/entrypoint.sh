#!/bin/sh
# As in the official image: flags and subcommands are arguments of traefik.
set -e
case ${1-} in
  -* | healthcheck | version) set -- traefik "$@" ;;
esac
exec "$@"
