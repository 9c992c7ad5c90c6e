-- Grants (Home Assistant's refresh tokens) and the keys that sign access tokens.

create table refresh_tokens (
  id                      text primary key check (id ~ '^[0-9a-f]{32}$'),
  user_id                 text not null references users on delete cascade,
  -- Gone when the person unlinks the login; the provider below stays, so its rules still hold.
  credential_id           text references credentials on delete set null,
  auth_provider_type      text,
  auth_provider_id        text,
  token_type              text not null check (token_type in ('normal', 'long_lived_access_token', 'system')),
  client_id               text,
  client_name             text check (length(client_name) between 1 and 256),
  client_icon             text check (length(client_icon) <= 256),
  -- SHA-256 of the secret; null where no secret ever leaves the server.
  token_hash              bytea unique check (length(token_hash) = 32),
  access_token_expiration integer not null check (access_token_expiration between 1 and 315360000),
  -- Seconds without use after which the grant is dead; null: never.
  idle_lifetime           integer check (idle_lifetime > 0),
  expires_at              timestamptz,
  created_at              timestamptz not null,
  auth_time               timestamptz not null,
  amr                     text[] not null default '{}',
  last_used_at            timestamptz,
  last_used_ip            text,
  constraint normal_names_its_client check (token_type <> 'normal' or client_id is not null),
  constraint long_lived_has_a_name check (token_type <> 'long_lived_access_token' or client_name is not null),
  constraint system_names_no_client check (token_type <> 'system' or client_id is null)
) with (fillfactor = 85);

create index refresh_tokens_by_user on refresh_tokens (user_id, created_at);
create index refresh_tokens_by_credential on refresh_tokens (credential_id) where credential_id is not null;
create unique index refresh_tokens_one_long_lived_of_a_name on refresh_tokens (user_id, client_name) where token_type = 'long_lived_access_token';

create table signing_keys (
  id           text primary key,
  algorithm    text not null check (algorithm in ('ES256')),
  public_jwk   jsonb not null,
  private_key  bytea not null,
  created_at   timestamptz not null,
  -- Published at once, signs from here on, so that every reader of the JWKS knows it first.
  signs_from   timestamptz not null,
  -- Still verifies until its last token is dead; null while no successor exists.
  expires_at   timestamptz
);
