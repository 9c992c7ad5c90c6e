-- Browsers that a person has logged in from before. While a name is blocked because it is guessed at from
-- everywhere, such a browser may still guess at it a few times.

create table device_cookies (
  cookie_hash bytea primary key check (length(cookie_hash) = 32),
  user_id     text not null references users on delete cascade,
  -- Guesses made during a block; after the fifth one the cookie is worth nothing.
  guesses     integer not null default 0,
  created_at  timestamptz not null,
  expires_at  timestamptz not null
);

create index device_cookies_by_user on device_cookies (user_id, created_at);
create index device_cookies_expiry on device_cookies (expires_at);
