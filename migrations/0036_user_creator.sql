-- The administrator or owner who made a user by hand; null: the operator, a login, or an older version.
alter table users add column created_by text;
