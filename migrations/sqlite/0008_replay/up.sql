-- Who publishes past events once more; its position means nothing.
INSERT INTO leases (name) VALUES ('replay');
