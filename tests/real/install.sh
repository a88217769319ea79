#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing, and starts none of their services:
# the tests start what they need themselves, on ports of their own.
set -euo pipefail

missing=()
for package in "$@"; do
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
    missing+=("$package")
done
(( ${#missing[@]} )) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "This is not Debian; install by its own means what these packages hold: ${missing[*]}" >&2
  exit 1
elif (( $(id -u) != 0 )); then
  echo "Installing needs root: apt-get install ${missing[*]}" >&2
  exit 1
fi

# Debian starts a service when it is installed, unless this says no.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "installing ${#missing[@]} packages: ${missing[*]}"
apt-get update -qq
# A machine that is thrown away need not have each file on its disk before the next is unpacked.
unsafe=()
[[ ${CI:-} != true ]] || unsafe=(-o DPkg::Options::=--force-unsafe-io)
log=$(mktemp)
if ! apt-get install -qq --yes --no-install-recommends -o DPkg::Lock::Timeout=120 \
  "${unsafe[@]}" \
  "${missing[@]}" >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  exit 1
fi
rm -f "$log"
