"""The gRPC service of V2A Studio: validate, remember, schedule, run, store.

The front process loads no torch; models run in worker processes (`v2a_server.worker`).
"""
