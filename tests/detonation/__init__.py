"""Payloads that mean something, each with what a detonation must show of it. Harmless in effect, and only ever loaded
in a jail: whatever they reach for is a documentation address or a name below .invalid.
"""
