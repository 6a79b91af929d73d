"""The pages for people: rendered here, useful without JavaScript and better with a little."""
