"""The pictures, a file each: records in, inline SVG out. Each says in words what it shows."""
