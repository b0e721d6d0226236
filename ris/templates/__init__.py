"""Report templates: ready-made findings and impressions, public or one's own."""
