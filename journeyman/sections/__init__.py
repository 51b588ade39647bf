"""What each step has to tell, as data for the report: one file a chapter."""
