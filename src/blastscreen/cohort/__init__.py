"""Who the cells come from: names, persons, published counts, the rules a cohort must keep, and its integrity report."""
