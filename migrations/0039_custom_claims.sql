-- Claims of the operator's own, by client. As `json`, which keeps the order of groups: the first that a person is in decides.
alter table clients add column claims json not null default '{}';
