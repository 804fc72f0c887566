"""What happens to the patient: the run file, read and checked."""
