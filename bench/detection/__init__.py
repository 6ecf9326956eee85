"""How many attacks read as clean, how many ordinary checkpoints raise an alarm; here and with the peers' scanners."""
