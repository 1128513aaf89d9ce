-- What MariaDB and MySQL run at each start: the database and the user of development and tests.
-- The user's authentication is the server's default; on MySQL that is caching_sha2_password.
create database if not exists orders;
create user if not exists app@'%' identified by 'app';
grant all privileges on *.* to app@'%' with grant option;
