"""Show a pipeline: as text, JSON, Mermaid or SVG; pure, a pipeline in and text out."""
