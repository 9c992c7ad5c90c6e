-- Clients that registered without a token: whether people may log in to them.
alter table clients
  -- Null: registered by an operator or with a token. waived: no approval is required. new: nobody has logged in to reach it.
  add column approval text check (approval in ('waived', 'new', 'pending', 'approved', 'refused')),
  -- Since when.
  add column approval_since timestamptz;
