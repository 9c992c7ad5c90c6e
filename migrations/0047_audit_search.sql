-- The audit log is listed newest first, by person, app, kind, outcome and address.

create index audit_events_by_actor on audit_events (actor_user_id, at, id) where actor_user_id is not null;
create index audit_events_by_target on audit_events (target_user_id, at, id) where target_user_id is not null;
create index audit_events_by_client on audit_events (client_id, at, id) where client_id is not null;
create index audit_events_by_address on audit_events (remote_address, at, id) where remote_address is not null;
create index audit_events_by_type on audit_events (type, at, id);
create index audit_events_refused on audit_events (at, id) where outcome = 'refused';
