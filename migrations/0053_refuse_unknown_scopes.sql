-- Whether an authorization request for a scope that the client may not have is refused, instead of the scope being dropped.
alter table clients add column refuse_unknown_scopes boolean not null default false;
