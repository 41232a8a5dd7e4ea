"""Networks as files of other libraries; each is loaded back there before it takes its name."""
