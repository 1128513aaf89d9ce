-- Up to where the journal is purged.
INSERT IGNORE INTO leases (name) VALUES ('purge');
