"""Journeyman: take a pretrained model past imitation."""
