"""What the synth stage registers with mmagic."""
