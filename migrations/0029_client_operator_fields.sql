-- The fields of a client that registered itself which an operator has set since: its own updates leave them alone.

alter table clients add column operator_fields text[] not null default '{}';
