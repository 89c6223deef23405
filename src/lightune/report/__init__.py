"""The report: records in, one HTML file and one Markdown file out. It formats; it computes nothing statistical."""

from lightune.report.load import load_result
from lightune.report.render import render_html, render_markdown
from lightune.report.write import write_report

__all__ = ["load_result", "render_html", "render_markdown", "write_report"]
