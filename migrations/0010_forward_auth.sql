-- Protection for other hosts: each has a cookie of its own, which hangs on the browser's session and ends with it.

create table host_codes (
  code_hash    bytea primary key check (length(code_hash) = 32),
  -- With its port where it has one.
  host         text not null,
  sid          text not null references sessions (sid) on delete cascade,
  -- The browser that asked that host first (SHA-256 of the cookie it got there): nobody else's browser can be logged in with the code.
  browser_hash bytea not null check (length(browser_hash) = 32),
  created_at   timestamptz not null,
  expires_at   timestamptz not null
);

create index host_codes_expiry on host_codes (expires_at);
create index host_codes_by_session on host_codes (sid);

create table host_sessions (
  id_hash    bytea primary key check (length(id_hash) = 32),
  host       text not null,
  sid        text not null references sessions (sid) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);

create index host_sessions_expiry on host_sessions (expires_at);
create index host_sessions_by_session on host_sessions (sid);

-- Protected hosts know people by name, so it must be seen at once whether two have the same.
create index credentials_by_username on credentials (lower(data ->> 'username'));
