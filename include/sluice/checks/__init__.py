"""Quality checks: what a contract asks of its data, compiled to rules, run, and reported."""
