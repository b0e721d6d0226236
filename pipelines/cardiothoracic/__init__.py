"""The cardiothoracic ratio of a frontal chest radiograph, proposed by computation; a doctor confirms or corrects it."""
