"""The hunt for leaks: checks of features, labels, splits and fits that must find nothing."""
