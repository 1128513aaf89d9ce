-- Up to where the journal is purged.
INSERT INTO leases (name) VALUES ('purge');
