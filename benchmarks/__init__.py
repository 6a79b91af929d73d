"""What measures the project; never part of the tests."""
