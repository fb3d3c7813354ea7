"""What of OpenMMLab's packages needs help on this stack: operators, mmagic's import, scopes."""
