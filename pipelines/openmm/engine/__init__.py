"""From a config to a network: loading, training, evaluation, hooks, speed, devices."""
