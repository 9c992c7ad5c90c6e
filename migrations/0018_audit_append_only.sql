-- Audit events are only added. A role that does not own the table can neither change nor delete them: what is past its retention goes through
-- a function of the owner. docs/database-roles.md sets up the two roles; with a single role, which owns the table, nothing changes.

create function refuse_audit_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
    raise insufficient_privilege using message = 'audit events cannot be changed or deleted by ' || current_user;
  end if;
  return null;
end $$;

create trigger audit_events_append_only before update or delete or truncate on audit_events
for each statement execute function refuse_audit_change();

-- Deletes events of `before` and earlier, a thousand at most, and returns their number. Never one of the last 24 hours, whatever it is asked.
-- The body is bound to its table and operators here, so no search_path of a caller reaches it.
create function expire_audit_events(before timestamptz) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
  with gone as (
    delete from audit_events where ctid = any(array(
      select ctid from audit_events where at <= least(before, statement_timestamp() - interval '24 hours') limit 1000 for update skip locked))
    returning 1
  )
  select count(*) from gone;
end;

revoke all on function expire_audit_events(timestamptz) from public;
