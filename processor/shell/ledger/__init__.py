"""The ledger's local copy: what the results say, on a disk. A restart reads only the rest."""
