"""AWS's facts as data, each table with its source and date: images, what they hold, instances."""
