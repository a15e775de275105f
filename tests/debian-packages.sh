#!/usr/bin/env bash
# Installs the Debian packages that the tests use and this machine lacks. Elsewhere, or without root, it only says what
# will be skipped; under CI=true what is missing fails.
set -euo pipefail

declare -A package_of=([chromium]=chromium [initdb]=postgresql [cc]=build-essential)
# Debian keeps the servers' programs apart from those of everyday.
PATH="$PATH:$(compgen -G "/usr/lib/postgresql/*/bin" | paste -sd : || true)"
missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq "${missing[@]}" >/dev/null
elif [ "${CI:-}" = true ]; then
  echo "error: the tests need ${missing[*]}; install them (apt-get install ${missing[*]})" >&2
  exit 1
else
  echo "note: without ${missing[*]} the tests that need it are skipped (apt-get install ${missing[*]})"
fi
