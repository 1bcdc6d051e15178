"""The past played again month by month, with what was known then, and what policies of retraining would have cost."""
