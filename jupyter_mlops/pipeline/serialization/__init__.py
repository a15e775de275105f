"""How a stage's variables become bytes, and on the other side what they were."""
