"""nova-compute without Debian's package of it, which would bring QEMU and libvirt along."""

import sys
from pathlib import Path

import nova.virt
from nova.cmd.compute import main

# Nova loads drivers from `nova.virt` alone.
nova.virt.__path__.append(str(Path(__file__).resolve().parent))
sys.exit(main())
