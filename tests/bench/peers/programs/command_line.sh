#!/bin/bash
# What one types with the `openstack` command line: command_line.sh open|close <servers>
set -euo pipefail

ids() { openstack server list --name "^$PEER_PREFIX" --format value --column ID "$@"; }

open_fleet() {
  openstack server create --image "$PEER_IMAGE" --flavor "$PEER_FLAVOUR" \
    --network "$PEER_NETWORK" --security-group "$PEER_SECURITY_GROUP" --key-name "$PEER_KEY_PAIR" \
    --min "$1" --max "$1" --wait "$PEER_PREFIX" >/dev/null
  # --wait looks after the first server alone.
  until (( $(ids --status ACTIVE | wc -l) >= $1 )); do sleep 2; done
  openstack server list --name "^$PEER_PREFIX" --no-name-lookup --format value --column Networks |
    grep -oE '[0-9]+(\.[0-9]+){3}' |
    while read -r address; do
      openstack loadbalancer member create --address "$address" --protocol-port "$PEER_PORT" \
        --subnet-id "$PEER_SUBNET" --wait "$PEER_POOL" >/dev/null
    done
}

close_fleet() {
  openstack loadbalancer member list "$PEER_POOL" --format value --column id |
    while read -r member; do
      openstack loadbalancer member delete --wait "$PEER_POOL" "$member" </dev/null
    done
  ids | xargs openstack server delete --wait >/dev/null
}

"$1_fleet" "$2"
