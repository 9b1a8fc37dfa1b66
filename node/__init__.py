"""What every tier runs: the store, the change-log, register operations, the session protocol and the uplink.

Depends on ``conflict`` (pure domain rules) and on generated protobuf code in its codecs only; never on ``hub`` or
``ops``.
"""
