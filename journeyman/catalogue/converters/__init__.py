"""From raw files to rows, one format a file."""
