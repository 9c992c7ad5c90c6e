-- What the authorization endpoint may return to a client: an ID token only where the operator says so.
alter table clients
  add column response_types text[] not null default '{code}'
    check (response_types <@ '{code,id_token,"code id_token"}'::text[] and cardinality(response_types) > 0);
