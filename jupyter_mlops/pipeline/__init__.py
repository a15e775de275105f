"""From stages to notebooks on disk that stock tools run, and the hand-off of variables between them."""
