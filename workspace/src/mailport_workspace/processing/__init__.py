"""What a received mail becomes: recognise it, find the record that it concerns, create or update, and give a verdict."""
