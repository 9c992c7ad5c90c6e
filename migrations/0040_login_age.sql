-- How old a login may be for a client that does not ask for less, in seconds; and whether it relies on auth_time.
alter table clients
  add column default_max_age integer check (default_max_age >= 0),
  add column require_auth_time boolean not null default false;
