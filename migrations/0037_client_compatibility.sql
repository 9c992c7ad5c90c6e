-- For apps that know no PKCE, and for apps that read no claims but those of the ID token.
alter table clients
  add column require_pkce boolean not null default true,
  add column id_token_claims boolean not null default false;
