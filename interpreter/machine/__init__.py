"""The interpreting client: listens to the floor and speaks in the languages with listeners."""
