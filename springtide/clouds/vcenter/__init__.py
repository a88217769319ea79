"""How to speak to the private cloud: vCenter, by pyVmomi."""
