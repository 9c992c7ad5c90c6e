-- How a user may log in: one credential per auth provider, one user per identity. And the passwords of the local provider.

create table credentials (
  id                 text primary key check (id ~ '^[0-9a-f]{32}$'),
  user_id            text not null references users on delete cascade,
  auth_provider_type text not null check (auth_provider_type <> ''),
  auth_provider_id   text check (auth_provider_id <> ''),
  -- What the provider knows this person by; never an e-mail address of its own accord.
  subject            text not null check (length(subject) between 1 and 1024),
  data               jsonb not null check (jsonb_typeof(data) = 'object'),
  created_at         timestamptz not null
);

create unique index credentials_one_per_provider on credentials (user_id, auth_provider_type, (coalesce(auth_provider_id, '')));
create unique index credentials_one_user_per_identity on credentials (auth_provider_type, (coalesce(auth_provider_id, '')), subject);

create table local_logins (
  username      text primary key check (length(username) between 1 and 256),
  password_hash text not null,
  created_at    timestamptz not null,
  changed_at    timestamptz not null
);
