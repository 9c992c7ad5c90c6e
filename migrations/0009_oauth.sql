-- OAuth 2.1 and OpenID Connect: registered clients, consents, and what grants and codes must remember for them.

create table clients (
  -- Never a URL: those name clients that nobody registered.
  client_id                             text primary key check (length(client_id) between 1 and 256 and client_id !~* '^https?:'),
  client_name                           text check (length(client_name) between 1 and 256),
  client_uri                            text,
  logo_uri                              text,
  policy_uri                            text,
  tos_uri                               text,
  redirect_uris                         text[] not null default '{}',
  post_logout_redirect_uris             text[] not null default '{}',
  token_endpoint_auth_method            text not null
    check (token_endpoint_auth_method in ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
  grant_types                           text[] not null,
  -- The scopes it may ask for.
  scope                                 text[] not null,
  -- The resource servers it may ask tokens for (RFC 8707), beside us.
  resources                             text[] not null default '{}',
  jwks                                  jsonb,
  jwks_uri                              text,
  id_token_signed_response_alg          text not null default 'RS256' check (id_token_signed_response_alg in ('RS256', 'ES256', 'EdDSA')),
  dpop_bound_access_tokens              boolean not null default false,
  require_pushed_authorization_requests boolean not null default false,
  backchannel_logout_uri                text,
  -- No consent is asked for.
  trusted                               boolean not null default false,
  -- Who may use it: members of any of these groups; null: everybody.
  allowed_group_ids                     text[],
  access_token_lifetime                 integer check (access_token_lifetime > 0),
  refresh_token_idle_lifetime           integer check (refresh_token_idle_lifetime > 0),
  refresh_token_lifetime                integer check (refresh_token_lifetime > 0),
  managed_by                            text not null check (managed_by in ('config', 'database', 'registration')),
  is_enabled                            boolean not null default true,
  -- RFC 7592: what a client that registered itself changes its registration with.
  registration_token_hash               bytea check (length(registration_token_hash) = 32),
  created_at                            timestamptz not null
);

create index clients_listing on clients (created_at, client_id);

-- Several at a time, so that a secret is changed without an outage.
create table client_secrets (
  id          text primary key check (id ~ '^[0-9a-f]{32}$'),
  client_id   text not null references clients on delete cascade,
  secret_hash bytea not null check (length(secret_hash) = 32),
  created_at  timestamptz not null,
  expires_at  timestamptz
);

create index client_secrets_by_client on client_secrets (client_id);

-- URL clients that the owner has seen, where the operator asks for that.
create table url_clients (
  client_id     text primary key,
  status        text not null check (status in ('pending', 'approved', 'refused')),
  -- SHA-256 of what was approved: other metadata is asked about again.
  metadata_hash bytea not null check (length(metadata_hash) = 32),
  metadata      jsonb not null,
  created_at    timestamptz not null,
  decided_at    timestamptz
);

create table consents (
  user_id       text not null references users on delete cascade,
  client_id     text not null,
  scope         text[] not null,
  -- A client that changes where it sends people is asked about again.
  redirect_uris text[] not null,
  granted_at    timestamptz not null,
  primary key (user_id, client_id)
);

alter table sessions add column sid text unique;
update sessions set sid = md5(encode(id_hash, 'hex'));
alter table sessions alter column sid set not null;

alter table authorization_codes
  add column profile            text not null default 'home_assistant' check (profile in ('home_assistant', 'standard')),
  add column scope              text[] not null default '{}',
  add column resource           text[] not null default '{}',
  add column nonce              text,
  add column claims             jsonb,
  add column sid                text,
  add column dpop_jkt           text;

create index authorization_codes_by_sid on authorization_codes (sid) where sid is not null;

alter table refresh_tokens
  add column profile            text not null default 'home_assistant' check (profile in ('home_assistant', 'standard')),
  add column scope              text[] not null default '{}',
  add column resource           text[] not null default '{}',
  add column claims             jsonb,
  add column sid                text,
  add column dpop_jkt           text,
  -- A rotating token is its row's id, its generation and a MAC with this seed; see tokens/refresh_token.ts.
  add column seed               bytea check (length(seed) = 32),
  add column generation         integer not null default 0,
  -- When the current generation's predecessor was first used.
  add column rotated_at         timestamptz,
  add constraint rotates_or_has_a_secret check (seed is null or token_hash is null);

create index refresh_tokens_by_client on refresh_tokens (client_id, user_id);
create index refresh_tokens_by_sid on refresh_tokens (sid) where sid is not null;

-- The algorithms that ID tokens may be signed with; access tokens stay with ES256.
alter table signing_keys drop constraint signing_keys_algorithm_check;
alter table signing_keys add constraint signing_keys_algorithm_check check (algorithm in ('ES256', 'RS256', 'EdDSA'));

-- RFC 9126.
create table pushed_authorization_requests (
  request_uri_hash bytea primary key check (length(request_uri_hash) = 32),
  client_id        text not null,
  parameters       jsonb not null,
  dpop_jkt         text,
  created_at       timestamptz not null,
  expires_at       timestamptz not null,
  used_at          timestamptz
);

create index pushed_authorization_requests_expiry on pushed_authorization_requests (expires_at);

-- RFC 8628.
create table device_codes (
  device_code_hash bytea primary key check (length(device_code_hash) = 32),
  user_code        text not null unique,
  client_id        text not null,
  scope            text[] not null,
  resource         text[] not null default '{}',
  status           text not null default 'pending' check (status in ('pending', 'approved', 'denied', 'spent')),
  -- What the login must be like: seconds since it, and how many factors (OpenID Connect Core section 3.1.2.1).
  max_age          integer,
  acr_values       text[] not null default '{}',
  -- The session that opened the code: nobody else may answer it.
  claimed_sid      text,
  user_id          text references users on delete cascade,
  credential_id    text references credentials on delete cascade,
  auth_provider_type text,
  auth_provider_id text,
  auth_time        timestamptz,
  amr              text[] not null default '{}',
  -- Seconds between two polls; grows with every poll that comes too soon.
  poll_interval    integer not null default 5,
  last_polled_at   timestamptz,
  -- An IPv4 address or an IPv6 /64.
  remote_address   text not null,
  created_at       timestamptz not null,
  expires_at       timestamptz not null,
  refresh_token_id text
);

create index device_codes_expiry on device_codes (expires_at);
create index device_codes_by_address on device_codes (remote_address, created_at);

-- Single access tokens that were revoked before their time; the rest die with their grant.
create table revoked_access_tokens (
  jti        text primary key,
  expires_at timestamptz not null
);

create index revoked_access_tokens_expiry on revoked_access_tokens (expires_at);

-- Client assertions and DPoP proofs that were seen: each is good once (RFC 7523 section 3, RFC 9449 section 11.1).
create table used_proofs (
  proof_hash bytea primary key check (length(proof_hash) = 32),
  expires_at timestamptz not null
);

create index used_proofs_expiry on used_proofs (expires_at);

-- Logout tokens on their way to clients; they outlive the session and the user that they are about, and restarts.
create table logout_deliveries (
  -- The same in every attempt, so that a client that gets it twice knows.
  jti             text primary key,
  client_id       text not null,
  user_id         text not null,
  sid             text not null,
  attempts        integer not null default 0,
  created_at      timestamptz not null,
  next_attempt_at timestamptz not null
);

create index logout_deliveries_due on logout_deliveries (next_attempt_at);
