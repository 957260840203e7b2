"""What a stage may say, and what is wrong with it: typed tables, their rules and their errors."""
