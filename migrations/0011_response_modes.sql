-- How a client may be answered, and at which resource servers people agreed that its tokens are used.

alter table clients
  -- A request for another one is refused.
  add column response_modes text[] not null default '{query,fragment,form_post}'
    check (response_modes <@ '{query,fragment,form_post}'::text[] and cardinality(response_modes) > 0);

alter table consents
  -- Beside us (RFC 8707): a client that asks for tokens for others is asked about again.
  add column resources text[] not null default '{}';
