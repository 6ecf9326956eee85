"""Why a sample misses its target, by the sample's name, for the page."""

REASONS: dict[str, str] = {}
