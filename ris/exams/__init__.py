"""Exams: booked, performed, their studies linked; the worklist derived from them."""
