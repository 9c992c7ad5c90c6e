-- Limits on the rows that anybody can make without logging in: which network made a row, and whether a person has typed into it.

alter table login_flows
  -- When a person first answered one of its forms: such a flow is the last to go when there are too many.
  add column typed_at timestamptz;

alter table pushed_authorization_requests
  -- An IPv4 address or an IPv6 /64; null in rows of the version before.
  add column network text;

create index pushed_authorization_requests_by_network on pushed_authorization_requests (network);

-- Whether `network` may have one more row in `row_table`. Its expired rows make room first. The lock is held until the end of the
-- transaction and each query of a volatile function sees what was committed before it, so that the limit holds for parallel requests.
create function row_admitted(row_table regclass, network_column name, network text, row_limit integer, at timestamptz)
  returns boolean language plpgsql volatile as $$
declare
  held integer;
  removed integer;
begin
  perform pg_advisory_xact_lock(hashtextextended(row_table::text || ' ' || network, 0));
  execute format('select count(*) from %s where %I = $1', row_table, network_column) into held using network;
  if held < row_limit then
    return true;
  end if;
  execute format(
    'delete from %1$s where ctid = any(array(
       select ctid from %1$s where %2$I = $1 and expires_at <= $2 order by expires_at limit $3 for update skip locked))',
    row_table, network_column) using network, at, held - row_limit + 1;
  get diagnostics removed = row_count;
  return held - removed < row_limit;
end $$;
