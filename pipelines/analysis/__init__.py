"""Looking into trained rows: what they look at and how they break, for the commands explain and robust."""
