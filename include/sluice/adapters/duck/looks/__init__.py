"""First looks at files nobody has described yet: what `sluice draft` rests on."""
