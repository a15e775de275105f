"""The frozen values that every package speaks; they are the wire format too."""
