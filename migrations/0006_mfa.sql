-- Second factors: what people have enrolled, enrolling under way, and how often their factor was guessed at.

create table mfa_enrolments (
  id            text primary key check (id ~ '^[0-9a-f]{32}$'),
  user_id       text not null references users on delete cascade,
  mfa_module_id text not null check (mfa_module_id <> ''),
  -- What its owner calls it, where there may be several.
  name          text check (length(name) between 1 and 256),
  -- What a device calls itself, so that it is found without knowing whose it is.
  device_id     text check (length(device_id) between 1 and 2048),
  secret        bytea not null,
  -- Raised by every use: of two parallel uses of one answer, one wins.
  version       integer not null default 0,
  created_at    timestamptz not null,
  last_used_at  timestamptz
);

create index mfa_enrolments_by_user on mfa_enrolments (user_id, mfa_module_id);
create unique index mfa_enrolments_one_device on mfa_enrolments (mfa_module_id, device_id) where device_id is not null;

create table mfa_setup_flows (
  id            text primary key check (id ~ '^[0-9a-f]{32}$'),
  user_id       text not null references users on delete cascade,
  mfa_module_id text not null,
  -- The form that was shown, with the new secret in it.
  form          bytea not null,
  attempts      integer not null default 0,
  version       integer not null default 0,
  created_at    timestamptz not null,
  expires_at    timestamptz not null
);

-- Beginning anew ends what was under way.
create unique index mfa_setup_flows_one_of_a_kind on mfa_setup_flows (user_id, mfa_module_id);
create index mfa_setup_flows_expiry on mfa_setup_flows (expires_at);

-- Outlives the flows in which the guesses were made.
create table mfa_failures (
  user_id         text primary key references users on delete cascade,
  failures        integer not null check (failures > 0),
  first_failed_at timestamptz not null,
  last_failed_at  timestamptz not null
);

-- Members must have a second factor.
alter table groups add column require_mfa boolean not null default false;
