"""blastscreen: screening of single blood cell images for leukemic blasts. Research software, not a medical device."""

__version__ = "0.1.0"
