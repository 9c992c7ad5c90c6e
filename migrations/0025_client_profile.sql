-- Demands on a client beyond those on all: null for none.
alter table clients add column profile text check (profile in ('fapi2'));
