"""The documents, and the scripts that write the parts of them that follow from the code."""
