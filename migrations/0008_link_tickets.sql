-- The way to the page on which a person links another login: a secret that an app was given for them, good in the first browser that opens it.

create table link_tickets (
  token_hash         bytea primary key check (length(token_hash) = 32),
  user_id            text not null references users on delete cascade,
  -- Who asked for it: when that grant ends, so does this.
  refresh_token_id   text not null references refresh_tokens on delete cascade,
  auth_provider_type text not null,
  auth_provider_id   text,
  -- SHA-256 of the pre-login cookie of the browser that opened it.
  browser_hash       bytea check (length(browser_hash) = 32),
  created_at         timestamptz not null,
  expires_at         timestamptz not null
);

create unique index link_tickets_one_per_provider on link_tickets (user_id, auth_provider_type, (coalesce(auth_provider_id, '')));
create index link_tickets_by_grant on link_tickets (refresh_token_id);
create index link_tickets_expiry on link_tickets (expires_at);
