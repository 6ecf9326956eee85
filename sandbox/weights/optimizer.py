"""Which tensors are an optimizer's. The rule is docs/naming.md, for names: nothing else of a checkpoint tells."""

from __future__ import annotations

import re

# What trainers call the part of a checkpoint that an optimizer's state_dict is kept in.
_PART = re.compile(r"(?:last_|\w+_)?optim(?:izer)?s?(?:_(?:states?|state_dicts?|dicts?))?", re.ASCII)

# What an optimizer keeps for each parameter, by the parameter's number: `state.0.exp_avg`.
_STATE = re.compile(
    r"(?:^|\.)state\.\d+\.(?:step|exp_avg|exp_avg_sq|max_exp_avg_sq|exp_inf|momentum_buffer|square_avg|grad_avg|"
    r"acc_delta|sum|prev|step_size|eta|mu|ax|exp_avg_sq_row|exp_avg_sq_col)$",
    re.ASCII,
)
_WRAPPERS = 3  # parts of a name in which an optimizer's may stand: a member's path, or what a trainer wraps all in


def is_optimizers(name: str) -> bool:
    """Whether a tensor of this name belongs to an optimizer."""
    return any(map(_PART.fullmatch, name.split(".")[:_WRAPPERS])) or _STATE.search(name) is not None
