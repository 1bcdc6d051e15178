"""Reports as HTML and Markdown: templates, one style sheet, and values that stay text wherever they are shown."""
