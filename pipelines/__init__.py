"""What happens behind the two feeds: followers, the statistics mart, jobs."""
