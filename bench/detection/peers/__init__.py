"""The scanners beside which this tool is measured: each is asked as its README says, and its exit code is its answer.

They read files and load none. All the same each runs without a network, and sees its environment and the samples only.
"""

from bench.detection.peers.fickling import Fickling
from bench.detection.peers.interface import Answer, Outcome, Peer
from bench.detection.peers.modelaudit import ModelAudit
from bench.detection.peers.modelscan import ModelScan
from bench.detection.peers.picklescan import PickleScan

PEERS: dict[str, Peer] = {
    peer.name: peer for peer in (PickleScan(), PickleScan(strict=True), ModelScan(), Fickling(), ModelAudit())
}

__all__ = ["PEERS", "Answer", "Outcome", "Peer"]
