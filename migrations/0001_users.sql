-- People, machines and the groups that carry their permission policies.

create table users (
  id               text primary key check (id ~ '^[0-9a-f]{32}$'),
  name             text check (length(name) between 1 and 256),
  is_owner         boolean not null default false,
  is_active        boolean not null default false,
  is_pending       boolean not null default false,
  system_generated boolean not null default false,
  local_only       boolean not null default false,
  created_at       timestamptz not null,
  constraint owner_is_an_active_person check (not is_owner or (is_active and not system_generated)),
  constraint pending_is_inactive check (not (is_pending and is_active))
);

create unique index users_one_owner on users (is_owner) where is_owner;
create index users_pending on users (created_at) where is_pending;
create index users_listing on users (created_at, id);

create table groups (
  id               text primary key check (id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
  name             text not null check (length(name) between 1 and 256),
  policy           jsonb not null check (jsonb_typeof(policy) = 'object'),
  system_generated boolean not null default false,
  managed_by       text not null check (managed_by in ('system', 'config', 'database')),
  -- A group that left the configuration keeps its members and grants nothing.
  is_enabled       boolean not null default true,
  created_at       timestamptz not null
);

create table user_groups (
  user_id  text not null references users on delete cascade,
  group_id text not null references groups on delete cascade,
  primary key (user_id, group_id)
);

create index user_groups_by_group on user_groups (group_id, user_id);
