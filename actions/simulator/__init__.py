"""A simulated vendor over real HTTP, for the demo and for the tests.

Others use `Simulator` (start, stop, inject faults, read the log of calls), `SimDevice`, `FAULTS`.
The package implements the vendor's documentation independently and imports nothing of the console,
so a misreading on either side shows as a difference. `Assumptions` lists what the documentation
leaves open, one switch each.
"""

from actions.simulator.assumptions import Assumptions
from actions.simulator.faults import FAULTS, Fault
from actions.simulator.fleet import SimDevice, SimGroup
from actions.simulator.handler import Received
from actions.simulator.simulator import Simulator

__all__ = [
    "FAULTS",
    "Assumptions",
    "Fault",
    "Received",
    "SimDevice",
    "SimGroup",
    "Simulator",
]
