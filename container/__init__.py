"""The serving container: one process that serves one model by AWS's handler contract."""
