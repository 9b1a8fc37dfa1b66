"""Pure domain rules: partial dates, personal numbers, names, who counts where. No input or output, usable alone."""
