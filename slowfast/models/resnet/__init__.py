"""The parts of 3-D ResNets: what a pathway looks like, its stem, its residual blocks, and the lateral connections."""
