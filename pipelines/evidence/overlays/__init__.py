"""What others drew, as layers and shapes on the images of the same study: segmentations, contours, coordinates of reports."""
