"""Whether what arrives is still what was learned: detectors, one file each, and what they see."""
