-- The algorithms of a client's access tokens and userinfo responses, and PS256. Userinfo is not signed unless an algorithm is set.
alter table clients
  add column access_token_signed_response_alg text not null default 'ES256'
    check (access_token_signed_response_alg in ('ES256', 'RS256', 'PS256', 'EdDSA')),
  add column userinfo_signed_response_alg text check (userinfo_signed_response_alg in ('ES256', 'RS256', 'PS256', 'EdDSA'));

alter table clients drop constraint clients_id_token_signed_response_alg_check;
alter table clients add constraint clients_id_token_signed_response_alg_check
  check (id_token_signed_response_alg in ('ES256', 'RS256', 'PS256', 'EdDSA'));

alter table signing_keys drop constraint signing_keys_algorithm_check;
alter table signing_keys add constraint signing_keys_algorithm_check check (algorithm in ('ES256', 'RS256', 'PS256', 'EdDSA'));
