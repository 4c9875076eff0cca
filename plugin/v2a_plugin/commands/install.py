"""`v2a install`: puts V2A Studio into the programs that editors use."""
