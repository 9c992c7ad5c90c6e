-- Long-lived access tokens that Home Assistant signed: the sealed HS256 key of an imported grant.
alter table refresh_tokens add column jwt_key bytea;
alter table refresh_tokens add constraint only_long_lived_has_a_jwt_key
  check (jwt_key is null or token_type = 'long_lived_access_token');
