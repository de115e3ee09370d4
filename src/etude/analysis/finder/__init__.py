"""What a ramp of the learning rate and short runs at constant learning rates say."""
