-- Which rows count against a limit, and which make room where nobody may be refused: conditions that the caller writes into its statement.

drop function row_admitted(regclass, name, text, integer, timestamptz);

-- Whether `network` may have one more row in `row_table`; only rows that meet the condition `counted` count. Its expired rows make room first,
-- then its oldest rows that meet `replaceable`, after which the answer is always yes; null: none does. The lock is held until the end of the
-- transaction and each query of a volatile function sees what was committed before it, so that the limit holds for parallel requests.
create function row_admitted(row_table regclass, network_column name, counted text, replaceable text, network text, row_limit integer,
    at timestamptz)
  returns boolean language plpgsql volatile as $$
declare
  held integer;
  removed integer;
begin
  perform pg_advisory_xact_lock(hashtextextended(row_table::text || ' ' || network, 0));
  execute format('select count(*) from %s where %I = $1 and (%s)', row_table, network_column, counted) into held using network;
  if held < row_limit then
    return true;
  end if;
  execute format(
    'delete from %1$s where ctid = any(array(
       select ctid from %1$s where %2$I = $1 and (%3$s) and expires_at <= $2 order by expires_at limit $3 for update skip locked))',
    row_table, network_column, counted) using network, at, held - row_limit + 1;
  get diagnostics removed = row_count;
  held := held - removed;
  if held < row_limit then
    return true;
  end if;
  if replaceable is null then
    return false;
  end if;
  execute format(
    'delete from %1$s where ctid = any(array(
       select ctid from %1$s where %2$I = $1 and (%3$s) and (%4$s) order by created_at limit $2 for update skip locked))',
    row_table, network_column, counted, replaceable) using network, held - row_limit + 1;
  return true;
end $$;
