-- What the user of the service may do: migrate at the start, and serve (docs/operations.md, Grants). The image of MySQL has made
-- the database and the user before, and gave that all rights on it.
REVOKE ALL PRIVILEGES ON orders.* FROM order_service@'%';
GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON orders.* TO order_service@'%';
