-- What protects the rest: failed logins, bans, the record of what happened, and the proof of the secret key.

create table failed_logins (
  -- An IPv4 address or an IPv6 /64.
  address         text not null,
  -- Whom the attempts were aimed at: SHA-256 of provider and normalised name; empty where nobody was named.
  subject         bytea not null,
  failures        integer not null check (failures > 0),
  first_failed_at timestamptz not null,
  last_failed_at  timestamptz not null,
  primary key (address, subject)
);

create index failed_logins_by_subject on failed_logins (subject, last_failed_at);
create index failed_logins_age on failed_logins (last_failed_at);

create table ip_bans (
  address    text primary key,
  banned_at  timestamptz not null,
  expires_at timestamptz not null
);

create table audit_events (
  id             bigint generated always as identity primary key,
  at             timestamptz not null,
  type           text not null,
  outcome        text not null check (outcome in ('done', 'refused')),
  error_ref      text,
  actor_user_id  text,
  target_user_id text,
  client_id      text,
  remote_address text,
  detail         jsonb not null default '{}'
);

create index audit_events_age on audit_events (at, id);
create index audit_events_by_error_ref on audit_events (error_ref) where error_ref is not null;

create table secret_key_canary (
  id     boolean primary key default true check (id),
  sealed bytea not null
);
