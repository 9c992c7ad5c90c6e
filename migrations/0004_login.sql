-- What is under way or just finished: login flows, authorization codes, browser sessions.

create table login_flows (
  id                 text primary key check (id ~ '^[0-9a-f]{32}$'),
  client_id          text not null,
  redirect_uri       text not null,
  flow_type          text not null check (flow_type in ('authorize', 'link_user')),
  auth_provider_type text not null,
  auth_provider_id   text,
  -- Who may go on with it: the JSON dialect the same address, a page the same browser (SHA-256 of its pre-login cookie).
  remote_address     text not null,
  browser_hash       bytea check (length(browser_hash) = 32),
  -- Whose open flows are counted together: an IPv4 address or an IPv6 /64.
  network            text not null,
  code_challenge     text,
  step_id            text not null,
  provider_state     jsonb not null default '{}',
  -- Set once the provider is satisfied.
  identity           jsonb,
  user_id            text references users on delete cascade,
  mfa_module_id      text,
  mfa_state          bytea,
  mfa_attempts       integer not null default 0,
  -- Raised by every stored step: of two parallel submissions of one step, one wins.
  version            integer not null default 0,
  created_at         timestamptz not null,
  expires_at         timestamptz not null
);

create index login_flows_expiry on login_flows (expires_at);
create index login_flows_by_network on login_flows (network);

create table authorization_codes (
  code_hash          bytea primary key check (length(code_hash) = 32),
  client_id          text not null,
  redirect_uri       text,
  -- A link_user code adds a login to whoever is logged in already and never buys a token.
  purpose            text not null check (purpose in ('authorize', 'link_user')),
  user_id            text references users on delete cascade,
  credential_id      text references credentials on delete cascade,
  identity           jsonb,
  auth_provider_type text not null,
  auth_provider_id   text,
  code_challenge     text,
  wrong_verifiers    integer not null default 0,
  auth_time          timestamptz not null,
  amr                text[] not null default '{}',
  remote_address     text not null,
  created_at         timestamptz not null,
  expires_at         timestamptz not null,
  spent_at           timestamptz,
  -- The grant that the code bore, to be revoked when the code comes back.
  refresh_token_id   text,
  constraint authorize_names_its_user check (purpose <> 'authorize' or (user_id is not null and credential_id is not null)),
  constraint link_user_names_its_identity check (purpose <> 'link_user' or identity is not null)
);

create index authorization_codes_expiry on authorization_codes (expires_at);

create table sessions (
  id_hash            bytea primary key check (length(id_hash) = 32),
  user_id            text not null references users on delete cascade,
  credential_id      text references credentials on delete cascade,
  auth_provider_type text not null,
  auth_provider_id   text,
  auth_time          timestamptz not null,
  amr                text[] not null default '{}',
  remote_address     text not null,
  user_agent         text check (length(user_agent) <= 512),
  created_at         timestamptz not null,
  last_used_at       timestamptz not null,
  expires_at         timestamptz not null
);

create index sessions_by_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);
