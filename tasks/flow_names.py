"""Names of flows of ours that are asked for, or whose runs are looked for, by name."""

OPENING = "open-evening-window"
SURGE = "emergency-surge"
EXTENSION = "extend-claim"
LIFTING = "lift-entry"
