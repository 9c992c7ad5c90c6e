-- From where a client registered itself: one network has a limited number of them.

alter table clients
  -- An IPv4 address or an IPv6 /64; null in rows of the version before and of clients that somebody else made.
  add column registered_from text;

create index clients_by_registering_network on clients (registered_from) where registered_from is not null;
