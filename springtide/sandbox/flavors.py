"""The flavours that every region of the sandbox offers."""

from springtide.sandbox.records import Flavor

HOST_RAM_MIB = 512 * 1024
"""What a host has, and so the most that a flavour may ask for to be placed at all."""

FLAVORS = {
    flavor.id: flavor
    for flavor in (
        Flavor("b2-7", "b2-7", vcpus=2, ram_mib=7168, disk_gib=50),
        Flavor("b2-15", "b2-15", vcpus=4, ram_mib=15360, disk_gib=100),
        Flavor("b2-30", "b2-30", vcpus=8, ram_mib=30720, disk_gib=200),
        Flavor("b2-60", "b2-60", vcpus=16, ram_mib=61440, disk_gib=400),
        Flavor("win-b2-60", "win-b2-60", vcpus=16, ram_mib=61440, disk_gib=400),
        Flavor("too-large", "too-large", vcpus=64, ram_mib=2 * HOST_RAM_MIB, disk_gib=400),
    )
}
"""By identifier; named and sized as OVHcloud's, but for one that no host has room for."""
